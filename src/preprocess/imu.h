// IMU recording -> clips for the IMU tower.
//
// ImageBind (arXiv:2305.05665, section 3): "we extract the IMU signal consisting of accelerometer
// and gyroscope measurements across the X, Y, and Z axes. We use 5 second clips resulting in 2K
// time step IMU readings", from Ego4D; appendix B.1: "a 6x2000 dimensional input". The reference
// publishes no loader; docs/modalities.md tells what that leaves open.
#pragma once

#include <vector>

#include "media/imu.h"

namespace pandagpt {

struct ImuTransform {
  double clip_seconds = 5.0;  ///< 2,000 steps are 400 Hz then
  int n_steps = 2000;         ///< of a clip
  int max_clips = 12;         ///< of a recording; longer ones are sampled evenly
};

inline constexpr ImuTransform kImageBindImu{};

/// The shortest recording that gives a clip: its last sample is held up to the clip's end.
inline constexpr double kShortestImuSeconds = 1.0;

struct ImuClips {
  int n_clips = 0;
  std::vector<float> values;  ///< (n_clips, 6, n_steps): m/s^2, then rad/s
};

/// As many clips as fit, evenly spread from the start to the end. Each step takes the signal
/// between the samples (linear); where the recording is denser than the steps, its mean over the
/// step. Throws Error(kInput) for less than kShortestImuSeconds; Error(kUsage) for a transform that
/// isn't positive.
ImuClips imu_clips(const ImuRecording& recording, const ImuTransform& transform = kImageBindImu);

}  // namespace pandagpt
