// An input of any kind -> the tensor that its tower takes: decoding and preprocessing.
#pragma once

#include <exception>
#include <span>
#include <string>
#include <vector>

#include "encoders/encoders.h"
#include "encoders/tower_kind.h"
#include "media/image.h"
#include "media/imu.h"
#include "media/thermal.h"
#include "pandagpt/panda.h"
#include "preprocess/depth.h"
#include "preprocess/image.h"
#include "preprocess/imu.h"
#include "preprocess/video.h"

namespace pandagpt {

/// As decoders name it in messages: "-" is standard input.
std::string shown_name(const Input& input);

/// The tower that a kind of input goes to.
TowerKind tower_of(Modality modality);

/// Views of one input, ready for its tower.
struct MediaTensor {
  int n_views = 1;
  /// (n_views, view), see Encoders::encode; a picture has the order of Encoders::picture_layout().
  std::vector<float> values;
  /// What kind of signal it is (preprocess/statistics.h), the mean of the views: of sounds, motion,
  /// thermal pictures and depth maps whose views are large enough, else empty.
  std::vector<float> statistics = {};
};

/// How inputs become tensors: ImageBind's constants (docs/modalities.md), with what the encoders
/// file says about its own towers.
struct MediaTransforms {
  ImageTransform picture;
  TensorLayout picture_layout = TensorLayout::kChw;
  VideoTransform video;
  ThermalRange thermal;
  ImageTransform thermal_picture;
  DepthTransform depth;
  ImuOptions imu;  ///< what recordings don't say themselves
  ImuTransform imu_clips;
  int audio_channel = 1;  ///< SensorOptions::audio_channel where that isn't given
};
MediaTransforms media_transforms(const Encoders& encoders);

/// What is known about one input's sensor goes before the encoders' own settings.
ThermalRange with_sensor(ThermalRange range, const SensorOptions& sensor);
DepthTransform with_sensor(DepthTransform transform, const SensorOptions& sensor);
ImuOptions with_sensor(ImuOptions options, const SensorOptions& sensor);

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
