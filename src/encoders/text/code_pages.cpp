#include "encoders/text/code_pages.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace pandagpt {
namespace {

constexpr std::uint8_t kFirstHighByte = 0x80;

// In the order of CodePage, without Latin-1.
constexpr std::array<std::uint16_t, 128> kHighBytes[] = {
#include "encoders/text/code_pages.inc"
};

const std::array<std::uint16_t, 128>& high_bytes(CodePage page) {
  return kHighBytes[static_cast<int>(page) - 1];
}

}  // namespace

char32_t decode_byte(CodePage page, std::uint8_t byte) {
  if (byte < kFirstHighByte || page == CodePage::kLatin1) return byte;
  return high_bytes(page)[byte - kFirstHighByte];
}

std::optional<std::uint8_t> encode_byte(CodePage page, char32_t c) {
  if (c < kFirstHighByte) return static_cast<std::uint8_t>(c);
  if (page == CodePage::kLatin1)
    return c <= 0xFF ? std::optional(static_cast<std::uint8_t>(c)) : std::nullopt;
  const auto& table = high_bytes(page);
  const auto found = std::ranges::find(table, c);
  if (found == table.end()) return std::nullopt;
  return static_cast<std::uint8_t>(kFirstHighByte + (found - table.begin()));
}

bool is_undefined_in_windows_1252(std::uint8_t byte) {
  constexpr std::uint8_t kUndefined[] = {0x81, 0x8D, 0x8F, 0x90, 0x9D};
  return std::ranges::find(kUndefined, byte) != std::end(kUndefined);
}

}  // namespace pandagpt
