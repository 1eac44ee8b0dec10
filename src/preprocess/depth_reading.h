// How the numbers of a depth map are read: what each encoding means, and what a map's name and
// numbers tell where nobody has said it.
#pragma once

#include <optional>
#include <string>

#include "media/scalar_map.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// One way to read the numbers.
struct DepthReading {
  enum class Quantity {
    kDistance,         ///< of the unit's metres
    kDisparity,        ///< of the unit's pixels
    kInverse,          ///< of the unit's 1/m
    kRelativeInverse,  ///< nearer is larger, without a unit
  };
  enum class Bits {
    kPlain,
    kRotated,       ///< 16 bits, rotated left by three (SUN RGB-D)
    kElevenSwapped  ///< Kinect's 11-bit disparity, its two bytes swapped (NYU Depth V1, V2)
  };

  DepthEncoding encoding = DepthEncoding::kAuto;
  const char* what = "";  ///< for messages: "millimetres"
  Quantity quantity = Quantity::kDistance;
  double unit = 1;
  Bits bits = Bits::kPlain;
  bool sixteen_bits = false;  ///< its numbers are whole, from 0 to 65535
  bool end_is_hole = false;   ///< 65535 is no depth
  float sky = 0;              ///< this number is far away, not measured; 0: none
};

/// Of every encoding but kAuto.
const DepthReading& depth_reading(DepthEncoding encoding);

/// 65535: the end of the scale of 16 bits.
inline constexpr float kEndOfSixteenBits = 65535;

/// What the map itself tells.
struct DepthHint {
  DepthReading reading;
  std::string why;        ///< "by its name", "by its numbers"
  bool is_plain = false;  ///< it names the unit: nothing has to be said
};

/// What the numbers show (the bits of SUN RGB-D or NYU), else what the file's name, its folders or
/// the name of its channel say ("disparity", "depth_mm.png", "kitti"). Nothing where neither tells.
std::optional<DepthHint> depth_hint(const ScalarMap& map, const std::string& name);

/// Whether whole numbers have no more than the 256 levels of an 8-bit picture, perhaps stretched to
/// 16 bits: relative depth, not millimetres.
bool has_levels_of_eight_bits(const ScalarMap& map);

/// Whether whole numbers use the whole scale of 16 bits, as pictures of relative depth do.
bool fills_sixteen_bits(const ScalarMap& map);

}  // namespace pandagpt
