// Inputs of the C interface.
#include <cmath>
#include <limits>
#include <optional>

#include "c_api/call.h"
#include "c_api/handles.h"

namespace pandagpt::c_api {
namespace {

constexpr Modality kModalities[] = {Modality::kImage,   Modality::kVideo, Modality::kAudio,
                                    Modality::kThermal, Modality::kDepth, Modality::kImu};
constexpr int kNumbers[] = {PANDAGPT_IMAGE,   PANDAGPT_VIDEO, PANDAGPT_AUDIO,
                            PANDAGPT_THERMAL, PANDAGPT_DEPTH, PANDAGPT_IMU};
constexpr const char* kNames[] = {"image", "video", "audio", "thermal", "depth", "imu"};

std::optional<double> given(double value) {
  if (std::isnan(value)) return {};
  return value;
}

std::optional<AccelerationUnit> acceleration_unit(pandagpt_acceleration_unit unit) {
  switch (unit) {
    case PANDAGPT_ACCELERATION_NOT_GIVEN:
      return {};
    case PANDAGPT_METRES_PER_SECOND_SQUARED:
      return AccelerationUnit::kMetresPerSecondSquared;
    case PANDAGPT_G:
      return AccelerationUnit::kG;
    case PANDAGPT_MILLI_G:
      return AccelerationUnit::kMilliG;
    default:
      fail_usage("acceleration_unit is " + std::to_string(unit) + ", which is none of the units");
  }
}

std::optional<RotationUnit> rotation_unit(pandagpt_rotation_unit unit) {
  switch (unit) {
    case PANDAGPT_ROTATION_NOT_GIVEN:
      return {};
    case PANDAGPT_RADIANS_PER_SECOND:
      return RotationUnit::kRadiansPerSecond;
    case PANDAGPT_DEGREES_PER_SECOND:
      return RotationUnit::kDegreesPerSecond;
    default:
      fail_usage("rotation_unit is " + std::to_string(unit) + ", which is none of the units");
  }
}

std::optional<ImuGravity> imu_gravity(pandagpt_imu_gravity gravity) {
  switch (gravity) {
    case PANDAGPT_GRAVITY_NOT_GIVEN:
      return {};
    case PANDAGPT_GRAVITY_PRESENT:
      return ImuGravity::kPresent;
    case PANDAGPT_GRAVITY_ABSENT:
      return ImuGravity::kAbsent;
    default:
      fail_usage("imu_gravity is " + std::to_string(gravity) + ", which is none of the constants");
  }
}

std::optional<DepthEncoding> depth_encoding(pandagpt_depth_encoding encoding) {
  if (encoding == PANDAGPT_DEPTH_NOT_GIVEN) return {};
  // The constants are the encodings' own order, counted from 1.
  const auto index = static_cast<std::size_t>(encoding) - 1;
  static_assert(std::size(kAllDepthEncodings) == PANDAGPT_DEPTH_RELATIVE_INVERSE &&
                kAllDepthEncodings[PANDAGPT_DEPTH_AUTO - 1] == DepthEncoding::kAuto &&
                kAllDepthEncodings[PANDAGPT_DEPTH_SUNRGBD - 1] == DepthEncoding::kSunRgbd &&
                kAllDepthEncodings[PANDAGPT_DEPTH_INVERSE - 1] == DepthEncoding::kInverse);
  if (encoding < 0 || index >= std::size(kAllDepthEncodings))
    fail_usage("depth_encoding is " + std::to_string(encoding) +
               ", which is none of the encodings");
  return kAllDepthEncodings[index];
}

std::optional<int> audio_channel(int channel) {
  static_assert(PANDAGPT_CHANNEL_AUTO == kAudioChannelAuto &&
                PANDAGPT_CHANNEL_MIX == kAudioChannelMix);
  if (channel == PANDAGPT_CHANNEL_NOT_GIVEN) return {};
  if (channel < kAudioChannelMix || channel > kMaxAudioChannel)
    fail_usage("audio_channel is " + std::to_string(channel) + "; 1 to " +
               std::to_string(kMaxAudioChannel) + " or one of the constants was expected");
  return channel;
}

pandagpt_input_options default_input_options() {
  constexpr double kNotGiven = std::numeric_limits<double>::quiet_NaN();
  return {.struct_size = sizeof(pandagpt_input_options),
          .weight = 1.0F,
          .imu_rate_hz = kNotGiven,
          .acceleration_unit = PANDAGPT_ACCELERATION_NOT_GIVEN,
          .rotation_unit = PANDAGPT_ROTATION_NOT_GIVEN,
          .depth_metres_per_unit = kNotGiven,
          .depth_focal_length = kNotGiven,
          .depth_baseline = kNotGiven,
          .thermal_coldest = kNotGiven,
          .thermal_warmest = kNotGiven,
          .audio_channel = PANDAGPT_CHANNEL_NOT_GIVEN,
          .imu_gravity = PANDAGPT_GRAVITY_NOT_GIVEN,
          .imu_columns = nullptr,
          .depth_encoding = PANDAGPT_DEPTH_NOT_GIVEN};
}

/// An input of this name, without content.
Input make_input(pandagpt_modality modality, const char* name,
                 const pandagpt_input_options* options) {
  const pandagpt_input_options from =
      options != nullptr ? read_struct(*options, "options") : default_input_options();
  if (!std::isfinite(from.weight)) fail_usage("weight is no finite number");
  Input input;
  input.modality = modality_of(modality);
  input.name = name;
  input.weight = from.weight;
  input.sensor = {.imu_rate_hz = given(from.imu_rate_hz),
                  .acceleration_unit = acceleration_unit(from.acceleration_unit),
                  .rotation_unit = rotation_unit(from.rotation_unit),
                  .imu_gravity = imu_gravity(from.imu_gravity),
                  .imu_columns = from.imu_columns != nullptr ? from.imu_columns : "",
                  .depth_encoding = depth_encoding(from.depth_encoding),
                  .depth_metres_per_unit = given(from.depth_metres_per_unit),
                  .depth_focal_length = given(from.depth_focal_length),
                  .depth_baseline = given(from.depth_baseline),
                  .thermal_coldest = given(from.thermal_coldest),
                  .thermal_warmest = given(from.thermal_warmest),
                  .audio_channel = audio_channel(from.audio_channel)};
  return input;
}

}  // namespace

Modality modality_of(pandagpt_modality modality) {
  for (std::size_t i = 0; i < std::size(kNumbers); ++i)
    if (kNumbers[i] == modality) return kModalities[i];
  fail_usage("modality is " + std::to_string(modality) + ", which is no kind of input");
}

pandagpt_modality number_of(Modality modality) {
  for (std::size_t i = 0; i < std::size(kModalities); ++i)
    if (kModalities[i] == modality) return kNumbers[i];
  throw Error(ErrorKind::kInternal, to_string(modality) + ": a kind of input that C doesn't have");
}

const Inputs& inputs_of(const pandagpt_inputs* inputs) {
  static const Inputs none;
  return inputs != nullptr ? inputs->inputs : none;
}

}  // namespace pandagpt::c_api

using namespace pandagpt::c_api;

const char* pandagpt_modality_name(pandagpt_modality modality) {
  for (std::size_t i = 0; i < std::size(kNumbers); ++i)
    if (kNumbers[i] == modality) return kNames[i];
  return nullptr;
}

pandagpt_status pandagpt_input_options_init(pandagpt_input_options* options, size_t struct_size) {
  return guarded([&] { write_struct(default_input_options(), options, struct_size, "options"); });
}

pandagpt_status pandagpt_inputs_create(pandagpt_inputs** inputs) {
  return create(inputs, "inputs", [] { return pandagpt::Inputs(); });
}

void pandagpt_inputs_free(pandagpt_inputs* inputs) {
  delete inputs;
}

pandagpt_status pandagpt_inputs_add_file(pandagpt_inputs* inputs, pandagpt_modality modality,
                                         const char* path, const pandagpt_input_options* options) {
  return guarded([&] {
    required(inputs, "inputs")
        .inputs.add(make_input(modality, required_text(path, "path"), options));
  });
}

pandagpt_status pandagpt_inputs_add_memory(pandagpt_inputs* inputs, pandagpt_modality modality,
                                           const void* data, size_t size, const char* name,
                                           const pandagpt_input_options* options) {
  return guarded([&] {
    required(inputs, "inputs");
    pandagpt::Input input = make_input(modality, name != nullptr ? name : "memory", options);
    if (size == 0)
      throw pandagpt::Error(pandagpt::ErrorKind::kInput, input.name + ": the buffer is empty");
    const auto* begin = static_cast<const std::uint8_t*>(data);
    required(begin, "data");
    input.bytes.assign(begin, begin + size);
    inputs->inputs.add(std::move(input));
  });
}

pandagpt_status pandagpt_inputs_add_part(pandagpt_inputs* inputs, const char* name,
                                         const void* data, size_t size) {
  return guarded([&] {
    pandagpt::Inputs& all = required(inputs, "inputs").inputs;
    pandagpt::InputPart part{required_text(name, "name")};
    if (data != nullptr && size == 0)
      throw pandagpt::Error(pandagpt::ErrorKind::kInput, part.name + ": the buffer is empty");
    const auto* begin = static_cast<const std::uint8_t*>(data);
    if (begin != nullptr) part.bytes.assign(begin, begin + size);
    if (all.empty() || all.items().back().modality != pandagpt::Modality::kImu)
      fail_usage("there is no motion recording that this could be a part of");
    all.add_part(std::move(part));
  });
}

pandagpt_status pandagpt_inputs_add_sound_of_videos(pandagpt_inputs* inputs) {
  return guarded([&] { required(inputs, "inputs").inputs.add_sound_of_videos(); });
}

size_t pandagpt_inputs_count(const pandagpt_inputs* inputs) {
  return inputs != nullptr ? inputs->inputs.items().size() : 0;
}
