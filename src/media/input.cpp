#include "pandagpt/input.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <system_error>

#include "media/sensor_units.h"
#include "pandagpt/error.h"

namespace pandagpt {

std::string to_string(Modality modality) {
  switch (modality) {
    case Modality::kImage:
      return "image";
    case Modality::kVideo:
      return "video";
    case Modality::kAudio:
      return "audio";
    case Modality::kThermal:
      return "thermal";
    case Modality::kDepth:
      return "depth";
    case Modality::kImu:
      return "imu";
  }
  return "unknown";
}

std::optional<Modality> modality_from_name(std::string_view name) {
  for (const Modality modality : kAllModalities)
    if (name == to_string(modality)) return modality;
  return std::nullopt;
}

std::optional<int> audio_channel_from_name(std::string_view name) {
  if (name == "auto") return kAudioChannelAuto;
  if (name == "mix") return kAudioChannelMix;
  int channel = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), channel);
  const bool is_number = code == std::errc() && end == name.data() + name.size();
  if (!is_number || channel < 1 || channel > kMaxAudioChannel) return std::nullopt;
  return channel;
}

namespace {

constexpr std::pair<DepthEncoding, std::string_view> kDepthEncodings[] = {
    {DepthEncoding::kAuto, "auto"},
    {DepthEncoding::kMillimetres, "mm"},
    {DepthEncoding::kMetres, "m"},
    {DepthEncoding::kTum, "tum"},
    {DepthEncoding::kKitti, "kitti"},
    {DepthEncoding::kVirtualKitti, "vkitti"},
    {DepthEncoding::kSunRgbd, "sunrgbd"},
    {DepthEncoding::kSevenScenes, "7scenes"},
    {DepthEncoding::kNyuRaw, "nyu-raw"},
    {DepthEncoding::kL515, "l515"},
    {DepthEncoding::kReplica, "replica"},
    {DepthEncoding::kDisparity, "disparity"},
    {DepthEncoding::kKittiDisparity, "kitti-disparity"},
    {DepthEncoding::kInverse, "inverse"},
    {DepthEncoding::kRelativeInverse, "relative-inverse"},
};

/// Nothing for a name that isn't there.
template <typename Value>
std::optional<Value> value_of(const std::map<std::string, Value>& names, std::string_view name) {
  const auto found = names.find(std::string(name));
  return found == names.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::optional<DepthEncoding> depth_encoding_from_name(std::string_view name) {
  for (const auto& [encoding, known] : kDepthEncodings)
    if (known == name) return encoding;
  return std::nullopt;
}

std::string to_string(DepthEncoding encoding) {
  for (const auto& [known, name] : kDepthEncodings)
    if (known == encoding) return std::string(name);
  return "unknown";
}

std::optional<ImuGravity> imu_gravity_from_name(std::string_view name) {
  return value_of(imu_gravities(), name);
}

std::optional<VideoFrames> video_frames_from_name(std::string_view name) {
  return value_of(video_frames(), name);
}

std::string to_string(const SensorOptions& options) {
  std::string text;
  const auto append = [&](const char* name, const auto& field) {
    if (field) text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, double(*field));
  };
  append("imu_rate_hz", options.imu_rate_hz);
  append("acceleration_unit", options.acceleration_unit);
  append("rotation_unit", options.rotation_unit);
  append("imu_gravity", options.imu_gravity);
  if (!options.imu_columns.empty())
    text += fmt::format("{}imu_columns={}", text.empty() ? "" : " ", options.imu_columns);
  append("depth_encoding", options.depth_encoding);
  append("depth_metres_per_unit", options.depth_metres_per_unit);
  append("depth_focal_length", options.depth_focal_length);
  append("depth_baseline", options.depth_baseline);
  append("thermal_coldest", options.thermal_coldest);
  append("thermal_warmest", options.thermal_warmest);
  append("audio_channel", options.audio_channel);
  append("video_frames", options.video_frames);
  // A field that is added but not written here would make different inputs look alike.
  static_assert(sizeof(SensorOptions) ==
                6 * sizeof(std::optional<double>) + 2 * sizeof(std::optional<RotationUnit>) +
                    sizeof(std::optional<ImuGravity>) + sizeof(std::optional<DepthEncoding>) +
                    sizeof(std::optional<VideoFrames>) + sizeof(std::optional<int>) +
                    sizeof(std::string));
  return text;
}

Inputs& Inputs::add_buffer(Modality modality, std::vector<std::uint8_t> bytes, std::string name,
                           float weight) {
  if (bytes.empty()) throw Error(ErrorKind::kInput, name + ": the buffer is empty");
  return add({modality, std::move(name), std::move(bytes), weight});
}

Inputs& Inputs::add_sound_of_videos() {
  std::vector<Input> sounds;
  for (const Input& input : items_) {
    if (input.modality != Modality::kVideo) continue;
    sounds.push_back(input);
    sounds.back().modality = Modality::kAudio;
  }
  std::ranges::move(sounds, std::back_inserter(items_));
  return *this;
}

}  // namespace pandagpt
