#include "preprocess/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "media/cpu_dispatch.h"

namespace pandagpt {
namespace {

// --- Weights -----------------------------------------------------------------------------------

constexpr int kPrecisionBits = 32 - 8 - 2;  // Pillow's: 8 bits of result, 2 for overshoot
constexpr double kBicubicSupport = 2.0;     // input pixels on each side, before scaling

double bicubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((kA + 2.0) * x - (kA + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0.0;
}

// Output pixel i of the window is the sum over t < count[i] of input[first[i] + t] * weight.
struct Taps {
  std::vector<int> first;
  std::vector<int> count;
  std::vector<std::int32_t> weights;  // [window, stride], fixed point
  std::size_t stride = 0;

  const std::int32_t* of(int pixel) const { return weights.data() + stride * pixel; }
  int input_begin() const { return *std::ranges::min_element(first); }
  int input_end() const {
    int end = 0;
    for (std::size_t i = 0; i < first.size(); ++i)
      end = std::max(end, first[i] + count[i]);
    return end;
  }
};

// precompute_coeffs() and normalize_coeffs_8bpc() of Resample.c, in the same order of operations.
Taps make_taps(int input, const ResampleAxis& axis) {
  // Pillow keeps the length of the input as a float.
  const double scale = static_cast<double>(static_cast<float>(input)) / double(axis.full);
  const double filter_scale = std::max(scale, 1.0);
  const double support = kBicubicSupport * filter_scale;
  const double inverse = 1.0 / filter_scale;
  Taps taps;
  taps.stride = static_cast<std::size_t>(std::min(std::ceil(support) * 2 + 1, double(input)));
  taps.weights.resize(taps.stride * static_cast<std::size_t>(axis.length));
  std::vector<double> exact(taps.stride);
  for (int i = 0; i < axis.length; ++i) {
    const double center = (static_cast<double>(axis.begin + i) + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int count = std::min(static_cast<int>(center + support + 0.5), input) - first;
    double sum = 0.0;
    for (int t = 0; t < count; ++t) {
      exact[t] = bicubic((t + first - center + 0.5) * inverse);
      sum += exact[t];
    }
    std::int32_t* weights = taps.weights.data() + taps.stride * static_cast<std::size_t>(i);
    for (int t = 0; t < count; ++t) {
      const double weight = (sum != 0.0 ? exact[t] / sum : exact[t]) * (1 << kPrecisionBits);
      weights[t] = static_cast<std::int32_t>(weight + (weight < 0 ? -0.5 : 0.5));
    }
    taps.first.push_back(first);
    taps.count.push_back(count);
  }
  return taps;
}

// --- The two passes ----------------------------------------------------------------------------

// Samples that are summed side by side. Wide enough for one register of AVX-512.
constexpr int kLanes = 16;
constexpr int kChannels = 3;

std::uint8_t to_sample(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

// out[lane] = sum over taps of input[tap * stride + lane] * weights[tap], for `blocks` blocks of
// kLanes lanes. The constant block count lets the sums stay in registers.
template <int blocks>
[[gnu::always_inline]] inline void sum_taps(const std::uint8_t* input, std::size_t stride,
                                            const std::int32_t* weights, int count,
                                            std::uint8_t* out) {
  constexpr std::int32_t kRounding = 1 << (kPrecisionBits - 1);
  std::int32_t sums[blocks * kLanes];
  for (int lane = 0; lane < blocks * kLanes; ++lane)
    sums[lane] = kRounding;
  for (int t = 0; t < count; ++t, input += stride) {
    const std::int32_t weight = weights[t];
    for (int lane = 0; lane < blocks * kLanes; ++lane)
      sums[lane] += input[lane] * weight;
  }
  for (int lane = 0; lane < blocks * kLanes; ++lane)
    out[lane] = to_sample(sums[lane]);
}

// Whole pixels between the first and the last that the taps touch.
struct InputRange {
  int begin;
  int end;
  int length() const { return end - begin; }
};

// kLanes rows, turned so that the samples of one column lie side by side:
// [columns, kChannels, kLanes]. Rows past the last are repeats of it.
void turn_rows(const Image& image, int top, InputRange columns, std::uint8_t* out) {
  const std::uint8_t* rows[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    const int y = std::min(top + lane, image.height - 1);
    rows[lane] =
        image.rgb.data() + kChannels * (static_cast<std::size_t>(y) * image.width + columns.begin);
  }
  const int samples = kChannels * columns.length();
  for (int i = 0; i < samples; ++i)
    for (int lane = 0; lane < kLanes; ++lane)
      out[i * kLanes + lane] = rows[lane][i];
}

// One band of kLanes rows through the horizontal pass; `band` as turn_rows() leaves it.
PANDAGPT_CPU_CLONES
void resample_band(const std::uint8_t* band, int band_begin, const Taps& taps, std::uint8_t* turned,
                   std::uint8_t* out, std::size_t out_stride) {
  constexpr std::size_t kColumn = kChannels * kLanes;
  const int width = static_cast<int>(taps.first.size());
  for (int x = 0; x < width; ++x)
    sum_taps<kChannels>(band + kColumn * (taps.first[x] - band_begin), kColumn, taps.of(x),
                        taps.count[x], turned + kColumn * x);
  for (int lane = 0; lane < kLanes; ++lane)
    for (int i = 0; i < kChannels * width; ++i)
      out[lane * out_stride + i] = turned[i * kLanes + lane];
}

// The vertical pass for one row of `stride` samples, a multiple of kLanes.
PANDAGPT_CPU_CLONES
void resample_row(const std::uint8_t* input, std::size_t stride, const std::int32_t* weights,
                  int count, std::uint8_t* out) {
  constexpr int kBlocks = 4;
  std::size_t at = 0;
  for (; at + kBlocks * kLanes <= stride; at += kBlocks * kLanes)
    sum_taps<kBlocks>(input + at, stride, weights, count, out + at);
  for (; at < stride; at += kLanes)
    sum_taps<1>(input + at, stride, weights, count, out + at);
}

// Rows of samples, each padded to whole blocks of lanes.
struct Plane {
  Plane(int width, int rows)
      : stride((static_cast<std::size_t>(kChannels * width) + kLanes - 1) / kLanes * kLanes),
        samples(stride * static_cast<std::size_t>(rows)) {}
  std::uint8_t* row(int y) { return samples.data() + stride * static_cast<std::size_t>(y); }

  std::size_t stride;
  Bytes samples;
};

// The rows that the vertical pass needs, at their new width.
Plane horizontal_pass(const Image& image, const ResampleAxis& axis, InputRange rows) {
  const int padded_rows = (rows.length() + kLanes - 1) / kLanes * kLanes;
  Plane out(axis.length, padded_rows);
  if (axis.full == image.width) {  // Pillow leaves the pass out as well
    for (int y = 0; y < rows.length(); ++y)
      std::memcpy(out.row(y),
                  &image.rgb[kChannels *
                             (static_cast<std::size_t>(rows.begin + y) * image.width + axis.begin)],
                  static_cast<std::size_t>(kChannels * axis.length));
    return out;
  }
  const Taps taps = make_taps(image.width, axis);
  const InputRange columns{taps.input_begin(), taps.input_end()};
  Bytes band(static_cast<std::size_t>(kChannels * kLanes) * columns.length());
  Bytes turned(static_cast<std::size_t>(kChannels * kLanes) * axis.length);
  for (int y = 0; y < rows.length(); y += kLanes) {
    turn_rows(image, rows.begin + y, columns, band.data());
    resample_band(band.data(), columns.begin, taps, turned.data(), out.row(y), out.stride);
  }
  return out;
}

}  // namespace

Image resample_bicubic(const Image& image, const ResampleAxis& x, const ResampleAxis& y) {
  const bool keep_rows = y.full == image.height;
  const Taps taps = keep_rows ? Taps{} : make_taps(image.height, y);
  const auto begin = static_cast<int>(y.begin);
  const InputRange rows = keep_rows ? InputRange{begin, begin + y.length}
                                    : InputRange{taps.input_begin(), taps.input_end()};
  Plane plane = horizontal_pass(image, x, rows);

  Image out{x.length, y.length, {}};
  const std::size_t row_bytes = kChannels * static_cast<std::size_t>(x.length);
  out.rgb.resize(row_bytes * static_cast<std::size_t>(y.length));
  Bytes row(plane.stride);
  for (int i = 0; i < y.length; ++i) {
    const std::uint8_t* source = row.data();
    if (keep_rows)
      source = plane.row(i);
    else
      resample_row(plane.row(taps.first[i] - rows.begin), plane.stride, taps.of(i), taps.count[i],
                   row.data());
    std::memcpy(&out.rgb[row_bytes * static_cast<std::size_t>(i)], source, row_bytes);
  }
  return out;
}

}  // namespace pandagpt
