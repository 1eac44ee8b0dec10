// Facts of maps of temperatures and distances with known values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "facts/depth_facts.h"
#include "facts/fact_list.h"
#include "facts/facts_json.h"
#include "facts/thermal_facts.h"
#include "facts_support.h"

namespace pandagpt {
namespace {

using test::find_fact;
using test::number_of;
using test::text_of;

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

/// A blob of `peak` above 20 degrees at (x, y), and one as deep below at the opposite place.
ScalarMap thermal_map(int width, int height, int x, int y, float peak) {
  ScalarMap map{width, height, false, {}, MapUnit::kCelsius};
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column) {
      const auto blob = [&](int at_x, int at_y) {
        const double distance = std::hypot(column - at_x, row - at_y);
        return static_cast<float>(std::exp(-distance * distance / 8));
      };
      map.values.push_back(20 + peak * blob(x, y) - peak * blob(width - 1 - x, height - 1 - y));
    }
  return map;
}

TEST(PlaceTest, NamesNineFields) {
  const auto at = [](int x, int y) { return place_of(x, y, 90, 60).where; };
  EXPECT_EQ(at(0, 0), "upper left");
  EXPECT_EQ(at(45, 0), "top");
  EXPECT_EQ(at(89, 19), "upper right");
  EXPECT_EQ(at(29, 20), "left");
  EXPECT_EQ(at(30, 39), "centre");
  EXPECT_EQ(at(60, 30), "right");
  EXPECT_EQ(at(0, 59), "lower left");
  EXPECT_EQ(at(45, 40), "bottom");
  EXPECT_EQ(at(89, 59), "lower right");
  EXPECT_EQ(at_place(place_of(45, 30, 90, 60)), "in the centre");
  EXPECT_EQ(at_place(place_of(0, 0, 1, 1)), "at the upper left");
}

TEST(ThermalFactsTest, HottestAndColdestHavePlaceAndDegrees) {
  const InputFacts facts = thermal_facts(thermal_map(64, 48, 10, 8, 16.5F));
  const Fact* hottest = find_fact(facts, "hottest");
  ASSERT_NE(hottest, nullptr);
  EXPECT_EQ(to_string(*hottest), "36.5 °C, upper left (x 10, y 8)");
  EXPECT_EQ(text_of(facts, "coldest"), "3.5 °C, lower right (x 53, y 39)");
  EXPECT_NEAR(number_of(facts, "mean"), 20.0, 0.01);
  EXPECT_EQ(find_fact(facts, "no_value"), nullptr);
  EXPECT_EQ(facts.sentence,
            "Measured: hottest 36.5 °C at the upper left, coldest 3.5 °C at the lower right, mean "
            "20.0 °C.");
}

TEST(ThermalFactsTest, DeadPixelsAreNotTheHottest) {
  ScalarMap map = thermal_map(64, 48, 10, 8, 16.5F);
  map.values[30 * 64 + 50] = 400;
  map.values[31 * 64 + 20] = -273;
  map.values[0] = 390;  // in a corner
  const InputFacts facts = thermal_facts(map);
  EXPECT_EQ(text_of(facts, "hottest"), "36.5 °C, upper left (x 10, y 8)");
  EXPECT_EQ(text_of(facts, "coldest"), "3.5 °C, lower right (x 53, y 39)");
  // Two of them side by side are a thing.
  map.values[30 * 64 + 51] = 399;
  EXPECT_EQ(text_of(thermal_facts(map), "hottest"), "400.0 °C, right (x 50, y 30)");
}

TEST(ThermalFactsTest, PixelsWithoutAValueAreLeftOutAndCounted) {
  ScalarMap map = thermal_map(10, 10, 2, 2, 10);
  for (std::size_t i = 90; i < 100; ++i)
    map.values[i] = kNone;
  const InputFacts facts = thermal_facts(map);
  EXPECT_DOUBLE_EQ(number_of(facts, "no_value"), 10);
  EXPECT_TRUE(std::isfinite(number_of(facts, "mean")));
  std::ranges::fill(map.values, kNone);
  const InputFacts none = thermal_facts(map);
  EXPECT_EQ(none.facts.size(), 1U);  // the size
  EXPECT_EQ(none.sentence, "");
}

TEST(ThermalFactsTest, CountsAreNoDegrees) {
  ScalarMap map = thermal_map(64, 48, 10, 8, 500);
  map.integer = true;
  for (const MapUnit unit : {MapUnit::kCounts, MapUnit::kUnknown}) {
    map.unit = unit;
    const InputFacts facts = thermal_facts(map);
    EXPECT_EQ(text_of(facts, "hottest"), "520 counts, upper left (x 10, y 8)");
    EXPECT_EQ(
        facts.sentence,
        "Measured: hottest at the upper left, coldest at the lower right, degrees not known.");
  }
}

TEST(ThermalFactsTest, APictureHasNoTemperatures) {
  const InputFacts facts = thermal_picture_facts(320, 240);
  EXPECT_EQ(facts.sentence, "Measured: no temperatures.");
  EXPECT_EQ(find_fact(facts, "hottest"), nullptr);
  EXPECT_EQ(text_of(facts, "size"), "320 x 240 pixels");
}

TEST(ThermalFactsTest, AMapOfOneValue) {
  const InputFacts facts = thermal_facts({2, 2, false, {21, 21, 21, 21}, MapUnit::kCelsius});
  EXPECT_DOUBLE_EQ(number_of(facts, "hottest"), 21);
  EXPECT_DOUBLE_EQ(number_of(facts, "coldest"), 21);
}

/// A wall at 3 m, and before it a box of 40 x 60 pixels at 1.2 m whose corner is at (20, 30).
DistanceMap room() {
  DistanceMap map{160, 120, std::vector<float>(160 * 120, 3.0F)};
  for (int y = 30; y < 90; ++y)
    for (int x = 20; x < 60; ++x)
      map.metres[static_cast<std::size_t>(y * 160 + x)] = 1.2F;
  map.metres[50 * 160 + 40] = 1.19F;
  return map;
}

TEST(DepthFactsTest, NearestFarthestAndMedian) {
  const InputFacts facts = depth_facts(room());
  EXPECT_EQ(text_of(facts, "nearest"), "1.19 m, left (x 40, y 50)");
  EXPECT_NEAR(number_of(facts, "farthest"), 3.0, 1e-6);
  EXPECT_NEAR(number_of(facts, "median"), 3.0, 1e-6);
  EXPECT_EQ(find_fact(facts, "near_width"), nullptr);  // no focal length
  EXPECT_EQ(facts.sentence,
            "Measured: nearest 1.19 m at the left, farthest 3.00 m, median 3.00 m.");
}

TEST(DepthFactsTest, FlyingPixelsAreNotTheNearest) {
  DistanceMap map = room();
  map.metres[10 * 160 + 100] = 0.2F;
  map.metres[100 * 160 + 100] = 40;
  const InputFacts facts = depth_facts(map);
  EXPECT_EQ(text_of(facts, "nearest"), "1.19 m, left (x 40, y 50)");
  EXPECT_NEAR(number_of(facts, "farthest"), 3.0, 1e-6);
}

TEST(DepthFactsTest, SizeOfTheNearestThing) {
  DistanceMap map = room();
  map.focal_length = 120;
  const InputFacts facts = depth_facts(map);
  EXPECT_NEAR(number_of(facts, "near_width"), 40 * 1.2 / 120, 1e-3);
  EXPECT_NEAR(number_of(facts, "near_height"), 60 * 1.2 / 120, 1e-3);
  EXPECT_THAT(facts.sentence, testing::HasSubstr("the nearest thing 0.40 m wide and 0.60 m high"));
  // What the border cuts has no known height.
  for (int y = 90; y < 120; ++y)
    for (int x = 20; x < 60; ++x)
      map.metres[static_cast<std::size_t>(y * 160 + x)] = 1.2F;
  const InputFacts cut = depth_facts(map);
  EXPECT_NEAR(number_of(cut, "near_width"), 0.4, 1e-3);
  EXPECT_EQ(find_fact(cut, "near_height"), nullptr);
}

TEST(DepthFactsTest, AFloorDoesNotMakeThingsLarger) {
  // The floor begins under the box and goes back to the wall, pixel by pixel.
  DistanceMap map = room();
  map.focal_length = 120;
  for (int y = 90; y < 120; ++y)
    for (int x = 0; x < 160; ++x)
      map.metres[static_cast<std::size_t>(y * 160 + x)] = 3.0F - 0.02F * float(y - 90);
  EXPECT_NEAR(number_of(depth_facts(map), "near_width"), 0.4, 1e-3);
}

TEST(DepthFactsTest, HolesAreNoDistance) {
  DistanceMap map = room();
  for (std::size_t i = 0; i < 4800; ++i)
    map.metres[i] = kNone;
  EXPECT_NEAR(number_of(depth_facts(map), "no_value"), 25, 1e-6);
  std::ranges::fill(map.metres, kNone);
  const InputFacts none = depth_facts(map);
  EXPECT_EQ(find_fact(none, "nearest"), nullptr);
  EXPECT_EQ(none.sentence, "");
}

TEST(DepthFactsTest, ALaserScannerHasFewPoints) {
  DistanceMap map{200, 100, std::vector<float>(200 * 100, kNone)};
  for (int y = 0; y < 100; y += 5)
    for (int x = 0; x < 200; x += 4)
      map.metres[static_cast<std::size_t>(y * 200 + x)] = x < 40 ? 4.0F : 20.0F;
  const InputFacts facts = depth_facts(map);
  EXPECT_NEAR(number_of(facts, "nearest"), 4, 1e-6);
  EXPECT_NEAR(number_of(facts, "farthest"), 20, 1e-6);
}

TEST(DepthFactsTest, RelativeDepthHasNoMetres) {
  DistanceMap map = room();
  map.has_unit = false;
  map.focal_length = 120;
  const InputFacts facts = depth_facts(map);
  EXPECT_EQ(facts.sentence, "Measured: nearest at the left, distances not known.");
  EXPECT_EQ(find_fact(facts, "farthest"), nullptr);
  EXPECT_EQ(find_fact(facts, "near_width"), nullptr);
}

TEST(FactsJsonTest, HasValuesUnitsAndPlaces) {
  InputFacts facts = thermal_facts(thermal_map(64, 48, 10, 8, 16.5F));
  facts.name = "oven.tiff";
  const auto json = facts_json({facts});
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["input"], "oven.tiff");
  EXPECT_EQ(json[0]["modality"], "thermal");
  EXPECT_EQ(json[0]["size"]["value"], "64 x 48");
  EXPECT_EQ(json[0]["hottest"].dump(),
            R"({"value":36.5,"unit":"°C","x":10,"y":8,"where":"upper left"})");
  EXPECT_EQ(json[0]["measured"], facts.sentence);
  EXPECT_EQ(to_json({facts}), json.dump());
}

TEST(FactsJsonTest, FactsOfOneNameAreAList) {
  InputFacts facts;
  facts.facts = {
      {"turns", 1.0},
      {.name = "turn", .value = -90.4, .unit = "°", .seconds = 1.234, .is_listed = true}};
  EXPECT_EQ(facts_json({facts})[0]["turn"].dump(), R"([{"value":-90,"unit":"°","seconds":1.23}])");
  EXPECT_EQ(facts_json({facts})[0]["turns"].dump(), R"({"value":1})");
}

TEST(FactListTest, NumbersHaveNoMinusZero) {
  EXPECT_EQ(fixed(-0.04, 1), "0.0");
  EXPECT_EQ(fixed(-0.06, 1), "-0.1");
  EXPECT_EQ(counted(1, "step"), "1 step");
  EXPECT_EQ(counted(2, "step"), "2 steps");
}

}  // namespace
}  // namespace pandagpt
