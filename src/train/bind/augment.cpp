#include "train/bind/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "preprocess/imu.h"
#include "train/image_views.h"

namespace pandagpt::train {
namespace {

using Vector = std::array<double, 3>;

/// A rotation about a random axis by a random angle of at most `max_angle` radians.
class Rotation {
 public:
  Rotation(double max_angle, Random& random) {
    double squares = 0;
    for (double& part : axis_) {
      part = normal(random);
      squares += part * part;
    }
    for (double& part : axis_)
      part /= std::sqrt(std::max(squares, 1e-12));
    const double angle = uniform(random, -max_angle, max_angle);
    cosine_ = std::cos(angle);
    sine_ = std::sin(angle);
  }

  /// Rodrigues' formula.
  Vector operator()(const Vector& v) const {
    const double along = axis_[0] * v[0] + axis_[1] * v[1] + axis_[2] * v[2];
    Vector turned;
    for (int i = 0; i < 3; ++i) {
      const int j = (i + 1) % 3;
      const int k = (i + 2) % 3;
      turned[i] = v[i] * cosine_ + (axis_[j] * v[k] - axis_[k] * v[j]) * sine_ +
                  axis_[i] * along * (1 - cosine_);
    }
    return turned;
  }

 private:
  Vector axis_{};
  double cosine_ = 1;
  double sine_ = 0;
};

/// e to a number within +-log(1 + share): scaling up is as likely as down.
double scale_within(double share, Random& random) {
  const double most = std::log1p(share);
  return std::exp(uniform(random, -most, most));
}

/// The samples from a random beginning to a random end, times from 0 on.
ImuRecording random_span(const ImuRecording& recording, double strength, Random& random) {
  constexpr double kMaxCut = 0.1;  // of the length, at each end
  const double length = recording.duration();
  const double room = std::max(0.0, length - kShortestImuSeconds) / 2;
  const double most = std::min(kMaxCut * strength * length, room);
  const double begin = uniform(random, 0, most);
  const double end = length - uniform(random, 0, most);
  ImuRecording span;
  span.name = recording.name;
  span.step_seconds = recording.step_seconds;
  for (std::size_t i = 0; i < recording.samples.size(); ++i) {
    const double time = recording.seconds[i];
    if (time < begin || time + recording.step_seconds > end + recording.step_seconds / 2) continue;
    span.seconds.push_back(time - begin);
    span.samples.push_back(recording.samples[i]);
  }
  return span;
}

/// Another pace, which also swings once or twice over the recording. Times stay in order.
void warp_time(ImuRecording& recording, double strength, Random& random) {
  constexpr double kMaxPace = 0.25;
  constexpr double kMaxSwing = 0.15;  // of the pace
  const double pace = scale_within(kMaxPace * strength, random);
  const double swing = uniform(random, -kMaxSwing, kMaxSwing) * strength;
  const double waves = uniform(random, 0.5, 2);
  const double phase = uniform(random, 0, 2 * std::numbers::pi);
  const double length = std::max(recording.duration(), 1e-6);
  const double turn = 2 * std::numbers::pi * waves / length;
  // the integral of pace * (1 + swing * cos(turn * t + phase))
  for (double& time : recording.seconds)
    time = pace * (time + swing / turn * (std::sin(turn * time + phase) - std::sin(phase)));
  recording.step_seconds *= pace;
  constexpr double kShortest = kShortestImuSeconds + 1e-6;  // for rounding
  const double too_short = kShortest / recording.duration();
  if (too_short <= 1) return;
  for (double& time : recording.seconds)
    time *= too_short;
  recording.step_seconds *= too_short;
}

/// Values of a random span along one axis become `silence`: `count` of `total` places.
template <typename Set>
void mask_span(int total, int max_length, double strength, Random& random, const Set& set) {
  const auto longest = std::min<std::int64_t>(std::llround(max_length * strength), total);
  const std::int64_t length = below(random, longest + 1);
  const std::int64_t begin = below(random, total - length + 1);
  for (std::int64_t i = begin; i < begin + length; ++i)
    set(static_cast<std::size_t>(i));
}

PixelBox augmenting_box(int width, int height, double strength, Random& random) {
  const PixelBox box = random_box(width, height, random);
  if (uniform(random, 0, 1) < strength) return box;
  return {0, 0, width, height};
}

}  // namespace

ImuRecording augmented(const ImuRecording& recording, double strength, Random& random) {
  if (strength <= 0) return recording;
  constexpr double kMaxAngle = 20 * std::numbers::pi / 180;
  constexpr double kMaxScale = 0.15;
  constexpr double kMaxChannelScale = 0.05;
  constexpr double kNoise[] = {0.1, 0.05};  // m/s^2, rad/s
  ImuRecording result = random_span(recording, strength, random);
  warp_time(result, strength, random);
  const Rotation rotation(kMaxAngle * strength, random);
  std::array<double, kImuChannels> scale{};
  for (int sensor = 0; sensor < 2; ++sensor) {
    const double common = scale_within(kMaxScale * strength, random);
    for (int axis = 0; axis < 3; ++axis)
      scale[3 * sensor + axis] = common * scale_within(kMaxChannelScale * strength, random);
  }
  for (auto& sample : result.samples)
    for (int sensor = 0; sensor < 2; ++sensor) {
      const Vector turned =
          rotation({sample[3 * sensor], sample[3 * sensor + 1], sample[3 * sensor + 2]});
      for (int axis = 0; axis < 3; ++axis)
        sample[3 * sensor + axis] = static_cast<float>(turned[axis] * scale[3 * sensor + axis] +
                                                       kNoise[sensor] * strength * normal(random));
    }
  return result;
}

void augment_energies(std::vector<float>& energies, int n_bins, float silence, double strength,
                      Random& random) {
  if (strength <= 0) return;
  constexpr double kMaxGain = 6 * std::numbers::ln10 / 10;  // 6 dB as a logarithm of power
  constexpr int kMasks = 2;
  constexpr int kMaxBins = 20;
  constexpr int kMaxFrames = 30;
  const int n_frames = static_cast<int>(energies.size()) / n_bins;
  const auto gain = static_cast<float>(uniform(random, -kMaxGain, kMaxGain) * strength);
  for (float& energy : energies)
    energy += gain;
  for (int i = 0; i < kMasks; ++i) {
    mask_span(n_bins, kMaxBins, strength, random, [&](std::size_t bin) {
      for (std::size_t at = bin; at < energies.size(); at += static_cast<std::size_t>(n_bins))
        energies[at] = silence;
    });
    mask_span(n_frames, kMaxFrames, strength, random, [&](std::size_t frame) {
      std::fill_n(energies.begin() + static_cast<std::ptrdiff_t>(frame) * n_bins, n_bins, silence);
    });
  }
}

Image augmented(const Image& image, double strength, Random& random) {
  if (strength <= 0) return image;
  constexpr double kMaxContrast = 0.2;
  constexpr double kMaxBrightness = 0.2 * 255;
  constexpr double kMiddle = 127.5;
  const PixelBox box = augmenting_box(image.width, image.height, strength, random);
  Image result = cut(image, box, uniform(random, 0, 1) < 0.5);
  const double contrast = scale_within(kMaxContrast * strength, random);
  const double brightness = uniform(random, -kMaxBrightness, kMaxBrightness) * strength;
  for (std::uint8_t& value : result.rgb)
    value = static_cast<std::uint8_t>(
        std::clamp((value - kMiddle) * contrast + kMiddle + brightness, 0.0, 255.0));
  return result;
}

FloatPlane augmented(const FloatPlane& disparity, double strength, Random& random) {
  if (strength <= 0) return disparity;
  constexpr double kMaxScale = 0.15;
  const PixelBox box = augmenting_box(disparity.width, disparity.height, strength, random);
  FloatPlane result{
      box.width, box.height,
      cut_pixels(disparity.values, disparity.width, 1, box, uniform(random, 0, 1) < 0.5)};
  const auto scale = static_cast<float>(scale_within(kMaxScale * strength, random));
  for (float& value : result.values)
    value = std::min(value * scale, 1.0F);
  return result;
}

}  // namespace pandagpt::train
