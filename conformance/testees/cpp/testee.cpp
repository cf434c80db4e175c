// A testee of the conformance suite over plmhead.hpp: one JSON object a line on stdin, one answer a line on stdout. The
// reader of requests and SHA-256 are those of the testee in C.
#include <sys/stat.h>

#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "../c/request.h"
#include "../c/sha256.h"
#include "plmhead.hpp"

namespace {

constexpr std::size_t max_line = 60000;

// A request that is not as the protocol has it.
struct bad_request {
  const char *code = "P_BAD_REQUEST";
};

// ---- Answers ----

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escaped.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string bits(double value) {
  std::uint64_t word = 0;
  std::array<char, 24> text{};
  std::memcpy(&word, &value, sizeof word);
  std::snprintf(text.data(), text.size(), "\"%016" PRIx64 "\"", word);
  return text.data();
}

template <typename Items, typename Print>
std::string array_of(const Items &items, Print print) {
  std::string out = "[";
  for (const auto &item : items) {
    out += out.size() > 1 ? "," : "";
    out += print(item);
  }
  return out + "]";
}

struct label_printer {
  std::string operator()(std::int64_t value) const { return typed("int", '"' + std::to_string(value) + '"'); }
  std::string operator()(double value) const { return typed("float", bits(value)); }
  std::string operator()(bool value) const { return typed("bool", value ? "\"true\"" : "\"false\""); }
  std::string operator()(std::string_view value) const { return typed("str", quoted(value)); }

 private:
  static std::string typed(const char *type, const std::string &value) {
    return std::string("{\"t\":\"") + type + "\",\"v\":" + value + "}";
  }
};

std::string label(const plmhead::label &value) { return std::visit(label_printer{}, value); }

// ---- Requests ----

std::string_view text(request_value value) {
  if (value.kind != REQUEST_TEXT) {
    throw bad_request{};
  }
  return {value.text, value.size};
}

std::size_t count(request_value value) {
  std::size_t out = 0;
  if (!request_count(value, &out)) {
    throw bad_request{};
  }
  return out;
}

// A path with a NUL names no file, and neither does an empty one.
std::string path(request_value value) {
  const std::string_view name = text(value);
  return name.find('\0') == std::string_view::npos ? std::string(name) : std::string();
}

plmhead::cutoff cutoff(const request_object &request) {
  plmhead::cutoff out;
  const request_value threshold = request_get(&request, "threshold"), assay = request_get(&request, "assay_type");
  double value = 0.0;
  if (request_bits(threshold, &value)) {
    out.threshold = value;
  } else if (threshold.kind != REQUEST_NULL) {
    throw bad_request{};
  }
  if (assay.kind != REQUEST_NULL) {
    out.assay_type = text(assay);
  }
  return out;
}

struct matrix {
  std::size_t rows = 0, columns = 0;
  std::variant<std::vector<float>, std::vector<double>> values;
};

// A regular file of exactly so many values, little-endian as this machine is. It is looked at before it is opened.
template <typename T>
std::vector<T> read_values(const std::string &name, std::size_t rows, std::size_t columns) {
  struct stat found {};
  if (stat(name.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) {
    throw bad_request{};
  }
  const auto size = static_cast<std::size_t>(found.st_size);
  const bool fits = rows == 0 || columns == 0
                        ? size == 0
                        : size % sizeof(T) == 0 && size / sizeof(T) % columns == 0 && size / sizeof(T) / columns == rows;
  if (!fits) {
    throw bad_request{};
  }
  std::vector<T> out(size / sizeof(T));
  std::ifstream file(name, std::ios::binary);
  if (!file.read(reinterpret_cast<char *>(out.data()), static_cast<std::streamsize>(size))) {
    throw bad_request{};
  }
  return out;
}

matrix read_rows(request_value value) {
  request_object x;
  if (value.kind != REQUEST_OBJECT || !request_read(value.text, value.size, &x)) {
    throw bad_request{};
  }
  const std::string name = path(request_get(&x, "path"));
  const std::string_view dtype = text(request_get(&x, "dtype"));
  matrix out{count(request_get(&x, "rows")), count(request_get(&x, "cols")), {}};
  if (dtype == "f4") {
    out.values = read_values<float>(name, out.rows, out.columns);
  } else if (dtype == "f8") {
    out.values = read_values<double>(name, out.rows, out.columns);
  } else {
    throw bad_request{};
  }
  return out;
}

// ---- Operations: the members of an answer after `id` ----

std::string hello(const request_object &request) {
  if (count(request_get(&request, "protocol")) != 1) {
    throw bad_request{};
  }
  return R"("ok":true,"protocol":1,"format_versions":["0","1.0"],"profiles":["strict"],)"
         R"("testee":{"name":"plmhead","language":"c++","version":)" +
         quoted(plmhead::detail::view(plmhead_version())) + "}";
}

std::string digest(const double *values, std::size_t size) {
  std::array<char, 65> out{};
  sha256_of_doubles(values, size, out.data());
  return quoted(out.data());
}

std::string describe(const plmhead::head &head) {
  const std::string rows = std::to_string(head.n_decisions()), columns = std::to_string(head.n_features_in());
  const std::vector<double> coef = head.coef();
  const auto assay = [](const plmhead::assay_threshold &each) {
    return "[" + quoted(each.assay_type) + "," + bits(each.threshold) + "]";
  };
  const auto threshold = head.threshold();
  return R"("ok":true,"format_version":)" + quoted(head.format_version()) +
         R"(,"verified":)" + (head.verified() ? "true" : "false") +
         R"(,"link":)" + (head.link() == plmhead::link::softmax ? R"("softmax")" : R"("logistic")") +
         R"(,"n_features_in":)" + columns + R"(,"classes":)" + array_of(head.labels(), label) +
         R"(,"n_iter":)" + array_of(head.n_iter(), [](std::uint64_t n) { return '"' + std::to_string(n) + '"'; }) +
         R"(,"coef":{"shape":[)" + rows + "," + columns + R"(],"sha256":)" + digest(coef.data(), coef.size()) +
         R"(},"intercept":{"shape":[)" + rows + R"(],"sha256":)" + digest(head.intercept().data(), head.n_decisions()) +
         R"(},"threshold":)" + (threshold ? bits(*threshold) : "null") +
         R"(,"assay_thresholds":)" + (threshold ? array_of(head.assay_thresholds(), assay) : "null");
}

std::string predict(const plmhead::head &head, const request_object &request) {
  const plmhead::cutoff chosen = cutoff(request);
  const matrix x = read_rows(request_get(&request, "x"));
  const auto score = [&](const auto &values) { return head.score(values.data(), x.rows, x.columns, chosen); };
  const plmhead::scores scores = std::visit(score, x.values);
  return R"("ok":true,"decision":)" + array_of(scores.decision, bits) + R"(,"probability":)" +
         array_of(scores.probability, bits) + R"(,"labels":)" +
         array_of(scores.class_index, [&](std::uint32_t index) { return label(head.label(index)); });
}

// ---- Lines ----

class session {
 public:
  // The answer to a line; none at shutdown.
  std::optional<std::string> reply(std::string line) {
    request_object request;
    std::size_t id = 0;
    const bool known =
        request_read(line.data(), line.size(), &request) && request_count(request_get(&request, "id"), &id);
    if (known && request_is(request_get(&request, "op"), "shutdown")) {
      return std::nullopt;
    }
    const std::string start = "{\"id\":" + (known ? std::to_string(id) : "null") + ",";
    std::string out = start + (known ? answer(request) : refusal(bad_request{}.code)) + "}";
    if (out.size() > max_line) {
      out = start + R"("skip":true,"reason":"the answer is longer than a line may be"})";
    }
    return out;
  }

 private:
  static std::string refusal(const char *code) { return std::string(R"("ok":false,"error":{"code":")") + code + "\"}"; }

  std::string answer(const request_object &request) {
    try {
      return operate(request);
    } catch (const bad_request &bad) {
      return refusal(bad.code);
    } catch (const plmhead::error &error) {
      return R"("ok":false,"error":{"code":)" + quoted(error.code()) + R"(,"where":)" + quoted(error.where()) +
             R"(,"message":)" + quoted(error.message()) + "}";
    }
  }

  std::string operate(const request_object &request) {
    const std::string_view op = text(request_get(&request, "op"));
    if (op == "hello") {
      return hello(request);
    }
    if (op == "load") {
      const std::string npz = path(request_get(&request, "npz")), config = path(request_get(&request, "config"));
      plmhead::head head = plmhead::head::load_files(npz, config);
      const std::string name = "m" + std::to_string(++loaded_);
      heads_.emplace(name, std::move(head));
      return R"("ok":true,"model":)" + quoted(name);
    }
    if (op != "describe" && op != "predict" && op != "unload") {
      throw bad_request{"P_UNKNOWN_OP"};
    }
    const auto found = heads_.find(text(request_get(&request, "model")));
    if (found == heads_.end()) {
      throw bad_request{};
    }
    if (op == "unload") {
      heads_.erase(found);
      return R"("ok":true)";
    }
    return op == "describe" ? describe(found->second) : predict(found->second, request);
  }

  std::map<std::string, plmhead::head, std::less<>> heads_;
  std::size_t loaded_ = 0;
};

}  // namespace

int main() {
  session session;
  for (std::string line; std::getline(std::cin, line);) {
    const std::optional<std::string> answer = session.reply(std::move(line));
    if (!answer) {
      return 0;
    }
    std::cout << *answer << std::endl;
  }
  return 0;
}
