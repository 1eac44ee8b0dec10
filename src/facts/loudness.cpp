#include "facts/loudness.h"

#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>
#include <vector>

namespace pandagpt {
namespace {

constexpr double kOffset = -0.691;  // BS.1770-4: a sine of 997 Hz at full scale is -3.01 LUFS
constexpr double kBlockParts = 4;   // a block is four steps long, and begins at each
constexpr double kStepSeconds = 0.1;
constexpr double kAbsoluteGate = -70;  // LUFS
constexpr double kRelativeGate = -10;  // LU
constexpr double kSurround = 1.41;

/// A filter of the second order, in the direct form II transposed.
struct Biquad {
  double b0, b1, b2, a1, a2;
  double first = 0, second = 0;

  double operator()(double x) {
    const double y = b0 * x + first;
    first = b1 * x - a1 * y + second;
    second = b2 * x - a2 * y;
    return y;
  }
};

// The analogue prototypes whose bilinear transforms at 48 kHz are the coefficients in BS.1770's
// tables 1 and 2: frequency in Hz, quality, and for the shelf its gain.
Biquad head_filter(int sample_rate) {
  constexpr double kFrequency = 1681.974450955533;
  constexpr double kQuality = 0.7071752369554196;
  constexpr double kGain = 3.999843853973347;             // dB
  constexpr double kMiddleExponent = 0.4996667741545416;  // of the gain at the frequency itself
  const double k = std::tan(std::numbers::pi * kFrequency / sample_rate);
  const double high = std::pow(10.0, kGain / 20);
  const double middle = std::pow(high, kMiddleExponent);
  const double a0 = 1 + k / kQuality + k * k;
  return {(high + middle * k / kQuality + k * k) / a0, 2 * (k * k - high) / a0,
          (high - middle * k / kQuality + k * k) / a0, 2 * (k * k - 1) / a0,
          (1 - k / kQuality + k * k) / a0};
}

Biquad low_cut(int sample_rate) {
  constexpr double kFrequency = 38.13547087602444;
  constexpr double kQuality = 0.5003270373238773;
  const double k = std::tan(std::numbers::pi * kFrequency / sample_rate);
  const double a0 = 1 + k / kQuality + k * k;
  return {1, -2, 1, 2 * (k * k - 1) / a0, (1 - k / kQuality + k * k) / a0};
}

double weight_of(int channel, int channels) {
  constexpr int kFive = 5, kSix = 6, kDeep = 3;
  if (channels == kSix && channel == kDeep) return 0;
  const bool is_surround =
      (channels == kFive && channel >= 3) || (channels == kSix && channel >= 4);
  return is_surround ? kSurround : 1;
}

/// Weighted mean squares of each step of 100 ms.
std::vector<double> step_powers(const Audio& audio) {
  const auto length = static_cast<std::size_t>(std::lround(kStepSeconds * audio.sample_rate));
  const auto frames = static_cast<std::size_t>(audio.frames());
  const auto channels = static_cast<std::size_t>(audio.channels);
  std::vector<double> powers(length == 0 ? 0 : frames / length);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const double weight = weight_of(static_cast<int>(channel), audio.channels);
    if (weight == 0) continue;
    Biquad head = head_filter(audio.sample_rate);
    Biquad cut = low_cut(audio.sample_rate);
    for (std::size_t step = 0; step < powers.size(); ++step) {
      double sum = 0;
      for (std::size_t i = step * length; i < (step + 1) * length; ++i) {
        const double value = cut(head(audio.samples[i * channels + channel]));
        sum += value * value;
      }
      powers[step] += weight * sum / double(length);
    }
  }
  return powers;
}

double loudness_of(double power) {
  return kOffset + 10 * std::log10(power);
}

double mean_above(const std::vector<double>& blocks, double gate) {
  double sum = 0;
  std::size_t count = 0;
  for (const double power : blocks) {
    if (!(power > 0) || loudness_of(power) <= gate) continue;
    sum += power;
    ++count;
  }
  return count == 0 ? 0 : sum / double(count);
}

}  // namespace

std::optional<double> integrated_loudness(const Audio& audio) {
  const std::vector<double> steps = step_powers(audio);
  constexpr auto kParts = static_cast<std::size_t>(kBlockParts);
  std::vector<double> blocks;
  for (std::size_t i = 0; i + kParts <= steps.size(); ++i) {
    const auto begin = steps.begin() + static_cast<std::ptrdiff_t>(i);
    blocks.push_back(std::accumulate(begin, begin + kParts, 0.0) / kBlockParts);
  }
  const double ungated = mean_above(blocks, kAbsoluteGate);
  if (!(ungated > 0)) return std::nullopt;
  return loudness_of(mean_above(blocks, loudness_of(ungated) + kRelativeGate));
}

}  // namespace pandagpt
