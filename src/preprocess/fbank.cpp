#include "preprocess/fbank.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr double kFrameLengthMs = 25;
constexpr double kFrameShiftMs = 10;
constexpr double kMsToSeconds = 0.001;
constexpr float kPreemphasis = 0.97F;
constexpr double kLowFrequency = 20;  // Hz, lower edge of the first filter
constexpr float kFloor = std::numeric_limits<float>::epsilon();

double mel_scale(double hertz) {
  return 1127.0 * std::log(1.0 + hertz / 700.0);
}
// torchaudio computes the filters of the FFT's bins in float32.
float mel_scale(float hertz) {
  return 1127.0F * std::log(1.0F + hertz / 700.0F);
}

}  // namespace

Fbank::Fbank(int sample_rate, int n_mel_bins)
    : n_mel_bins_(n_mel_bins),
      window_(static_cast<int>(sample_rate * kFrameLengthMs * kMsToSeconds)),
      shift_(static_cast<int>(sample_rate * kFrameShiftMs * kMsToSeconds)) {
  if (window_ < 2 || shift_ < 1 || n_mel_bins < 4 || sample_rate <= 2 * kLowFrequency)
    throw Error(ErrorKind::kUsage, "filter bank: " + std::to_string(n_mel_bins) + " bins at " +
                                       std::to_string(sample_rate) + " Hz are not possible");
  padded_ = static_cast<int>(std::bit_ceil(static_cast<unsigned int>(window_)));
  for (int i = 0; i < window_; ++i)
    hann_.push_back(
        static_cast<float>(0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / (window_ - 1))));
  make_filters(sample_rate);
  make_transform();
}

// get_mel_banks() of torchaudio/compliance/kaldi.py, in the same order of operations.
void Fbank::make_filters(int sample_rate) {
  const int n_bins = padded_ / 2;
  const double low = mel_scale(kLowFrequency);
  const double delta = (mel_scale(0.5 * sample_rate) - low) / (n_mel_bins_ + 1);
  const auto edge = [&](int index) {
    return static_cast<float>(low) + static_cast<float>(index) * static_cast<float>(delta);
  };
  const auto bin_width = static_cast<float>(static_cast<double>(sample_rate) / padded_);
  filters_.assign(static_cast<std::size_t>(n_mel_bins_) * n_bins, 0.0F);
  for (int filter = 0; filter < n_mel_bins_; ++filter) {
    const float left = edge(filter);
    const float center = edge(filter + 1);
    const float right = edge(filter + 2);
    std::pair<int, int> range{n_bins, 0};
    for (int bin = 0; bin < n_bins; ++bin) {
      const float mel = mel_scale(bin_width * static_cast<float>(bin));
      const float up = (mel - left) / (center - left);
      const float down = (right - mel) / (right - center);
      const float weight = std::max(0.0F, std::min(up, down));
      if (weight == 0) continue;
      filters_[static_cast<std::size_t>(filter) * n_bins + bin] = weight;
      range = {std::min(range.first, bin), bin + 1};
    }
    filter_ranges_.push_back(range);
  }
}

// The real transform of padded_ samples is done as a complex one of half as many.
void Fbank::make_transform() {
  const int half = padded_ / 2;
  const int bits = std::countr_zero(static_cast<unsigned int>(half));
  for (int i = 0; i < half; ++i) {
    const double angle = -2 * std::numbers::pi * i / padded_;
    twiddles_.emplace_back(std::cos(angle), std::sin(angle));
    int reversed = 0;
    for (int bit = 0; bit < bits; ++bit)
      reversed |= (i >> bit & 1) << (bits - 1 - bit);
    order_.push_back(reversed);
  }
}

void Fbank::power_spectrum(std::vector<std::complex<double>>& work,
                           std::vector<double>& power) const {
  const int half = padded_ / 2;
  for (int i = 0; i < half; ++i)
    if (order_[i] > i) std::swap(work[i], work[order_[i]]);
  for (int length = 1; length < half; length *= 2) {
    const int step = half / length;  // of the twiddles, which belong to padded_ points
    for (int begin = 0; begin < half; begin += 2 * length)
      for (int k = 0; k < length; ++k) {
        // Written out: operator* of std::complex also looks after infinities.
        const std::complex<double> a = work[begin + k];
        const std::complex<double> b = work[begin + k + length];
        const std::complex<double> w = twiddles_[static_cast<std::size_t>(k) * step];
        const std::complex<double> turned{b.real() * w.real() - b.imag() * w.imag(),
                                          b.real() * w.imag() + b.imag() * w.real()};
        work[begin + k] = a + turned;
        work[begin + k + length] = a - turned;
      }
  }
  // Even samples were the real parts, odd ones the imaginary parts.
  for (int k = 0; k < half; ++k) {
    const std::complex<double> z = work[k];
    const std::complex<double> mirror = std::conj(work[(half - k) % half]);
    const std::complex<double> even = 0.5 * (z + mirror);
    const std::complex<double> odd{0.5 * (z.imag() - mirror.imag()),
                                   -0.5 * (z.real() - mirror.real())};
    const std::complex<double> w = twiddles_[k];
    const double real = even.real() + odd.real() * w.real() - odd.imag() * w.imag();
    const double imag = even.imag() + odd.real() * w.imag() + odd.imag() * w.real();
    power[k] = real * real + imag * imag;
  }
}

int Fbank::frames(std::size_t samples) const {
  if (samples < static_cast<std::size_t>(window_)) return 0;
  return 1 + static_cast<int>((samples - window_) / shift_);
}

std::vector<float> Fbank::compute(std::span<const float> samples) const {
  const int n_frames = frames(samples.size());
  if (n_frames == 0)
    throw Error(ErrorKind::kUsage, "filter bank: " + std::to_string(samples.size()) +
                                       " samples are less than one window of " +
                                       std::to_string(window_));
  const int half = padded_ / 2;
  std::vector<float> out(static_cast<std::size_t>(n_frames) * n_mel_bins_);
  std::vector<std::complex<double>> work(half);
  std::vector<double> power(half);
  std::vector<float> centred(window_);
  for (int frame = 0; frame < n_frames; ++frame) {
    const auto input = samples.subspan(static_cast<std::size_t>(frame) * shift_, window_);
    double sum = 0;
    for (const float value : input)
      sum += value;
    const auto mean = static_cast<float>(sum / window_);
    for (int i = 0; i < window_; ++i)
      centred[i] = input[i] - mean;
    std::ranges::fill(work, 0.0);
    for (int i = 0; i < window_; ++i) {
      const float value = (centred[i] - kPreemphasis * centred[std::max(i - 1, 0)]) * hann_[i];
      reinterpret_cast<double*>(work.data())[i] = value;
    }
    power_spectrum(work, power);
    for (int filter = 0; filter < n_mel_bins_; ++filter) {
      const float* weights = filters_.data() + static_cast<std::size_t>(filter) * half;
      double energy = 0;
      for (int bin = filter_ranges_[filter].first; bin < filter_ranges_[filter].second; ++bin)
        energy += power[bin] * weights[bin];
      out[static_cast<std::size_t>(frame) * n_mel_bins_ + filter] =
          std::log(std::max(static_cast<float>(energy), kFloor));
    }
  }
  return out;
}

}  // namespace pandagpt
