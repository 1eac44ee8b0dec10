#include "train/bind/sample.h"

#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "media/audio.h"
#include "media/thermal.h"
#include "pandagpt/error.h"
#include "preprocess/depth.h"
#include "preprocess/thermal.h"
#include "train/bind/augment.h"

namespace pandagpt::train {
namespace {

// Pictures are kept no larger than this times what the tower takes, so that crops are sharp.
constexpr int kKeptScale = 2;
// Of a recording, seconds that are kept.
constexpr double kMaxSoundSeconds = 120;

[[noreturn]] void fail_usage(const TowerConfig& config, const std::string& what) {
  throw Error(ErrorKind::kUsage,
              std::string("the ") + tower_name(config.tower) + " tower must take " + what);
}

// --- Packing -----------------------------------------------------------------------------------

enum class Kind : std::uint8_t { kImage, kGreyImage, kSound, kDepth, kImu };

class Packer {
 public:
  explicit Packer(Kind kind) { put(kind); }

  template <typename Value>
  void put(const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof(value));
  }
  void put_halves(const std::vector<float>& values) {
    put(static_cast<std::uint64_t>(values.size()));
    std::vector<ggml_fp16_t> halves(values.size());
    ggml_fp32_to_fp16_row(values.data(), halves.data(), static_cast<std::int64_t>(values.size()));
    for (const ggml_fp16_t half : halves)
      put(half);
  }
  Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(ByteView bytes) : bytes_(bytes) {}

  template <typename Value>
  Value get() {
    Value value;
    if (bytes_.size() < sizeof(value)) fail();
    std::memcpy(&value, bytes_.data(), sizeof(value));
    bytes_ = bytes_.subspan(sizeof(value));
    return value;
  }
  std::vector<float> get_halves() {
    const auto count = get<std::uint64_t>();
    if (count != bytes_.size() / sizeof(ggml_fp16_t)) fail();
    std::vector<ggml_fp16_t> halves(count);
    std::memcpy(halves.data(), bytes_.data(), halves.size() * sizeof(ggml_fp16_t));
    std::vector<float> values(halves.size());
    ggml_fp16_to_fp32_row(halves.data(), values.data(), static_cast<std::int64_t>(values.size()));
    return values;
  }
  ByteView rest() const { return bytes_; }
  [[noreturn]] static void fail() {
    throw Error(ErrorKind::kInternal, "a cached input is damaged; remove the run's cache folder");
  }

 private:
  ByteView bytes_;
};

bool is_grey(const Image& image) {
  for (std::size_t i = 0; i + 2 < image.rgb.size(); i += 3)
    if (image.rgb[i] != image.rgb[i + 1] || image.rgb[i] != image.rgb[i + 2]) return false;
  return true;
}

Bytes pack_image(const Image& image) {
  const bool grey = is_grey(image);
  Packer packer(grey ? Kind::kGreyImage : Kind::kImage);
  packer.put(image.width);
  packer.put(image.height);
  for (std::size_t i = 0; i < image.rgb.size(); i += grey ? 3 : 1)
    packer.put(image.rgb[i]);
  return packer.take();
}

Image unpack_image(Unpacker& from, bool grey) {
  Image image;
  image.width = from.get<int>();
  image.height = from.get<int>();
  for (const std::uint8_t value : from.rest())
    image.rgb.insert(image.rgb.end(), grey ? 3 : 1, value);
  if (image.rgb.size() != std::size_t(image.width) * image.height * 3) Unpacker::fail();
  return image;
}

Bytes pack_recording(const ImuRecording& recording) {
  Packer packer(Kind::kImu);
  packer.put(recording.step_seconds);
  for (std::size_t i = 0; i < recording.samples.size(); ++i) {
    packer.put(recording.seconds[i]);
    packer.put(recording.samples[i]);
  }
  return packer.take();
}

ImuRecording unpack_recording(Unpacker& from) {
  ImuRecording recording;
  recording.step_seconds = from.get<double>();
  while (!from.rest().empty()) {
    recording.seconds.push_back(from.get<double>());
    recording.samples.push_back(from.get<std::array<float, kImuChannels>>());
  }
  return recording;
}

// --- Decoding ----------------------------------------------------------------------------------

/// Large pictures are made smaller, to what is needed of them.
Image kept_size(Image image, int size) {
  const int shorter = std::min(image.width, image.height);
  const int wanted = kKeptScale * size;
  if (shorter <= wanted) return image;
  const double scale = static_cast<double>(wanted) / shorter;
  return resize_bicubic(image, std::max(1, static_cast<int>(std::lround(image.width * scale))),
                        std::max(1, static_cast<int>(std::lround(image.height * scale))));
}

// --- Views -------------------------------------------------------------------------------------

/// As many frames as a clip has, from a random place of the sound.
std::vector<float> random_clip(const SoundSample& sound, double strength, Random& random) {
  const AudioTransform& how = kImageBindAudio;
  const std::int64_t n_bins = how.n_mel_bins;
  const auto n_frames = static_cast<std::int64_t>(sound.energies.size()) / n_bins;
  const std::int64_t wanted = std::min<std::int64_t>(clip_frames(), n_frames);
  const std::int64_t begin = below(random, n_frames - wanted + 1);
  std::vector<float> energies(sound.energies.begin() + begin * n_bins,
                              sound.energies.begin() + (begin + wanted) * n_bins);
  augment_energies(energies, how.n_mel_bins, how.mean, strength, random);
  std::vector<float> view(std::size_t(how.n_mel_bins) * how.n_frames);
  energies_to_clip(energies, how, view.data());
  return view;
}

/// One clip of a recording: any of a long one's.
std::vector<float> random_clip(const ImuRecording& recording, const ImuTransform& transform,
                               double strength, Random& random) {
  const ImuClips clips = imu_clips(augmented(recording, strength, random), transform);
  const auto length = static_cast<std::ptrdiff_t>(clips.values.size()) / clips.n_clips;
  const auto from = clips.values.begin() + below(random, clips.n_clips) * length;
  return {from, from + length};
}

}  // namespace

MediaTransforms transforms_for(const TowerConfig& config, const ImageTransform& picture) {
  MediaTransforms transforms;
  const StemConfig& stem = config.stem;
  const bool is_square = stem.input.frames == 1 && stem.input.height == stem.input.width;
  switch (config.tower) {
    case TowerKind::kAudio:
      if (stem.channels != 1 ||
          stem.input != PatchBox{1, kImageBindAudio.n_mel_bins, kImageBindAudio.n_frames})
        fail_usage(config, "an input of [1, 1, 128, 204]: mel bins, frames");
      break;
    case TowerKind::kThermal:
      if (stem.channels != 1 || !is_square) fail_usage(config, "square pictures of one channel");
      transforms.thermal_picture.size = stem.input.height;
      transforms.thermal_picture.resize_short_side = stem.input.height;
      break;
    case TowerKind::kDepth:
      if (stem.channels != 1 || !is_square) fail_usage(config, "square maps of one channel");
      transforms.depth.size = stem.input.height;
      break;
    case TowerKind::kImu:
      if (stem.channels != kImuChannels || stem.input.frames != 1 || stem.input.height != 1)
        fail_usage(config, "an input of [6, 1, 1, steps]");
      transforms.imu_clips.n_steps = stem.input.width;
      break;
    case TowerKind::kVision:
      transforms.picture = picture;
      transforms.picture.resize_short_side = picture.size;
      transforms.video.match(picture);
      break;
    case TowerKind::kText:
    case TowerKind::kVideo:
      break;
  }
  return transforms;
}

Sample decode_sample(const MediaItem& item, const Bytes& content,
                     const MediaTransforms& transforms) {
  const Input input = input_of(item, content);
  const std::string name = item.name();
  switch (item.tower) {
    case TowerKind::kAudio:
      return SoundSample{sound_energies(
          decode_audio(content, name, AudioLimits{.max_seconds = kMaxSoundSeconds}))};
    case TowerKind::kThermal:
      return kept_size(decode_thermal(content, name, with_sensor(transforms.thermal, input.sensor)),
                       transforms.thermal_picture.size);
    case TowerKind::kDepth:
      return DepthSample{
          disparity_plane(read_depth(input), name, with_sensor(transforms.depth, input.sensor))};
    case TowerKind::kImu:
      return decode_imu(content, name, with_sensor(transforms.imu, input.sensor));
    case TowerKind::kVision:
      return kept_size(decode_image(content, name), transforms.video.size);
    case TowerKind::kText:
    case TowerKind::kVideo:
      break;
  }
  throw Error(ErrorKind::kInternal, "lists have neither texts nor films to be decoded");
}

MediaTensor inference_views(const MediaItem& item, const Bytes& content,
                            const MediaTransforms& transforms) {
  return prepare(input_of(item, content), transforms);
}

Bytes pack(const Sample& sample) {
  if (const auto* image = std::get_if<Image>(&sample)) return pack_image(*image);
  if (const auto* recording = std::get_if<ImuRecording>(&sample)) return pack_recording(*recording);
  if (const auto* sound = std::get_if<SoundSample>(&sample)) {
    Packer packer(Kind::kSound);
    packer.put_halves(sound->energies);
    return packer.take();
  }
  const FloatPlane& plane = std::get<DepthSample>(sample).disparity;
  Packer packer(Kind::kDepth);
  packer.put(plane.width);
  packer.put(plane.height);
  packer.put_halves(plane.values);
  return packer.take();
}

Sample unpack(ByteView bytes) {
  Unpacker from(bytes);
  switch (from.get<Kind>()) {
    case Kind::kImage:
      return unpack_image(from, false);
    case Kind::kGreyImage:
      return unpack_image(from, true);
    case Kind::kSound:
      return SoundSample{from.get_halves()};
    case Kind::kImu:
      return unpack_recording(from);
    case Kind::kDepth:
      break;
  }
  const auto width = from.get<int>();
  const auto height = from.get<int>();
  return DepthSample{{width, height, from.get_halves()}};
}

std::vector<float> training_view(const Sample& sample, TowerKind tower,
                                 const MediaTransforms& transforms, double strength,
                                 Random& random) {
  if (const auto* sound = std::get_if<SoundSample>(&sample))
    return random_clip(*sound, strength, random);
  if (const auto* recording = std::get_if<ImuRecording>(&sample))
    return random_clip(*recording, transforms.imu_clips, strength, random);
  if (const auto* depth = std::get_if<DepthSample>(&sample))
    return disparity_tensor(augmented(depth->disparity, strength, random), transforms.depth);
  const Image image = augmented(std::get<Image>(sample), strength, random);
  return tower == TowerKind::kThermal ? thermal_tensor(image, transforms.thermal_picture)
                                      : picture_tensor(image, transforms).values;
}

std::vector<float> mixed_view(std::span<const float> a, std::span<const float> b, float share,
                              TowerKind tower) {
  const AudioTransform& how = kImageBindAudio;
  std::vector<float> mixed(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (tower != TowerKind::kAudio) {
      mixed[i] = share * a[i] + (1 - share) * b[i];
      continue;
    }
    const float power = share * std::exp(a[i] * how.std + how.mean) +
                        (1 - share) * std::exp(b[i] * how.std + how.mean);
    mixed[i] = (std::log(power) - how.mean) / how.std;
  }
  return mixed;
}

}  // namespace pandagpt::train
