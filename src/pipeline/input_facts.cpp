// Inputs of every kind -> their facts: the same readers, with the same options, as for the towers.
#include "pipeline/input_facts.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/file.h"
#include "core/time_limit.h"
#include "facts/depth_facts.h"
#include "facts/motion_facts.h"
#include "facts/recording_facts.h"
#include "facts/sound_facts.h"
#include "facts/thermal_facts.h"
#include "media/content.h"
#include "media/image_info.h"
#include "media/logs/log_inputs.h"
#include "media/media_report.h"
#include "pandagpt/error.h"
#include "pipeline/media_tensor.h"
#include "preprocess/depth_reading.h"

namespace pandagpt {
namespace {

bool is_of_log(const Input& input) {
  return (input.bytes.empty() ? open_log(input.name) : open_log(input.bytes, input.name))
      .has_value();
}

/// From the header alone, except for the message of a robot's log.
InputFacts of_picture(const Input& input, const InputLimits& input_limits) {
  const ImageLimits limits = image_limits(input_limits);
  if (is_of_log(input)) {
    const Image image = read_picture(input, input_limits);
    return picture_facts(image.width, image.height, "message of a robot's log", {});
  }
  Bytes own;
  if (input.bytes.empty()) own = read_file(input.name, limits.max_file_bytes);
  const ByteView bytes = input.bytes.empty() ? ByteView(own) : ByteView(input.bytes);
  const ImageInfo info = read_image_info(bytes, shown_name(input));
  const auto [width, height] = upright_size(info);
  return picture_facts(static_cast<int>(width), static_cast<int>(height), format_name(info.format),
                       read_capture_info(bytes, info.format));
}

InputFacts of_film(const Input& input, const InputLimits& limits) {
  const RecordingInfo recording = input.bytes.empty()
                                      ? read_recording_info(input.name)
                                      : read_recording_info(ByteView(input.bytes), input.name);
  return film_facts(open_film(input, limits).info(), recording.capture);
}

/// Of all channels, unless one is named.
InputFacts of_sound(const Input& input, const InputLimits& limits) {
  Audio audio = read_sound(input, limits);
  const int channel = input.sensor.audio_channel.value_or(kAudioChannelAuto);
  if (channel != kAudioChannelAuto) choose_channel(audio, channel);
  return sound_facts(audio);
}

InputFacts of_thermal(const Input& input, const ImageLimits& limits) {
  const ThermalFile file = read_thermal(input, limits);
  return file.map ? thermal_facts(*file.map)
                  : thermal_picture_facts(file.picture.width, file.picture.height);
}

/// Whether an estimator's numbers were read, which tell what is nearer, and no distance.
bool is_relative(const ScalarMap& metres) {
  const std::string relative = depth_reading(DepthEncoding::kRelativeInverse).what;
  return std::ranges::any_of(metres.report.lines, [&](const InputReport::Line& line) {
    return line.name == "numbers" && line.value == relative;
  });
}

InputFacts of_depth(const Input& input, const InputLimits& limits) {
  ScalarMap map = read_depth(input, limits);
  DistanceMap distances{map.width, map.height, std::move(map.values)};
  distances.has_unit = !is_relative(map);
  distances.focal_length = input.sensor.depth_focal_length;
  return depth_facts(distances);
}

InputFacts facts_of(const Input& input, const InputLimits& limits) {
  const TimeLimit time(std::chrono::duration<double>(limits.max_decode_seconds));
  switch (input.modality) {
    case Modality::kImage:
      return of_picture(input, limits);
    case Modality::kVideo:
      return of_film(input, limits);
    case Modality::kAudio:
      return of_sound(input, limits);
    case Modality::kThermal:
      return of_thermal(input, image_limits(limits));
    case Modality::kDepth:
      return of_depth(input, limits);
    case Modality::kImu:
      return motion_facts(read_any_motion(input));
  }
  throw Error(ErrorKind::kInternal, "an input of an unknown kind");
}

constexpr std::uint64_t kMaxStandardInput = std::uint64_t{2} << 30;

}  // namespace

std::string facts_line(const std::vector<InputFacts>& facts) {
  std::string line;
  for (const InputFacts& input : facts)
    line += (line.empty() || input.sentence.empty() ? "" : " ") + input.sentence;
  return line;
}

Inputs with_standard_input_read(const Inputs& inputs) {
  Inputs result;
  for (Input input : inputs.items()) {
    if (input.name == "-" && input.bytes.empty()) {
      input.bytes = read_file(input.name, kMaxStandardInput);
      input.name = shown_name(input);
    }
    result.add(std::move(input));
  }
  return result;
}

std::vector<InputFacts> measure(const Inputs& inputs, const InputLimits& limits) {
  std::vector<InputFacts> all;
  for (const Input& input : inputs.items()) {
    all.push_back(facts_of(input, limits));
    all.back().modality = input.modality;
    all.back().name = shown_name(input);
  }
  return all;
}

}  // namespace pandagpt
