// Inputs as JSON, in lists of things to embed and in training data.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "pandagpt/input.h"

namespace pandagpt {

/// What is wrong with an object; the caller knows which one it is.
struct BadObject : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The keys beside the kinds' own names.
inline constexpr const char* kWeightsKey = "weights";
inline constexpr const char* kSensorKey = "sensor";

/// The inputs that an object names: the value of a key that is a kind's name is a path, or a list
/// of paths. "weights" may give the kinds weights, "sensor" is what is known about sensors:
///   {"image": "a.jpg", "imu": ["b.csv"], "weights": {"image": 0.5}, "sensor": {"imu_rate_hz": 50}}
/// A list within "imu" names the files of one recording: {"imu": [["acc.csv", "gyro.csv"]]}. The
/// numbers of "sensor" have the names of SensorOptions; "acceleration_unit" is m/s2, g or mg,
/// "rotation_unit" rad/s or deg/s, "imu_gravity" present or absent. Relative paths are relative to
/// `root`. Nulls and other keys are left alone, but for those that mean an input by another name
/// ("images", "img_path", "sound"), unless they are among `known`: to skip one of them would lose
/// an input without a word. Numbers, and keys that are about an input ("image_id", "audio_length"),
/// don't mean one. Throws BadObject.
Inputs inputs_of_json(const nlohmann::json& object, const std::filesystem::path& root,
                      std::initializer_list<std::string_view> known = {});

/// `path` as it can be opened. Throws BadObject if it is empty.
std::string resolved_path(const std::filesystem::path& root, const std::string& path);

}  // namespace pandagpt
