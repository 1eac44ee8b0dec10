// Depth maps as cameras, data sets, renderers, estimators and ROS write them: their metres against
// those of tools/reference/make_depth_fixtures.py, what is said about them, and hostile files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/warnings.h"
#include "media/compressed_depth.h"
#include "media/depth_map.h"
#include "media/heif.h"
#include "preprocess/depth_encoding.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const fs::path kSensors = fs::path(PANDAGPT_FIXTURES) / "sensors";

Bytes fixture(const std::string& name) {
  return read_file(kSensors / name, 1 << 20);
}

nlohmann::json cases() {
  return nlohmann::json::parse(test::read_text(kSensors / "depth_files.json"));
}

SensorOptions options_of(const nlohmann::json& given) {
  SensorOptions options;
  if (given.contains("encoding"))
    options.depth_encoding = depth_encoding_from_name(given["encoding"].get<std::string>());
  if (given.contains("metres_per_unit")) options.depth_metres_per_unit = given["metres_per_unit"];
  if (given.contains("focal_length")) options.depth_focal_length = given["focal_length"];
  if (given.contains("baseline")) options.depth_baseline = given["baseline"];
  return options;
}

struct Read {
  ScalarMap metres;
  std::vector<std::string> warnings;
};

Read read(const Bytes& bytes, const std::string& name, const SensorOptions& options,
          const std::string& format = "") {
  const WarningCollector collector;
  const DepthEncoding encoding = options.depth_encoding.value_or(DepthEncoding::kAuto);
  const ScalarMap map = format.empty() ? decode_depth_map(bytes, name, encoding)
                                       : decode_compressed_depth(bytes, format, name);
  ScalarMap metres = depth_in_metres(map, options, name);
  return {std::move(metres), collector.messages()};
}

/// The one-line message of the Error that `act` must throw.
std::string refusal(const std::function<void()>& act) {
  const Error error = test::error_of(act);
  EXPECT_THAT(error.kind(), AnyOf(ErrorKind::kInput, ErrorKind::kUsage)) << error.what();
  EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
  return error.what();
}

void expect_metres(const ScalarMap& map, const nlohmann::json& expected) {
  EXPECT_EQ(map.width, expected["width"]);
  EXPECT_EQ(map.height, expected["height"]);
  EXPECT_EQ(map.unit, MapUnit::kMetres);
  const std::size_t every = expected["every"];
  const nlohmann::json& values = expected["metres"];
  ASSERT_EQ((map.values.size() + every - 1) / every, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float found = map.values[i * every];
    if (values[i].is_null()) {
      ASSERT_TRUE(std::isnan(found)) << found << " at " << i * every;
    } else if (values[i].is_string()) {
      ASSERT_TRUE(std::isinf(found) && found > 0) << found << " at " << i * every;
    } else {
      const double right = values[i];
      ASSERT_NEAR(found, right, 1e-6 + right * expected["tolerance"].get<double>())
          << "at " << i * every;
    }
  }
}

TEST(DepthFiles, HaveTheRightMetresOrTheRightWords) {
  for (const nlohmann::json& entry : cases()) {
    const std::string file = entry["file"];
    if (file.ends_with(".heic") && !has_libheif()) continue;
    SCOPED_TRACE(file + " " + entry["options"].dump() + entry.value("path", ""));
    const std::string name = entry.value("path", file);
    const SensorOptions options = options_of(entry["options"]);
    const std::string format = entry["options"].value("format", "");
    if (entry.contains("error")) {
      EXPECT_THAT(refusal([&] { read(fixture(file), name, options, format); }),
                  HasSubstr(entry["error"].get<std::string>()));
      continue;
    }
    const Read result = read(fixture(file), name, options, format);
    expect_metres(result.metres, entry);
    const std::string warning = entry["warning"];
    if (warning.empty())
      EXPECT_THAT(result.warnings, IsEmpty());
    else
      EXPECT_THAT(result.warnings, ElementsAre(HasSubstr(warning)));
  }
}

TEST(DepthFiles, AreOfEveryEncoding) {
  std::set<std::string> tried;
  for (const nlohmann::json& entry : cases())
    tried.insert(entry["options"].value("encoding", "auto"));
  for (const DepthEncoding encoding : kAllDepthEncodings)
    EXPECT_TRUE(tried.contains(to_string(encoding))) << to_string(encoding);
}

TEST(DepthFiles, SayWhatTheyWereTakenFor) {
  const Read plain = read(fixture("depth_enc_plain.png"), "it.png", {});
  EXPECT_THAT(plain.warnings, ElementsAre("it.png: taken as millimetres (whole numbers without a "
                                          "unit): 1.11 to 4.66 m; if that is wrong, "
                                          "--depth-encoding (in requests encoding) says what the "
                                          "numbers are"));
  const std::vector<InputReport::Line>& lines = plain.metres.report.lines;
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].value, "millimetres");
  EXPECT_EQ(lines[1].value, "1.11 to 4.66 m");
  EXPECT_EQ(lines[2].value, "5.6 % of the pixels");
}

TEST(DepthFiles, RefuseOptionsThatContradictOneAnother) {
  const Bytes file = fixture("depth_enc_tum.png");
  const auto usage = [&](const SensorOptions& options) {
    const Error error = test::error_of([&] { read(file, "it.png", options); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
    return std::string(error.what());
  };
  EXPECT_THAT(usage({.depth_encoding = DepthEncoding::kTum, .depth_metres_per_unit = 0.001}),
              HasSubstr("has a unit of its own"));
  EXPECT_THAT(usage({.depth_encoding = DepthEncoding::kDisparity}), HasSubstr("--depth-camera"));
  EXPECT_THAT(usage({.depth_metres_per_unit = NAN}), HasSubstr("positive"));
  EXPECT_THAT(usage({.depth_focal_length = 0}), HasSubstr("positive"));
}

TEST(DepthFiles, RefuseNumbersOfAnotherEncoding) {
  const auto message = [](float value, DepthEncoding encoding) {
    const ScalarMap map{2, 2, false, std::vector<float>(4, value)};
    return refusal([&] { depth_in_metres(map, {.depth_encoding = encoding}, "it"); });
  };
  EXPECT_THAT(message(2.5F, DepthEncoding::kTum), HasSubstr("it holds 2.5"));
  EXPECT_THAT(message(70000, DepthEncoding::kKitti), HasSubstr("it holds 70000"));
  EXPECT_THAT(message(-1, DepthEncoding::kSunRgbd), HasSubstr("it holds -1"));
  EXPECT_THAT(message(40000, DepthEncoding::kNyuRaw), HasSubstr("more than 11 bits"));
  EXPECT_THAT(message(2, DepthEncoding::kRelativeInverse), HasSubstr("two different numbers"));
}

TEST(DepthFiles, TakeWhatIsRenderedFarAwayForFar) {
  ScalarMap map{4, 1, false, {2, 3, 1e10F, INFINITY}};
  const WarningCollector collector;
  const ScalarMap metres = depth_in_metres(map, {}, "it");
  EXPECT_TRUE(std::isinf(metres.values[2]));
  EXPECT_TRUE(std::isnan(metres.values[3]));
  map.values = {1e10F, 1e10F, 1e10F, 1e10F};
  EXPECT_THAT(refusal([&] { depth_in_metres(map, {}, "it"); }), HasSubstr("infinitely far"));
}

TEST(DepthFiles, OfRobotsLogsSayTheirUnit) {
  const std::string log = (fs::path(PANDAGPT_FIXTURES) / "logs" / "ros2_lz4.mcap").string();
  const WarningCollector collector;
  const ScalarMap map = load_depth_map(log + "#/camera/depth@0.2");
  EXPECT_EQ(map.unit, MapUnit::kMillimetres);
  const ScalarMap metres = depth_in_metres(map, {}, log);
  EXPECT_THAT(collector.messages(), IsEmpty());
  const ScalarMap twice = depth_in_metres(map, {.depth_metres_per_unit = 0.002}, log);
  std::size_t i = 0;
  while (std::isnan(metres.values[i]))
    ++i;
  EXPECT_FLOAT_EQ(metres.values[i] * 1000, map.values[i]);
  EXPECT_FLOAT_EQ(twice.values[i], 2 * metres.values[i]);
}

TEST(DepthFiles, TheUnitOfAnIphoneCantBeOverruled) {
  if (!has_libheif()) GTEST_SKIP() << "this build has no libheif";
  const Bytes file = fixture("depth_portrait.heic");
  for (const SensorOptions& options : {SensorOptions{.depth_encoding = DepthEncoding::kTum},
                                       SensorOptions{.depth_metres_per_unit = 0.001}})
    EXPECT_THAT(refusal([&] { read(file, "it.heic", options); }),
                HasSubstr("the file itself says that its numbers are 1/m"));
}

// --- Hostile files -------------------------------------------------------------------------------

Bytes from_text(const std::string& text) {
  return {text.begin(), text.end()};
}

constexpr const char* kFormats[] = {
    "depth_pfm.pfm",       "depth_pgm.pgm",        "depth_npz.npz",       "depth_exr_rgbz.exr",
    "depth_exr_tiles.exr", "depth_exr_window.exr", "depth_portrait.heic", "depth_ros.bin"};

TEST(DepthFiles, RefuseEveryTruncation) {
  for (const std::string name : kFormats) {
    if (name.ends_with(".heic") && !has_libheif()) continue;
    const Bytes whole = fixture(name);
    for (std::size_t size = 1; size + 16 < whole.size(); size += 1 + whole.size() / 40) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_THAT(refusal([&] { decode_depth_map(part, "it"); }), StartsWith("it"))
          << name << " cut to " << size;
    }
  }
}

TEST(DepthFiles, SurviveFlippedBytes) {
  for (const std::string name : kFormats) {
    const Bytes whole = fixture(name);
    std::uint32_t state = 1;
    for (int round = 0; round < 200; ++round) {
      Bytes damaged = whole;
      for (int i = 0; i < 3; ++i) {
        state = state * 1664525 + 1013904223;
        damaged[(state >> 8) % std::min<std::size_t>(damaged.size(), 900)] ^=
            static_cast<std::uint8_t>(1U << (state & 7));
      }
      try {
        const WarningCollector quiet;
        const ScalarMap map =
            decode_depth_map(damaged, "it", DepthEncoding::kAuto, {.max_pixels = 100'000});
        EXPECT_EQ(map.values.size(), std::size_t(map.width) * map.height);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      }
    }
  }
}

TEST(DepthFiles, JudgeTheSizeFirst) {
  const ImageLimits small{.max_pixels = 1000};
  for (const std::string name : kFormats) {
    if (name.ends_with(".heic") && !has_libheif()) continue;
    EXPECT_THAT(
        refusal([&] { decode_depth_map(fixture(name), "it", DepthEncoding::kAuto, small); }),
        HasSubstr("larger than the limit"))
        << name;
  }
  for (const char* text : {"Pf\n999999999 999999999\n-1\n", "P5 999999999 999999999 65535\n"})
    EXPECT_THAT(refusal([&] { decode_depth_map(from_text(text), "it"); }),
                HasSubstr("larger than the limit"));
  for (const char* text : {"Pf\n0 5\n-1\n", "P5 5 0 65535\n"})
    EXPECT_THAT(refusal([&] { decode_depth_map(from_text(text), "it"); }),
                HasSubstr("has no pixels"));
  for (const char* text :
       {"Pf\n5 5\n0\n", "Pf\n5 5\nnan\n", "Pf\n5 x\n-1\n", "Pf\n5 5\n-1\nabc", "P5 5 5 70000\n",
        "P5 5 5 65535\nabc", "P5 # no end", "Pf\n-5 5\n-1\n", "Pf\n99999999999 5\n-1\n"})
    EXPECT_THAT(refusal([&] { decode_depth_map(from_text(text), "it"); }),
                HasSubstr("truncated or damaged"))
        << text;
}

TEST(DepthFiles, BelieveNoLengthOfRvl) {
  const std::string format = "16UC1; compressedDepth rvl";
  const auto message = [&](const std::vector<std::uint32_t>& words) {
    Bytes bytes(12);
    for (const std::uint32_t word : words)
      for (int shift = 0; shift < 32; shift += 8)
        bytes.push_back(static_cast<std::uint8_t>(word >> shift));
    return refusal([&] { decode_compressed_depth(bytes, format, "it"); });
  };
  EXPECT_THAT(message({}), HasSubstr("truncated"));
  EXPECT_THAT(message({4'000'000'000, 4'000'000'000}), HasSubstr("larger than the limit"));
  EXPECT_THAT(message({8, 8}), HasSubstr("truncated"));
  EXPECT_THAT(message({8, 8, 0xFFFFFFFF, 0xFFFFFFFF}), HasSubstr("damaged"));  // a run too long
  EXPECT_THAT(message({8, 8, 0}), HasSubstr("damaged"));                       // runs of none
  EXPECT_THAT(refusal([] { decode_compressed_depth(Bytes(40), "jpeg", "it"); }),
              HasSubstr("none of compressedDepth"));
  EXPECT_THAT(refusal([] { decode_compressed_depth(Bytes(40), "32FC1; compressedDepth", "it"); }),
              StartsWith("it: "));
}

TEST(DepthFiles, ReadRvlOfZerosOnly) {
  Bytes bytes(12);
  for (const std::uint32_t word : {2U, 3U, 0x60000000U})  // a run of six zeros
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<std::uint8_t>(word >> shift));
  const ScalarMap map = decode_compressed_depth(bytes, "16UC1; compressedDepth rvl", "it");
  EXPECT_EQ(map.values, std::vector<float>(6, 0));
}

}  // namespace
}  // namespace pandagpt
