// What a map of temperatures says: hottest and coldest point, mean.
#pragma once

#include "facts/map_points.h"
#include "media/scalar_map.h"
#include "pandagpt/facts.h"

namespace pandagpt {

/// Facts "size", "hottest", "coldest", "mean", "median" and, where there are some, "no_value": in
/// °C where the map's unit says so. Of other maps the numbers are the sensor's counts, and the
/// sentence has the places alone: counts are no temperatures. Of a map without any value only its
/// size is told.
InputFacts thermal_facts(const ScalarMap& map);

/// Of what a camera shows, without a measurement: the size, and that there are no temperatures.
InputFacts thermal_picture_facts(int width, int height);

}  // namespace pandagpt
