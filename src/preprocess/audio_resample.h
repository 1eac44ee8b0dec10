// torchaudio.functional.resample with its defaults (sinc_interp_hann, lowpass_filter_width 6,
// rolloff 0.99).
#pragma once

#include <cstdint>
#include <vector>

#include "media/audio.h"

namespace pandagpt {

/// Windowed-sinc interpolation from one sample rate to another. The filter is computed in float32
/// in the order of torchaudio's _get_sinc_resample_kernel, whose rounding shows in the fifth digit.
/// Any part of the result can be computed alone.
class AudioResampler {
 public:
  /// Rates in Hz. Throws Error(kUsage) unless they are positive.
  AudioResampler(int input_rate, int output_rate);

  /// Length of the whole result for `input_frames` samples, as torchaudio rounds it.
  std::int64_t output_frames(std::int64_t input_frames) const;

  /// Samples [begin, begin + count) of the result for one channel; both inside output_frames().
  std::vector<float> resample(const Audio& audio, int channel, std::int64_t begin,
                              std::int64_t count) const;

 private:
  // One of new_rate_ positions between input samples; the filter is cut to where it isn't zero.
  struct Phase {
    int first = 0;  // of the taps, counted from the input sample that the period begins with
    std::vector<float> taps;
  };
  Phase make_phase(int index) const;

  // Both divided by their greatest common divisor.
  std::int64_t old_rate_;
  std::int64_t new_rate_;
  std::vector<Phase> phases_;  // [new_rate_], or none if the rates are equal
};

}  // namespace pandagpt
