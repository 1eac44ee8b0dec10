#include "preprocess/audio.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/warnings.h"
#include "media/content.h"
#include "pandagpt/error.h"
#include "preprocess/audio_resample.h"
#include "preprocess/clip_sampler.h"
#include "preprocess/fbank.h"

namespace pandagpt {
namespace {

// A mean that has been subtracted from a part of the sound.
struct Subtraction {
  std::int64_t begin;  // samples at the transform's rate
  std::int64_t end;
  float mean;
};

// Samples [begin, end) of a channel with all that has been subtracted so far.
std::vector<float> clip_channel(const Audio& audio, const AudioResampler& resampler, int channel,
                                std::int64_t begin, std::int64_t end,
                                const std::vector<Subtraction>& subtractions) {
  std::vector<float> samples = resampler.resample(audio, channel, begin, end - begin);
  for (const Subtraction& done : subtractions)
    for (std::int64_t i = std::max(begin, done.begin); i < std::min(end, done.end); ++i)
      samples[static_cast<std::size_t>(i - begin)] -= done.mean;
  return samples;
}

double variance_of(const std::vector<float>& samples) {
  double sum = 0, squares = 0;
  for (const double value : samples) {
    sum += value;
    squares += value * value;
  }
  const auto count = static_cast<double>(samples.size());
  return std::max(0.0, squares / count - sum / count * (sum / count));
}

void require_frame(const Audio& audio, std::int64_t total, const Fbank& fbank) {
  if (total >= fbank.window()) return;
  throw Error(ErrorKind::kInput, audio.name + ": the sound of " + std::to_string(audio.frames()) +
                                     " samples is shorter than the " +
                                     std::to_string(kShortestSoundSeconds * 1000).substr(0, 2) +
                                     " ms that one frame takes; give a longer one");
}

}  // namespace

void energies_to_clip(const std::vector<float>& energies, const AudioTransform& transform,
                      float* out) {
  const int frames = static_cast<int>(energies.size()) / transform.n_mel_bins;
  for (int bin = 0; bin < transform.n_mel_bins; ++bin)
    for (int frame = 0; frame < transform.n_frames; ++frame) {
      const std::size_t at = static_cast<std::size_t>(frame) * transform.n_mel_bins + bin;
      const float value = frame < frames ? energies[at] : 0.0F;
      *out++ = (value - transform.mean) / transform.std;
    }
}

int clip_frames(const AudioTransform& transform) {
  return Fbank(transform.sample_rate, transform.n_mel_bins)
      .frames(std::size_t(transform.clip_seconds) * transform.sample_rate);
}

std::vector<float> sound_energies(const Audio& audio, const AudioTransform& transform) {
  const AudioResampler resampler(audio.sample_rate, transform.sample_rate);
  const Fbank fbank(transform.sample_rate, transform.n_mel_bins);
  const std::int64_t total = resampler.output_frames(audio.frames());
  require_frame(audio, total, fbank);
  return fbank.compute(resampler.resample(audio, 0, 0, total));
}

std::vector<float> audio_tensor(const Audio& audio, const AudioTransform& transform) {
  const AudioResampler resampler(audio.sample_rate, transform.sample_rate);
  const Fbank fbank(transform.sample_rate, transform.n_mel_bins);
  const std::int64_t total = resampler.output_frames(audio.frames());
  require_frame(audio, total, fbank);
  const double duration = static_cast<double>(total) / transform.sample_rate;
  const std::size_t clip_size = static_cast<std::size_t>(transform.n_mel_bins) * transform.n_frames;
  std::vector<float> tensor(clip_size * transform.n_clips);
  std::vector<Subtraction> subtractions;
  float* out = tensor.data();
  double most = 0;  // variance of a clip
  for (const std::int64_t begin : sample_clip_offsets(duration, transform.clip_seconds,
                                                      transform.n_clips, transform.sample_rate)) {
    const std::int64_t end =
        std::min(begin + std::int64_t{transform.clip_seconds} * transform.sample_rate, total);
    std::vector<float> first;
    double sum = 0;
    for (int channel = audio.channels - 1; channel >= 0; --channel) {
      first = clip_channel(audio, resampler, channel, begin, end, subtractions);
      for (const float value : first)
        sum += value;
    }
    const auto mean = static_cast<float>(sum / (static_cast<double>(end - begin) * audio.channels));
    for (float& value : first)
      value -= mean;
    subtractions.push_back({begin, end, mean});
    most = std::max(most, variance_of(first));
    energies_to_clip(fbank.compute(first), transform, out);
    out += clip_size;
  }
  if (std::sqrt(most) <= kSilence && channel_levels(audio)[0] > kSilence)
    warn_no_content(audio.name + ": what is listened to, " + std::to_string(transform.n_clips) +
                    " times " + std::to_string(transform.clip_seconds) +
                    " s evenly spread over the sound, is silent; cut out the part that matters");
  return tensor;
}

}  // namespace pandagpt
