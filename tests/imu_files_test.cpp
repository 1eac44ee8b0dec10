// Recordings of several files: exports of phones, folders, and files that are named one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "imu_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::cells;
using test::expect_motion;
using test::Motion;
using test::table;
using ::testing::AllOf;
using ::testing::HasSubstr;

const fs::path kExports = fs::path(PANDAGPT_FIXTURES) / "imu";

std::string axes(const std::function<test::Triple(const Motion&)>& values, double first = 0) {
  return table("time_s,x,y,z\n", [&](const Motion& at, int) {
    return fmt::format("{:.9g},", at.time + first) +
           cells(values(test::motion_at(at.time + first)));
  });
}

std::string acceleration_table() {
  return axes([](const Motion& at) { return at.acceleration(); });
}

std::string rotation_table(double first = 0.004) {
  return axes([](const Motion& at) { return at.rotation; }, first);
}

ImuRecording decode_files(const std::vector<std::pair<std::string, std::string>>& files,
                          const ImuOptions& options = {}) {
  std::vector<Bytes> bytes;
  std::vector<ImuFile> views;
  for (const auto& [name, text] : files)
    bytes.push_back(test::bytes_of_text(text));
  for (std::size_t i = 0; i < files.size(); ++i)
    views.push_back({files[i].first, bytes[i]});
  return decode_imu(views, options);
}

std::string refusal_of_files(const std::vector<std::pair<std::string, std::string>>& files) {
  const Error error = test::error_of([&] { decode_files(files); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  return error.what();
}

constexpr double kFirst = 0.01;  // the first time of the accelerometer that both have

TEST(ImuFiles, ExportsOfPhones) {
  for (const char* name : {"sensor_logger.zip", "phyphox.zip"}) {
    SCOPED_TRACE(name);
    expect_motion(load_imu(kExports / name), test::kRate, 0.6, 2e-2, kFirst);
  }
}

TEST(ImuFiles, AreJoinedByTime) {
  for (const auto& [first, second] :
       {std::pair("acc.csv", "gyro.csv"), std::pair("Accelerometer.csv", "Gyroscope.csv"),
        std::pair("data_1600_accel_phone.txt", "data_1600_gyro_phone.txt")}) {
    SCOPED_TRACE(first);
    expect_motion(decode_files({{first, acceleration_table()}, {second, rotation_table()}}),
                  test::kRate, 0.6, 2e-2, kFirst);
    expect_motion(decode_files({{second, rotation_table()}, {first, acceleration_table()}}),
                  test::kRate, 0.6, 2e-2, kFirst);
  }
}

TEST(ImuFiles, LinearAccelerationAndGravityAreAdded) {
  const std::string linear = axes([](const Motion& at) { return at.linear; });
  const std::string gravity = axes([](const Motion& at) { return at.gravity; });
  expect_motion(decode_files({{"LinearAcceleration.csv", linear},
                              {"Gravity.csv", gravity},
                              {"Gyroscope.csv", rotation_table()}}),
                test::kRate, 0.6, 2e-2, kFirst);
  EXPECT_THAT(
      refusal_of_files({{"Accelerometer.csv", linear}, {"Gyroscope.csv", rotation_table()}}),
      HasSubstr("gravity is missing"));
}

TEST(ImuFiles, RowsWithoutAHeader) {
  // WISDM's second set: subject, activity, nanoseconds, x, y, z, a semicolon.
  const auto rows = [](const std::function<test::Triple(const Motion&)>& values) {
    return table("", [&](const Motion& at, int) {
      return fmt::format("1600,A,{:.0f},", 2.52207666810782e14 + at.time * 1e9) +
             cells(values(at)) + ";";
    });
  };
  expect_motion(decode_files(
      {{"data_1600_accel_watch.txt", rows([](const Motion& at) { return at.acceleration(); })},
       {"data_1600_gyro_watch.txt", rows([](const Motion& at) { return at.rotation; })}}));
  // HAPT: three numbers a row, 50 Hz by its documentation.
  const auto three = [](const std::function<test::Triple(const Motion&)>& values) {
    return table("", [&](const Motion& at, int) { return cells(values(at), 1, " "); });
  };
  expect_motion(decode_files(
      {{"acc_exp01_user01.txt", three([](const Motion& at) { return at.acceleration(); })},
       {"gyro_exp01_user01.txt", three([](const Motion& at) { return at.rotation; })}},
      {.rate_hz = 100}));
}

TEST(ImuFiles, InAFolder) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "TotalAcceleration.csv", acceleration_table());
  test::write_text(folder / "Gyroscope.csv", rotation_table());
  test::write_text(folder / "Metadata.csv", "version,device name\n3,phone\n");
  test::write_text(folder / "photo.jpg", "no table");
  expect_motion(load_imu(folder.path()), test::kRate, 0.6, 2e-2, kFirst);
  fs::remove(folder / "Gyroscope.csv");
  EXPECT_THAT(test::error_of([&] { load_imu(folder.path()); }).what(),
              HasSubstr("what is missing is the gyroscope"));
  fs::remove(folder / "TotalAcceleration.csv");
  EXPECT_THAT(test::error_of([&] { load_imu(folder.path()); }).what(),
              HasSubstr("no table in it has an accelerometer"));
  fs::remove(folder / "Metadata.csv");
  EXPECT_THAT(test::error_of([&] { load_imu(folder.path()); }).what(), HasSubstr("has no tables"));
}

TEST(ImuFiles, AsPartsOfAnInput) {
  const test::TemporaryFolder folder;
  test::write_text(folder / "acc.csv", acceleration_table());
  Input input{.modality = Modality::kImu, .name = (folder / "acc.csv").string()};
  input.parts.push_back({"gyro.csv", test::bytes_of_text(rotation_table())});
  expect_motion(load_imu(input), test::kRate, 0.6, 2e-2, kFirst);
}

TEST(ImuFiles, ThatDoNotBelongTogetherAreRefused) {
  EXPECT_THAT(
      refusal_of_files({{"acc.csv", acceleration_table()}, {"gyro.csv", rotation_table(60)}}),
      HasSubstr("no time in common"));
  EXPECT_THAT(
      refusal_of_files({{"acc.csv", acceleration_table()}, {"acc2.csv", acceleration_table()}}),
      HasSubstr("two accelerometers"));
  EXPECT_THAT(
      refusal_of_files({{"acc.csv", acceleration_table()}, {"mag.csv", acceleration_table()}}),
      AllOf(HasSubstr("mag.csv"), HasSubstr("has no accelerometer")));
  EXPECT_THAT(refusal_of_files({{"acc.csv", acceleration_table()}, {"gyro.csv", ""}}),
              HasSubstr("gyro.csv: the file is empty"));
  EXPECT_THAT(refusal_of_files({{"acc.csv", acceleration_table()},
                                {"gyro.csv", rotation_table(-0.5) + "9,1,2,3\n"}}),
              HasSubstr("the gyroscope recorded nothing for"));
}

TEST(ImuFiles, DamagedArchivesAreRefused) {
  const std::string whole = test::read_text(kExports / "phyphox.zip");
  for (const std::size_t length :
       {std::size_t{4}, std::size_t{100}, whole.size() / 2, whole.size() - 1})
    EXPECT_EQ(test::error_of([&] {
                decode_imu(test::bytes_of_text(whole.substr(0, length)), "it.zip");
              }).kind(),
              ErrorKind::kInput)
        << length;
}

}  // namespace
}  // namespace pandagpt
