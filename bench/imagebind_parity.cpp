// Embeddings of a tower beside those of the reference code.
//
//   imagebind_parity ENCODERS.gguf TOWER INPUT EXPECTED [--compute auto|f32|bf16|int8] [--portable]
//
// INPUT: the inputs' tensors back to back, f32 (text: tokens, i32); EXPECTED: their embeddings,
// f32, both without any header. tools/reference/imagebind_full_size.py writes them and runs this.
// Prints the smallest cosine, the largest error as a share of an embedding's length, and the time.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "core/file.h"
#include "encoders/encoders.h"
#include "encoders/imagebind_config.h"
#include "pandagpt/error.h"

namespace {

using namespace pandagpt;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

struct Arguments {
  std::string encoders;
  TowerKind tower = TowerKind::kVision;
  std::string input;
  std::string expected;
  EncoderOptions options;
};

Arguments parse(int argc, char** argv) {
  std::vector<std::string> places;
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--portable")
      arguments.options.portable = true;
    else if (word == "--compute" && i + 1 < argc)
      arguments.options.compute_type = parse_compute_type(argv[++i]);
    else
      places.push_back(word);
  }
  const auto tower = places.size() == 4 ? imagebind_tower_from_name(places[1]) : std::nullopt;
  if (!tower)
    throw Error(ErrorKind::kUsage,
                "usage: imagebind_parity ENCODERS.gguf TOWER INPUT EXPECTED [--compute TYPE] "
                "[--portable]");
  arguments.encoders = places[0];
  arguments.tower = *tower;
  arguments.options.towers = {*tower};
  arguments.input = places[2];
  arguments.expected = places[3];
  return arguments;
}

template <typename T>
std::vector<T> read_numbers(const std::string& path) {
  const Bytes bytes = read_file(path, kMaxBytes);
  std::vector<T> numbers(bytes.size() / sizeof(T));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(T));
  return numbers;
}

std::vector<float> encode(Encoders& encoders, const Arguments& arguments, int n) {
  if (arguments.tower == TowerKind::kText)
    return encoders.encode_text(read_numbers<std::int32_t>(arguments.input), n);
  return encoders.encode(arguments.tower, read_numbers<float>(arguments.input), n);
}

double dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double cosine(std::span<const float> a, std::span<const float> b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

int run(const Arguments& arguments) {
  const std::vector<float> expected = read_numbers<float>(arguments.expected);
  Encoders encoders(arguments.encoders, arguments.options);
  const std::size_t width = encoders.n_embd();
  const int n = static_cast<int>(expected.size() / width);
  encode(encoders, arguments, n);  // loads the weights
  const auto start = std::chrono::steady_clock::now();
  const std::vector<float> actual = encode(encoders, arguments, n);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;

  double smallest = 1;
  double largest_error = 0;
  double others = -1;  // the inputs among themselves: how much the embeddings tell at all
  const auto row = [width](const std::vector<float>& rows, int i) {
    return std::span(rows).subspan(i * width, width);
  };
  for (int i = 0; i < n; ++i) {
    smallest = std::min(smallest, cosine(row(actual, i), row(expected, i)));
    std::vector<float> difference(width);
    std::ranges::transform(row(actual, i), row(expected, i), difference.begin(), std::minus{});
    largest_error = std::max(largest_error, std::sqrt(dot(difference, difference) /
                                                      dot(row(expected, i), row(expected, i))));
    for (int j = 0; j < i; ++j)
      others = std::max(others, cosine(row(expected, i), row(expected, j)));
  }
  std::printf(
      "%s %s: smallest cosine %.7f, largest error %.2e, %d inputs", tower_name(arguments.tower),
      arguments.options.portable ? "portable" : compute_type_name(arguments.options.compute_type),
      smallest, largest_error, n);
  if (n > 1) std::printf(" (among themselves up to %.4f)", others);
  std::printf("; %.3f s each\n", time.count() / n);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse(argc, argv));
  } catch (const pandagpt::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.kind());
  }
}
