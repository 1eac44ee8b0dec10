#include "pipeline/input_json.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/ascii.h"
#include "media/sensor_units.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& value, const std::string& key) {
  if (!value.is_string()) throw BadObject("'" + key + "' must be a string");
  return value.get<std::string>();
}

float weight_of(const Json& object, const std::string& kind) {
  const auto weights = object.find(kWeightsKey);
  if (weights == object.end()) return 1.0F;
  if (!weights->is_object()) throw BadObject("'weights' must be an object of numbers");
  const auto weight = weights->find(kind);
  if (weight == weights->end()) return 1.0F;
  if (!weight->is_number() || !std::isfinite(weight->get<float>()))
    throw BadObject("the weight of '" + kind + "' must be a number");
  return weight->get<float>();
}

template <typename Unit>
Unit unit_of(const Json& value, const std::string& key, const std::map<std::string, Unit>& units) {
  const auto found = units.find(text_of(value, key));
  if (found == units.end())
    throw BadObject("'" + key + "' is '" + value.get<std::string>() +
                    "', which is none of its names");
  return found->second;
}

SensorOptions sensor_of(const Json& object) {
  SensorOptions sensor;
  const auto given = object.find(kSensorKey);
  if (given == object.end()) return sensor;
  if (!given->is_object()) throw BadObject("'sensor' must be an object");
  static const std::map<std::string, std::optional<double> SensorOptions::*> kNumbers{
      {"imu_rate_hz", &SensorOptions::imu_rate_hz},
      {"depth_metres_per_unit", &SensorOptions::depth_metres_per_unit},
      {"depth_focal_length", &SensorOptions::depth_focal_length},
      {"depth_baseline", &SensorOptions::depth_baseline},
      {"thermal_coldest", &SensorOptions::thermal_coldest},
      {"thermal_warmest", &SensorOptions::thermal_warmest}};
  for (const auto& [key, value] : given->items()) {
    if (key == "acceleration_unit") {
      sensor.acceleration_unit = unit_of(value, key, acceleration_units());
    } else if (key == "rotation_unit") {
      sensor.rotation_unit = unit_of(value, key, rotation_units());
    } else if (key == "imu_gravity") {
      sensor.imu_gravity = imu_gravity_from_name(text_of(value, key));
      if (!sensor.imu_gravity) throw BadObject("'imu_gravity' must be present or absent");
    } else if (key == "imu_columns") {
      sensor.imu_columns = text_of(value, key);
    } else if (key == "depth_encoding") {
      sensor.depth_encoding = unit_of(value, key, depth_encodings());
    } else if (key == "audio_channel") {
      sensor.audio_channel =
          audio_channel_from_name(value.is_string() ? value.get<std::string>() : value.dump());
      if (!sensor.audio_channel) throw BadObject("'audio_channel' must be auto, mix or a number");
    } else if (key == "video_frames") {
      sensor.video_frames = video_frames_from_name(text_of(value, key));
      if (!sensor.video_frames) throw BadObject("'video_frames' must be shown or stored");
    } else if (const auto number = kNumbers.find(key); number != kNumbers.end()) {
      if (!value.is_number()) throw BadObject("'" + key + "' must be a number");
      sensor.*(number->second) = value.get<double>();
    } else {
      throw BadObject("unknown key '" + key + "' in 'sensor'");
    }
  }
  return sensor;
}

struct InputWord {
  std::string_view word;
  Modality meant;
};
// In this order: a "thermal_image" is a thermal picture.
constexpr InputWord kInputWords[] = {
    {"thermal", Modality::kThermal},   {"infrared", Modality::kThermal},
    {"depth", Modality::kDepth},       {"imu", Modality::kImu},
    {"accelerometer", Modality::kImu}, {"image", Modality::kImage},
    {"img", Modality::kImage},         {"picture", Modality::kImage},
    {"photo", Modality::kImage},       {"video", Modality::kVideo},
    {"film", Modality::kVideo},        {"movie", Modality::kVideo},
    {"audio", Modality::kAudio},       {"sound", Modality::kAudio},
    {"speech", Modality::kAudio},      {"wav", Modality::kAudio},
    {"motion", Modality::kImu}};
// Endings of keys that are about an input.
constexpr std::string_view kAboutEndings[] = {
    "id",     "ids",     "size",    "sizes",       "width",    "height",  "duration",
    "length", "rate",    "source",  "type",        "format",   "hash",    "sha256",
    "md5",    "license", "licence", "title",       "captions", "caption", "label",
    "labels", "index",   "tags",    "description", "split",    "token"};

bool holds_values(const Json& value) {
  if (value.is_array())
    return !value.empty() && std::ranges::any_of(value, [](const Json& one) {
      return one.is_string() || one.is_object();
    });
  return value.is_string() || value.is_object();
}

/// What a key seems to be another name of; nothing for keys that mean no input.
std::optional<Modality> meant_input(const std::string& key, const Json& value) {
  if (!holds_values(value)) return std::nullopt;
  const std::string name = ascii_lower(key);
  const std::size_t last = name.find_last_of("_- ");
  const std::string_view ending =
      last == std::string::npos ? "" : std::string_view(name).substr(last + 1);
  if (std::ranges::find(kAboutEndings, ending) != std::end(kAboutEndings)) return std::nullopt;
  for (const InputWord& one : kInputWords)
    if (name.starts_with(one.word) || name.ends_with(one.word) ||
        name.find('_' + std::string(one.word)) != std::string::npos)
      return one.meant;
  return std::nullopt;
}

/// A path, or, of a motion recording, the list of its sensors' files.
Input input_of(Modality modality, const Json& value, const std::string& kind, const fs::path& root,
               float weight) {
  Input input;
  input.modality = modality;
  input.weight = weight;
  if (modality != Modality::kImu || !value.is_array()) {
    input.name = resolved_path(root, text_of(value, kind));
    return input;
  }
  if (value.empty()) throw BadObject("'" + kind + "' has a list without files");
  input.name = resolved_path(root, text_of(value[0], kind));
  for (std::size_t i = 1; i < value.size(); ++i)
    input.parts.push_back({resolved_path(root, text_of(value[i], kind))});
  return input;
}

}  // namespace

std::string resolved_path(const fs::path& root, const std::string& path) {
  if (path.empty()) throw BadObject("the path is empty");
  return fs::path(path).is_absolute() ? path : (root / path).string();
}

Inputs inputs_of_json(const Json& object, const fs::path& root,
                      std::initializer_list<std::string_view> known) {
  Inputs inputs;
  for (const auto& [kind, value] : object.items()) {
    const std::optional<Modality> modality = modality_from_name(kind);
    if (value.is_null()) continue;
    if (!modality) {
      const auto meant = meant_input(kind, value);
      if (meant && std::ranges::find(known, kind) == known.end())
        throw BadObject("'" + kind + "' is no key of an input; did you mean '" + to_string(*meant) +
                        "' (a path, or a list of paths)?");
      continue;
    }
    const float weight = weight_of(object, kind);
    for (const Json& one : value.is_array() ? value : Json::array({value}))
      inputs.add(input_of(*modality, one, kind, root, weight));
  }
  return inputs.set_sensor(sensor_of(object));
}

}  // namespace pandagpt
