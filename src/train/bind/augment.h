// Random changes that leave what an input means as it is, by sense. Each is a function of the
// generator's numbers alone. `strength` scales how far they go: 1 as written here, 0 not at all.
#pragma once

#include <vector>

#include "media/image.h"
#include "media/imu.h"
#include "preprocess/scalar_resample.h"
#include "train/random.h"

namespace pandagpt::train {

/// A recording that is worn a little differently and done at another pace: begins and ends up to
/// 10 % of its length later and earlier (at least kShortestImuSeconds stay), runs at 0.8 to 1.25
/// times its pace, which also varies within it, accelerometer and gyroscope turned together by up
/// to 20 degrees about any axis, scaled by 0.85 to 1.15, each channel by 0.95 to 1.05, with noise
/// of 0.1 m/s^2 and 0.05 rad/s.
ImuRecording augmented(const ImuRecording& recording, double strength, Random& random);

/// Changes log mel energies (frames, n_bins) in place: up to 6 dB louder or softer, then
/// SpecAugment (Park et al., arXiv:1904.08779): two bands of up to 20 bins and two spans of up to
/// 30 frames become `silence`.
void augment_energies(std::vector<float>& energies, int n_bins, float silence, double strength,
                      Random& random);

/// A part of the picture (random_box of image_views.h), mirrored half of the time, contrast and
/// brightness changed by up to 20 %.
Image augmented(const Image& image, double strength, Random& random);

/// A part of the map, mirrored half of the time, everything up to 15 % nearer or farther.
FloatPlane augmented(const FloatPlane& disparity, double strength, Random& random);

}  // namespace pandagpt::train
