// The lowest and the highest point of a map of measurements, without what faulty pixels say.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "media/scalar_map.h"

namespace pandagpt {

struct MapPoint {
  int x = 0;
  int y = 0;
  double value = 0;
};

struct MapExtremes {
  MapPoint lowest;
  MapPoint highest;
  double mean = 0;
  double median = 0;
  std::size_t n_measured = 0;  ///< pixels with a finite value
};

/// Nothing if no pixel has a finite value. A pixel that stands out from all its neighbours by more
/// than half of what lies between the 1 % and the 99 % quantile is a dead one and isn't taken for
/// lowest or highest: a lens spreads even the smallest hot thing over several pixels. Mean and
/// median are of all finite values.
std::optional<MapExtremes> map_extremes(int width, int height, std::span<const float> values);

}  // namespace pandagpt
