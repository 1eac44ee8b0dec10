#include "media/byte_order.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace pandagpt {
namespace {

constexpr float kLargest = 65535;

std::uint16_t swapped(float value) {
  const auto number = static_cast<std::uint16_t>(value);
  return static_cast<std::uint16_t>(number >> 8 | number << 8);
}

bool is_of_16_bits(const ScalarMap& map) {
  return map.integer && std::ranges::all_of(map.values, [](float value) {
           return std::isnan(value) || (value >= 0 && value <= kLargest);
         });
}

/// An 8-bit picture in the upper bytes is as smooth with its bytes swapped as without, and 256
/// times smaller; nothing is to be gained from turning it.
bool has_empty_low_bytes(const ScalarMap& map) {
  return std::ranges::none_of(map.values, [](float value) {
    return !std::isnan(value) && (static_cast<std::uint16_t>(value) & 0xFF) != 0;
  });
}

}  // namespace

bool has_swapped_bytes(const ScalarMap& map) {
  constexpr double kMargin = 8;  // real measurements have 50 and more
  if (!is_of_16_bits(map) || has_empty_low_bytes(map)) return false;
  double as_it_is = 0;
  double turned = 0;
  for (int y = 0; y < map.height; ++y) {
    const float* row = map.values.data() + static_cast<std::size_t>(y) * map.width;
    for (int x = 1; x < map.width; ++x) {
      if (std::isnan(row[x]) || std::isnan(row[x - 1])) continue;
      as_it_is += std::abs(row[x] - row[x - 1]);
      turned += std::abs(int{swapped(row[x])} - int{swapped(row[x - 1])});
    }
  }
  return turned * kMargin < as_it_is;
}

void swap_bytes(ScalarMap& map) {
  for (float& value : map.values)
    if (!std::isnan(value)) value = swapped(value);
}

void correct_byte_order(ScalarMap& map) {
  if (!has_swapped_bytes(map)) return;
  swap_bytes(map);
  map.report.add("byte order", "the bytes of each number were swapped, and are turned",
                 "neighbouring pixels");
}

}  // namespace pandagpt
