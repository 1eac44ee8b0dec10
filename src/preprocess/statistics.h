// Numbers that tell what kind of signal a tensor holds, whatever a tower makes of it: towers that
// are trained to ignore much (how a phone lies in the hand, how loud a sound is) embed noise among
// what they know. Familiarity (pipeline/familiarity.h) compares them with those of training inputs.
#pragma once

#include <span>
#include <vector>

namespace pandagpt {

/// Of a clip (6, n_steps) of imu_clips, m/s^2 and rad/s, `step_seconds` apart: the same however the
/// sensor is turned. In this order:
///   log length of the mean acceleration, log mean length of the acceleration;
///   of the acceleration and then of the rotation, about their means: log deviation;
///   autocorrelation after 0.02, 0.06 and 0.16 s; log kurtosis; how unequal the three
///   axes of the variance are (0.33 to 1), and how far they fill space (0 to 1);
///   log root mean square of the rotation, log length of its mean;
///   how far gravity turns as the rotation says: cosine, and log of what it leaves unexplained.
/// Nothing is said of what comes back after half a second, as steps do: data of short movements
/// have little of it, and a long walk is not strange. Empty for a clip of less than one second.
std::vector<float> motion_statistics(std::span<const float> clip, int n_steps, double step_seconds);
inline constexpr int kMotionStatistics = 20;

/// Of a plane (height, width): a spectrogram, thermal picture or depth map, brought to mean 0 and
/// deviation 1. Skewness and log kurtosis of its values; then, at five scales, each half as fine as
/// the one before, of the differences between neighbours along the rows and along the columns: log
/// mean square and log kurtosis. Empty for a plane with a side below
/// kLeastPlaneSide.
std::vector<float> plane_statistics(std::span<const float> plane, int height, int width);
inline constexpr int kPlaneStatistics = 22;
inline constexpr int kLeastPlaneSide = 32;

/// Of a spectrogram (n_mel_bins, n_frames): plane_statistics, then its mean over time in eight
/// equal bands, about the mean and in deviations of the spectrogram. Empty as plane_statistics.
std::vector<float> sound_statistics(std::span<const float> spectrogram, int n_mel_bins,
                                    int n_frames);
inline constexpr int kSoundBands = 8;
inline constexpr int kSoundStatistics = kPlaneStatistics + kSoundBands;

}  // namespace pandagpt
