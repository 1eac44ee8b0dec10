#include "core/base64.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace pandagpt {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::int8_t kNoDigit = -1;
constexpr std::int8_t kWhiteSpace = -2;

constexpr std::array<std::int8_t, 256> digit_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(kNoDigit);
  for (const char c : {' ', '\t', '\n', '\f', '\r'})
    values[static_cast<std::uint8_t>(c)] = kWhiteSpace;
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    values[static_cast<std::uint8_t>(kDigits[i])] = static_cast<std::int8_t>(i);
  values['-'] = values['+'];
  values['_'] = values['/'];
  return values;
}

}  // namespace

std::string base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = std::uint32_t{bytes[i]} << 16;
    if (left > 1) group |= std::uint32_t{bytes[i + 1]} << 8;
    if (left > 2) group |= bytes[i + 2];
    for (std::size_t digit = 0; digit < 4; ++digit) {
      out += digit <= left ? kDigits[(group >> (18 - 6 * digit)) & 63] : '=';
    }
  }
  return out;
}

std::optional<Bytes> decode_base64(std::string_view text) {
  static constexpr auto kValues = digit_values();
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int n_bits = 0;
  std::size_t n_digits = 0, n_padding = 0;
  for (const char c : text) {
    const std::int8_t value = kValues[static_cast<std::uint8_t>(c)];
    if (value == kWhiteSpace) continue;
    if (c == '=') {
      ++n_padding;
      continue;
    }
    if (value == kNoDigit || n_padding > 0) return std::nullopt;
    ++n_digits;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    out.push_back(static_cast<std::uint8_t>(bits >> n_bits & 0xFF));
  }
  if (n_padding > 0 && (n_padding > 2 || (n_digits + n_padding) % 4 != 0)) return std::nullopt;
  const bool has_rest = n_bits >= 6 || (bits & ((1U << n_bits) - 1)) != 0;
  if (has_rest) return std::nullopt;
  return out;
}

}  // namespace pandagpt
