// What a question is about: pictures, films, sounds and sensor recordings, as files or buffers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pandagpt/export.h"

namespace pandagpt {

/// Kinds of input. Which ones a model takes depends on the towers in its encoders file.
enum class Modality { kImage, kVideo, kAudio, kThermal, kDepth, kImu };
inline constexpr Modality kAllModalities[] = {Modality::kImage, Modality::kVideo,
                                              Modality::kAudio, Modality::kThermal,
                                              Modality::kDepth, Modality::kImu};
/// "image", "video", "audio", "thermal", "depth", "imu".
PANDAGPT_API std::string to_string(Modality modality);
/// The inverse; nothing for a name that no kind has.
PANDAGPT_API std::optional<Modality> modality_from_name(std::string_view name);

enum class AccelerationUnit { kMetresPerSecondSquared, kG, kMilliG };
enum class RotationUnit { kRadiansPerSecond, kDegreesPerSecond };

/// SensorOptions::audio_channel without a number: the first channel unless it is silent, then the
/// loudest one; or the mean of all.
inline constexpr int kAudioChannelAuto = 0;
inline constexpr int kAudioChannelMix = -1;
inline constexpr int kMaxAudioChannel = 64;
/// "auto", "mix", or a number from 1 on; nothing for anything else.
PANDAGPT_API std::optional<int> audio_channel_from_name(std::string_view name);

/// What the numbers of a depth map are: `--depth-encoding`, `encoding` in requests. What is no
/// depth in each: docs/modalities.md.
enum class DepthEncoding {
  kAuto,  ///< what the file says; else millimetres (whole numbers) or metres (floats)
  kMillimetres,
  kMetres,
  kTum,              ///< 1/5000 m
  kKitti,            ///< 1/256 m
  kVirtualKitti,     ///< centimetres; 65535 is the sky, far away
  kSunRgbd,          ///< millimetres, their 16 bits rotated left by three
  kSevenScenes,      ///< millimetres; 65535 is no depth
  kNyuRaw,           ///< Kinect's 11-bit disparity, its bytes swapped
  kL515,             ///< 1/4000 m
  kReplica,          ///< 1/6553.5 m
  kDisparity,        ///< pixels: metres = focal length * baseline / disparity
  kKittiDisparity,   ///< 1/256 pixel
  kInverse,          ///< 1/m
  kRelativeInverse,  ///< of depth estimators: nearer is larger, without a unit
};
inline constexpr DepthEncoding kAllDepthEncodings[] = {
    DepthEncoding::kAuto,           DepthEncoding::kMillimetres,
    DepthEncoding::kMetres,         DepthEncoding::kTum,
    DepthEncoding::kKitti,          DepthEncoding::kVirtualKitti,
    DepthEncoding::kSunRgbd,        DepthEncoding::kSevenScenes,
    DepthEncoding::kNyuRaw,         DepthEncoding::kL515,
    DepthEncoding::kReplica,        DepthEncoding::kDisparity,
    DepthEncoding::kKittiDisparity, DepthEncoding::kInverse,
    DepthEncoding::kRelativeInverse};
/// "auto", "mm", "m", "tum", "kitti", "vkitti", "sunrgbd", "7scenes", "nyu-raw", "l515", "replica",
/// "disparity", "kitti-disparity", "inverse", "relative-inverse"; nothing for anything else.
PANDAGPT_API std::optional<DepthEncoding> depth_encoding_from_name(std::string_view name);
/// The inverse.
PANDAGPT_API std::string to_string(DepthEncoding encoding);

/// Whether a recording's acceleration has gravity in it: `--imu-gravity`, `gravity` in requests.
enum class ImuGravity {
  kPresent,  ///< or it is refused
  kAbsent,   ///< taken as it is
};
/// "present" or "absent"; nothing for anything else.
PANDAGPT_API std::optional<ImuGravity> imu_gravity_from_name(std::string_view name);

/// How the frames of a film are made: `--video-frames`, `frames` in requests.
enum class VideoFrames {
  kShown,   ///< as players show them: HDR in the standard range, pixels in their shape
  kStored,  ///< the stored numbers, as the reference's decoder gives them
};
/// "shown" or "stored"; nothing for anything else.
PANDAGPT_API std::optional<VideoFrames> video_frames_from_name(std::string_view name);

/// What the files of sensors often don't say themselves (docs/modalities.md). What isn't given here
/// is taken from the file, else from the defaults told there.
struct SensorOptions {
  std::optional<double> imu_rate_hz = {};  ///< samples a second
  std::optional<AccelerationUnit> acceleration_unit = {};
  std::optional<RotationUnit> rotation_unit = {};
  std::optional<ImuGravity> imu_gravity = {};
  /// "acc=3-5,gyro=6-8,time=1": the columns of a table, counted from 1, where its header names
  /// none.
  std::string imu_columns = {};
  std::optional<DepthEncoding> depth_encoding = {};
  std::optional<double> depth_metres_per_unit = {};  ///< of a depth map; of disparities pixels
  std::optional<double> depth_focal_length = {};     ///< pixels of the map as it is given
  std::optional<double> depth_baseline = {};         ///< metres between the two views
  std::optional<double> thermal_coldest = {};        ///< black: Celsius, or the file's numbers
  std::optional<double> thermal_warmest = {};        ///< white, likewise
  /// 1, 2, ..: that channel of a sound, or one of the constants above. Default: the model folder's.
  std::optional<int> audio_channel = {};
  std::optional<VideoFrames> video_frames = {};  ///< default: as they are shown

  bool operator==(const SensorOptions&) const = default;
};
/// All that is given, exactly, as text ("imu_rate_hz=200 depth_metres_per_unit=0.001"): the same
/// for equal options only, empty without any.
PANDAGPT_API std::string to_string(const SensorOptions& options);

/// What is refused beyond what the decoders refuse anyway: for inputs from strangers. 0 is no
/// limit.
struct InputLimits {
  std::uint64_t max_pixels = 0;   ///< of a picture, a map, or a frame of a film
  double max_seconds = 0;         ///< length of a sound or a film
  double max_decode_seconds = 0;  ///< that decoding and preprocessing one input may take
};

/// Another file of the same recording: a sensor's own, beside the first one's.
struct InputPart {
  std::string name;
  std::vector<std::uint8_t> bytes = {};  ///< empty: read from `name`

  bool operator==(const InputPart&) const = default;
};

/// One file or memory buffer; or several, where a recording of motion has one for each sensor.
struct Input {
  Modality modality = Modality::kImage;
  std::string name;  ///< path ("-": standard input), or the buffer's name in messages
  std::vector<std::uint8_t> bytes = {};  ///< content of the file; empty: read from `name`
  float weight = 1.0F;                   ///< scales its projected embedding
  SensorOptions sensor = {};             ///< for all inputs but pictures
  std::vector<InputPart> parts = {};     ///< further files of this recording, joined by time
};

/// What a question is about. The projected embeddings of all inputs are summed, each times its
/// weight, as the reference does.
class PANDAGPT_API Inputs {
 public:
  Inputs& add_file(Modality modality, std::string path, float weight = 1.0F) {
    return add({modality, std::move(path), {}, weight});
  }
  /// `name` stands for the buffer in error messages. Throws Error(kInput) if the buffer is empty.
  Inputs& add_buffer(Modality modality, std::vector<std::uint8_t> bytes,
                     std::string name = "memory", float weight = 1.0F);
  Inputs& add(Input input) {
    items_.push_back(std::move(input));
    return *this;
  }
  /// Adds a further file to the recording that was added last.
  Inputs& add_part(InputPart part) {
    items_.back().parts.push_back(std::move(part));
    return *this;
  }
  /// Adds the sound of each film among the inputs as an input of its own, with the film's weight:
  /// what is seen and what is heard are then summed. A film without sound fails when it is read.
  Inputs& add_sound_of_videos();

  /// Sets the sensor of all inputs so far.
  Inputs& set_sensor(const SensorOptions& sensor) {
    for (Input& item : items_)
      item.sensor = sensor;
    return *this;
  }

  bool empty() const { return items_.empty(); }
  const std::vector<Input>& items() const { return items_; }

 private:
  std::vector<Input> items_;
};

}  // namespace pandagpt
