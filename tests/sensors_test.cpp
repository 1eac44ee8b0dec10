// Depth, thermal and IMU files: their tensors against those of torchvision, Pillow and NumPy, and
// every kind of file that must be refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "media/depth_map.h"
#include "media/imu.h"
#include "media/npy.h"
#include "media/scalar_map.h"
#include "media/thermal.h"
#include "pipeline/media_tensor.h"
#include "preprocess/depth.h"
#include "preprocess/depth_encoding.h"
#include "preprocess/imu.h"
#include "preprocess/thermal.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const fs::path kSensors = fs::path(PANDAGPT_FIXTURES) / "sensors";
constexpr std::uint64_t kMaxFixtureBytes = 1 << 20;

Bytes fixture(const std::string& name) {
  return read_file(kSensors / name, kMaxFixtureBytes);
}

Bytes from_text(const std::string& text) {
  return {text.begin(), text.end()};
}

nlohmann::json cases(const std::string& kind) {
  return nlohmann::json::parse(test::read_text(kSensors / "manifest.json")).at(kind);
}

// Compares with summary() of make_sensor_fixtures.py.
void expect_tensor(const std::vector<float>& tensor, const nlohmann::json& expected,
                   double tolerance, const std::string& name) {
  ASSERT_EQ(tensor.size(), expected["count"]) << name;
  double sum = 0;
  for (const float value : tensor)
    sum += value;
  EXPECT_NEAR(sum, expected["sum"], tolerance * double(tensor.size())) << name;
  const std::vector<double> values = expected["values"];
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(tensor[i * expected["every"].get<std::size_t>()], values[i], tolerance)
        << name << " at " << i;
}

// The one-line message of the Error(kInput) that `act` must throw.
std::string refusal(const std::function<void()>& act) {
  const Error error = test::error_of(act);
  EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
  EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
  return error.what();
}

// --- Depth -------------------------------------------------------------------------------------

TEST(Depth, GivesTheReferencesTensors) {
  constexpr double kTolerance = 2e-4;  // of values from -1.4 to 32; the reference sums in floats
  for (const nlohmann::json& entry : cases("depth")) {
    const std::string name = entry["file"];
    const ScalarMap map =
        depth_in_metres(load_depth_map(kSensors / name), {}, (kSensors / name).string());
    EXPECT_EQ(map.width, entry["width"]) << name;
    EXPECT_EQ(map.height, entry["height"]) << name;
    expect_tensor(depth_tensor(map, name), entry["tensor"], kTolerance, name);
  }
}

ScalarMap flat_map(float metres) {
  return {4, 3, false, std::vector<float>(12, metres), MapUnit::kMetres};
}

TEST(Depth, FollowsItsFormula) {
  const DepthTransform transform{.size = 2, .camera = {.focal_length = 500, .baseline = 0.1F}};
  const float at_two_metres = (500 * 0.1F / 2 / 75 - 0.0418F) / 0.0295F;
  for (const float value : depth_tensor(flat_map(2), "it", transform))
    EXPECT_NEAR(value, at_two_metres, 1e-4);
  // Disparity ends at 75 pixels.
  EXPECT_NEAR(depth_tensor(flat_map(0.02F), "it", transform)[0], (1 - 0.0418F) / 0.0295F, 1e-3);
}

TEST(Depth, AThingCutOutKeepsItsOutline) {
  const DepthTransform transform;
  ScalarMap map{5, 4, false, std::vector<float>(20, NAN), MapUnit::kMetres};
  for (std::size_t i = 5; i < 9; ++i)
    map.values[i] = 2;
  const FloatPlane plane = disparity_plane(map, "it", transform);
  const float near = transform.camera.focal_length * transform.camera.baseline / 2 / 75;
  const float far = transform.camera.focal_length * transform.camera.baseline / 50 / 75;
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_FLOAT_EQ(plane.values[i], i >= 5 && i < 9 ? near : far) << i;
  map.values[9] = 2;  // a quarter is measured: these are holes
  for (const float value : disparity_plane(map, "it", transform).values)
    EXPECT_FLOAT_EQ(value, near);
}

TEST(Depth, RefusesMapsWithoutDepth) {
  const auto metres = [](float value, bool integer = false) {
    return refusal([&] {
      depth_in_metres({4, 3, integer, std::vector<float>(12, value)}, {}, "it.png");
    });
  };
  EXPECT_THAT(
      refusal([] { depth_in_metres(load_depth_map(kSensors / "depth_zero.png"), {}, "it.png"); }),
      HasSubstr("it.png: no pixel of the depth map has a depth"));
  EXPECT_THAT(metres(NAN), HasSubstr("no pixel"));
  EXPECT_THAT(metres(-1), HasSubstr("no pixel"));
  EXPECT_THAT(metres(2000), HasSubstr("as metres (floats)"));
  EXPECT_THAT(metres(2, true), HasSubstr("as millimetres (whole numbers)"));
  EXPECT_THAT(refusal([] { depth_tensor(flat_map(NAN), "it"); }), HasSubstr("no pixel"));
}

TEST(Depth, RefusesImpossibleCameras) {
  for (const DepthTransform& transform :
       {DepthTransform{.camera = {.focal_length = 0}}, DepthTransform{.camera = {.baseline = -1}},
        DepthTransform{.size = 0}})
    EXPECT_EQ(test::error_of([&] { depth_tensor(flat_map(1), "it", transform); }).kind(),
              ErrorKind::kUsage);
}

TEST(ScalarMap, RefusesWhatHoldsNoMeasurements) {
  const auto message = [](const std::string& name) {
    return refusal([&] { decode_scalar_map(fixture(name), name); });
  };
  EXPECT_THAT(message("depth_eight_bits.png"), HasSubstr("PNG file of 8 bits"));
  EXPECT_THAT(message("depth_colours.png"), HasSubstr("one channel"));
  EXPECT_THAT(message("depth_three_channels.exr"), HasSubstr("3 channels (B, G, R)"));
  EXPECT_THAT(message("depth_three_channels.tif"), HasSubstr("3 channels"));
}

TEST(ScalarMap, RefusesEveryTruncation) {
  for (const char* name :
       {"depth_mm.png", "depth_f32.tif", "depth_f32_plain.tif", "depth_tiles.tif", "depth_y.exr",
        "depth_z.exr", "depth_half.exr", "depth_f32.npy"}) {
    const Bytes whole = fixture(name);
    for (std::size_t size = 1; size + 16 < whole.size(); size += 1 + whole.size() / 60) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_THAT(refusal([&] { decode_scalar_map(part, "it"); }), StartsWith("it: "))
          << name << " cut to " << size;
    }
  }
}

TEST(ScalarMap, SurvivesFlippedBytes) {
  for (const char* name : {"depth_f32.tif", "depth_tiles.tif", "depth_y.exr", "depth_half.exr",
                           "depth_fortran.npy", "depth_mm.png"}) {
    const Bytes whole = fixture(name);
    std::uint32_t state = 1;
    for (int round = 0; round < 300; ++round) {
      Bytes damaged = whole;
      for (int i = 0; i < 3; ++i) {
        state = state * 1664525 + 1013904223;
        damaged[(state >> 8) % std::min<std::size_t>(damaged.size(), 700)] ^=
            static_cast<std::uint8_t>(1U << (state & 7));
      }
      try {
        const ScalarMap map = decode_scalar_map(damaged, "it", {.max_pixels = 1'000'000});
        EXPECT_EQ(map.values.size(), std::size_t(map.width) * map.height);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
      }
    }
  }
}

TEST(ScalarMap, JudgesTheSizeFirst) {
  const ImageLimits small{.max_file_bytes = 1 << 20, .max_pixels = 1000};
  for (const char* name : {"depth_mm.png", "depth_f32.tif", "depth_y.exr", "depth_f32.npy"})
    EXPECT_THAT(refusal([&] { decode_scalar_map(fixture(name), "it", small); }),
                HasSubstr("larger than the limit"))
        << name;
  EXPECT_THAT(
      refusal([&] { decode_scalar_map(fixture("depth_mm.png"), "it", {.max_file_bytes = 9}); }),
      HasSubstr("larger than the limit"));
  EXPECT_THAT(refusal([] { decode_scalar_map({}, "it"); }), HasSubstr("empty"));
  EXPECT_THAT(refusal([] { decode_scalar_map(from_text("1 2 3"), "it"); }),
              HasSubstr("no file of measurements"));
}

// --- NPY ---------------------------------------------------------------------------------------

Bytes npy_file(const std::string& header, std::size_t data_bytes, int version = 1) {
  Bytes file = from_text(std::string("\x93NUMPY", 6));
  file.push_back(static_cast<std::uint8_t>(version));
  file.push_back(0);
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    file.push_back(static_cast<std::uint8_t>(header.size() >> (8 * i)));
  file.insert(file.end(), header.begin(), header.end());
  file.resize(file.size() + data_bytes);
  return file;
}

std::string npy_refusal(const std::string& header, std::size_t data_bytes = 64) {
  return refusal([&] { decode_npy(npy_file(header, data_bytes), "it.npy"); });
}

TEST(Npy, ReadsItsHeaderStrictly) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n";
  EXPECT_EQ(decode_npy(npy_file(good, 24), "it").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(decode_npy(npy_file(good, 24, 2), "it").values.size(), 6U);
  EXPECT_EQ(decode_npy(npy_file("{'shape':(),'descr':'<i2','fortran_order':True}", 2), "it").values,
            std::vector<double>{0});
  for (const char* header : {
           "",
           "{",
           "{}",
           "{'descr': '<f4'}",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': (1,)}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} + __import__('os')",
           "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
       })
    EXPECT_THAT(npy_refusal(header), HasSubstr("header")) << header;
}

TEST(Npy, RefusesLiesAndObjects) {
  const auto header = [](const std::string& type, const std::string& shape) {
    return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  };
  EXPECT_THAT(npy_refusal(header("<f4", "(1000, 1000)")), HasSubstr("the file holds fewer"));
  EXPECT_THAT(npy_refusal(header("<f4", "(4000000000, 4000000000)")),
              HasSubstr("the file holds fewer"));
  static_assert(kMaxNpyValues == 33'554'432);
  EXPECT_THAT(npy_refusal(header("|u1", "(33554433,)"), std::size_t{kMaxNpyValues} + 1),
              HasSubstr("larger than"));
  EXPECT_TRUE(
      decode_npy(npy_file(header("<f4", "(0, 4000000000, 4000000000)"), 0), "it").values.empty());
  for (const char* type : {"|O", "<c8", "<U4", "|V8", "<f16", "<M8[s]", "f4", ""})
    EXPECT_THAT(npy_refusal(header(type, "(2,)")), StartsWith("it.npy: ")) << type;
  EXPECT_THAT(refusal([] { decode_npy(npy_file("{}", 0, 9), "it"); }), HasSubstr("version 9"));
  EXPECT_THAT(refusal([] { decode_npy(from_text("\x93NUMPY\x01"), "it"); }),
              HasSubstr("truncated"));
}

TEST(Npy, ARecordingOfMotionIsNoMap) {
  for (const std::string shape : {"(200, 6)", "(6, 200)", "(1, 200, 6)"}) {
    const Bytes file =
        npy_file("{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + "}\n", 1200);
    EXPECT_THAT(refusal([&] { decode_scalar_map(file, "it"); }),
                HasSubstr("a recording of motion"));
  }
  const Bytes small = npy_file("{'descr': '|u1', 'fortran_order': False, 'shape': (8, 6)}\n", 48);
  EXPECT_EQ(decode_scalar_map(small, "it").width, 6);
}

// --- Thermal -----------------------------------------------------------------------------------

TEST(Thermal, GivesTheReferencesTensors) {
  constexpr double kTolerance = 1e-6;
  for (const nlohmann::json& entry : cases("thermal")) {
    const std::string name = entry["file"];
    ThermalRange range;
    if (entry.contains("coldest")) range = {entry["coldest"], entry["warmest"]};
    const Image grey = load_thermal(kSensors / name, range);
    expect_tensor(thermal_tensor(grey), entry["tensor"], kTolerance, name);
  }
}

TEST(Thermal, RefusesPicturesWithoutContrastAndWrongRanges) {
  EXPECT_THAT(refusal([] { decode_thermal(fixture("depth_zero.png"), "it.png"); }),
              HasSubstr("it.png: nearly all measurements are the same"));
  const Bytes fine = fixture("thermal_celsius.npy");
  for (const ThermalRange& range :
       {ThermalRange{30.0, 20.0}, ThermalRange{.low_quantile = 0.9, .high_quantile = 0.1},
        ThermalRange{.low_quantile = -1}})
    EXPECT_EQ(test::error_of([&] { decode_thermal(fine, "it", range); }).kind(), ErrorKind::kUsage);
  EXPECT_THAT(refusal([] { decode_thermal(from_text("hello"), "it"); }), HasSubstr("text"));
}

// --- IMU ---------------------------------------------------------------------------------------

TEST(Imu, GivesTheReferencesTensors) {
  constexpr double kTolerance = 3e-5;  // of values up to 12 m/s^2
  for (const nlohmann::json& entry : cases("imu")) {
    const std::string name = entry["file"];
    ImuOptions options;
    if (entry.contains("rate_hz")) options.rate_hz = entry["rate_hz"];
    const ImuClips clips = imu_clips(load_imu(kSensors / name, options));
    EXPECT_EQ(clips.n_clips, entry["n_clips"]) << name;
    expect_tensor(clips.values, entry["tensor"], kTolerance, name);
  }
}

constexpr char kHeader[] = "time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n";

// A sensor at rest.
std::string rows(int count, double rate = 100, const std::string& values = "0,0,9.8,0,0,0") {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += std::to_string(i / rate) + "," + values + "\n";
  return text;
}

std::string imu_refusal(const std::string& text, const ImuOptions& options = {}) {
  return refusal([&] { imu_clips(decode_imu(from_text(text), "it.csv", options)); });
}

TEST(Imu, ReadsNamesUnitsAndRates) {
  const auto first = [](const std::string& text, const ImuOptions& options = {}) {
    return decode_imu(from_text(text), "it", options).samples.at(0);
  };
  const auto six = [](const std::string& values) { return values + "\n" + values + "\n"; };
  const std::array<float, 6> expected{1, 2, 9, 0.25F, 0.5F, 1};
  EXPECT_EQ(first("# rate: 100\nax;ay;az;gx;gy;gz\n" + six("1;2;9;0,25;0,5;1")), expected);
  EXPECT_EQ(first("#fs=100 Hz\nAccX\tAccY\tAccZ\tGyrX\tGyrY\tGyrZ\n" + six("1\t2\t9\t.25\t.5\t1")),
            expected);
  EXPECT_EQ(first("imu.accel.z (m/s^2),imu.accel.y (m/s^2),imu.accel.x (m/s^2),omega_x (rad/s),"
                  "omega_y (rad/s),omega_z (rad/s)\n" +
                      six("9,2,1,0.25,0.5,1"),
                  {.rate_hz = 100}),
            expected);
  EXPECT_NEAR(first("# rate: 100\n# accelerometer: g\n# gyroscope: deg/s\nax,ay,az,gx,gy,gz\n" +
                    six("0,0,1,0,0,180"))[2],
              9.80665, 1e-4);
  EXPECT_NEAR(
      first(six("0,0,1,0,0,180"), {100, AccelerationUnit::kG, RotationUnit::kDegreesPerSecond})[5],
      3.14159, 1e-4);
  // The unit of times comes from the name, or else from the only rate that can be.
  const auto step = [](const std::string& name, const std::string& second) {
    return decode_imu(from_text(name + ",ax,ay,az,gx,gy,gz\n0,0,0,9.8,0,0,0\n" + second +
                                ",0,0,9.8,0,0,0\n"),
                      "it")
        .step_seconds;
  };
  EXPECT_DOUBLE_EQ(step("time_ms", "10"), 0.01);
  EXPECT_DOUBLE_EQ(step("timestamp [us]", "10000"), 0.01);
  EXPECT_DOUBLE_EQ(step("t", "0.01"), 0.01);
  EXPECT_DOUBLE_EQ(step("timestamp", "10000000"), 0.01);
}

TEST(Imu, RefusesMissingAndDoubleColumns) {
  EXPECT_THAT(
      imu_refusal("time,acc_x,acc_y,acc_z\n0,1,2,9\n0.01,1,2,9\n"),
      HasSubstr("it.csv: what is missing is the gyroscope (columns gyro_x, gyro_y, gyro_z)"));
  EXPECT_THAT(imu_refusal("acc_x,accel_x,acc_y,acc_z,gx,gy,gz\n1,1,2,3,4,5,6\n"),
              HasSubstr("the same channel"));
  EXPECT_THAT(imu_refusal("acc_x_g,acc_y_mg,acc_z_g,gx,gy,gz\n1,2,3,4,5,6\n"),
              HasSubstr("another unit"));
  EXPECT_THAT(imu_refusal("acc_x [furlong],acc_y,acc_z,gx,gy,gz\n1,2,3,4,5,6\n"),
              HasSubstr("the unit \"furlong\" isn't known"));
  EXPECT_THAT(imu_refusal("1,2,3,4,5,6,7\n"), HasSubstr("7 columns without a header"));
}

TEST(Imu, RefusesWrongUnits) {
  const auto at_rest = [](const std::string& values, const ImuOptions& options = {}) {
    return imu_refusal(kHeader + rows(200, 100, values), options);
  };
  EXPECT_THAT(at_rest("0,0,1,0,0,0"), HasSubstr("looks like g"));
  EXPECT_THAT(at_rest("0,0,1000,0,0,0"), HasSubstr("gravity is 9.8"));
  EXPECT_THAT(at_rest("0,0,9.8,0,0,0", {.acceleration = AccelerationUnit::kG}),
              HasSubstr("gravity is 9.8"));
  EXPECT_THAT(at_rest("0,0,9e9,0,0,0"), HasSubstr("can't be"));
  EXPECT_THAT(at_rest("0,0,9.8,90,0,0"), HasSubstr("the gyroscope (--imu-gyro-unit"));
  EXPECT_THAT(imu_refusal("time_s,ax_g,ay_g,az_g,gx,gy,gz\n" + rows(200),
                          {.acceleration = AccelerationUnit::kMetresPerSecondSquared}),
              HasSubstr("unit of the accelerometer is g, the option's m/s2"));
}

TEST(Imu, RefusesBadTimes) {
  EXPECT_THAT(imu_refusal("ax,ay,az,gx,gy,gz\n0,0,9.8,0,0,0\n"),
              HasSubstr("the rate is not known; give it in Hz (--imu-rate, in requests rate_hz)"));
  for (const double rate : {0.0, -50.0, 1e9, std::nan("")})
    EXPECT_THAT(imu_refusal("ax,ay,az,gx,gy,gz\n0,0,9.8,0,0,0\n", {.rate_hz = rate}),
                HasSubstr("out of the range"));
  EXPECT_THAT(imu_refusal("# rate: 50\nax,ay,az,gx,gy,gz\n0,0,9.8,0,0,0\n", {.rate_hz = 60}),
              HasSubstr("leave the option out"));
  EXPECT_THAT(imu_refusal(kHeader + rows(50)), HasSubstr("0.50 s is too short"));
  EXPECT_THAT(imu_refusal(kHeader + rows(1)), HasSubstr("one sample only"));
  EXPECT_THAT(imu_refusal(kHeader + rows(100) + "0.2,0,0,9.8,0,0,0\n"), HasSubstr("backwards"));
  EXPECT_THAT(imu_refusal(kHeader + rows(100) + "9.5,0,0,9.8,0,0,0\n"),
              HasSubstr("nothing was recorded for 8.51 s"));
  EXPECT_THAT(imu_refusal(kHeader + std::string("1,0,0,9.8,0,0,0\n1,0,0,9.8,0,0,0\n")),
              HasSubstr("don't rise"));
}

TEST(Imu, BridgesAFewMissingRowsOnly) {
  const std::string hole = "0.001,nan,0,9.8,0,0,0\n";
  const ImuRecording recording = decode_imu(
      from_text(kHeader + rows(100) + "1,,0,9.8,0,0,0\n" + "1.01,0,0,9.8,0,0,0\n"), "it");
  EXPECT_EQ(recording.samples.size(), 101U);
  std::string many = kHeader;
  for (int i = 0; i < 20; ++i)
    many += hole;
  EXPECT_THAT(imu_refusal(many + rows(100)), HasSubstr("20 of 120 rows are no numbers"));
}

TEST(Imu, RefusesWhatIsNoTable) {
  EXPECT_THAT(imu_refusal(""), HasSubstr("empty"));
  EXPECT_THAT(imu_refusal("hello\nworld\n"), HasSubstr("no rows of numbers"));
  EXPECT_THAT(imu_refusal(std::string("\0\1\2", 3)), HasSubstr("no text"));
  EXPECT_THAT(imu_refusal(kHeader + std::string("0,0,0\n")), HasSubstr("line 2 has 3 cells"));
  EXPECT_THAT(imu_refusal(kHeader), HasSubstr("no rows"));
  EXPECT_THAT(refusal([] { decode_imu(fixture("depth_f32.npy"), "it.npy", {.rate_hz = 50}); }),
              HasSubstr("(60, 80)"));
  EXPECT_THAT(refusal([] { decode_imu(fixture("depth_mm.png"), "it"); }),
              HasSubstr("not the text that it should be, but a PNG picture"));
}

TEST(Imu, TakesNumbersAtHand) {
  std::vector<double> values;
  for (int i = 0; i < 500; ++i)
    values.insert(values.end(), {0, 0, 9.8, 0, 0, 0});
  const ImuClips clips = imu_clips(imu_from_values(values, "it", {.rate_hz = 100}));
  EXPECT_EQ(clips.n_clips, 1);
  EXPECT_EQ(clips.values.size(), std::size_t{6 * 2000});
  EXPECT_FLOAT_EQ(clips.values[2 * 2000 + 999], 9.8F);
  values.pop_back();
  EXPECT_THAT(refusal([&] { imu_from_values(values, "it", {.rate_hz = 100}); }),
              HasSubstr("no rows of six"));
  EXPECT_THAT(refusal([&] { imu_from_values({}, "it", {.rate_hz = 100}); }),
              HasSubstr("no samples"));
}

TEST(Imu, SpreadsClipsEvenly) {
  std::vector<double> values;
  for (int i = 0; i < 1700; ++i)  // 17 s
    values.insert(values.end(), {i / 100.0, 0, 9.8, 0, 0, 0});
  const ImuRecording recording = imu_from_values(values, "it", {.rate_hz = 100});
  const ImuClips clips = imu_clips(recording, {.clip_seconds = 5, .n_steps = 10, .max_clips = 12});
  ASSERT_EQ(clips.n_clips, 3);
  EXPECT_NEAR(clips.values[0], 0.0625, 1e-6);  // the mean over a step of which half lies before
  EXPECT_NEAR(clips.values[60], 6, 1e-4);
  EXPECT_NEAR(clips.values[120], 12, 1e-4);
  EXPECT_EQ(imu_clips(recording, {5, 10, 2}).n_clips, 2);
  EXPECT_EQ(test::error_of([&] { imu_clips(recording, {0, 10, 2}); }).kind(), ErrorKind::kUsage);
}

// --- examples/data -------------------------------------------------------------------------------

TEST(Examples, EachBecomesTheTensorOfItsTower) {
  struct Example {
    Modality modality;
    const char* file;
    int n_views;
    std::size_t view;  ///< values
  };
  constexpr std::size_t kPixels = std::size_t{224} * 224;
  const Example examples[] = {
      {Modality::kImage, "picture.png", 1, 3 * kPixels},
      {Modality::kVideo, "rolling_ball.avi", 15, 3 * 2 * kPixels},
      {Modality::kAudio, "bell.wav", 3, std::size_t{128} * 204},
      {Modality::kThermal, "thermal_grey.png", 1, kPixels},
      {Modality::kThermal, "thermal_centikelvin.png", 1, kPixels},
      {Modality::kDepth, "depth_mm.png", 1, kPixels},
      {Modality::kDepth, "depth_m.npy", 1, kPixels},
      {Modality::kImu, "walking_imu.csv", 1, std::size_t{6} * 2000},
  };
  const fs::path folder = fs::path(PANDAGPT_SOURCE_DIR) / "examples" / "data";
  for (const Example& example : examples) {
    const Input from_file{example.modality, (folder / example.file).string(), {}, 1};
    const MediaTensor tensor = prepare(from_file, {});
    EXPECT_EQ(tensor.n_views, example.n_views) << example.file;
    EXPECT_EQ(tensor.values.size(), example.view * example.n_views) << example.file;
    const Input from_buffer{example.modality, "it", read_file(from_file.name, kMaxFixtureBytes), 1};
    EXPECT_EQ(prepare(from_buffer, {}).values, tensor.values);
  }
}

}  // namespace
}  // namespace pandagpt
