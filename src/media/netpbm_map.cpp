// PGM of more than 8 bits and PFM: a few words of text, then the numbers.
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "media/byte_reader.h"
#include "media/scalar_map.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

bool is_space(std::uint8_t byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/// Words of the header, between white space; "#" begins a comment that ends with its line.
class HeaderReader {
 public:
  HeaderReader(ByteView bytes, std::size_t at) : file_(bytes), at_(at) {}

  std::string next() {
    constexpr std::size_t kLongestWord = 32;
    skip_space();
    std::string word;
    for (; !is_space(file_.u8(at_)); ++at_) {
      if (word.size() == kLongestWord) throw OutOfBytes();
      word += static_cast<char>(file_.u8(at_));
    }
    return word;
  }

  /// One of at most nine digits.
  std::uint32_t number() {
    const std::string word = next();
    std::uint32_t value = 0;
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (code != std::errc() || end != word.data() + word.size() || word.size() > 9)
      throw OutOfBytes();
    return value;
  }

  /// Where the numbers begin: behind one white space.
  std::size_t end() const { return at_ + 1; }

 private:
  void skip_space() {
    for (;; ++at_) {
      if (file_.u8(at_) == '#')
        while (file_.u8(at_) != '\n')
          ++at_;
      else if (!is_space(file_.u8(at_)))
        return;
    }
  }

  ByteReader file_;
  std::size_t at_;
};

constexpr std::size_t kMagicBytes = 2;

bool begins(ByteView bytes, std::string_view magic) {
  return ByteReader(bytes).matches(0, magic) && bytes.size() > kMagicBytes &&
         is_space(bytes[kMagicBytes]);
}

struct Numbers {
  std::uint32_t width = 0, height = 0;
  ByteView bytes;
};

/// What follows the header, all of it there.
Numbers numbers_behind(const HeaderReader& header, ByteView bytes, std::uint32_t width,
                       std::uint32_t height, std::size_t size, const std::string& name,
                       const ImageLimits& limits) {
  check_map_size(width, height, name, limits);
  return {width, height, ByteReader(bytes).view(header.end(), std::size_t{width} * height * size)};
}

// --- PGM (netpbm's pgm(5)): the high byte first
// ---------------------------------------------------

ScalarMap read_pgm(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  constexpr std::uint32_t kEightBits = 255, kSixteenBits = 65535;
  HeaderReader header(bytes, kMagicBytes);
  const std::uint32_t width = header.number();
  const std::uint32_t height = header.number();
  const std::uint32_t most = header.number();
  if (most == 0 || most > kSixteenBits) throw OutOfBytes();
  if (most <= kEightBits)
    fail(name, "a PGM file of 8 bits holds no measurements; save it with 16 bits");
  const Numbers numbers =
      numbers_behind(header, bytes, width, height, sizeof(std::uint16_t), name, limits);
  ScalarMap map{static_cast<int>(width), static_cast<int>(height), true, {}};
  map.values.reserve(std::size_t{width} * height);
  for (std::size_t i = 0; i < numbers.bytes.size(); i += 2)
    map.values.push_back(static_cast<float>(numbers.bytes[i] << 8 | numbers.bytes[i + 1]));
  map.report.format = "16-bit PGM";
  return map;
}

// --- PFM
// ------------------------------------------------------------------------------------------

/// The lowest row first. The third number's sign tells the byte order; its size is for units of
/// light, and readers of disparity and depth leave it alone.
ScalarMap read_pfm(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  HeaderReader header(bytes, kMagicBytes);
  const std::uint32_t width = header.number();
  const std::uint32_t height = header.number();
  const std::string scale = header.next();
  double order = 0;
  const auto [end, code] = std::from_chars(scale.data(), scale.data() + scale.size(), order);
  if (code != std::errc() || end != scale.data() + scale.size() || !std::isfinite(order) ||
      order == 0)
    throw OutOfBytes();
  const Numbers numbers = numbers_behind(header, bytes, width, height, sizeof(float), name, limits);
  const ByteReader in(numbers.bytes, /*big_endian=*/order > 0);
  ScalarMap map{static_cast<int>(width), static_cast<int>(height), false, {}};
  map.values.resize(std::size_t{width} * height);
  for (std::size_t i = 0; i < map.values.size(); ++i) {
    const std::size_t row = height - 1 - i / width;
    map.values[row * width + i % width] = std::bit_cast<float>(in.u32(sizeof(float) * i));
  }
  map.report.format = "PFM";
  return map;
}

}  // namespace

bool is_netpbm_map(ByteView bytes) {
  return begins(bytes, "P5") || begins(bytes, "Pf") || begins(bytes, "PF");
}

ScalarMap decode_netpbm_map(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  try {
    if (begins(bytes, "PF"))
      fail(name,
           "the PFM file holds colours, one channel of measurements was expected; save it as "
           "\"Pf\", of one channel");
    return begins(bytes, "P5") ? read_pgm(bytes, name, limits) : read_pfm(bytes, name, limits);
  } catch (const OutOfBytes&) {
    fail(name, std::string("the ") + (begins(bytes, "P5") ? "PGM" : "PFM") +
                   " file is truncated or damaged; get a complete copy of it");
  }
}

}  // namespace pandagpt
