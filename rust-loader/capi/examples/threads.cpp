// Scores rows of float32 on several threads that share one head: `threads ARTIFACT X`, where X is a file of rows that
// lie one after the other. Prints the class and its probability, a row a line.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <plmhead.hpp>
#include <vector>

namespace {

std::vector<float> read_floats(const char *path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  file.exceptions(std::ios::failbit | std::ios::badbit);
  std::vector<float> out(static_cast<std::size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char *>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(float)));
  return out;
}

// The results of a batch are the same bits however it is split.
std::vector<plmhead::scores> score(const plmhead::head &head, const std::vector<float> &x, std::size_t threads) {
  const std::size_t n = head.n_features_in(), rows = x.size() / n, part = rows / threads + 1;
  std::vector<std::future<plmhead::scores>> parts;
  for (std::size_t first = 0; first < rows; first += part) {
    parts.push_back(std::async(std::launch::async, [&head, &x, n, first, count = std::min(part, rows - first)] {
      return head.score(x.data() + first * n, count, n);
    }));
  }
  std::vector<plmhead::scores> out;
  // An exception of a thread is thrown here.
  std::transform(parts.begin(), parts.end(), std::back_inserter(out), [](auto &each) { return each.get(); });
  return out;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc != 3) {
    std::cerr << "usage: threads ARTIFACT X\n";
    return 2;
  }
  try {
    const plmhead::head head = plmhead::head::load(argv[1]);
    for (const plmhead::scores &scores : score(head, read_floats(argv[2]), 4)) {
      for (std::size_t row = 0; row < scores.class_index.size(); ++row) {
        const std::uint32_t index = scores.class_index[row];
        const double probability = scores.probability[row * head.n_classes() + index];
        std::printf("%s %.17g\n", plmhead::to_string(head.label(index)).c_str(), probability);
      }
    }
  } catch (const plmhead::error &error) {
    std::cerr << "threads: " << error.what() << '\n';
    return 1;
  } catch (const std::exception &error) {
    std::cerr << "threads: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
