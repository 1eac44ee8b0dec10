#include "pipeline/media_tensor.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/time_limit.h"
#include "core/warnings.h"
#include "media/audio.h"
#include "media/content.h"
#include "media/depth_map.h"
#include "media/video.h"
#include "pandagpt/error.h"
#include "preprocess/audio.h"
#include "preprocess/depth_encoding.h"
#include "preprocess/statistics.h"
#include "preprocess/thermal.h"

namespace pandagpt {
namespace {

/// What is known about this input's sensor goes before the encoders' own settings.
template <typename Field, typename Value>
void overlay(Field& field, const std::optional<Value>& value) {
  if (!value) return;
  if constexpr (std::is_same_v<Field, Value>)
    field = *value;
  else if constexpr (std::is_convertible_v<Field, float>)
    field = static_cast<Field>(*value);
  else
    field = static_cast<typename Field::value_type>(*value);
}

/// `limit` if there is one and it is the smaller.
template <typename Value>
void lower(Value& value, Value limit) {
  if (limit > 0) value = std::min(value, limit);
}

constexpr const char* kNothing = "; there is nothing in it that an answer could be about";

/// The mean of the views' statistics, each by `measure` of (view).
template <typename Measure>
MediaTensor with_statistics(int n_views, std::vector<float> values, const Measure& measure) {
  MediaTensor tensor{n_views, std::move(values)};
  const std::size_t length = tensor.values.size() / static_cast<std::size_t>(n_views);
  for (std::size_t begin = 0; begin < tensor.values.size(); begin += length) {
    const std::vector<float> own = measure(std::span(tensor.values).subspan(begin, length));
    tensor.statistics.resize(own.size());
    for (std::size_t i = 0; i < own.size(); ++i)
      tensor.statistics[i] += own[i] / static_cast<float>(n_views);
  }
  return tensor;
}

MediaTensor square_with_statistics(std::vector<float> plane, int side) {
  return with_statistics(1, std::move(plane), [side](std::span<const float> view) {
    return plane_statistics(view, side, side);
  });
}

MediaTensor film(const Input& input, const VideoTransform& transform, const InputLimits& limits) {
  VideoReader video = open_film(input, limits);
  return {transform.n_views(), video_tensor(video, transform)};
}

MediaTensor sound(const Input& input, int channel, const AudioTransform& transform,
                  const InputLimits& limits) {
  Audio audio = read_sound(input, limits);
  choose_channel(audio, channel);
  return with_statistics(transform.n_clips, audio_tensor(audio, transform),
                         [&transform](std::span<const float> view) {
                           return sound_statistics(view, transform.n_mel_bins, transform.n_frames);
                         });
}

MediaTensor thermal(const Input& input, const ThermalRange& range, const ImageTransform& transform,
                    const ImageLimits& limits) {
  const Image grey = thermal_picture(read_thermal(input, limits), input.name, range);
  if (is_one_colour(grey))
    warn_no_content(shown_name(input) + ": the thermal picture has no contrast" + kNothing);
  return square_with_statistics(thermal_tensor(grey, transform), transform.size);
}

MediaTensor depth(const Input& input, const DepthTransform& transform, const InputLimits& limits) {
  const FloatPlane plane = disparity_plane(read_depth(input, limits), shown_name(input), transform);
  if (is_constant(plane.values))
    warn_no_content(shown_name(input) + ": the depth map has the same depth everywhere" + kNothing);
  return square_with_statistics(disparity_tensor(plane, transform), transform.size);
}

MediaTensor motion(const Input& input, const ImuOptions& options, const ImuTransform& transform) {
  const ImuRecording recording = read_motion(input, options);
  ImuClips clips = imu_clips(recording, transform);
  judge_motion(recording);
  return with_statistics(clips.n_clips, std::move(clips.values),
                         [&transform](std::span<const float> clip) {
                           return motion_statistics(clip, transform.n_steps,
                                                    transform.clip_seconds / transform.n_steps);
                         });
}

/// Runs `work`; what it throws becomes the inputs' failure.
void noting_failure(std::span<TowerInput* const> inputs, const std::function<void()>& work) {
  try {
    work();
  } catch (...) {
    for (TowerInput* one : inputs)
      one->failure = std::current_exception();
  }
}

/// In one batch.
void encode_pictures(Encoders& encoders, std::span<TowerInput* const> pictures) {
  const std::size_t length = encoders.view_length(TowerKind::kVision);
  std::vector<float> pixels;
  pixels.reserve(pictures.size() * length);
  for (const TowerInput* one : pictures) {
    const std::vector<float>& values = one->tensor.values;
    if (values.size() != length)
      throw Error(ErrorKind::kInternal,
                  fmt::format("a picture's tensor has {} values, not {}", values.size(), length));
    pixels.insert(pixels.end(), values.begin(), values.end());
  }
  const std::vector<float> rows =
      encoders.encode(TowerKind::kVision, pixels, static_cast<int>(pictures.size()));
  auto row = rows.begin();
  for (const TowerInput* one : pictures) {
    std::copy_n(row, one->row.size(), one->row.begin());
    row += static_cast<std::ptrdiff_t>(one->row.size());
  }
}

}  // namespace

std::string shown_name(const Input& input) {
  return input.name == "-" ? "standard input" : input.name;
}

int statistics_count(Modality modality, const MediaTransforms& transforms) {
  const auto of_side = [](int side) { return side < kLeastPlaneSide ? 0 : kPlaneStatistics; };
  switch (modality) {
    case Modality::kAudio:
      return kSoundStatistics;
    case Modality::kThermal:
      return of_side(transforms.thermal_picture.size);
    case Modality::kDepth:
      return of_side(transforms.depth.size);
    case Modality::kImu:
      return kMotionStatistics;
    case Modality::kImage:
    case Modality::kVideo:
      return 0;
  }
  throw Error(ErrorKind::kInternal, "an input of an unknown kind");
}

ThermalRange with_sensor(ThermalRange range, const SensorOptions& sensor) {
  overlay(range.coldest, sensor.thermal_coldest);
  overlay(range.warmest, sensor.thermal_warmest);
  return range;
}

DepthTransform with_sensor(DepthTransform transform, const SensorOptions& sensor) {
  overlay(transform.camera.focal_length, sensor.depth_focal_length);
  overlay(transform.camera.baseline, sensor.depth_baseline);
  return transform;
}

ImuOptions with_sensor(ImuOptions options, const SensorOptions& sensor) {
  overlay(options.rate_hz, sensor.imu_rate_hz);
  overlay(options.acceleration, sensor.acceleration_unit);
  overlay(options.rotation, sensor.rotation_unit);
  overlay(options.gravity, sensor.imu_gravity);
  options.columns = sensor.imu_columns;
  return options;
}

ImageLimits image_limits(const InputLimits& limits) {
  ImageLimits result;
  lower(result.max_pixels, limits.max_pixels);
  return result;
}

VideoReader open_film(const Input& input, const InputLimits& limits) {
  VideoLimits own;
  lower(own.max_pixels, limits.max_pixels);
  const bool stored = input.sensor.video_frames == VideoFrames::kStored;
  const VideoOptions options = stored ? kAsTheReference : VideoOptions{};
  VideoReader video = input.bytes.empty()
                          ? VideoReader(input.name, own, 0, options)
                          : VideoReader(ByteView(input.bytes), input.name, own, 0, options);
  if (limits.max_seconds > 0 && video.info().duration > limits.max_seconds)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: the film of {:.0f} s is longer than the limit "
                            "of {:.0f} s; cut it into pieces",
                            input.name, video.info().duration, limits.max_seconds));
  return video;
}

Audio read_sound(const Input& input, const InputLimits& limits) {
  AudioLimits own;
  lower(own.max_seconds, limits.max_seconds);
  return input.bytes.empty() ? load_audio(input.name, own)
                             : decode_audio(input.bytes, input.name, own);
}

ThermalFile read_thermal(const Input& input, const ImageLimits& limits) {
  return input.bytes.empty() ? load_thermal_file(input.name, limits)
                             : decode_thermal_file(input.bytes, input.name, limits);
}

ImuRecording read_motion(const Input& input, const ImuOptions& options) {
  return load_imu(input, options);
}

ImuRecording read_any_motion(const Input& input) {
  ImuOptions options = with_sensor(ImuOptions(), input.sensor);
  options.takes_accelerometer_alone = true;
  return read_motion(input, options);
}

Image read_picture(const Input& input, const InputLimits& limits) {
  Image image = input.bytes.empty() ? load_image(input.name, image_limits(limits))
                                    : decode_image(input.bytes, input.name, image_limits(limits));
  if (is_one_colour(image))
    warn_no_content(shown_name(input) + ": the picture is of one colour" + kNothing);
  return image;
}

ScalarMap read_depth(const Input& input, const InputLimits& limits) {
  const ImageLimits own = image_limits(limits);
  const DepthEncoding encoding = input.sensor.depth_encoding.value_or(DepthEncoding::kAuto);
  const ScalarMap map = input.bytes.empty()
                            ? load_depth_map(input.name, encoding, own)
                            : decode_depth_map(input.bytes, input.name, encoding, own);
  return depth_in_metres(map, input.sensor, shown_name(input));
}

MediaTensor picture_tensor(const Image& image, const MediaTransforms& transforms) {
  return {1, image_tensor(image, transforms.picture, transforms.picture_layout)};
}

MediaTensor prepare(const Input& input, const MediaTransforms& transforms,
                    const InputLimits& limits) {
  const TimeLimit time(std::chrono::duration<double>(limits.max_decode_seconds));
  switch (input.modality) {
    case Modality::kImage:
      return picture_tensor(read_picture(input, limits), transforms);
    case Modality::kVideo:
      return film(input, transforms.video, limits);
    case Modality::kAudio:
      return sound(input, input.sensor.audio_channel.value_or(transforms.audio_channel),
                   transforms.audio, limits);
    case Modality::kThermal:
      return thermal(input, with_sensor(transforms.thermal, input.sensor),
                     transforms.thermal_picture, image_limits(limits));
    case Modality::kDepth:
      return depth(input, with_sensor(transforms.depth, input.sensor), limits);
    case Modality::kImu:
      return motion(input, with_sensor(transforms.imu, input.sensor), transforms.imu_clips);
  }
  throw Error(ErrorKind::kInternal, "an input of an unknown kind");
}

void encode_prepared(Encoders& encoders, std::span<TowerInput* const> inputs) {
  const auto max_batch = static_cast<std::size_t>(encoders.max_batch());
  std::vector<TowerInput*> pictures;
  for (TowerInput* const& one : inputs) {
    if (one->modality == Modality::kImage)
      pictures.push_back(one);
    else
      noting_failure({&one, 1}, [&] {
        const MediaTensor& tensor = one->tensor;
        const TowerKind tower = encoders.tower_of(one->modality);
        std::ranges::copy(encoders.encode(tower, tensor.values, 1, tensor.n_views),
                          one->row.begin());
      });
  }
  for (std::size_t begin = 0; begin < pictures.size(); begin += max_batch) {
    const auto part =
        std::span(pictures).subspan(begin, std::min(max_batch, pictures.size() - begin));
    noting_failure(part, [&] { encode_pictures(encoders, part); });
  }
}

}  // namespace pandagpt
