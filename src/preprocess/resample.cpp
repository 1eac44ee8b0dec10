#include "preprocess/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "core/cpu_clones.h"

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

// --- One axis ----------------------------------------------------------------------------------

// Whole pixels [begin, end) of an axis.
struct Range {
  int begin;
  int end;
  int length() const { return end - begin; }
};

// A wanted axis with what it takes to compute it.
struct Axis {
  Axis(int input_size, const ResampleAxis& wanted)
      : length(wanted.length), keep(wanted.full == input_size) {
    if (keep) {  // Pillow leaves the pass out as well
      const auto begin = static_cast<int>(wanted.begin);
      input = {begin, begin + length};
    } else {
      taps = make_taps(input_size, wanted);
      input = {taps.input_begin(), taps.input_end()};
    }
  }

  int length;
  bool keep;
  Taps taps;    // empty when kept
  Range input;  // pixels of the input that it needs
};

// --- The two passes ----------------------------------------------------------------------------

// Samples that are summed side by side. Wide enough for one register of AVX-512.
constexpr int kLanes = 16;
constexpr int kChannels = 3;

Image make_image(int width, int height) {
  return {width, height, Bytes(static_cast<std::size_t>(kChannels) * width * height)};
}

std::size_t row_stride(const Image& image) {
  return static_cast<std::size_t>(kChannels) * image.width;
}
const std::uint8_t* pixel(const Image& image, int x, int y) {
  return image.rgb.data() + row_stride(image) * y + static_cast<std::size_t>(kChannels) * x;
}

std::uint8_t to_sample(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

// out[lane] = sum over taps of input[tap * stride + lane] * weights[tap]. The constant number of
// lanes lets the sums stay in registers.
template <int lanes>
[[gnu::always_inline]] inline void sum_taps(const std::uint8_t* input, std::size_t stride,
                                            const std::int32_t* weights, int count,
                                            std::uint8_t* out) {
  constexpr std::int32_t kRounding = 1 << (kPrecisionBits - 1);
  std::int32_t sums[lanes];
  for (int lane = 0; lane < lanes; ++lane)
    sums[lane] = kRounding;
  for (int t = 0; t < count; ++t, input += stride) {
    const std::int32_t weight = weights[t];
    for (int lane = 0; lane < lanes; ++lane)
      sums[lane] += input[lane] * weight;
  }
  for (int lane = 0; lane < lanes; ++lane)
    out[lane] = to_sample(sums[lane]);
}

// kLanes rows, turned so that the samples of one column lie side by side:
// [columns, kChannels, kLanes]. Rows past the last are repeats of it.
void turn_rows(const Image& image, int top, Range columns, std::uint8_t* out) {
  const std::uint8_t* rows[kLanes];
  for (int lane = 0; lane < kLanes; ++lane)
    rows[lane] = pixel(image, columns.begin, std::min(top + lane, image.height - 1));
  const int samples = kChannels * columns.length();
  for (int i = 0; i < samples; ++i)
    for (int lane = 0; lane < kLanes; ++lane)
      out[i * kLanes + lane] = rows[lane][i];
}

// One band of kLanes rows through the horizontal pass, in and out as turn_rows() leaves it.
PANDAGPT_CPU_CLONES
void resample_band(const std::uint8_t* band, const Axis& axis, std::uint8_t* out) {
  constexpr std::size_t kColumn = kChannels * kLanes;
  for (int x = 0; x < axis.length; ++x)
    sum_taps<kColumn>(band + kColumn * (axis.taps.first[x] - axis.input.begin), kColumn,
                      axis.taps.of(x), axis.taps.count[x], out + kColumn * x);
}

// The vertical pass for one row of `samples`.
PANDAGPT_CPU_CLONES
void resample_row(const std::uint8_t* input, std::size_t stride, const std::int32_t* weights,
                  int count, int samples, std::uint8_t* out) {
  constexpr int kBlock = 4 * kLanes;
  int at = 0;
  for (; at + kBlock <= samples; at += kBlock)
    sum_taps<kBlock>(input + at, stride, weights, count, out + at);
  for (; at + kLanes <= samples; at += kLanes)
    sum_taps<kLanes>(input + at, stride, weights, count, out + at);
  if (at == samples) return;
  if (samples >= kLanes) {  // the rest, together with some that are done already
    at = samples - kLanes;
    sum_taps<kLanes>(input + at, stride, weights, count, out + at);
    return;
  }
  for (; at < samples; ++at)
    sum_taps<1>(input + at, stride, weights, count, out + at);
}

// Rows `rows` at their new width. The first column of `image` is column `origin` of the axis.
Image horizontal_pass(const Image& image, int origin, const Axis& axis, Range rows) {
  Image out = make_image(axis.length, rows.length());
  const Range columns{axis.input.begin - origin, axis.input.end - origin};
  if (axis.keep) {
    for (int y = 0; y < out.height; ++y)
      std::memcpy(&out.rgb[row_stride(out) * y], pixel(image, columns.begin, rows.begin + y),
                  row_stride(out));
    return out;
  }
  Bytes band(static_cast<std::size_t>(kChannels * kLanes) * columns.length());
  Bytes turned(static_cast<std::size_t>(kChannels * kLanes) * axis.length);
  for (int y = 0; y < out.height; y += kLanes) {
    turn_rows(image, rows.begin + y, columns, band.data());
    resample_band(band.data(), axis, turned.data());
    std::uint8_t* to = &out.rgb[row_stride(out) * y];
    const int samples = kChannels * out.width;
    for (int lane = 0; lane < std::min(kLanes, out.height - y); ++lane, to += samples)
      for (int i = 0; i < samples; ++i)
        to[i] = turned[i * kLanes + lane];
  }
  return out;
}

// Columns `columns` at their new height. The first row of `image` is row `origin` of the axis.
Image vertical_pass(const Image& image, int origin, const Axis& axis, Range columns) {
  Image out = make_image(columns.length(), axis.length);
  for (int y = 0; y < out.height; ++y) {
    std::uint8_t* to = &out.rgb[row_stride(out) * y];
    const int first = (axis.keep ? axis.input.begin + y : axis.taps.first[y]) - origin;
    const std::uint8_t* from = pixel(image, columns.begin, first);
    if (axis.keep)
      std::memcpy(to, from, row_stride(out));
    else
      resample_row(from, row_stride(image), axis.taps.of(y), axis.taps.count[y],
                   static_cast<int>(row_stride(out)), to);
  }
  return out;
}

// Since version 13 Pillow starts with the vertical pass when the height shrinks by more than twice
// as many pixels as the width. Each pass rounds to 8 bits, so the order shows in the last bit.
bool starts_vertically(const Image& image, const ResampleAxis& x, const ResampleAxis& y) {
  const std::int64_t lost_width = image.width - x.full;
  const std::int64_t lost_height = image.height - y.full;
  return lost_height > 0 && lost_height > 2 * lost_width;
}

}  // namespace

Image resample_bicubic(const Image& image, const ResampleAxis& x, const ResampleAxis& y) {
  const Axis wide(image.width, x);
  const Axis high(image.height, y);
  if (starts_vertically(image, x, y)) {
    const Image narrow = vertical_pass(image, 0, high, wide.input);
    return horizontal_pass(narrow, wide.input.begin, wide, {0, high.length});
  }
  const Image flat = horizontal_pass(image, 0, wide, high.input);
  return vertical_pass(flat, high.input.begin, high, {0, wide.length});
}

}  // namespace pandagpt
