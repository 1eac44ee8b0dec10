#include "facts/thermal_facts.h"

#include "facts/fact_list.h"

namespace pandagpt {
namespace {

constexpr const char* kCelsius = "°C";
constexpr const char* kCounts = "counts";

}  // namespace

InputFacts thermal_facts(const ScalarMap& map) {
  const bool is_celsius = map.unit == MapUnit::kCelsius;
  const char* unit = is_celsius ? kCelsius : kCounts;
  const int digits = is_celsius || !map.integer ? 1 : 0;
  FactList list;
  add_size(list, map.width, map.height);
  if (const auto found = map_extremes(map.width, map.height, map.values)) {
    const auto add_point = [&](const char* name, const MapPoint& point) {
      const FactPlace place = place_of(point.x, point.y, map.width, map.height);
      list.add(name, point.value, unit, digits).place = place;
      return place;
    };
    const FactPlace hottest = add_point("hottest", found->highest);
    const FactPlace coldest = add_point("coldest", found->lowest);
    list.add("mean", found->mean, unit, 1);
    list.add("median", found->median, unit, digits);
    add_holes(list, map.values.size() - found->n_measured, map.values.size());
    if (is_celsius) {
      const auto degrees = [](double value) { return fixed(value, 1) + ' ' + kCelsius; };
      list.say("hottest " + degrees(found->highest.value) + ' ' + at_place(hottest));
      list.say("coldest " + degrees(found->lowest.value) + ' ' + at_place(coldest));
      list.say("mean " + degrees(found->mean));
    } else {
      list.say("hottest " + at_place(hottest));
      list.say("coldest " + at_place(coldest));
      list.say("degrees not known");
    }
  }
  return list.finish(Modality::kThermal);
}

InputFacts thermal_picture_facts(int width, int height) {
  FactList list;
  add_size(list, width, height);
  list.say("no temperatures");
  return list.finish(Modality::kThermal);
}

}  // namespace pandagpt
