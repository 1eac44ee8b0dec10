#include "facts/depth_facts.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/quantile.h"
#include "facts/fact_list.h"

namespace pandagpt {
namespace {

constexpr double kSameShare = 0.05;  // of the distance
constexpr double kSameMetres = 0.005;
constexpr int kFewestSupporters = 3;
constexpr double kSparse = 0.25;  // of the pixels
constexpr int kWideRadius = 7;    // pixels: some lines of a laser scanner

constexpr float kSurfaceStep = 0.03F;  // of the distance, from one pixel to the next
constexpr double kThingDepth = 1.25;   // of the nearest distance
constexpr std::size_t kFewestPixels = 20;

constexpr const char* kMetres = "m";
constexpr int kDigits = 2;

std::size_t measured_count(const DistanceMap& map) {
  return static_cast<std::size_t>(
      std::ranges::count_if(map.metres, [](float value) { return std::isfinite(value); }));
}

bool is_supported(const DistanceMap& map, int x, int y, int radius) {
  const float value = map.metres[static_cast<std::size_t>(y) * map.width + x];
  const double tolerance = kSameMetres + kSameShare * std::abs(double{value});
  int supporters = -1;  // it is one itself
  for (int row = std::max(y - radius, 0); row <= std::min(y + radius, map.height - 1); ++row)
    for (int column = std::max(x - radius, 0); column <= std::min(x + radius, map.width - 1);
         ++column) {
      const float other = map.metres[static_cast<std::size_t>(row) * map.width + column];
      if (std::abs(double{other} - double{value}) <= tolerance && ++supporters >= kFewestSupporters)
        return true;
    }
  return false;
}

/// Border of the region that is connected with a pixel, in pixels; the ends belong to it.
struct Region {
  int left, right, top, bottom;
  std::vector<float> metres;
};

Region grow(const DistanceMap& map, const MapPoint& from) {
  const auto at = [&](int x, int y) { return static_cast<std::size_t>(y) * map.width + x; };
  Region region{from.x, from.x, from.y, from.y, {}};
  std::vector<bool> seen(map.metres.size());
  std::vector<std::pair<int, int>> waiting{{from.x, from.y}};
  seen[at(from.x, from.y)] = true;
  while (!waiting.empty()) {
    const auto [x, y] = waiting.back();
    waiting.pop_back();
    const float here = map.metres[at(x, y)];
    region.metres.push_back(here);
    region.left = std::min(region.left, x);
    region.right = std::max(region.right, x);
    region.top = std::min(region.top, y);
    region.bottom = std::max(region.bottom, y);
    for (const auto& [next_x, next_y] :
         {std::pair{x - 1, y}, std::pair{x + 1, y}, std::pair{x, y - 1}, std::pair{x, y + 1}}) {
      if (next_x < 0 || next_x >= map.width || next_y < 0 || next_y >= map.height) continue;
      const float there = map.metres[at(next_x, next_y)];
      const bool is_same = std::abs(there - here) <= kSurfaceStep * here &&
                           double{there} <= kThingDepth * from.value;
      if (!is_same || seen[at(next_x, next_y)]) continue;
      seen[at(next_x, next_y)] = true;
      waiting.emplace_back(next_x, next_y);
    }
  }
  return region;
}

void say_size(FactList& list, const NearThing& thing) {
  const auto metres = [](double value) { return fixed(value, kDigits) + ' ' + kMetres; };
  if (thing.width > 0) list.add("near_width", thing.width, kMetres, kDigits);
  if (thing.height > 0) list.add("near_height", thing.height, kMetres, kDigits);
  if (thing.width > 0 && thing.height > 0)
    list.say("the nearest thing " + metres(thing.width) + " wide and " + metres(thing.height) +
             " high");
  else if (thing.width > 0)
    list.say("the nearest thing " + metres(thing.width) + " wide");
  else if (thing.height > 0)
    list.say("the nearest thing " + metres(thing.height) + " high");
}

}  // namespace

std::optional<MapPoint> supported_extreme(const DistanceMap& map, bool nearest) {
  const bool is_sparse = double(measured_count(map)) < kSparse * double(map.metres.size());
  const int radius = is_sparse ? kWideRadius : 1;
  std::optional<MapPoint> best;
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x) {
      const double value = map.metres[static_cast<std::size_t>(y) * map.width + x];
      if (!std::isfinite(value)) continue;
      if (best && !(nearest ? value < best->value : value > best->value)) continue;
      if (is_supported(map, x, y, radius)) best = MapPoint{x, y, value};
    }
  return best;
}

std::optional<NearThing> near_thing(const DistanceMap& map, const MapPoint& nearest) {
  if (!map.has_unit || !map.focal_length) return std::nullopt;
  Region region = grow(map, nearest);
  if (region.metres.size() < kFewestPixels) return std::nullopt;
  const double metres_per_pixel =
      double{quantile_of(std::span(region.metres), 0.5)} / *map.focal_length;
  NearThing thing;
  if (region.left > 0 && region.right < map.width - 1)
    thing.width = (region.right - region.left + 1) * metres_per_pixel;
  if (region.top > 0 && region.bottom < map.height - 1)
    thing.height = (region.bottom - region.top + 1) * metres_per_pixel;
  return thing;
}

InputFacts depth_facts(const DistanceMap& map) {
  FactList list;
  add_size(list, map.width, map.height);
  const auto nearest = supported_extreme(map, true);
  const auto farthest = supported_extreme(map, false);
  const auto place = [&](const MapPoint& point) {
    return place_of(point.x, point.y, map.width, map.height);
  };
  if (nearest && farthest && map.has_unit) {
    const auto metres = [](double value) { return fixed(value, kDigits) + ' ' + kMetres; };
    std::vector<float> measured;
    std::ranges::copy_if(map.metres, std::back_inserter(measured),
                         [](float value) { return std::isfinite(value); });
    const double median = quantile_of(std::span(measured), 0.5);
    list.add("nearest", nearest->value, kMetres, kDigits).place = place(*nearest);
    list.add("farthest", farthest->value, kMetres, kDigits).place = place(*farthest);
    list.add("median", median, kMetres, kDigits);
    list.say("nearest " + metres(nearest->value) + ' ' + at_place(place(*nearest)));
    list.say("farthest " + metres(farthest->value));
    list.say("median " + metres(median));
    if (const auto thing = near_thing(map, *nearest)) say_size(list, *thing);
  } else if (nearest) {
    list.add("nearest", "distance not known").place = place(*nearest);
    list.say("nearest " + at_place(place(*nearest)));
    list.say("distances not known");
  }
  add_holes(list, map.metres.size() - measured_count(map), map.metres.size());
  return list.finish(Modality::kDepth);
}

}  // namespace pandagpt
