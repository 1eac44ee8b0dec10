#include "media/compressed_depth.h"

#include <bit>
#include <cmath>
#include <limits>

#include "core/ascii.h"
#include "media/byte_reader.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// ConfigHeader of compression_common.h: the kind of quantisation, and its two parameters.
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kParameterAAt = 4;
constexpr std::size_t kParameterBAt = 8;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- RVL: A. Wilson, "Fast Lossless Depth Image Compression", ISS 2017 ---------------------------

/// Numbers of as many nibbles as they need, three bits in each, the lowest first; the nibbles lie
/// in words of 32 bits, the highest first.
class NibbleReader {
 public:
  explicit NibbleReader(ByteView bytes) : in_(bytes) {}

  std::uint32_t next() {
    constexpr std::uint32_t kMore = 8;
    constexpr int kMostBits = 30;
    std::uint32_t number = 0;
    for (int shift = 0;; shift += 3) {
      const std::uint32_t nibble = next_nibble();
      if (shift > kMostBits) throw OutOfBytes();
      number |= (nibble & 7U) << shift;
      if ((nibble & kMore) == 0) return number;
    }
  }

 private:
  std::uint32_t next_nibble() {
    if (n_left_ == 0) {
      word_ = in_.u32(at_);
      at_ += 4;
      n_left_ = 8;
    }
    --n_left_;
    return word_ >> (4 * n_left_) & 15U;
  }

  ByteReader in_;
  std::size_t at_ = 0;
  std::uint32_t word_ = 0;
  int n_left_ = 0;
};

/// Runs of zeros, and runs of differences between neighbours, in turn.
std::vector<float> decode_rvl(ByteView packed, std::size_t n_pixels) {
  NibbleReader in(packed);
  std::vector<float> values;
  values.reserve(n_pixels);
  std::uint32_t previous = 0;
  while (values.size() < n_pixels) {
    const std::uint32_t n_zeros = in.next();
    if (n_zeros > n_pixels - values.size()) throw OutOfBytes();
    values.insert(values.end(), n_zeros, 0.0F);
    if (values.size() == n_pixels) break;  // some writers leave out the last run of none
    std::uint32_t n_numbers = in.next();
    if (n_numbers > n_pixels - values.size() || n_zeros + n_numbers == 0) throw OutOfBytes();
    for (; n_numbers > 0; --n_numbers) {
      const std::uint32_t folded = in.next();  // 0, -1, 1, -2, ..
      const std::uint32_t difference = (folded >> 1) ^ (0U - (folded & 1U));
      previous = (previous + difference) & 0xFFFFU;
      values.push_back(static_cast<float>(previous));
    }
  }
  return values;
}

ScalarMap read_rvl(ByteView data, const std::string& name, const ImageLimits& limits) {
  constexpr std::size_t kSizeBytes = 8;
  const ByteReader in(data);
  const std::uint32_t width = in.u32(0);
  const std::uint32_t height = in.u32(4);
  check_map_size(width, height, name, limits);
  return {static_cast<int>(width), static_cast<int>(height), true,
          decode_rvl(data.subspan(kSizeBytes), std::size_t{width} * height)};
}

// --- 32FC1 ---------------------------------------------------------------------------------------

float float_at(const ByteReader& file, std::size_t at) {
  return std::bit_cast<float>(file.u32(at));
}

/// Inverse depth in steps: number = a / metres + b.
void to_metres(ScalarMap& map, float a, float b, const std::string& name) {
  if (!std::isfinite(a) || !std::isfinite(b) || !(a > 0))
    fail(name, "its header says that the numbers are " + std::to_string(a) + " / metres + " +
                   std::to_string(b) + ", which gives no depth; get a complete copy of it");
  for (float& value : map.values) {
    const float metres = a / (value - b);
    value = value > 0 && metres > 0 ? metres : std::numeric_limits<float>::quiet_NaN();
  }
  map.integer = false;
  map.unit = MapUnit::kMetres;
}

struct Format {
  bool is_float = false;
  bool is_rvl = false;
};

Format read_format(const std::string& text, const std::string& name) {
  const std::string format = ascii_lower(text);
  const auto has = [&](const char* word) { return format.find(word) != std::string::npos; };
  if (format.empty()) return {};
  if (!has("compresseddepth") || (!has("16uc1") && !has("32fc1")))
    fail(name, "the format '" + text +
                   "' is none of compressedDepth; 16UC1 and 32FC1, PNG and RVL, can be read");
  return {has("32fc1"), has("rvl")};
}

}  // namespace

bool is_compressed_depth(ByteView bytes) {
  return ByteReader(bytes).matches(kHeaderBytes, "\x89PNG\r\n\x1A\n");
}

ScalarMap decode_compressed_depth(ByteView bytes, const std::string& format,
                                  const std::string& name, const ImageLimits& limits) {
  const Format kind = read_format(format, name);
  try {
    const ByteReader file(bytes);
    const ByteView data =
        file.view(kHeaderBytes, bytes.size() - std::min(bytes.size(), kHeaderBytes));
    ScalarMap map =
        kind.is_rvl ? read_rvl(data, name, limits) : decode_scalar_map(data, name, limits);
    if (!map.integer) fail(name, "whole numbers were expected behind its header; get another copy");
    if (kind.is_float)
      to_metres(map, float_at(file, kParameterAAt), float_at(file, kParameterBAt), name);
    map.report.format = std::string("compressedDepth of ROS, ") + (kind.is_rvl ? "RVL" : "PNG");
    return map;
  } catch (const OutOfBytes&) {
    fail(name, "the data of compressedDepth are truncated or damaged; get a complete copy of them");
  }
}

}  // namespace pandagpt
