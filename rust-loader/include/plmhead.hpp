// plmhead for C++17: RAII over plmhead.h, which is the manual. Header-only; link the C library.
//
//     auto head = plmhead::head::load("models/boughter");
//     plmhead::scores scores = head.score(embeddings.data(), rows, head.n_features_in());
//     std::cout << scores.probability[1] << ' ' << plmhead::to_string(head.label(scores.class_index[0])) << '\n';
//
// Failures are thrown as plmhead::error; nothing leaks. Texts and arrays that a head or error returns are views, valid
// as long as it is. A head is moved, not copied; a head that was moved from may be assigned to or destroyed, and answers
// every question with zero. Threads may share a head.
#ifndef PLMHEAD_HPP
#define PLMHEAD_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "plmhead.h"

namespace plmhead {

namespace detail {

struct deleter {
  void operator()(plmhead_head *head) const noexcept { plmhead_free(head); }
  void operator()(plmhead_error *error) const noexcept { plmhead_error_free(error); }
};

using head_pointer = std::unique_ptr<plmhead_head, deleter>;
using error_pointer = std::unique_ptr<plmhead_error, deleter>;

inline std::string_view view(plmhead_text text) noexcept {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

inline plmhead_text text(std::string_view view) noexcept {
  // An empty view may have no address, which would mean that there is no text.
  return plmhead_text{view.data() == nullptr ? "" : view.data(), view.size()};
}

}  // namespace detail

// Values that belong to someone else, one after the other.
template <typename T>
class span {
 public:
  constexpr span() noexcept = default;
  constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

  constexpr T *data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T *begin() const noexcept { return data_; }
  constexpr T *end() const noexcept { return data_ + size_; }
  constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }

 private:
  T *data_ = nullptr;
  std::size_t size_ = 0;
};

// Why a call failed. Copies share one error object, so that copying does not throw.
class error : public std::runtime_error {
 public:
  explicit error(detail::error_pointer owned)
      : std::runtime_error(std::string(detail::view(plmhead_error_line(owned.get())))), error_(std::move(owned)) {}

  plmhead_status status() const noexcept { return plmhead_error_status(error_.get()); }
  // `ZIP_CRC` for PLMHEAD_ZIP_CRC.
  std::string_view code() const noexcept { return detail::view(plmhead_status_name(status())); }
  std::string_view where() const noexcept { return detail::view(plmhead_error_where(error_.get())); }
  std::string_view message() const noexcept { return detail::view(plmhead_error_message(error_.get())); }
  // Empty where no remedy is known.
  std::string_view remedy() const noexcept { return detail::view(plmhead_error_remedy(error_.get())); }

 private:
  std::shared_ptr<const plmhead_error> error_;
};

namespace detail {

inline void check(plmhead_status status, plmhead_error *error) {
  error_pointer owned(error);
  if (status != PLMHEAD_OK) {
    throw plmhead::error(std::move(owned));
  }
}

}  // namespace detail

// A class label; a text is a view of the head. All labels of a head are of one type.
using label = std::variant<std::int64_t, double, bool, std::string_view>;

// As Python prints it, but for `true` and `false`: a float label has one decimal.
inline std::string to_string(const label &value) {
  struct {
    std::string operator()(std::int64_t integer) const { return std::to_string(integer); }
    // Whole and within 2^53.
    std::string operator()(double number) const { return std::to_string(static_cast<std::int64_t>(number)) + ".0"; }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(std::string_view text) const { return std::string(text); }
  } print;
  return std::visit(print, value);
}

enum class link : std::int32_t { logistic = PLMHEAD_LOGISTIC, softmax = PLMHEAD_SOFTMAX };

struct assay_threshold {
  std::string_view assay_type;
  double threshold;
};

// What decides between the two classes of a logistic head; nothing set: the head's own threshold.
struct cutoff {
  std::optional<double> threshold = std::nullopt;
  std::optional<std::string_view> assay_type = std::nullopt;
};

// Everything about a batch of rows.
struct scores {
  std::vector<double> decision;            // n_decisions values a row
  std::vector<double> probability;         // n_classes values a row
  std::vector<std::uint32_t> class_index;  // one a row
};

class head {
 public:
  // PATH/NAME, PATH/NAME.npz or PATH/NAME_config.json. Flags are 0 or PLMHEAD_REQUIRE_VERIFIED.
  static head load(const std::string &artifact, std::uint32_t flags = 0) {
    return made([&](auto *out, auto *error) { return plmhead_load(artifact.c_str(), flags, out, error); });
  }

  static head load_files(const std::string &npz, const std::string &config, std::uint32_t flags = 0) {
    return made([&](auto *out, auto *error) {
      return plmhead_load_files(npz.c_str(), config.c_str(), flags, out, error);
    });
  }

  // The bytes of the two files; they are not needed afterwards.
  static head load_bytes(std::string_view npz, std::string_view config, std::uint32_t flags = 0) {
    return made([&](auto *out, auto *error) {
      return plmhead_load_bytes(npz.data(), npz.size(), config.data(), config.size(), flags, out, error);
    });
  }

  bool verified() const noexcept { return plmhead_verified(get()); }
  std::string_view format_version() const noexcept { return detail::view(plmhead_format_version(get())); }
  std::string_view npz_sha256() const noexcept { return detail::view(plmhead_npz_sha256(get())); }
  plmhead::link link() const noexcept { return static_cast<plmhead::link>(plmhead_link(get())); }
  std::size_t n_features_in() const noexcept { return plmhead_n_features_in(get()); }
  std::size_t n_decisions() const noexcept { return plmhead_n_decisions(get()); }
  std::size_t n_classes() const noexcept { return plmhead_n_classes(get()); }

  // n_decisions rows of n_features_in values, widened to double.
  std::vector<double> coef() const {
    std::vector<double> out(n_decisions() * n_features_in());
    plmhead_error *error = nullptr;
    const plmhead_status status = plmhead_coef(get(), out.data(), out.size(), &error);
    detail::check(status, error);
    return out;
  }

  span<const double> intercept() const noexcept { return {plmhead_intercept(get()), n_decisions()}; }
  span<const std::uint64_t> n_iter() const noexcept { return {plmhead_n_iter(get()), plmhead_n_iter_size(get())}; }

  // Throws std::out_of_range from n_classes on.
  plmhead::label label(std::size_t index) const {
    const plmhead_label label = plmhead_class(get(), index);
    switch (label.kind) {
      case PLMHEAD_LABEL_INTEGER:
        return label.integer;
      case PLMHEAD_LABEL_FLOAT:
        return static_cast<double>(label.integer);
      case PLMHEAD_LABEL_BOOLEAN:
        return label.integer != 0;
      case PLMHEAD_LABEL_TEXT:
        return detail::view(label.text);
      default:
        throw std::out_of_range("plmhead: no class " + std::to_string(index));
    }
  }

  std::vector<plmhead::label> labels() const {
    std::vector<plmhead::label> out;
    out.reserve(n_classes());
    for (std::size_t index = 0; index < n_classes(); ++index) {
      out.push_back(label(index));
    }
    return out;
  }

  // None for softmax.
  std::optional<double> threshold() const noexcept {
    double threshold = 0.0;
    return plmhead_threshold(get(), &threshold) ? std::optional<double>(threshold) : std::nullopt;
  }

  // In the order of the file.
  std::vector<assay_threshold> assay_thresholds() const {
    std::vector<assay_threshold> out;
    for (std::size_t index = 0; index < plmhead_n_assay_types(get()); ++index) {
      out.push_back({detail::view(plmhead_assay_type(get(), index)), plmhead_assay_threshold(get(), index)});
    }
    return out;
  }

  // A value of the config by its JSON pointer; its kind is 0 where there is none.
  plmhead_value config(const std::string &pointer) const noexcept { return plmhead_config(get(), pointer.c_str()); }

  // The text at a pointer, for example `/esm_model`; none where there is no text.
  std::optional<std::string_view> config_text(const std::string &pointer) const noexcept {
    const plmhead_value value = config(pointer);
    return value.kind == PLMHEAD_VALUE_TEXT ? std::optional<std::string_view>(detail::view(value.text)) : std::nullopt;
  }

  std::string_view config_name(const std::string &pointer, std::size_t index) const noexcept {
    return detail::view(plmhead_config_name(get(), pointer.c_str(), index));
  }

  // Scores rows of float or double that lie one after the other.
  template <typename T>
  scores score(const T *x, std::size_t rows, std::size_t columns, const cutoff &cutoff = {}) const {
    // Refuses another shape before anything is allocated for it.
    if (columns != n_features_in()) {
      score_into(x, rows, columns, plmhead_buffers{}, cutoff);
    }
    scores out{std::vector<double>(rows * n_decisions()), std::vector<double>(rows * n_classes()),
               std::vector<std::uint32_t>(rows)};
    // The vectors of an empty batch may have no address, which says that they are not wanted.
    score_into(x, rows, columns,
               plmhead_buffers{out.decision.data(), out.decision.size(), out.probability.data(), out.probability.size(),
                               out.class_index.data(), out.class_index.size()},
               cutoff);
    return out;
  }

  // Scores into buffers of the caller.
  template <typename T>
  void score_into(const T *x, std::size_t rows, std::size_t columns, const plmhead_buffers &buffers,
                  const cutoff &cutoff = {}) const {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "rows are of float or of double");
    const plmhead_cutoff plain{cutoff.threshold ? &*cutoff.threshold : nullptr,
                               cutoff.assay_type ? detail::text(*cutoff.assay_type) : plmhead_text{nullptr, 0}};
    plmhead_error *error = nullptr;
    plmhead_status status = PLMHEAD_OK;
    if constexpr (std::is_same_v<T, float>) {
      status = plmhead_score_f32(get(), x, rows, columns, &plain, &buffers, &error);
    } else {
      status = plmhead_score_f64(get(), x, rows, columns, &plain, &buffers, &error);
    }
    detail::check(status, error);
  }

  // For calls of plmhead.h; the head stays the owner.
  const plmhead_head *get() const noexcept { return head_.get(); }

 private:
  explicit head(plmhead_head *owned) noexcept : head_(owned) {}

  template <typename Load>
  static head made(Load load) {
    plmhead_head *out = nullptr;
    plmhead_error *error = nullptr;
    const plmhead_status status = load(&out, &error);
    head owned(out);
    detail::check(status, error);
    return owned;
  }

  detail::head_pointer head_;
};

}  // namespace plmhead

#endif
