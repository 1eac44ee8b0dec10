#include "server/media_parts.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "core/base64.h"
#include "core/percent_coding.h"
#include "fetch/remote_media.h"
#include "media/sensor_units.h"
#include "server/api_error.h"
#include "server/file_store.h"

namespace pandagpt {
namespace {

using nlohmann::json;

constexpr std::string_view kDataScheme = "data:";
constexpr std::string_view kBase64Mark = ";base64,";
constexpr double kMaxWeight = 1000;
constexpr std::size_t kImuAxes = 6;
constexpr std::size_t kMaxImuFiles = 16;  // of one recording
constexpr std::size_t kMaxImuSamples = 80'000;

struct PartKind {
  Modality modality;
  const char* address;  // the field with the content; "data" is taken everywhere
};

const std::map<std::string, PartKind>& part_kinds() {
  static const std::map<std::string, PartKind> kinds{
      {"image_url", {Modality::kImage, "url"}},    {"input_audio", {Modality::kAudio, "data"}},
      {"audio_url", {Modality::kAudio, "url"}},    {"video_url", {Modality::kVideo, "url"}},
      {"input_video", {Modality::kVideo, "data"}}, {"thermal_image", {Modality::kThermal, "url"}},
      {"depth_map", {Modality::kDepth, "url"}},    {"imu", {Modality::kImu, "data"}}};
  return kinds;
}

template <typename Unit>
std::optional<Unit> unit_of(const JsonFields& fields, const std::string& key,
                            const std::map<std::string, Unit>& units) {
  const std::optional<std::string> name = fields.text(key);
  if (!name) return std::nullopt;
  const auto found = units.find(*name);
  if (found != units.end()) return found->second;
  std::string known;
  for (const auto& [one, unit] : units)
    known += (known.empty() ? "" : ", ") + one;
  fields.fail(key, "must be one of: " + known);
}

/// "auto", "mix", or a number from 1 on (2 or "2").
std::optional<int> channel_of(const JsonFields& fields) {
  constexpr const char* kKey = "channel";
  const json* value = fields.find(kKey);
  if (value == nullptr) return std::nullopt;
  const std::optional<int> channel =
      audio_channel_from_name(value->is_string() ? value->get<std::string>() : value->dump());
  if (!channel)
    fields.fail(kKey,
                "must be auto, mix or a number from 1 to " + std::to_string(kMaxAudioChannel));
  return channel;
}

std::optional<VideoFrames> frames_of(const JsonFields& fields) {
  constexpr const char* kKey = "frames";
  const std::optional<std::string> name = fields.text(kKey);
  if (!name) return std::nullopt;
  const std::optional<VideoFrames> frames = video_frames_from_name(*name);
  if (!frames) fields.fail(kKey, "must be one of: shown, stored");
  return frames;
}

SensorOptions sensor_of(const JsonFields& fields, Modality modality) {
  constexpr double kAnything = 1e9;
  SensorOptions sensor;
  if (modality == Modality::kImu) {
    sensor.imu_rate_hz = fields.number("rate_hz", 1e-3, 1e6);
    sensor.acceleration_unit = unit_of(fields, "acceleration_unit", acceleration_units());
    sensor.rotation_unit = unit_of(fields, "rotation_unit", rotation_units());
    if (const auto gravity = fields.text("gravity")) {
      sensor.imu_gravity = imu_gravity_from_name(*gravity);
      if (!sensor.imu_gravity) fields.fail("gravity", "must be one of: present, absent");
    }
    sensor.imu_columns = fields.text("columns").value_or("");
  } else if (modality == Modality::kDepth) {
    sensor.depth_encoding = unit_of(fields, "encoding", depth_encodings());
    sensor.depth_metres_per_unit = fields.number("metres_per_unit", 1e-9, 1e3);
    sensor.depth_focal_length = fields.number("focal_length", 1e-3, 1e6);
    sensor.depth_baseline = fields.number("baseline", 1e-6, 1e3);
  } else if (modality == Modality::kAudio || modality == Modality::kVideo) {
    sensor.audio_channel = channel_of(fields);
    if (modality == Modality::kVideo) sensor.video_frames = frames_of(fields);
  } else if (modality == Modality::kThermal) {
    sensor.thermal_coldest = fields.number("coldest", -kAnything, kAnything);
    sensor.thermal_warmest = fields.number("warmest", -kAnything, kAnything);
  }
  return sensor;
}

/// The message of a robot's log that is meant, as a place behind the file's name
/// (media/logs/address.h).
std::string place_of(const JsonFields& fields, Modality modality) {
  const std::string topic = fields.text("topic").value_or("");
  const json* time = fields.find("time");
  if (topic.empty() && time == nullptr) return "";
  if (modality == Modality::kAudio || modality == Modality::kVideo)
    fields.fail(topic.empty() ? "time" : "topic", "is for pictures, maps and motion alone");
  if (topic.find_first_of("#@") != std::string::npos) fields.fail("topic", "has a '#' or '@'");
  if (time != nullptr && !time->is_number() && !time->is_string())
    fields.fail("time", "must be seconds, or a span of them such as \"2-8\"");
  std::string place = topic.empty() || topic.starts_with('/') ? "#" + topic : "#/" + topic;
  if (time == nullptr) return place;
  return place + "@" + (time->is_string() ? time->get<std::string>() : time->dump());
}

/// What the client calls the file, for messages; empty if it doesn't say, or not so that it can be
/// shown.
std::string file_name_of(const JsonFields& fields) {
  return shown_file_name(fields.text("filename").value_or(""));
}

/// [[ax, ay, az, gx, gy, gz], ..] as the CSV file that the decoder reads, with every digit.
std::string csv_of(const json& samples, const JsonFields& fields) {
  if (samples.empty() || samples.size() > kMaxImuSamples)
    fields.fail("data", "must have 1 to " + std::to_string(kMaxImuSamples) + " samples");
  std::string csv = "acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n";
  for (const json& sample : samples) {
    if (!sample.is_array() || sample.size() != kImuAxes)
      fields.fail("data",
                  "must be a list of samples [acc_x, acc_y, acc_z, gyro_x, gyro_y, gyro_z]");
    for (std::size_t axis = 0; axis < kImuAxes; ++axis) {
      if (!sample[axis].is_number())
        fields.fail("data", "has a sample with something else than numbers");
      fmt::format_to(std::back_inserter(csv), "{}{}", axis == 0 ? "" : ",",
                     sample[axis].get<double>());
    }
    csv += '\n';
  }
  return csv;
}

}  // namespace

bool MediaParts::is_media(const std::string& type) {
  return part_kinds().contains(type);
}

Inputs MediaParts::read(const JsonFields& part, const std::string& type) const {
  const PartKind kind = part_kinds().at(type);
  // OpenAI's older form has the address itself in place of the object.
  Inputs inputs;
  if (const json* value = part.find(type); value != nullptr && value->is_string())
    return inputs.add(fetch(value->get<std::string>(), kind.modality, part.name_of(type)));
  part.require(type);
  const JsonFields fields = *part.object(type);
  Input input;
  if (kind.modality == Modality::kImu) {
    input = motion(fields);
  } else {
    for (const char* key : {kind.address, "url", "data", "file_id"}) {
      if (const auto address = fields.text(key)) {
        input = fetch(*address, kind.modality, fields.name_of(key), file_name_of(fields));
        break;
      }
    }
    if (input.name.empty()) fields.fail(kind.address, "is missing (or 'file_id')");
  }
  input.name += place_of(fields, kind.modality);
  input.sensor = sensor_of(fields, kind.modality);
  input.weight = static_cast<float>(fields.number("weight", -kMaxWeight, kMaxWeight).value_or(1));
  inputs.add(std::move(input));
  if (kind.modality == Modality::kVideo && fields.boolean("use_audio"))
    inputs.add_sound_of_videos();
  return inputs;
}

/// One of a recording's files, under the name that tells which sensor it is of.
InputPart MediaParts::motion_file(const JsonFields& file) const {
  for (const char* key : {"data", "url", "file_id"}) {
    const std::optional<std::string> address = file.text(key);
    if (!address) continue;
    std::string name = file_name_of(file);
    if (name.empty() && FileStore::is_id(*address) && sources_.files != nullptr)
      name = shown_file_name(sources_.files->find(*address, sources_.file_owner).file_name);
    Input input = fetch(*address, Modality::kImu, file.name_of(key), name);
    if (input.bytes.empty()) input.bytes = read_file(input.name, limits_.max_media_bytes);
    return {name.empty() ? file.name_of(key) : name, std::move(input.bytes)};
  }
  file.fail("data", "is missing (or 'url', 'file_id')");
}

Input MediaParts::motion(const JsonFields& imu) const {
  Input input;
  input.modality = Modality::kImu;
  const std::vector<const json*> files = imu.list("files", kMaxImuFiles);
  for (std::size_t i = 0; i < files.size(); ++i) {
    InputPart part =
        motion_file(JsonFields(*files[i], fmt::format("{}[{}]", imu.name_of("files"), i)));
    if (i > 0) {
      input.parts.push_back(std::move(part));
      continue;
    }
    input.name = std::move(part.name);
    input.bytes = std::move(part.bytes);
  }
  if (!files.empty()) return input;
  input.name = file_name_of(imu);
  if (input.name.empty()) input.name = imu.name_of("data");
  const json* data = imu.find("data");
  if (data != nullptr && data->is_array()) {
    const std::string csv = csv_of(*data, imu);
    input.bytes.assign(csv.begin(), csv.end());
    return input;
  }
  if (const auto csv = imu.text("csv")) {
    if (csv->empty()) imu.fail("csv", "is empty");
    input.bytes.assign(csv->begin(), csv->end());
    return input;
  }
  for (const char* key : {"data", "url", "file_id"})
    if (const auto address = imu.text(key))
      return fetch(*address, Modality::kImu, imu.name_of(key), file_name_of(imu));
  imu.fail("data", "is missing (or 'files', 'csv', 'url', 'file_id')");
}

Bytes MediaParts::decode(std::string_view base64_text, const std::string& field) const {
  if (base64_text.size() / 4 * 3 > limits_.max_media_bytes)
    throw ApiError::too_large("'" + field + "' is larger than the limit of " +
                              std::to_string(limits_.max_media_bytes >> 20) + " MiB");
  std::optional<Bytes> bytes = decode_base64(base64_text);
  if (!bytes) throw ApiError::invalid("'" + field + "' is no valid base64", field);
  if (bytes->empty()) throw ApiError::invalid("'" + field + "' is empty", field);
  return std::move(*bytes);
}

Input MediaParts::fetch(const std::string& address, Modality modality, const std::string& field,
                        const std::string& name) const {
  Input input;
  input.modality = modality;
  input.name = name.empty() ? field : name;
  const std::string_view text = address;
  if (text.starts_with(kDataScheme)) {
    const std::size_t mark = text.find(kBase64Mark);
    constexpr std::size_t kMaxTypeBytes = 256;
    if (mark > kMaxTypeBytes)
      throw ApiError::invalid("'" + field + "' must be of the form data:TYPE;base64,..", field);
    const std::string_view data = text.substr(mark + kBase64Mark.size());
    input.bytes = data.find('%') == std::string_view::npos ? decode(data, field)
                                                           : decode(percent_decode(data), field);
  } else if (text.starts_with("http://") || text.starts_with("https://")) {
    if (sources_.remote == nullptr)
      throw ApiError::invalid("'" + field +
                                  "': this server fetches no addresses (--allow-urls is "
                                  "off); send a data: address, or upload the file",
                              field);
    try {
      input.bytes = sources_.remote->fetch(address, limits_.max_media_bytes);
    } catch (const Error& error) {
      throw ApiError::invalid(error.what(), field);
    }
  } else if (FileStore::is_id(address)) {
    if (sources_.files == nullptr)
      throw ApiError::invalid("'" + field + "': this server stores no files", field);
    input.name = sources_.files->use(address, sources_.file_owner).string();
  } else if (text.find(':') != std::string_view::npos) {
    throw ApiError::invalid("'" + field +
                                "' must be a data: or http(s): address, base64, or the id "
                                "of an uploaded file",
                            field);
  } else {
    input.bytes = decode(text, field);
  }
  return input;
}

}  // namespace pandagpt
