#include "preprocess/scalar_resample.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "preprocess/image.h"

namespace pandagpt {
namespace {

/// Output pixel i is the sum over t of input[first + t] * weights[t].
struct Taps {
  int first = 0;
  std::vector<float> weights;
};

// PyTorch's _upsample_bilinear2d_aa (aten/src/ATen/native/cpu/UpSampleKernel.cpp), which is
// Pillow's resampling in floats.
std::vector<Taps> make_taps(int input, std::int64_t output, std::int64_t begin, int length) {
  const double scale = static_cast<double>(input) / static_cast<double>(output);
  const double support = std::max(scale, 1.0);
  std::vector<Taps> taps(static_cast<std::size_t>(length));
  for (int i = 0; i < length; ++i) {
    const double center = scale * (static_cast<double>(begin + i) + 0.5);
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), input);
    double sum = 0;
    std::vector<double> weights;
    for (int x = first; x < end; ++x) {
      weights.push_back(std::max(0.0, 1.0 - std::abs((x - center + 0.5) / support)));
      sum += weights.back();
    }
    taps[i].first = first;
    for (const double weight : weights)
      taps[i].weights.push_back(static_cast<float>(weight / sum));
  }
  return taps;
}

}  // namespace

FloatPlane resize_and_crop(const FloatPlane& plane, int size) {
  const CropWindow window = crop_window(plane.width, plane.height, size, size);
  const std::vector<Taps> columns = make_taps(plane.width, window.full_width, window.left, size);
  const std::vector<Taps> rows = make_taps(plane.height, window.full_height, window.top, size);
  const int top = rows.front().first;
  const int bottom = rows.back().first + static_cast<int>(rows.back().weights.size());
  std::vector<float> narrow;  // [bottom - top, size]
  narrow.reserve(static_cast<std::size_t>(bottom - top) * size);
  for (int y = top; y < bottom; ++y) {
    const float* in = &plane.values[static_cast<std::size_t>(y) * plane.width];
    for (const Taps& taps : columns) {
      float sum = 0;
      for (std::size_t t = 0; t < taps.weights.size(); ++t)
        sum += in[taps.first + static_cast<int>(t)] * taps.weights[t];
      narrow.push_back(sum);
    }
  }
  FloatPlane out{size, size, std::vector<float>(static_cast<std::size_t>(size) * size, 0.0F)};
  for (int y = 0; y < size; ++y)
    for (std::size_t t = 0; t < rows[y].weights.size(); ++t) {
      const float* in = &narrow[static_cast<std::size_t>(rows[y].first - top + int(t)) * size];
      for (int x = 0; x < size; ++x)
        out.values[static_cast<std::size_t>(y) * size + x] += in[x] * rows[y].weights[t];
    }
  return out;
}

}  // namespace pandagpt
