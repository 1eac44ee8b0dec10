// What a decoder took a file for, and how it knows.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pandagpt {

/// Filled by the readers while they decode; `pandagpt inspect FILE` prints it.
struct InputReport {
  struct Line {
    std::string name;   ///< "rate", "emissivity", "holes", ..
    std::string value;  ///< with its unit: "120 Hz"
    std::string why;    ///< where it comes from: "the time column", "--imu-rate"; may be empty
  };

  std::string format;       ///< "FLIR radiometric JPEG", "CSV of Sensor Logger"
  std::string device;       ///< maker and model; empty where the file doesn't say
  std::vector<Line> lines;  ///< in the order of importance

  void add(std::string name, std::string value, std::string why = {}) {
    lines.push_back({std::move(name), std::move(value), std::move(why)});
  }
};

}  // namespace pandagpt
