#include "preprocess/imu.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

/// One channel as a function of time: straight lines between the samples, constant outside.
class Signal {
 public:
  Signal(const ImuRecording& recording, int channel) : seconds_(recording.seconds) {
    for (const auto& sample : recording.samples)
      values_.push_back(sample[channel]);
    area_.resize(values_.size());
    for (std::size_t i = 1; i < values_.size(); ++i)
      area_[i] = area_[i - 1] + (values_[i - 1] + values_[i]) / 2 * (seconds_[i] - seconds_[i - 1]);
  }

  double at(double time) const {
    if (time <= seconds_.front()) return values_.front();
    if (time >= seconds_.back()) return values_.back();
    const std::size_t after = next(time);
    const double share = (time - seconds_[after - 1]) / (seconds_[after] - seconds_[after - 1]);
    return values_[after - 1] + share * (values_[after] - values_[after - 1]);
  }

  double mean(double begin, double end) const { return (area(end) - area(begin)) / (end - begin); }

 private:
  /// The first sample later than `time`, which lies inside the recording.
  std::size_t next(double time) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(seconds_, time) - seconds_.begin());
  }

  /// Integral from the first sample to `time`.
  double area(double time) const {
    if (time <= seconds_.front()) return values_.front() * (time - seconds_.front());
    if (time >= seconds_.back()) return area_.back() + values_.back() * (time - seconds_.back());
    const std::size_t after = next(time);
    const double step = time - seconds_[after - 1];
    return area_[after - 1] + (values_[after - 1] + at(time)) / 2 * step;
  }

  const std::vector<double>& seconds_;
  std::vector<double> values_;
  std::vector<double> area_;  ///< integral up to each sample
};

std::vector<double> clip_starts(double duration, const ImuTransform& transform) {
  // A clip may lack a hundredth: recordings of five seconds often miss a sample.
  constexpr double kTolerance = 0.01;
  const double fitting = std::floor(duration / transform.clip_seconds + kTolerance);
  const int count = static_cast<int>(std::clamp(fitting, 1.0, double(transform.max_clips)));
  const double last = std::max(0.0, duration - transform.clip_seconds);
  std::vector<double> starts(static_cast<std::size_t>(count), 0.0);
  for (int i = 1; i < count; ++i)
    starts[i] = last * i / (count - 1);
  return starts;
}

void check(const ImuRecording& recording, const ImuTransform& transform) {
  if (!(transform.clip_seconds > 0) || transform.n_steps < 1 || transform.max_clips < 1)
    throw Error(ErrorKind::kUsage, "imu: clip length, steps and clips must be positive");
  const double duration = recording.duration();
  if (duration >= kShortestImuSeconds) return;
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.2f", duration);
  throw Error(ErrorKind::kInput, recording.name + ": the recording of " + seconds +
                                     " s is too short; give at least one second, better five");
}

}  // namespace

ImuClips imu_clips(const ImuRecording& recording, const ImuTransform& transform) {
  check(recording, transform);
  const std::vector<double> starts = clip_starts(recording.duration(), transform);
  const double step = transform.clip_seconds / transform.n_steps;
  const bool denser = recording.step_seconds < step;
  std::vector<Signal> signals;
  for (int channel = 0; channel < kImuChannels; ++channel)
    signals.emplace_back(recording, channel);
  ImuClips clips{static_cast<int>(starts.size()), {}};
  clips.values.reserve(starts.size() * kImuChannels * static_cast<std::size_t>(transform.n_steps));
  for (const double start : starts)
    for (const Signal& signal : signals)
      for (int i = 0; i < transform.n_steps; ++i) {
        const double time = start + i * step;
        clips.values.push_back(static_cast<float>(
            denser ? signal.mean(time - step / 2, time + step / 2) : signal.at(time)));
      }
  return clips;
}

}  // namespace pandagpt
