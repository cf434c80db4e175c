// A second file with the header, which uses what is in it.
#include "plmhead.hpp"

std::uint32_t included_elsewhere(const std::string &artifact);
std::uint32_t included_elsewhere(const std::string &artifact) {
  return plmhead::head::load(artifact).coef().empty() ? 0 : plmhead_abi_version();
}
