#include "pipeline/media_tensor.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>

#include "media/audio.h"
#include "media/scalar_map.h"
#include "media/video.h"
#include "pandagpt/error.h"
#include "preprocess/audio.h"
#include "preprocess/thermal.h"

namespace pandagpt {
namespace {

/// What is known about this input's sensor goes before the encoders' own settings.
template <typename Field, typename Value>
void overlay(Field& field, const std::optional<Value>& value) {
  if (!value) return;
  if constexpr (std::is_convertible_v<Field, float>)
    field = static_cast<Field>(*value);
  else
    field = static_cast<typename Field::value_type>(*value);
}

Image picture(const Input& input) {
  return input.bytes.empty() ? load_image(input.name) : decode_image(input.bytes, input.name);
}

MediaTensor film(const Input& input, const VideoTransform& transform) {
  VideoReader video = input.bytes.empty() ? VideoReader(input.name)
                                          : VideoReader(ByteView(input.bytes), input.name);
  return {transform.n_views(), video_tensor(video, transform)};
}

MediaTensor sound(const Input& input) {
  const Audio audio =
      input.bytes.empty() ? load_audio(input.name) : decode_audio(input.bytes, input.name);
  return {kImageBindAudio.n_clips, audio_tensor(audio)};
}

MediaTensor thermal(const Input& input, const ThermalRange& range,
                    const ImageTransform& transform) {
  const Image grey = input.bytes.empty() ? load_thermal(input.name, range)
                                         : decode_thermal(input.bytes, input.name, range);
  return {1, thermal_tensor(grey, transform)};
}

MediaTensor depth(const Input& input, const DepthTransform& transform) {
  const ScalarMap map = input.bytes.empty() ? load_scalar_map(input.name)
                                            : decode_scalar_map(input.bytes, input.name);
  return {1, depth_tensor(map, input.name, transform)};
}

MediaTensor motion(const Input& input, const ImuOptions& options, const ImuTransform& transform) {
  ImuClips clips = imu_clips(input.bytes.empty() ? load_imu(input.name, options)
                                                 : decode_imu(input.bytes, input.name, options),
                             transform);
  return {clips.n_clips, std::move(clips.values)};
}

/// Side of the square picture of one channel that the tower takes.
int side_of(const Encoders& encoders, Tower tower) {
  return static_cast<int>(std::lround(std::sqrt(encoders.view_length(tower))));
}

}  // namespace

Tower tower_of(Modality modality) {
  switch (modality) {
    case Modality::kImage:
    case Modality::kVideo:
      return Tower::kVision;
    case Modality::kAudio:
      return Tower::kAudio;
    case Modality::kThermal:
      return Tower::kThermal;
    case Modality::kDepth:
      return Tower::kDepth;
    case Modality::kImu:
      return Tower::kImu;
  }
  throw Error(ErrorKind::kInternal, "an input of an unknown kind");
}

MediaTransforms media_transforms(const Encoders& encoders) {
  MediaTransforms transforms;
  if (encoders.has(Tower::kVision)) {
    const ImageTransform& picture = encoders.image_transform();
    transforms.video.size = picture.size;
    transforms.video.mean = picture.mean;
    transforms.video.std = picture.std;
  }
  if (encoders.has(Tower::kThermal)) {
    transforms.thermal_picture.size = side_of(encoders, Tower::kThermal);
    transforms.thermal_picture.resize_short_side = transforms.thermal_picture.size;
  }
  if (encoders.has(Tower::kDepth)) transforms.depth.size = side_of(encoders, Tower::kDepth);
  if (encoders.has(Tower::kImu))
    transforms.imu_clips.n_steps =
        static_cast<int>(encoders.view_length(Tower::kImu)) / kImuChannels;
  return transforms;
}

ThermalRange with_sensor(ThermalRange range, const SensorOptions& sensor) {
  overlay(range.coldest, sensor.thermal_coldest);
  overlay(range.warmest, sensor.thermal_warmest);
  return range;
}

DepthTransform with_sensor(DepthTransform transform, const SensorOptions& sensor) {
  overlay(transform.metres_per_unit, sensor.depth_metres_per_unit);
  overlay(transform.camera.focal_length, sensor.depth_focal_length);
  overlay(transform.camera.baseline, sensor.depth_baseline);
  return transform;
}

ImuOptions with_sensor(ImuOptions options, const SensorOptions& sensor) {
  overlay(options.rate_hz, sensor.imu_rate_hz);
  overlay(options.acceleration, sensor.acceleration_unit);
  overlay(options.rotation, sensor.rotation_unit);
  return options;
}

PreparedInput prepare(const Input& input, const MediaTransforms& transforms) {
  switch (input.modality) {
    case Modality::kImage:
      return picture(input);
    case Modality::kVideo:
      return film(input, transforms.video);
    case Modality::kAudio:
      return sound(input);
    case Modality::kThermal:
      return thermal(input, with_sensor(transforms.thermal, input.sensor),
                     transforms.thermal_picture);
    case Modality::kDepth:
      return depth(input, with_sensor(transforms.depth, input.sensor));
    case Modality::kImu:
      return motion(input, with_sensor(transforms.imu, input.sensor), transforms.imu_clips);
  }
  throw Error(ErrorKind::kInternal, "an input of an unknown kind");
}

std::vector<float> encode_prepared(Encoders& encoders, std::span<TowerInput> inputs) {
  const auto width = static_cast<std::size_t>(encoders.n_embd());
  std::vector<float> rows(inputs.size() * width);
  const auto row_at = [&](std::size_t i) {
    return rows.begin() + static_cast<std::ptrdiff_t>(i * width);
  };
  std::vector<Image> images;
  std::vector<std::size_t> image_rows;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (auto* image = std::get_if<Image>(&inputs[i].prepared)) {
      images.push_back(std::move(*image));
      image_rows.push_back(i);
      continue;
    }
    const auto& tensor = std::get<MediaTensor>(inputs[i].prepared);
    std::ranges::copy(encoders.encode(inputs[i].tower, tensor.values, 1, tensor.n_views),
                      row_at(i));
  }
  if (images.empty()) return rows;
  const std::vector<float> pictures = encoders.encode_images(images);
  for (std::size_t i = 0; i < image_rows.size(); ++i)
    std::copy_n(pictures.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                row_at(image_rows[i]));
  return rows;
}

}  // namespace pandagpt
