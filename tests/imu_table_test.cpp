// Tables of motion as loggers, phones and data sets write them: the same motion from each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "imu_support.h"

namespace pandagpt {
namespace {

using test::cells;
using test::decode;
using test::expect_motion;
using test::kG;
using test::kRadian;
using test::Motion;
using test::refusal_of;
using test::table;
using test::warnings_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string seconds(const Motion& at) {
  return fmt::format("{:.9g}", at.time);
}

std::string nanoseconds(const Motion& at) {
  return fmt::format("{:.0f}", 1403636579758555392.0 + at.time * 1e9);
}

/// time, acceleration in m/s^2, rotation in rad/s
std::string si_row(const Motion& at, int) {
  return seconds(at) + "," + cells(at.acceleration()) + "," + cells(at.rotation);
}

constexpr char kHeader[] = "time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n";

struct Log {
  std::string name;
  std::string text;
  ImuOptions options = {};
};

void PrintTo(const Log& log, std::ostream* out) {
  *out << log.name;
}

std::string tabs(std::string text) {
  std::ranges::replace(text, ',', '\t');
  return text;
}

/// Decimal commas, semicolons between the cells.
std::string german(std::string text) {
  std::ranges::replace(text, ',', ';');
  std::ranges::replace(text, '.', ',');
  return text;
}

std::vector<Log> logs() {
  const auto g_and_degrees = [](const Motion& at, int) {
    return seconds(at) + "," + cells(at.acceleration(), 1 / kG) + "," + cells(at.rotation, kRadian);
  };
  const auto gyroscope_first = [](const Motion& at, int) {
    return nanoseconds(at) + "," + cells(at.rotation) + "," + cells(at.acceleration());
  };
  return {
      {"plain", table(kHeader, si_row)},
      {"EuRoC", table("#timestamp [ns],w_RS_S_x [rad s^-1],w_RS_S_y [rad s^-1],w_RS_S_z [rad s^-1],"
                      "a_RS_S_x [m s^-2],a_RS_S_y [m s^-2],a_RS_S_z [m s^-2]\n",
                      gyroscope_first)},
      {"rostopic", table("%time,field.orientation.x,field.angular_velocity.x,"
                         "field.angular_velocity.y,field.angular_velocity.z,"
                         "field.angular_velocity_covariance0,field.linear_acceleration.x,"
                         "field.linear_acceleration.y,field.linear_acceleration.z\n",
                         [](const Motion& at, int) {
                           return nanoseconds(at) + ",0.5," + cells(at.rotation) + ",0.1," +
                                  cells(at.acceleration());
                         })},
      {"sep=", table("sep=,\n" + std::string(kHeader), si_row)},
      {"sep=;", german(table("sep=;\n" + std::string(kHeader), si_row))},
      {"semicolons", german(table(kHeader, si_row))},
      {"quoted", table("\"Time (s)\",\"Acceleration x (m/s^2)\",\"Acceleration y (m/s^2)\","
                       "\"Acceleration z (m/s^2)\",\"Gyroscope x (rad/s)\",\"Gyroscope y (rad/s)\","
                       "\"Gyroscope z (rad/s)\"\n",
                       si_row)},
      {"phyphox with both",
       table("\"Time (s)\",\"Linear Acceleration x (m/s^2)\",\"Linear Acceleration y (m/s^2)\","
             "\"Linear Acceleration z (m/s^2)\",\"Acceleration x (m/s^2)\","
             "\"Acceleration y (m/s^2)\",\"Acceleration z (m/s^2)\",\"Gyroscope x (rad/s)\","
             "\"Gyroscope y (rad/s)\",\"Gyroscope z (rad/s)\",\"Absolute acceleration (m/s^2)\"\n",
             [](const Motion& at, int) {
               return seconds(at) + "," + cells(at.linear) + "," + cells(at.acceleration()) + "," +
                      cells(at.rotation) + ",9.9";
             })},
      {"Shimmer", tabs(table("\"sep=\\t\"\nS_Timestamp_Unix_CAL,S_Accel_LN_X_CAL,S_Accel_LN_Y_CAL,"
                             "S_Accel_LN_Z_CAL,S_Accel_WR_X_CAL,S_Accel_WR_Y_CAL,S_Accel_WR_Z_CAL,"
                             "S_Gyro_X_CAL,S_Gyro_Y_CAL,S_Gyro_Z_CAL,\n"
                             "ms,m/(s^2),m/(s^2),m/(s^2),m/(s^2),m/(s^2),m/(s^2),deg/s,deg/s,"
                             "deg/s,\n",
                             [](const Motion& at, int) {
                               return fmt::format("{:.3f},", 1.4e12 + at.time * 1e3) +
                                      cells(at.acceleration()) + ",1,2,9," +
                                      cells(at.rotation, kRadian) + ",";
                             }))},
      {"Shimmer, three lines",
       tabs(table("Timestamp,Accelerometer X,Accelerometer Y,Accelerometer Z,Accelerometer X,"
                  "Accelerometer Y,Accelerometer Z,Gyroscope X,Gyroscope Y,Gyroscope Z\n"
                  "CAL,CAL,CAL,CAL,RAW,RAW,RAW,CAL,CAL,CAL\n"
                  "mSec,m/(sec^2)*,m/(sec^2)*,m/(sec^2)*,no units,no units,no units,deg/sec,"
                  "deg/sec,deg/sec\n",
                  [](const Motion& at, int) {
                    return fmt::format("{:.3f},", at.time * 1e3) + cells(at.acceleration()) +
                           ",2047,2050,2900," + cells(at.rotation, kRadian);
                  }))},
      {"WitMotion", table("Time(s),ChipTime,ax(g),ay(g),az(g),wx(deg/s),wy(deg/s),wz(deg/s),"
                          "AngleX(deg),AngleY(deg),AngleZ(deg),T(\xC2\xB0)\n",
                          [](const Motion& at, int) {
                            return seconds(at) + ",2021-5-6 10:11:12.000," +
                                   cells(at.acceleration(), 1 / kG) + "," +
                                   cells(at.rotation, kRadian) + ",0,0,0,25";
                          })},
      {"WitMotion, a clock alone",
       table("ChipTime,AccX(g),AccY(g),AccZ(g),AsX(\xC2\xB0/s),AsY(\xC2\xB0/s),AsZ(\xC2\xB0/s)\n",
             [](const Motion& at, int) {
               const double second = 86398 + at.time;  // past midnight
               const int minute = static_cast<int>(second / 60);
               return fmt::format("2021-5-6 {:02}:{:02}:{:06.3f},", minute / 60 % 24, minute % 60,
                                  second - 60 * minute) +
                      cells(at.acceleration(), 1 / kG) + "," + cells(at.rotation, kRadian);
             })},
      {"SensorLog",
       table("loggingTime(txt),loggingSample(N),"
             "accelerometerTimestamp_sinceReboot(s),accelerometerAccelerationX(G),"
             "accelerometerAccelerationY(G),accelerometerAccelerationZ(G),"
             "gyroRotationX(rad/s),gyroRotationY(rad/s),gyroRotationZ(rad/s),"
             "motionYaw(rad),motionRotationRateX(rad/s),motionRotationRateY(rad/s),"
             "motionRotationRateZ(rad/s),motionUserAccelerationX(G),"
             "motionUserAccelerationY(G),motionUserAccelerationZ(G),"
             "motionGravityX(G),motionGravityY(G),motionGravityZ(G)\n",
             [](const Motion& at, int i) {
               return fmt::format("2023-01-01T10:00:00.000+01:00,{},{:.6f},", i, 1000 + at.time) +
                      cells(at.acceleration(), 1 / kG) + ",5,5,5,0.1," + cells(at.rotation) + "," +
                      cells(at.linear, 1 / kG) + "," + cells(at.gravity, 1 / kG);
             })},
      {"labels", table("user,activity,timestamp_ms,accel_x,accel_y,accel_z,gyro_x,gyro_y,gyro_z,"
                       "device\n",
                       [](const Motion& at, int) {
                         return fmt::format("a,walking,{:.9g},", at.time * 1e3) +
                                cells(at.acceleration()) + "," + cells(at.rotation) + ",watch 2";
                       })},
      {"counter",
       table("t,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n",
             [](const Motion& at, int i) {
               return fmt::format("{},", i) + cells(at.acceleration()) + "," + cells(at.rotation);
             }),
       {.rate_hz = 100}},
      {"MotionSense",
       table(",attitude.roll,attitude.pitch,attitude.yaw,gravity.x,gravity.y,"
             "gravity.z,rotationRate.x,rotationRate.y,rotationRate.z,"
             "userAcceleration.x,userAcceleration.y,userAcceleration.z\n",
             [](const Motion& at, int i) {
               return fmt::format("{},0,0,0,", i) + cells(at.gravity, 1 / kG) + "," +
                      cells(at.rotation) + "," + cells(at.linear, 1 / kG);
             }),
       {.rate_hz = 100}},
      {"Physics Toolbox", table("time,gFx,gFy,gFz,ax,ay,az,wx,wy,wz,Azimuth,Pitch,Roll\n",
                                [](const Motion& at, int) {
                                  return seconds(at) + "," + cells(at.acceleration(), 1 / kG) +
                                         "," + cells(at.linear) + "," + cells(at.rotation) +
                                         ",12,12,12";
                                })},
      {"Sensor Logger, joined",
       table("time,seconds_elapsed,accelerometer_z,accelerometer_y,accelerometer_x,gravity_z,"
             "gravity_y,gravity_x,gyroscope_z,gyroscope_y,gyroscope_x\n",
             [](const Motion& at, int) {
               const auto zyx = [](const test::Triple& values) {
                 return cells({values[2], values[1], values[0]});
               };
               return nanoseconds(at) + "," + seconds(at) + "," + zyx(at.linear) + "," +
                      zyx(at.gravity) + "," + zyx(at.rotation);
             })},
      {"AndroSensor",
       table("ACCELEROMETER X (m/s\xC2\xB2);ACCELEROMETER Y (m/s\xC2\xB2);"
             "ACCELEROMETER Z (m/s\xC2\xB2);GRAVITY X (m/s\xC2\xB2);GRAVITY Y (m/s\xC2\xB2);"
             "GRAVITY Z (m/s\xC2\xB2);LINEAR ACCELERATION X (m/s\xC2\xB2);"
             "LINEAR ACCELERATION Y (m/s\xC2\xB2);LINEAR ACCELERATION Z (m/s\xC2\xB2);"
             "GYROSCOPE X (rad/s);GYROSCOPE Y (rad/s);GYROSCOPE Z (rad/s);LIGHT (lux);"
             "MAGNETIC FIELD X (\xCE\xBCT);ORIENTATION Z (azimuth \xC2\xB0);"
             "Time since start in ms ;YYYY-MO-DD HH-MI-SS_SSS\n",
             [](const Motion& at, int) {
               return cells(at.acceleration(), 1, ";") + ";" + cells(at.gravity, 1, ";") + ";" +
                      cells(at.linear, 1, ";") + ";" + cells(at.rotation, 1, ";") +
                      fmt::format(";80;12;11;{:.0f};2021-05-06 10:11:12:123", at.time * 1e3);
             })},
      {"UCI HAR's names",
       table("total_acc_x,total_acc_y,total_acc_z,body_acc_x,body_acc_y,"
             "body_acc_z,body_gyro_x,body_gyro_y,body_gyro_z\n",
             [](const Motion& at, int) {
               return cells(at.acceleration(), 1 / kG) + "," + cells(at.linear, 1 / kG) + "," +
                      cells(at.rotation);
             }),
       {.rate_hz = 100, .acceleration = AccelerationUnit::kG}},
      {"Xsens MTw", tabs(table("// Start Time: 0\n// Sample rate: 100.0Hz\n// Scenario: 4.9\n"
                               "Counter,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z,Mag_X,Mag_Y,Mag_Z,\n",
                               [](const Motion& at, int i) {
                                 return fmt::format("{},", (65500 + i) % 65536) +
                                        cells(at.acceleration()) + "," + cells(at.rotation) +
                                        ",0.1,0.2,0.3,";
                               }))},
      {"Xsens DOT",
       table("sep=,\nDeviceTag:,DOT 1\nOutputRate:,100Hz\n\nPacketCounter,"
             "SampleTimeFine,Quat_W,Quat_X,Quat_Y,Quat_Z,FreeAcc_X,FreeAcc_Y,"
             "FreeAcc_Z,Acc_X,Acc_Y,Acc_Z,Gyr_X,Gyr_Y,Gyr_Z\n",
             [](const Motion& at, int i) {
               return fmt::format("{},{:.0f},1,0,0,0,", i, 3e9 + at.time * 1e6) + cells(at.linear) +
                      "," + cells(at.acceleration()) + "," + cells(at.rotation, kRadian);
             }),
       {.rotation = RotationUnit::kDegreesPerSecond}},
      {"Ego4D", table("component_idx,component_timestamp_ms,canonical_timestamp_ms,gyro_x,gyro_y,"
                      "gyro_z,accl_x,accl_y,accl_z\n",
                      [](const Motion& at, int) {
                        return fmt::format("0,{0:.6f},{0:.6f},", at.time * 1e3) +
                               cells(at.rotation) + "," + cells(at.acceleration());
                      })},
      {"PX4", table("timestamp,gyro_rad[0],gyro_rad[1],gyro_rad[2],gyro_integral_dt,"
                    "accelerometer_timestamp_relative,accelerometer_m_s2[0],"
                    "accelerometer_m_s2[1],accelerometer_m_s2[2],accelerometer_integral_dt\n",
                    [](const Motion& at, int) {
                      return fmt::format("{:.0f},", 1e7 + at.time * 1e6) + cells(at.rotation) +
                             ",10000,0," + cells(at.acceleration()) + ",10000";
                    })},
      {"Axivity AX6", table("Time,Accel-X (g),Accel-Y (g),Accel-Z (g),Gyro-X (d/s),Gyro-Y (d/s),"
                            "Gyro-Z (d/s)\n",
                            g_and_degrees)},
      {"Gyroflow", table("GYROFLOW IMU LOG\nversion,1.3\nid,esp_imu\norientation,YxZ\n"
                         "note,development\ntscale,0.001\ngscale,0.00122173047\n"
                         "ascale,0.00048828125\nt,gx,gy,gz,ax,ay,az\n",
                         [](const Motion& at, int) {
                           const auto whole = [](const test::Triple& values, double factor) {
                             return fmt::format("{:.0f},{:.0f},{:.0f}", values[0] * factor,
                                                values[1] * factor, values[2] * factor);
                           };
                           return fmt::format("{:.0f},", at.time * 1e3) +
                                  whole(at.rotation, 1 / 0.00122173047) + "," +
                                  whole(at.acceleration(), 1 / (kG * 0.00048828125));
                         })},
      {"Gyroflow in SI units", table("GYROFLOW IMU LOG\nversion,1.3\nid,any\norientation,xyz\n"
                                     "tscale,0.000001\ngscale,1.0\nascale,1.0\n"
                                     "t,gx,gy,gz,ax,ay,az\n",
                                     [](const Motion& at, int) {
                                       return fmt::format("{:.0f},", at.time * 1e6) +
                                              cells(at.rotation) + "," + cells(at.acceleration());
                                     })},
      {"numbers in brackets",
       table("time_s,acc_x (1),acc_y (1),acc_z (1),gyro[0],gyro[1],gyro[2]\n", si_row),
       {.acceleration = AccelerationUnit::kMetresPerSecondSquared}},
      {"azimuth and bias",
       table("time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z,gyro_x_bias,gyro_y_bias,gyro_z_bias,"
             "acc_x_offset,azimuth,pitch,roll,qx,qy,qz,qw,orientation_x\n",
             [](const Motion& at, int i) { return si_row(at, i) + ",1,1,1,1,1,1,1,1,1,1,1,1"; })},
      {"degree sign", table("time(s),AccX(g),AccY(g),AccZ(g),GyroX(\xC2\xB0/s),GyroY(\xC2\xB0/s),"
                            "GyroZ(\xC2\xB0/s)\n",
                            g_and_degrees)},
      {"degree sign in Latin-1",
       table("time(s),AccX(g),AccY(g),AccZ(g),GyroX(\xB0/s),GyroY(\xB0/s),GyroZ(\xB0/s)\n",
             g_and_degrees)},
      {"units in a sentence",
       table("# Accelerometer in m/s^2, gyroscope in deg/s\n" + std::string(kHeader),
             [](const Motion& at, int) {
               return seconds(at) + "," + cells(at.acceleration()) + "," +
                      cells(at.rotation, kRadian);
             })},
      {"rows of one sensor each", table(
                                      "time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n",
                                      [](const Motion& at, int i) {
                                        return seconds(at) +
                                               (i % 2 == 0 ? "," + cells(at.acceleration()) + ",,,"
                                                           : ",,,," + cells(at.rotation));
                                      },
                                      2 * test::kRows)},
      {"PAMAP2", table("",
                       [](const Motion& at, int) {
                         std::string row = fmt::format("{:.2f} 4 NaN 30.5 ", 8 + at.time) +
                                           cells(at.acceleration(), 1, " ") + " 1 2 9 " +
                                           cells(at.rotation, 1, " ");
                         for (int i = 13; i < 54; ++i)
                           row += " 0.5";
                         return row;
                       })},
      {"chosen columns",
       table("a,b,c,d,e,f,g,h\n",
             [](const Motion& at, int) {
               return "7," + cells({at.rotation[2], at.rotation[1], at.rotation[0]}) + "," +
                      cells(at.acceleration()) + "," + seconds(at);
             }),
       {.columns = "acc=5-7,gyro=4-2,time=8"}},
  };
}

class ImuLog : public testing::TestWithParam<Log> {};

TEST_P(ImuLog, HasItsMotion) {
  const Log& log = GetParam();
  const bool is_halved = log.name == "rows of one sensor each";
  expect_motion(decode(log.text, log.options), is_halved ? test::kRate / 2 : test::kRate, 0.6,
                log.name == "Gyroflow" ? 0.01 : 2e-3, is_halved ? 0.02 : 0);
}

INSTANTIATE_TEST_SUITE_P(All, ImuLog, testing::ValuesIn(logs()), [](const auto& one) {
  std::string name = one.param.name;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name + std::to_string(one.index);
});

TEST(ImuTable, Utf16WithItsMark) {
  const std::string plain = table(kHeader, si_row);
  for (const bool is_little : {true, false}) {
    std::string wide = is_little ? "\xFF\xFE" : "\xFE\xFF";
    for (const char c : plain)
      wide += is_little ? std::string{c, '\0'} : std::string{'\0', c};
    expect_motion(decode(wide));
  }
}

TEST(ImuTable, AnUnfinishedLastLineIsLeftOut) {
  const std::string whole = table(kHeader, si_row);
  for (const char* rest : {"4.0,1,2", "4.0,0,0,9.8,0,0,1e", "4"}) {
    EXPECT_THAT(warnings_of(whole + rest), HasSubstr("left out")) << rest;
    EXPECT_EQ(decode(whole + rest).samples.size(), std::size_t{test::kRows}) << rest;
  }
  EXPECT_THAT(refusal_of(whole + "4.0,1,2\n4.01,0,0,9.8,0,0,0\n"), HasSubstr("line 402 has 3"));
  EXPECT_THAT(refusal_of(whole + "4.0,0,0,abc,0,0,0\n4.01,0,0,9.8,0,0,0\n"),
              HasSubstr("line 402: \"abc\" is no number"));
}

TEST(ImuTable, SkipsOnlyColumnsThatNobodyNeeds) {
  EXPECT_THAT(refusal_of("time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n"
                         "0,1,2,9,0,0,0\n0.01,oops,2,9,0,0,0\n0.02,1,2,9,0,0,0\n"),
              HasSubstr("line 3: \"oops\" is no number"));
}

TEST(ImuTable, TwoSensorsOfOneKindMustBeChosen) {
  const std::string two = table(
      "time_s,left_acc_x,left_acc_y,left_acc_z,right_acc_x,right_acc_y,right_acc_z,gyro_x,"
      "gyro_y,gyro_z\n",
      [](const Motion& at, int) {
        return seconds(at) + "," + cells(at.acceleration()) + "," + cells(at.acceleration()) + "," +
               cells(at.rotation);
      });
  EXPECT_THAT(refusal_of(two), AllOf(HasSubstr("two accelerometers"), HasSubstr("left_acc_x"),
                                     HasSubstr("--imu-columns")));
  expect_motion(decode(two, {.columns = "acc=5-7,gyro=8-10,time=1"}));
}

TEST(ImuTable, NamesWhatIsMissing) {
  const std::string lone =
      table("\"Time (s)\",\"X (m/s^2)\",\"Y (m/s^2)\",\"Z (m/s^2)\"\n",
            [](const Motion& at, int) { return seconds(at) + "," + cells(at.acceleration()); });
  EXPECT_THAT(refusal_of(lone), HasSubstr("what is missing is the gyroscope"));
  EXPECT_FALSE(decode(lone, {.takes_accelerometer_alone = true}).has_gyroscope);
  EXPECT_THAT(refusal_of("time,gyro_x,gyro_y,gyro_z\n0,1,2,3\n0.1,1,2,3\n"),
              HasSubstr("missing is the accelerometer"));
  EXPECT_THAT(refusal_of("time,acc_x,acc_y,acc_z,gyro_x,gyro_y\n0,1,2,9,4,5\n0.1,1,2,9,4,5\n"),
              HasSubstr("columns are missing: gyro_z"));
  EXPECT_THAT(refusal_of("a,b,c,d\n1,2,3,4\n"), HasSubstr("the header has: a, b, c, d"));
}

TEST(ImuTable, DamagedTablesAreRefusedOrRead) {
  constexpr int kTimes = 12;
  std::mt19937 random(7);
  const WarningCollector quiet;
  for (const Log& log : logs())
    for (int i = 0; i < kTimes; ++i) {
      std::string text = log.text.substr(0, 1 + random() % log.text.size());
      for (int damage = 0; damage < i; ++damage)
        text[random() % text.size()] = "\n\t,;\"#-e9\0\xFF"[random() % 11];
      try {
        decode(text, log.options);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInput) << log.name << ": " << error.what();
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      }
    }
}

TEST(ImuTable, RefusesCountsOfActivity) {
  EXPECT_THAT(refusal_of("------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 date "
                         "format M/d/yyyy at 30 Hz  Filter Normal -----------\n"
                         "Epoch Period (hh:mm:ss) 00:00:10\nAxis1,Axis2,Axis3,Steps\n"
                         "0,1,2,3\n4,5,6,7\n"),
              HasSubstr("counts of activity in 10 s"));
}

TEST(ImuTable, RefusesWrongOptions) {
  const std::string any = table(kHeader, si_row, 20);
  for (const char* columns : {"acc", "acc=3", "acc=3-6,gyro=1-3", "acc=0-2", "acc=2-4,acc=2-4",
                              "acc=2-4,wheel=5-7", "acc=2-4,gyro=5-7,time=x", "=", ","}) {
    const Error error = test::error_of([&] { decode(any, {.columns = columns}); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << columns;
    EXPECT_THAT(error.what(), HasSubstr("--imu-columns")) << columns;
  }
  EXPECT_THAT(refusal_of(any, {.columns = "acc=2-4,gyro=6-8,time=1"}),
              HasSubstr("has 7 columns, so none of number 8"));
}

}  // namespace
}  // namespace pandagpt
