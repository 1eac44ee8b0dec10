#include "preprocess/audio_resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr int kLowpassWidth = 6;  // zero crossings on each side
constexpr double kRolloff = 0.99;

}  // namespace

AudioResampler::AudioResampler(int input_rate, int output_rate)
    : old_rate_(input_rate), new_rate_(output_rate) {
  if (input_rate < 1 || output_rate < 1)
    throw Error(ErrorKind::kUsage, "resampling from " + std::to_string(input_rate) + " Hz to " +
                                       std::to_string(output_rate) + " Hz: rates must be positive");
  const std::int64_t divisor = std::gcd(old_rate_, new_rate_);
  old_rate_ /= divisor;
  new_rate_ /= divisor;
  if (old_rate_ == new_rate_) return;
  for (int index = 0; index < static_cast<int>(new_rate_); ++index)
    phases_.push_back(make_phase(index));
}

AudioResampler::Phase AudioResampler::make_phase(int index) const {
  const auto old_rate = static_cast<float>(old_rate_);
  const double exact_base = static_cast<double>(std::min(old_rate_, new_rate_)) * kRolloff;
  const auto base = static_cast<float>(exact_base);
  const auto scale = static_cast<float>(exact_base / static_cast<double>(old_rate_));
  constexpr auto kPi = static_cast<float>(std::numbers::pi);
  constexpr auto kWidth = static_cast<float>(kLowpassWidth);
  // torchaudio's filter has 2 * width + old_rate_ taps, nearly all of them zero; those with
  // |t| < 6 lie around this sample.
  const double center = static_cast<double>(index) * double(old_rate_) / double(new_rate_);
  const double reach = kLowpassWidth * static_cast<double>(old_rate_) / exact_base + 1;
  const auto width = static_cast<std::int64_t>(
      std::ceil(kLowpassWidth * static_cast<double>(old_rate_) / exact_base));
  const std::int64_t begin =
      std::max(static_cast<std::int64_t>(std::floor(center - reach)), -width);
  const std::int64_t end =
      std::min(static_cast<std::int64_t>(std::ceil(center + reach)) + 1, width + old_rate_);
  const float shift = -static_cast<float>(index) / static_cast<float>(new_rate_);
  Phase phase;
  phase.first = static_cast<int>(begin);
  for (std::int64_t i = begin; i < end; ++i) {
    const float position = static_cast<float>(i) / old_rate;
    float t = std::clamp((shift + position) * base, -kWidth, kWidth);
    const float cosine = std::cos(t * kPi / kWidth / 2.0F);
    const float window = cosine * cosine;
    t *= kPi;
    const float sinc = t == 0 ? 1.0F : std::sin(t) / t;
    phase.taps.push_back(sinc * (window * scale));
  }
  return phase;
}

std::int64_t AudioResampler::output_frames(std::int64_t input_frames) const {
  if (phases_.empty()) return input_frames;
  // torchaudio rounds the quotient to a float32 before it takes the next whole number.
  const auto quotient = static_cast<float>(static_cast<double>(new_rate_ * input_frames) /
                                           static_cast<double>(old_rate_));
  const std::int64_t computed = (input_frames / old_rate_ + 1) * new_rate_;
  return std::min(static_cast<std::int64_t>(std::ceil(quotient)), computed);
}

std::vector<float> AudioResampler::resample(const Audio& audio, int channel, std::int64_t begin,
                                            std::int64_t count) const {
  std::vector<float> out(static_cast<std::size_t>(count));
  const std::int64_t frames = audio.frames();
  const auto sample = [&](std::int64_t at) {
    return audio.samples[static_cast<std::size_t>(at * audio.channels + channel)];
  };
  for (std::int64_t i = 0; i < count; ++i) {
    if (phases_.empty()) {
      out[i] = sample(begin + i);
      continue;
    }
    const Phase& phase = phases_[static_cast<std::size_t>((begin + i) % new_rate_)];
    const std::int64_t first = (begin + i) / new_rate_ * old_rate_ + phase.first;
    const auto taps = static_cast<std::int64_t>(phase.taps.size());
    // Zeros stand before the first sample and after the last.
    const std::int64_t from = std::max<std::int64_t>(0, -first);
    const std::int64_t to = std::min(taps, frames - first);
    float sum = 0;
    for (std::int64_t t = from; t < to; ++t)
      sum += phase.taps[static_cast<std::size_t>(t)] * sample(first + t);
    out[i] = sum;
  }
  return out;
}

}  // namespace pandagpt
