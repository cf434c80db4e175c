// The promises of plmhead.hpp, in C++17: `test CASES`, the folder of the conformance cases. `make capi` runs it, under
// a sanitizer that finds what leaks.
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "check.h"
#include "plmhead.hpp"
#include "plmhead.hpp"  // twice on purpose

std::uint32_t included_elsewhere(const std::string &artifact);

namespace {

// Of the allocations of C++ in this program, the one after so many fails; none where it is negative.
long allocations_left = -1;

}  // namespace

void *operator new(std::size_t size) {
  if (allocations_left == 0) {
    throw std::bad_alloc();
  }
  allocations_left -= allocations_left > 0 ? 1 : 0;
  if (void *block = std::malloc(size == 0 ? 1 : size)) {
    return block;
  }
  throw std::bad_alloc();
}

void operator delete(void *block) noexcept { std::free(block); }
void operator delete(void *block, std::size_t) noexcept { std::free(block); }

namespace {

static_assert(!std::is_copy_constructible_v<plmhead::head> && std::is_nothrow_move_constructible_v<plmhead::head>);
static_assert(std::is_nothrow_copy_constructible_v<plmhead::error>);
static_assert(std::is_base_of_v<std::runtime_error, plmhead::error>);

// Runs `body` with the first allocation failing, then the second, until it has enough. Returns how often it failed.
template <typename Body>
int starve(Body body) {
  for (int failures = 0;; ++failures) {
    allocations_left = failures;
    try {
      body();
      allocations_left = -1;
      return failures;
    } catch (const std::bad_alloc &) {
      allocations_left = -1;
    }
  }
}

template <typename Body>
plmhead::error refused(Body body) {
  try {
    body();
  } catch (const plmhead::error &error) {
    return error;
  }
  std::fputs("nothing was thrown\n", stderr);
  std::exit(1);
}

void test_error(const std::string &cases) {
  const plmhead::error error = refused([&] { plmhead::head::load(cases + "/no/such"); });
  CHECK(error.status() == PLMHEAD_FILE_UNREADABLE && error.code() == "FILE_UNREADABLE" && error.where() == "config");
  CHECK(!error.message().empty() && !error.remedy().empty());
  CHECK(std::string_view(error.what()).rfind("FILE_UNREADABLE (config): ", 0) == 0);
  plmhead::error copy = error;
  copy = refused([&] { plmhead::head::load(cases + "/base/v0/model", PLMHEAD_REQUIRE_VERIFIED); });
  CHECK(copy.code() == "NOT_VERIFIED" && error.code() == "FILE_UNREADABLE");
}

void test_head(const std::string &cases) {
  plmhead::head head = plmhead::head::load(cases + "/base/full/model");
  CHECK(head.verified() && head.format_version() == "1.0" && head.link() == plmhead::link::logistic);
  CHECK(head.npz_sha256().size() == 64 && head.n_features_in() == 3);
  CHECK(head.n_decisions() == 1 && head.n_classes() == 2);
  CHECK(head.coef().size() == 3 && head.intercept().size() == 1 && head.n_iter()[0] == 37);
  CHECK(head.threshold() == 0.5 && head.assay_thresholds().size() == 2);
  CHECK(head.assay_thresholds()[1].assay_type == "PSR" && head.assay_thresholds()[1].threshold == 0.5495);
  CHECK(head.config("/max_iter").integer == 100 && head.config_text("/device") == "cuda:0");
  CHECK(!head.config_text("/max_iter") && !head.config_text("/none") && head.config_name("", 0) == "format");

  plmhead::head moved = std::move(head);
  CHECK(moved.n_features_in() == 3 && head.n_features_in() == 0 && head.labels().empty());
  CHECK(refused([&] { head.coef(); }).status() == PLMHEAD_USAGE);
  head = std::move(moved);
  CHECK(head.n_features_in() == 3);
}

void test_labels(const std::string &cases) {
  const auto first = [&](const char *name) { return plmhead::head::load(cases + name); };
  const plmhead::head integers = first("/base/plain/model"), floats = first("/class/float/model");
  const plmhead::head booleans = first("/class/bool/model"), texts = first("/base/string/model");
  CHECK(std::get<std::int64_t>(integers.label(1)) == 1 && plmhead::to_string(integers.label(1)) == "1");
  CHECK(std::get<double>(floats.label(0)) == -3.0 && plmhead::to_string(floats.label(0)) == "-3.0");
  CHECK(std::get<bool>(booleans.label(1)) && plmhead::to_string(booleans.label(0)) == "false");
  CHECK(std::get<std::string_view>(texts.label(1)) == "pos" && texts.labels().size() == 2);
  bool thrown = false;
  try {
    integers.label(2);
  } catch (const std::out_of_range &) {
    thrown = true;
  }
  CHECK(thrown);
}

void test_scores(const std::string &cases) {
  const std::string stem = cases + "/base/plain/model";
  const plmhead::head head = plmhead::head::load_files(stem + ".npz", stem + "_config.json");
  const std::vector<float> x{0.5F, -1.0F, 2.0F, 0.25F, 1.0F, 1.0F, 1.0F, 1.0F};
  const std::vector<double> wide(x.begin(), x.end());
  const plmhead::scores scores = head.score(x.data(), 2, 4), same = head.score(wide.data(), 2, 4);
  CHECK(scores.decision.size() == 2 && scores.probability.size() == 4 && scores.class_index.size() == 2);
  CHECK(scores.decision == same.decision && scores.probability == same.probability);

  plmhead::cutoff cutoff;
  cutoff.threshold = 0.0;
  CHECK(head.score(x.data(), 2, 4, cutoff).class_index == std::vector<std::uint32_t>({1, 1}));
  cutoff.threshold = 2.0;
  CHECK(refused([&] { head.score(x.data(), 2, 4, cutoff); }).where() == "threshold");
  cutoff = {std::nullopt, std::string_view()};
  CHECK(refused([&] { head.score(x.data(), 2, 4, cutoff); }).status() == PLMHEAD_ASSAY_TYPE);
  CHECK(refused([&] { head.score(x.data(), 4, 2); }).status() == PLMHEAD_INPUT_SHAPE);
  CHECK(head.score<float>(nullptr, 0, 4).decision.empty());

  std::vector<double> decision(2);
  plmhead_buffers buffers{};
  buffers.decision = decision.data();
  buffers.decision_size = decision.size();
  head.score_into(x.data(), 2, 4, buffers);
  CHECK(decision == scores.decision);
}

// Every allocation of C++ fails once, in every call that allocates: nothing leaks and nothing else is thrown.
void test_out_of_memory(const std::string &cases) {
  const std::string artifact = cases + "/base/full/model", missing = cases + "/no/such";
  const plmhead::head head = plmhead::head::load(artifact);
  const std::vector<double> x(3, 1.0);
  CHECK(starve([&] { plmhead::head::load(artifact); }) == 0);
  CHECK(starve([&] { head.coef(); }) == 1);
  CHECK(starve([&] { head.score(x.data(), 1, 3); }) == 3);
  CHECK(starve([&] { head.labels(); }) == 1);
  CHECK(starve([&] { head.assay_thresholds(); }) > 0);
  CHECK(starve([&] {
          try {
            plmhead::head::load(missing);
          } catch (const plmhead::error &) {
          }
        }) > 0);
}

// An exception of the user passes through: the head is freed.
void test_exception(const std::string &cases) {
  bool thrown = false;
  try {
    const plmhead::head head = plmhead::head::load(cases + "/base/plain/model");
    throw head.n_features_in();
  } catch (const std::size_t &size) {
    thrown = size == 4;
  }
  CHECK(thrown);
}

}  // namespace

int main(int argc, char **argv) {
  CHECK(argc == 2);
  const std::string cases = argv[1];
  CHECK(included_elsewhere(cases + "/base/plain/model") == PLMHEAD_ABI_VERSION);
  test_error(cases);
  test_head(cases);
  test_labels(cases);
  test_scores(cases);
  test_out_of_memory(cases);
  test_exception(cases);
  std::puts("test.cpp: ok");
  return 0;
}
