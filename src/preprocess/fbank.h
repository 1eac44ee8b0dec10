// Log mel filter-bank energies as Kaldi and torchaudio.compliance.kaldi.fbank compute them.
#pragma once

#include <complex>
#include <span>
#include <vector>

namespace pandagpt {

/// fbank(htk_compat=True, use_energy=False, window_type="hanning", dither=0, frame_length=25,
/// frame_shift=10): per frame the mean is subtracted, pre-emphasis 0.97, Hann window, FFT of the
/// next power of two, power, triangular mel filters from 20 Hz to half the rate, log with a floor
/// of 2^-23. The transform is done in double precision: the rest of the difference to torchaudio is
/// its own rounding.
class Fbank {
 public:
  /// Throws Error(kUsage) when the rate (Hz) is too low for a window, or for less than 4 bins.
  Fbank(int sample_rate, int n_mel_bins);

  int window() const { return window_; }  ///< samples
  /// Frames that lie wholly within `samples` samples: 0 for less than a window.
  int frames(std::size_t samples) const;
  /// [frames, n_mel_bins], natural logarithm. Throws Error(kUsage) for less than one window.
  std::vector<float> compute(std::span<const float> samples) const;

 private:
  void make_filters(int sample_rate);
  void make_transform();
  // Power spectrum of a window: half its padded length of values, from windowed samples.
  void power_spectrum(std::vector<std::complex<double>>& work, std::vector<double>& power) const;

  int n_mel_bins_;
  int window_;  // samples
  int shift_;   // samples
  int padded_;  // samples: the FFT's length
  std::vector<float> hann_;
  std::vector<float> filters_;
  std::vector<std::pair<int, int>> filter_ranges_;  // [begin, end) where a filter isn't zero
  std::vector<std::complex<double>> twiddles_;      // exp(-2 pi i k / padded_), k < padded_ / 2
  std::vector<int> order_;                          // bit reversal of padded_ / 2 points
};

}  // namespace pandagpt
