// A motion whose two sensors belong together, and tables of it as loggers write them.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/warnings.h"
#include "media/imu.h"
#include "test_support.h"

namespace pandagpt::test {

constexpr double kG = 9.80665;
constexpr double kRadian = 57.295779513082323;  // degrees

using Triple = std::array<double, 3>;

/// A sensor that swings about its y axis while it is shaken.
struct Motion {
  double time;      // s
  Triple gravity;   // m/s^2
  Triple linear;    // m/s^2
  Triple rotation;  // rad/s

  Triple acceleration() const {
    return {gravity[0] + linear[0], gravity[1] + linear[1], gravity[2] + linear[2]};
  }
};

/// `swing`: radians to each side, once in two seconds.
inline Motion motion_at(double time, double swing = 0.6) {
  constexpr double kTurns = 3.14159265358979;  // radians a second of the swing's phase
  const double angle = swing * std::sin(kTurns * time);
  const double rate = swing * kTurns * std::cos(kTurns * time);
  return {time,
          {-kG * std::sin(angle), 0, kG * std::cos(angle)},
          {0.8 * std::sin(9 * time), 0.5 * std::cos(7 * time), 0.6 * std::sin(11 * time)},
          {0, rate, 0}};
}

constexpr double kRate = 100;  // Hz
constexpr int kRows = 400;

/// A header (or whatever stands before the rows), and `row(motion, number)` for each row.
inline std::string table(const std::string& before,
                         const std::function<std::string(const Motion&, int)>& row,
                         int n_rows = kRows, double swing = 0.6) {
  std::string text = before;
  for (int i = 0; i < n_rows; ++i)
    text += row(motion_at(i / kRate, swing), i) + "\n";
  return text;
}

inline std::string cells(const Triple& values, double factor = 1, const char* delimiter = ",") {
  return fmt::format("{:.7g}{}{:.7g}{}{:.7g}", values[0] * factor, delimiter, values[1] * factor,
                     delimiter, values[2] * factor);
}

inline Bytes bytes_of_text(const std::string& text) {
  return {text.begin(), text.end()};
}

inline ImuRecording decode(const std::string& text, const ImuOptions& options = {},
                           const std::string& name = "it.csv") {
  return decode_imu(bytes_of_text(text), name, options);
}

/// The one line of the Error(kInput) that a table must be refused with.
inline std::string refusal_of(const std::string& text, const ImuOptions& options = {},
                              const std::string& name = "it.csv") {
  const Error error = error_of([&] { decode(text, options, name); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
  EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
  return error.what();
}

/// All that is warned of while a table is read.
inline std::string warnings_of(const std::string& text, const ImuOptions& options = {}) {
  const WarningCollector collector;
  decode(text, options);
  std::string all;
  for (const std::string& message : collector.messages())
    all += message + "\n";
  return all;
}

/// Compares with motion_at(), from the first sample's time on.
inline void expect_motion(const ImuRecording& recording, double rate = kRate, double swing = 0.6,
                          double tolerance = 2e-3, double first = 0) {
  ASSERT_GT(recording.samples.size(), 100U);
  EXPECT_NEAR(1 / recording.step_seconds, rate, 0.01 * rate);
  for (std::size_t i = 0; i < recording.samples.size(); i += 7) {
    const Motion expected = motion_at(first + recording.seconds[i], swing);
    const Triple acceleration = expected.acceleration();
    for (int axis = 0; axis < 3; ++axis) {
      ASSERT_NEAR(recording.samples[i][axis], acceleration[axis], tolerance) << i << " " << axis;
      ASSERT_NEAR(recording.samples[i][3 + axis], expected.rotation[axis], tolerance)
          << i << " " << axis;
    }
  }
}

}  // namespace pandagpt::test
