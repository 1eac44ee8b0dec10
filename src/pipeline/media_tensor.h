// An input of any kind -> the tensor that its tower takes: decoding and preprocessing.
#pragma once

#include <exception>
#include <span>
#include <string>
#include <vector>

#include "encoders/encoders.h"
#include "media/audio.h"
#include "media/image.h"
#include "media/imu.h"
#include "media/scalar_map.h"
#include "media/thermal.h"
#include "media/video.h"
#include "pandagpt/panda.h"
#include "preprocess/media_transforms.h"

namespace pandagpt {

/// As decoders name it in messages: "-" is standard input.
std::string shown_name(const Input& input);

/// Views of one input, ready for its tower.
struct MediaTensor {
  int n_views = 1;
  /// (n_views, view), see Encoders::encode.
  std::vector<float> values;
  /// What kind of signal it is (preprocess/statistics.h), the mean of the views: of sounds, motion,
  /// thermal pictures and depth maps whose views are large enough, else empty.
  std::vector<float> statistics = {};
};

/// What is known about one input's sensor goes before the encoders' own settings.
ThermalRange with_sensor(ThermalRange range, const SensorOptions& sensor);
DepthTransform with_sensor(DepthTransform transform, const SensorOptions& sensor);
ImuOptions with_sensor(ImuOptions options, const SensorOptions& sensor);

/// The input's depth map in metres, within `limits`: depth_in_metres().
ScalarMap read_depth(const Input& input, const InputLimits& limits = {});
/// The first steps of prepare(), for all who need what was decoded.
ImageLimits image_limits(const InputLimits& limits);
VideoReader open_film(const Input& input, const InputLimits& limits);
Audio read_sound(const Input& input, const InputLimits& limits);
ThermalFile read_thermal(const Input& input, const ImageLimits& limits);
ImuRecording read_motion(const Input& input, const ImuOptions& options);
/// The same of what no tower need take: without a gyroscope, too.
ImuRecording read_any_motion(const Input& input);

/// Reads, decodes and preprocesses, within `limits`. Throws Error(kInput), "NAME: what; what to
/// do".
MediaTensor prepare(const Input& input, const MediaTransforms& transforms,
                    const InputLimits& limits = {});
/// The two steps of prepare() for a picture.
Image read_picture(const Input& input, const InputLimits& limits = {});
MediaTensor picture_tensor(const Image& image, const MediaTransforms& transforms);

/// How many statistics the tensors of a kind of input have; 0: none.
int statistics_count(Modality modality, const MediaTransforms& transforms);

/// A prepared input and what comes of it.
struct TowerInput {
  Modality modality;
  MediaTensor tensor;
  std::span<float> row;             ///< (n_embd), where the embedding is written
  std::exception_ptr failure = {};  ///< why there is none
};

/// Encodes each input into its row. Pictures are encoded together, max_batch at a time: a batch is
/// faster. A failure is noted in the inputs of its batch; the others are encoded all the same.
void encode_prepared(Encoders& encoders, std::span<TowerInput* const> inputs);

}  // namespace pandagpt
