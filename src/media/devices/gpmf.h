// GPMF, GoPro's format of measurements: keys of four letters, each with a type, a size and values
// (github.com/gopro/gpmf-parser).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"

namespace pandagpt {

/// One key with what belongs to it.
struct GpmfItem {
  std::string key;          ///< "ACCL"
  char type = 0;            ///< of a value: 's', 'f', ..; 0: further items
  std::uint32_t size = 0;   ///< bytes of a sample
  std::uint32_t count = 0;  ///< samples
  ByteView data;            ///< size * count bytes, big-endian
};

/// The items one after another, not those within them. Throws OutOfBytes (media/byte_reader.h)
/// where one is longer than the rest.
std::vector<GpmfItem> read_gpmf_items(ByteView bytes);

/// The numbers of an item, sample by sample. Throws OutOfBytes for types that are no numbers.
std::vector<double> gpmf_numbers(const GpmfItem& item);
/// The text of an item, without zeros at its end.
std::string gpmf_text(const GpmfItem& item);

}  // namespace pandagpt
