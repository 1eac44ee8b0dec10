// How inputs of every kind become the tensors of an encoders file's towers.
//
// The towers write their sizes and statistics here (encoders/tower.h, set_transforms). Defaults are
// ImageBind's constants (docs/modalities.md).
#pragma once

#include <span>
#include <vector>

#include "media/image.h"
#include "media/imu.h"
#include "media/thermal.h"
#include "preprocess/audio.h"
#include "preprocess/depth.h"
#include "preprocess/image.h"
#include "preprocess/imu.h"
#include "preprocess/video.h"

namespace pandagpt {

struct MediaTransforms {
  ImageTransform picture;
  TensorLayout picture_layout = TensorLayout::kChw;
  VideoTransform video;
  AudioTransform audio;
  ThermalRange thermal;
  ImageTransform thermal_picture;  ///< its sizes alone count
  DepthTransform depth;
  ImuOptions imu;  ///< what recordings don't say themselves
  ImuTransform imu_clips;
  int audio_channel = 1;  ///< SensorOptions::audio_channel where that isn't given
};

/// (images, size, size, 3) or (images, 3, size, size): pictures back to back, ready for the vision
/// tower.
std::vector<float> picture_tensors(std::span<const Image> images,
                                   const MediaTransforms& transforms);

}  // namespace pandagpt
