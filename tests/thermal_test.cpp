// Files of thermal cameras: the values that they measured, and every damaged one refused.
// The files: tools/reference/make_thermal_fixtures.py, the degrees by flyr.
#include "media/thermal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "core/warnings.h"
#include "media/byte_order.h"
#include "media/gdal_tags.h"
#include "media/nodata.h"
#include "media/npy.h"
#include "media/radiometric_jpeg.h"
#include "media/temperature_unit.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::uint64_t kMaxFixtureBytes = 1 << 20;
constexpr int kWidth = 32;
constexpr int kHeight = 24;

Bytes fixture(const std::string& name) {
  return read_file(std::filesystem::path(PANDAGPT_FIXTURES) / "sensors" / name, kMaxFixtureBytes);
}

/// [height, width]
std::vector<float> values_of(const std::string& npy) {
  const std::vector<double> values = decode_npy(fixture(npy), npy).values;
  return {values.begin(), values.end()};
}

struct Read {
  ThermalFile file;
  std::vector<std::string> warnings;
};

Read read_bytes(const Bytes& bytes, const std::string& name, const ImageLimits& limits = {}) {
  WarningCollector collector;
  ThermalFile file = decode_thermal_file(bytes, name, limits);
  return {std::move(file), collector.messages()};
}

Read read(const std::string& name) {
  return read_bytes(fixture(name), name);
}

std::string refusal(const std::function<void()>& act) {
  const Error error = test::error_of(act);
  EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
  EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
  return error.what();
}

std::string refusal(const Bytes& bytes, const std::string& name = "it") {
  return refusal([&] { decode_thermal_file(bytes, name); });
}

/// What the report says of `name`; "" if nothing.
std::string line_of(const InputReport& report, const std::string& name) {
  for (const InputReport::Line& line : report.lines)
    if (line.name == name) return line.value;
  return "";
}

void expect_values(const Read& read, const std::vector<float>& expected, double tolerance,
                   const std::string& name) {
  ASSERT_TRUE(read.file.map) << name;
  EXPECT_EQ(read.file.map->width, kWidth) << name;
  EXPECT_EQ(read.file.map->height, kHeight) << name;
  ASSERT_EQ(read.file.map->values.size(), expected.size()) << name;
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(read.file.map->values[i], expected[i], tolerance) << name << " at " << i;
}

// --- FLIR --------------------------------------------------------------------------------------

TEST(Flir, GivesTheDegreesOfTheCamerasConstants) {
  const std::vector<float> celsius = values_of("flir_celsius.npy");
  for (const char* name : {"flir_png.jpg", "flir_plain.jpg", "flir_little.jpg", "flir.fff"}) {
    const Read one = read(name);
    expect_values(one, celsius, 0.01, name);
    EXPECT_EQ(one.file.map->unit, MapUnit::kCelsius) << name;
    EXPECT_THAT(one.warnings, IsEmpty()) << name;
    EXPECT_EQ(one.file.report.device, "FLIR T640") << name;
    EXPECT_EQ(line_of(one.file.report, "emissivity"), "0.95") << name;
    EXPECT_EQ(line_of(one.file.report, "unit"), "degrees Celsius") << name;
    EXPECT_EQ(line_of(one.file.report, "window"), "21.0 C, lets 0.98 through") << name;
  }
  EXPECT_EQ(read("flir_png.jpg").file.report.format, "FLIR radiometric JPEG");
}

TEST(Flir, OfAFilmTakesTheFirstPictureAndSaysSo) {
  for (const char* name : {"flir_film.seq", "flir_film.csq"}) {
    const Read film = read(name);
    expect_values(film, values_of("flir_celsius.npy"), 0.01, name);
    EXPECT_THAT(film.warnings, ElementsAre(HasSubstr("a film of thermal pictures; the first")));
  }
}

TEST(Flir, JpegLsMayHaveSegmentsBeforeItsFrame) {
  Bytes film = fixture("flir_film.csq");
  const std::string start = "\xFF\xD8\xFF\xF7";
  const std::string spiff("\xFF\xE8\x00\x06SPIF", 8);  // what follows moves by its length
  const auto at = std::ranges::search(film, start, {}, {}, [](char c) { return std::uint8_t(c); });
  film.insert(at.begin() + 2, spiff.begin(), spiff.end());
  constexpr std::size_t kLengthAt = 64 + 0x10;
  film[kLengthAt] = static_cast<std::uint8_t>(film[kLengthAt] + spiff.size());
  constexpr std::size_t kOffsetOfCameraAt = 64 + 32 + 0x0C;
  film[kOffsetOfCameraAt] = static_cast<std::uint8_t>(film[kOffsetOfCameraAt] + spiff.size());
  expect_values(read_bytes(film, "it"), values_of("flir_celsius.npy"), 0.01, "it");
}

TEST(Flir, CountsStayCountsWithoutConstants) {
  const Read one = read("flir_counts.fff");
  expect_values(one, values_of("counts.npy"), 0, "flir_counts.fff");
  EXPECT_EQ(one.file.map->unit, MapUnit::kCounts);
  EXPECT_EQ(line_of(one.file.report, "unit"), "counts");
}

TEST(Flir, IsTurnedWithItsPicture) {
  const Read one = read("flir_turned.jpg");
  ASSERT_TRUE(one.file.map);
  EXPECT_EQ(one.file.map->width, kHeight);
  EXPECT_EQ(one.file.map->height, kWidth);
  EXPECT_EQ(line_of(one.file.report, "orientation"), "turned right by 90 degrees");
  const std::vector<float> stored = values_of("flir_celsius.npy");
  EXPECT_NEAR(one.file.map->values.front(), stored[(kHeight - 1) * kWidth], 0.01);
}

TEST(Flir, AColourPhotoWithoutMeasurementIsAPicture) {
  const Read one = read("flir_photo.jpg");
  EXPECT_FALSE(one.file.map);
  EXPECT_EQ(one.file.picture.width, 4 * kWidth);
  EXPECT_THAT(one.warnings, ElementsAre(HasSubstr("false-colour picture without a measurement")));
}

TEST(Flir, TheRangeIsInCelsius) {
  const ThermalRange range{.coldest = 10, .warmest = 60};
  const Image grey = decode_thermal(fixture("flir_plain.jpg"), "it", range);
  const std::vector<float> celsius = values_of("flir_celsius.npy");
  for (std::size_t i = 0; i < celsius.size(); ++i) {
    const double level = 255 * std::clamp((celsius[i] - 10.0) / 50, 0.0, 1.0);
    ASSERT_NEAR(grey.rgb[3 * i], level, 1) << i;
  }
}

TEST(Flir, EveryTruncationIsRefused) {
  for (const char* name : {"flir.fff", "flir_counts.fff"}) {
    const Bytes whole = fixture(name);
    const std::size_t pixels = name == std::string("flir.fff") ? 128 + 32 : 96 + 32;
    for (std::size_t size = 64; size < pixels + 2 * kWidth * kHeight; size += 97)
      EXPECT_THAT(refusal(Bytes(whole.begin(), whole.begin() + std::ptrdiff_t(size))),
                  HasSubstr("truncated or damaged"))
          << name << " cut to " << size;
  }
  const Bytes jpeg = fixture("flir_plain.jpg");  // three pieces of 700 bytes
  for (const std::size_t size : {1000, 1700})
    EXPECT_THAT(refusal(Bytes(jpeg.begin(), jpeg.begin() + std::ptrdiff_t(size))),
                StartsWith("it: "));
}

void put_u32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i)
    bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

TEST(Flir, HostileLengthsAreErrors) {
  constexpr std::size_t kDirectoryAt = 0x18, kCountAt = 0x1C, kOffsetAt = 64 + 0x0C,
                        kLengthAt = 64 + 0x10, kSizeAt = 128 + 2;
  const Bytes good = fixture("flir.fff");
  for (const std::size_t at : {kDirectoryAt, kOffsetAt, kLengthAt}) {
    Bytes bad = good;
    put_u32(bad, at, 0xFFFFFFF0);
    EXPECT_THAT(refusal(bad), HasSubstr("truncated or damaged")) << at;
  }
  Bytes many = good;
  put_u32(many, kCountAt, 0xFFFFFFFF);
  EXPECT_TRUE(decode_thermal_file(many, "it").map);  // what is looked for comes first
  Bytes none = good;
  put_u32(none, kCountAt, 0);
  EXPECT_THAT(refusal(none), HasSubstr("no measurement"));
  Bytes large = good;
  put_u32(large, kSizeAt, 0xFFFFFFFF);
  EXPECT_THAT(refusal(large), HasSubstr("larger than the limit"));
  EXPECT_THAT(refusal([&] { decode_thermal_file(good, "it", {.max_pixels = 100}); }),
              HasSubstr("larger than the limit"));
}

TEST(Flir, FlippedBytesDoNoHarm) {
  for (const char* name : {"flir.fff", "flir_png.jpg", "flir_film.csq", "infiray.jpg",
                           "dji_app3.jpg", "alpha.tif", "scaled.tif"}) {
    const Bytes whole = fixture(name);
    std::uint32_t state = 7;
    for (int round = 0; round < 200; ++round) {
      Bytes damaged = whole;
      for (int i = 0; i < 3; ++i) {
        state = state * 1664525 + 1013904223;
        damaged[(state >> 8) % std::min<std::size_t>(damaged.size(), 900)] ^=
            static_cast<std::uint8_t>(1U << (state & 7));
      }
      WarningCollector quiet;
      try {
        const ThermalFile file = decode_thermal_file(damaged, "it", {.max_pixels = 1'000'000});
        if (file.map) {
          EXPECT_EQ(file.map->values.size(), std::size_t(file.map->width) * file.map->height);
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      }
    }
  }
}

// --- DJI and InfiRay ---------------------------------------------------------------------------

TEST(RawCounts, OfDji) {
  const std::vector<float> counts = values_of("counts.npy");
  for (const char* name : {"dji_app3.jpg", "dji_app4.jpg"}) {
    const Read one = read(name);
    expect_values(one, counts, 0, name);
    EXPECT_EQ(one.file.map->unit, MapUnit::kCounts) << name;
    EXPECT_THAT(one.warnings, IsEmpty()) << name;
  }
  EXPECT_EQ(read("dji_app3.jpg").file.report.device, "DJI ZH20T");
  EXPECT_EQ(read("dji_app4.jpg").file.report.device, "DJI XT S");
}

TEST(Infiray, GivesDegrees) {
  for (const char* name : {"infiray.jpg", "infiray_p2pro.jpg"}) {
    const Read one = read(name);
    expect_values(one, values_of("celsius.npy"), 0.01, name);
    EXPECT_EQ(one.file.map->unit, MapUnit::kCelsius) << name;
    EXPECT_EQ(one.file.report.device, "InfiRay (infisense)") << name;
    EXPECT_THAT(one.warnings, IsEmpty()) << name;
  }
}

TEST(Infiray, WithoutItsPixelsIsRefused) {
  Bytes file = fixture("infiray.jpg");
  const std::string mark = "IJPEG";
  const auto at = std::ranges::search(file, mark).begin() - file.begin();
  const std::size_t header = static_cast<std::size_t>(at) - 4;
  put_u32(file, header + 0x20, 0xFFFFFFFF);
  EXPECT_THAT(refusal(file), HasSubstr("truncated or damaged"));
  put_u32(file, header + 0x30, 0xFFFFFFFF);
  EXPECT_THAT(refusal(file), HasSubstr("not of 16-bit numbers"));
}

TEST(MeasurementInJpeg, IsNamedWithoutBeingRead) {
  EXPECT_EQ(measurement_in_jpeg(fixture("flir_png.jpg")), "FLIR");
  EXPECT_EQ(measurement_in_jpeg(fixture("dji_app3.jpg")), "DJI");
  EXPECT_EQ(measurement_in_jpeg(fixture("dji_app4.jpg")), "DJI");
  EXPECT_EQ(measurement_in_jpeg(fixture("infiray.jpg")), "InfiRay");
  EXPECT_EQ(measurement_in_jpeg(fixture("flir_photo.jpg")), "");
  EXPECT_EQ(measurement_in_jpeg(fixture("flir.fff")), "");
  EXPECT_EQ(measurement_in_jpeg({}), "");
}

// --- Missing values ----------------------------------------------------------------------------

std::size_t count_holes(const ThermalFile& file) {
  return static_cast<std::size_t>(
      std::ranges::count_if(file.map->values, [](float value) { return std::isnan(value); }));
}

TEST(MissingValues, AreHolesWhateverSaysSo) {
  const std::vector<float> celsius = values_of("celsius.npy");
  for (const char* name : {"nodata_tag.tif", "nodata_9999.tif"}) {
    const Read one = read(name);
    ASSERT_TRUE(one.file.map) << name;
    EXPECT_EQ(count_holes(one.file), std::size_t{9} * kHeight) << name;
    EXPECT_EQ(line_of(one.file.report, "holes"), "216 pixels (28.1 %) without a value") << name;
    EXPECT_THAT(one.warnings, IsEmpty()) << name;
    for (std::size_t i = 0; i < celsius.size(); ++i) {
      if (i % kWidth >= 9) {
        ASSERT_EQ(one.file.map->values[i], celsius[i]) << name;
      }
    }
  }
  const Read transparent = read("transparent.png");
  EXPECT_EQ(count_holes(transparent.file), std::size_t{9} * kHeight);
  EXPECT_THAT(transparent.warnings, IsEmpty());
  const Read guessed = read("nodata_zero.tif");
  EXPECT_EQ(count_holes(guessed.file), std::size_t{9} * kHeight);
  EXPECT_THAT(guessed.warnings, ElementsAre(HasSubstr("28.1 % of the pixels are 0, far off")));
}

ScalarMap row_of(std::vector<float> values, bool integer = false) {
  const auto width = static_cast<int>(values.size());
  return {width, 1, integer, std::move(values)};
}

std::size_t holes_in(ScalarMap map) {
  WarningCollector quiet;
  mark_missing_values(map, "it");
  return static_cast<std::size_t>(
      std::ranges::count_if(map.values, [](float value) { return std::isnan(value); }));
}

TEST(MissingValues, OnlyFarOffNumbersAreTaken) {
  EXPECT_EQ(holes_in(row_of({-9999, 20, 21, 35})), 1U);
  EXPECT_EQ(holes_in(row_of({-32768, -9999, 20, 21, 35})), 2U);
  EXPECT_EQ(holes_in(row_of({-3.4028235e38F, 20, 21, 35, 3.4028235e38F})), 2U);
  EXPECT_EQ(holes_in(row_of({-300, 20, 21, 35})), 1U);      // below absolute zero
  EXPECT_EQ(holes_in(row_of({-300, 200, 700}, true)), 0U);  // hundredths of a degree
  EXPECT_EQ(holes_in(row_of({-9999, -9990, -9985})), 0U);   // a range of its own
  EXPECT_EQ(holes_in(row_of({0, 29000, 29500, 31000}, true)), 1U);
  EXPECT_EQ(holes_in(row_of({65535, 29000, 29500, 31000}, true)), 1U);
  EXPECT_EQ(holes_in(row_of({0, 1, 5, 9}, true)), 0U);
  EXPECT_EQ(holes_in(row_of({-12, -3, 0, 4})), 0U);
  EXPECT_EQ(holes_in(row_of({0, 0, 0})), 0U);
  EXPECT_EQ(holes_in(row_of({NAN, NAN})), 2U);
}

// --- TIFF and PNG --------------------------------------------------------------------------------

TEST(Bands, TheFirstBesideAMask) {
  const std::vector<float> counts = values_of("counts.npy");
  for (const char* name : {"alpha.tif", "mask_plane.tif", "alpha.png"}) {
    const Read one = read(name);
    ASSERT_TRUE(one.file.map) << name;
    EXPECT_EQ(count_holes(one.file), std::size_t{4} * kWidth) << name;
    for (std::size_t i = 0; i < std::size_t{20} * kWidth; ++i)
      ASSERT_EQ(one.file.map->values[i], counts[i]) << name;
  }
  EXPECT_THAT(refusal(fixture("three_bands.tif")), HasSubstr("3 bands (1, 2, 3 \"LWIR\")"));
}

TEST(Pages, TheFirstIsTakenAndTheOthersCounted) {
  const Read one = read("pages.tif");
  expect_values(one, values_of("counts.npy"), 0, "pages.tif");
  EXPECT_THAT(one.warnings, ElementsAre(HasSubstr("has 3 pages; the first one is used")));
}

TEST(Scale, OfGdalMakesDegrees) {
  const Read one = read("scaled.tif");
  expect_values(one, values_of("celsius.npy"), 0.006, "scaled.tif");
  EXPECT_EQ(one.file.map->unit, MapUnit::kCelsius);
}

TEST(ByteOrder, IsSeenFromThePixels) {
  const Read one = read("swapped.png");
  expect_values(one, values_of("counts.npy"), 0, "swapped.png");
  EXPECT_THAT(line_of(one.file.report, "byte order"), HasSubstr("turned"));
  // A picture of 8 bits in the upper bytes, noise, and a right one stay as they are.
  ScalarMap upper = row_of({256, 512, 768, 1024}, true);
  EXPECT_FALSE(has_swapped_bytes(upper));
  EXPECT_FALSE(has_swapped_bytes(row_of({12345, 54321, 333, 40000, 21}, true)));
  EXPECT_FALSE(has_swapped_bytes(row_of({14000, 14010, 14003, 14500}, true)));
  EXPECT_FALSE(has_swapped_bytes(row_of({21.5F, 22, 23})));
}

TEST(Orientation, OfMapsIsUndone) {
  const std::vector<float> counts = values_of("counts.npy");
  const auto stored = [&](int x, int y) { return counts[std::size_t(y) * kWidth + x]; };
  const ScalarMap right = *read("turned_6.png").file.map;
  const ScalarMap left = *read("turned_8.tif").file.map;
  for (const ScalarMap* map : {&right, &left}) {
    ASSERT_EQ(map->width, kHeight);
    ASSERT_EQ(map->height, kWidth);
  }
  for (int y = 0; y < kWidth; ++y)
    for (int x = 0; x < kHeight; ++x) {
      const std::size_t at = std::size_t(y) * kHeight + x;
      ASSERT_EQ(right.values[at], stored(y, kHeight - 1 - x));
      ASSERT_EQ(left.values[at], stored(kWidth - 1 - y, x));
    }
  EXPECT_EQ(line_of(left.report, "orientation"), "turned left by 90 degrees");
}

TEST(Gdal, ItsTextsAreReadStrictly) {
  EXPECT_EQ(read_gdal_nodata("-9999"), -9999);
  EXPECT_EQ(read_gdal_nodata(" -3.4028234663852886e+38 "), -3.4028234663852886e+38);
  EXPECT_FALSE(read_gdal_nodata("nan"));
  EXPECT_FALSE(read_gdal_nodata("-9999 or so"));
  EXPECT_FALSE(read_gdal_nodata(""));
  for (const char* broken : {"<Item ", "<Item sample=\"0\" role=\"scale\">0.5", "</Item><Item",
                             "<Item sample=\"0\" role=\"scale\">x</Item>"})
    EXPECT_FALSE(read_gdal_band(broken, 0).is_scaled()) << broken;
  EXPECT_EQ(read_gdal_band("<Item sample=\"1\" role=\"offset\">2</Item>", 1).offset, 2);
}

// --- Films and pictures --------------------------------------------------------------------------

TEST(Film, TheFrameInTheMiddleIsTaken) {
  const Read one = read("grey16.mkv");
  expect_values(one, values_of("counts.npy"), 0, "grey16.mkv");
  EXPECT_THAT(one.warnings, ElementsAre(HasSubstr("a film of 3 frames; the one in the middle")));
  EXPECT_EQ(line_of(one.file.report, "frame"), "2 of 3");
}

TEST(FalseColours, AreWarnedOfOnce) {
  EXPECT_THAT(read("thermal_colours.png").warnings, ElementsAre(HasSubstr("false-colour")));
  EXPECT_THAT(read("thermal_grey.png").warnings, IsEmpty());
}

TEST(TemperatureUnit, HasManyNames) {
  for (const char* name : {"C",
                           "\xC2\xB0"
                           "C",
                           "degC", "deg C", "degree_Celsius", "celsius"})
    EXPECT_EQ(temperature_unit_from_name(name), TemperatureUnit::kCelsius) << name;
  for (const char* name : {"F", "Fahrenheit", "degF"})
    EXPECT_EQ(temperature_unit_from_name(name), TemperatureUnit::kFahrenheit) << name;
  for (const char* name : {"K", "Kelvin"})
    EXPECT_EQ(temperature_unit_from_name(name), TemperatureUnit::kKelvin) << name;
  EXPECT_FALSE(temperature_unit_from_name("m"));
  EXPECT_FALSE(temperature_unit_from_name(""));
}

// --- Tables ------------------------------------------------------------------------------------

/// 6 rows of 5: 20.0, 20.1, .. in a row, 1 more in each.
std::string table(const std::string& separator, char decimal = '.', const std::string& unit = "",
                  const std::string& before = "") {
  std::string text;
  for (int y = 0; y < 6; ++y) {
    text += before;
    for (int x = 0; x < 5; ++x)
      text +=
          (x == 0 ? "" : separator) + std::to_string(20 + y) + decimal + std::to_string(x) + unit;
    text += "\r\n";
  }
  return text;
}

Read read_table(const std::string& text) {
  return read_bytes(Bytes(text.begin(), text.end()), "it.csv");
}

void expect_table(const std::string& text, MapUnit unit = MapUnit::kUnknown) {
  const Read one = read_table(text);
  ASSERT_TRUE(one.file.map) << text;
  ASSERT_EQ(one.file.map->width, 5) << text;
  ASSERT_EQ(one.file.map->height, 6) << text;
  EXPECT_EQ(one.file.map->unit, unit) << text;
  for (int i = 0; i < 30; ++i)
    ASSERT_NEAR(one.file.map->values[i], 20 + i / 5 + 0.1 * (i % 5), 1e-4) << text << i;
}

TEST(ThermalTable, InManyDialects) {
  for (const char* separator : {";", ",", "\t", " ", "; ", ", "})
    expect_table(table(separator));
  for (const char* separator : {";", "\t", " "})
    expect_table(table(separator, ','));
  expect_table("\xEF\xBB\xBF" + table(";", ','));
  expect_table(table(";") + "\r\n\r\n");
  std::string trailing = table(";");
  for (std::size_t at = 0; (at = trailing.find("\r\n", at)) != std::string::npos; at += 3)
    trailing.insert(at, ";");
  expect_table(trailing);
  std::string quoted;
  for (const char c : table(";", ','))
    quoted += c == ';' ? "\",\"" : c == '\r' ? "\"" : c == '\n' ? "\n\"" : std::string(1, c);
  quoted.pop_back();
  expect_table(std::string(1, '"').append(quoted));
}

TEST(ThermalTable, WithWhatProgramsPutAroundIt) {
  // FLIR Tools: a preamble, and a label before the first row.
  std::string flir =
      "File:;C:\\x\\FLIR0042.jpg\r\n\r\nParameters:;Emissivity:;0,95\r\n"
      ";Refl. temp.:;20,0 \xB0"
      "C\r\n;Distance:;1,0 m\r\n\r\n";
  std::string rows = table(";", ',', "", ";");
  expect_table(flir + "Frame 1" + rows, MapUnit::kCelsius);
  // Others number rows and columns.
  std::string numbered = "Y/X,0,1,2,3,4\n";
  for (int y = 0; y < 6; ++y) {
    numbered += std::to_string(y);
    for (int x = 0; x < 5; ++x)
      numbered.append(",").append(std::to_string(20 + y)).append(".").append(std::to_string(x));
    numbered += "\n";
  }
  expect_table(
      "Temperature [\xC2\xB0"
      "C]\n" +
          numbered,
      MapUnit::kCelsius);
  expect_table(numbered.substr(3));
  expect_table(table(";", '.',
                     " \xC2\xB0"
                     "C"),
               MapUnit::kCelsius);
}

TEST(ThermalTable, UnitsBecomeCelsius) {
  const Read warm = read_table(
      "Unit: \xC2\xB0"
      "F\n" +
      table(","));
  ASSERT_TRUE(warm.file.map);
  EXPECT_EQ(warm.file.map->unit, MapUnit::kCelsius);
  EXPECT_NEAR(warm.file.map->values[0], -6.6667, 1e-3);
  const Read kelvin = read_table("Kelvin\n" + table(","));
  EXPECT_NEAR(kelvin.file.map->values[0], 20 - 273.15, 1e-3);
}

TEST(ThermalTable, InUtf16) {
  std::string wide = "\xFF\xFE";
  for (const char c : table("\t", ',')) {
    wide += c;
    wide += '\0';
  }
  expect_table(wide);
}

TEST(ThermalTable, HolesAndLaterTables) {
  const Read one = read_table(table(";") + "\n" + table(";"));
  EXPECT_THAT(one.warnings, ElementsAre(HasSubstr("2 tables; the first one is used")));
  std::string holes = table(";");
  holes.replace(holes.find("20.1"), 4, "");
  holes.replace(holes.find("22.0"), 4, "NaN");
  const Read two = read_table(holes);
  ASSERT_TRUE(two.file.map);
  EXPECT_EQ(count_holes(two.file), 2U);
}

TEST(ThermalTable, WhatIsNoneIsRefused) {
  const auto message = [](const std::string& text) {
    return refusal(Bytes(text.begin(), text.end()), "it.csv");
  };
  std::string motion = "time,acc_x,acc_y,acc_z,gyro_x\n" + table(",");
  EXPECT_THAT(message(motion), HasSubstr("a table with named columns (\"time,acc_x"));
  std::string uneven = table(";");
  uneven.insert(uneven.find("\r\n23"), ";7;8");
  EXPECT_THAT(message(uneven), HasSubstr("line 3 isn't a row of 5 numbers"));
  for (const char* word : {"20.3", "21.2", "24.3"}) {
    std::string broken = table(";");
    broken.replace(broken.find(word), 4, "abc");
    EXPECT_THAT(message(broken), HasSubstr("isn't a row of 5 numbers")) << word;
  }
  std::string split;
  for (int y = 0; y < 6; ++y)
    split += "20,3,20,7,21,1,20,9,20,2\n";
  EXPECT_THAT(message(split), HasSubstr("commas stand between the cells and"));
  EXPECT_THAT(message("1,2,3\n4,5,6\n"), HasSubstr("without a matrix"));
  EXPECT_THAT(message("hello 1 world\n"), HasSubstr("without a matrix"));
  EXPECT_THAT(message("version https://git-lfs.github.com/spec/v1\noid sha256:12\n"),
              HasSubstr("git lfs pull"));
  const std::string good = table(";");
  EXPECT_THAT(refusal([&] {
                decode_thermal_file(Bytes(good.begin(), good.end()), "it", {.max_pixels = 20});
              }),
              HasSubstr("more cells than the limit"));
}

}  // namespace
}  // namespace pandagpt
