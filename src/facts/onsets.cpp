#include "facts/onsets.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "core/quantile.h"
#include "preprocess/audio_resample.h"
#include "preprocess/fbank.h"

namespace pandagpt {
namespace {

constexpr int kRate = 16'000;  // Hz
constexpr int kBins = 24;
constexpr float kSilentPeak = 1e-3F;      // of full scale: 60 dB below it
constexpr double kFrameSeconds = 0.01;    // of the filter bank
constexpr double kWindowMiddle = 0.0125;  // s
constexpr float kRange = 13.8155F;        // log of 60 dB
constexpr std::size_t kRise = 3;          // frames
constexpr std::size_t kAround = 50;       // frames on each side
constexpr double kLeastRise = 0.7;        // log energy, mean of the bands: 3 dB
constexpr double kAboveUsual = 2.5;       // times the median around it
constexpr std::size_t kPeakWidth = 4;     // frames on each side
constexpr std::size_t kLeastGap = 8;      // frames
constexpr std::size_t kFewestForRhythm = 5;
constexpr double kEven = 0.1;

/// How much the bands rise at each frame.
std::vector<double> rises(std::vector<float> energies) {
  const float floor = std::ranges::max(energies) - kRange;
  for (float& energy : energies)
    energy = std::max(energy, floor);
  const std::size_t n_frames = energies.size() / kBins;
  std::vector<double> result(n_frames);
  // What comes before the sound is silence.
  for (std::size_t frame = 0; frame < n_frames; ++frame)
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      const float before = frame < kRise ? floor : energies[(frame - kRise) * kBins + bin];
      result[frame] += std::max(0.0, double{energies[frame * kBins + bin]} - before) / kBins;
    }
  return result;
}

}  // namespace

std::vector<double> find_onsets(const Audio& audio, int channel) {
  const AudioResampler resampler(audio.sample_rate, kRate);
  const std::vector<float> samples =
      resampler.resample(audio, channel, 0, resampler.output_frames(audio.frames()));
  const auto is_quiet = [](float sample) { return std::abs(sample) < kSilentPeak; };
  if (std::ranges::all_of(samples, is_quiet)) return {};
  const Fbank bank(kRate, kBins);
  if (bank.frames(samples.size()) == 0) return {};
  const std::vector<double> rise = rises(bank.compute(samples));
  std::vector<double> onsets;
  std::size_t last = 0;
  for (std::size_t i = 0; i < rise.size(); ++i) {
    if (rise[i] < kLeastRise || (!onsets.empty() && i - last < kLeastGap)) continue;
    const auto around = [&](std::size_t width) {
      const std::size_t begin = i < width ? 0 : i - width;
      return std::span(rise).subspan(begin, std::min(i + width + 1, rise.size()) - begin);
    };
    const std::span<const double> wide = around(kAround);
    if (rise[i] < std::ranges::max(around(kPeakWidth)) ||
        rise[i] < kAboveUsual * median_of({wide.begin(), wide.end()}))
      continue;
    onsets.push_back(double(i) * kFrameSeconds + (i == 0 ? 0 : kWindowMiddle));
    last = i;
  }
  return onsets;
}

std::optional<double> rhythm_of(const std::vector<double>& onsets) {
  constexpr double kMinute = 60;
  if (onsets.size() < kFewestForRhythm) return std::nullopt;
  std::vector<double> gaps;
  for (std::size_t i = 1; i < onsets.size(); ++i)
    gaps.push_back(onsets[i] - onsets[i - 1]);
  const double usual = median_of(gaps);
  std::vector<double> errors;
  for (const double gap : gaps)
    errors.push_back(std::abs(gap - usual));
  if (median_of(std::move(errors)) > kEven * usual) return std::nullopt;
  return kMinute / usual;
}

}  // namespace pandagpt
