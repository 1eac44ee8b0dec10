// Decoded inputs, as augmentation takes them: after src/media, before the last steps of
// src/preprocess, which follow as at inference.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "core/file.h"
#include "embed/media_item.h"
#include "encoders/imagebind_config.h"
#include "media/image.h"
#include "media/imu.h"
#include "pipeline/media_tensor.h"
#include "preprocess/audio.h"
#include "preprocess/scalar_resample.h"
#include "train/random.h"

namespace pandagpt::train {

/// A whole sound: log mel energies before normalisation (preprocess/audio.h, sound_energies).
struct SoundSample {
  std::vector<float> energies;  ///< (frames, kImageBindAudio.n_mel_bins)
};
/// A depth map with holes filled: disparity, 0 to 1 (preprocess/depth.h, disparity_plane).
struct DepthSample {
  FloatPlane disparity;
};
/// Visible and thermal pictures are an Image, the latter grey.
using Sample = std::variant<Image, SoundSample, DepthSample, ImuRecording>;

/// A tower's own sizes in the steps of preprocessing; what inference takes from an encoders file
/// (pipeline/media_tensor.h). `picture` is how visible pictures become tensors. Throws
/// Error(kUsage) for a tower whose input no step of preprocessing makes.
MediaTransforms transforms_for(const TowerConfig& config, const ImageTransform& picture);

/// Decodes an item. Throws Error(kInput), "NAME: what; what to do".
Sample decode_sample(const MediaItem& item, const Bytes& content,
                     const MediaTransforms& transforms);

/// The views that inference makes of an item, (views, view length).
MediaTensor inference_views(const MediaItem& item, const Bytes& content,
                            const MediaTransforms& transforms);

/// For BlobStore. Energies and disparities are kept in 16 bits.
Bytes pack(const Sample& sample);
/// Throws Error(kInternal) if `bytes` aren't what pack() gave.
Sample unpack(ByteView bytes);

/// One view for the tower, (view length), altered at random (augment.h); with strength 0 only a
/// part of a longer sound or recording is chosen.
std::vector<float> training_view(const Sample& sample, TowerKind tower,
                                 const MediaTransforms& transforms, double strength,
                                 Random& random);

/// share * a + (1 - share) * b, of sounds in power instead of its logarithm.
std::vector<float> mixed_view(std::span<const float> a, std::span<const float> b, float share,
                              TowerKind tower);

}  // namespace pandagpt::train
