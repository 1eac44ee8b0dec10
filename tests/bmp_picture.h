// A small picture that tests make themselves.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/file.h"

namespace pandagpt::test {

/// A BMP file of 4 x 4 pixels; without `detail` all are grey.
inline Bytes bmp_picture(bool detail) {
  constexpr std::uint8_t kSide = 4, kHeader = 54, kBytes = kHeader + kSide * kSide * 3;
  Bytes bytes(kBytes, 128);
  std::fill_n(bytes.begin(), kHeader, std::uint8_t{0});
  bytes[0] = 'B';
  bytes[1] = 'M';
  bytes[2] = kBytes;
  bytes[10] = kHeader;
  bytes[14] = 40;
  bytes[18] = bytes[22] = kSide;
  bytes[26] = 1;
  bytes[28] = 24;
  if (detail) std::fill_n(bytes.begin() + kHeader, 20, std::uint8_t{255});
  return bytes;
}

}  // namespace pandagpt::test
