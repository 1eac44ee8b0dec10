// An input of any kind -> the tensor that its tower takes: decoding and preprocessing.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "encoders/encoders.h"
#include "encoders/tower.h"
#include "media/image.h"
#include "media/imu.h"
#include "media/thermal.h"
#include "pandagpt/panda.h"
#include "preprocess/depth.h"
#include "preprocess/imu.h"
#include "preprocess/video.h"

namespace pandagpt {

/// The tower that a kind of input goes to.
Tower tower_of(Modality modality);

/// Views of one input, ready for Encoders::encode.
struct MediaTensor {
  int n_views = 1;
  std::vector<float> values;  ///< (n_views, view), see Encoders::encode
  /// What kind of signal it is (preprocess/statistics.h), the mean of the views: of sounds, motion,
  /// thermal pictures and depth maps whose views are large enough, else empty.
  std::vector<float> statistics = {};
};

/// Pictures stay pictures: how they become tensors is the vision tower's own.
using PreparedInput = std::variant<Image, MediaTensor>;

/// How inputs become tensors: ImageBind's constants (docs/modalities.md), with what the encoders
/// file says about its own towers.
struct MediaTransforms {
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
PreparedInput prepare(const Input& input, const MediaTransforms& transforms,
                      const InputLimits& limits = {});

/// How many statistics the tensors of a kind of input have; 0: none.
int statistics_count(Modality modality, const MediaTransforms& transforms);

/// A prepared input and where it goes.
struct TowerInput {
  Tower tower;
  PreparedInput prepared;
};

/// (inputs, n_embd), row-major. Pictures are encoded together: a batch is faster. `inputs` are used
/// up. Throws as Encoders::encode.
std::vector<float> encode_prepared(Encoders& encoders, std::span<TowerInput> inputs);

}  // namespace pandagpt
