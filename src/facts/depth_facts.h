// What a map of distances says: the nearest thing, where it is and how large; the farthest.
#pragma once

#include <optional>
#include <vector>

#include "facts/map_points.h"
#include "pandagpt/facts.h"

namespace pandagpt {

/// Distances as they were measured.
struct DistanceMap {
  int width = 0;
  int height = 0;
  std::vector<float> metres;  ///< [height, width], upright; NaN: not measured
  bool has_unit = true;       ///< false: only what is nearer is known (estimators' relative depth)
  /// Pixels; nothing where neither the file nor the user says it: then sizes are not known.
  std::optional<double> focal_length = {};
};

/// The nearest or farthest measured point. Depth cameras make up single pixels at edges, so others
/// at about the same distance (5 %) must lie around it: three among its eight neighbours, in a map
/// with few measurements (a laser scanner's) in a wider window. Nothing if there is no such point.
std::optional<MapPoint> supported_extreme(const DistanceMap& map, bool nearest);

/// The thing that the nearest point belongs to: what is connected with it in steps of less than 3 %
/// and no more than a quarter farther away.
struct NearThing {
  double width = 0;   ///< metres; 0: the picture's border cuts it
  double height = 0;  ///< likewise
};
/// Nothing without a focal length, and for less than a few pixels.
std::optional<NearThing> near_thing(const DistanceMap& map, const MapPoint& nearest);

/// Facts "size", "nearest", "farthest", "median", "near_width", "near_height" and, where there are
/// some, "no_value".
InputFacts depth_facts(const DistanceMap& map);

}  // namespace pandagpt
