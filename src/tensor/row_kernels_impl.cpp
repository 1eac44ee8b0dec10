// The row kernels' loops, compiled once per instruction set (see CMakeLists.txt): PANDAGPT_ISA
// names the variant. No standard library templates here: their instances could be merged by the
// linker with those of other files and then run on a CPU that lacks the instructions.
#include "tensor/row_kernels.h"
#include "tensor/simd16.h"
// After simd16.h:
#include "tensor/attention_kernel.h"

namespace pandagpt {
namespace {

// A channel is an outlier if it is this many times the row's mean magnitude; 3.3 standard
// deviations of a normal distribution are 4.1 times.
constexpr float kOutlierRatio = 10.0F;
constexpr float kLevels = 255.0F;  // of a uint8
constexpr float kWeightLimit = 127.0F;

void to_bf16(int64_t n, const float* x, uint16_t* y) {
  for (int64_t i = 0; i < n; i += kLanes)
    store_part(y + i, load_part(x + i, n - i), n - i);
}

void from_bf16(int64_t n, const uint16_t* x, float* y) {
  for (int64_t i = 0; i < n; i += kLanes)
    store_part(y + i, load_part(x + i, n - i), n - i);
}

void layer_norm(int64_t n, const float* x, const float* weight, const float* bias, float eps,
                float* y) {
  V16 sums[2] = {};
  const int64_t pairs = n / (2 * kLanes) * (2 * kLanes);
  for (int64_t i = 0; i < pairs; i += 2 * kLanes) {
    sums[0] += load(x + i);
    sums[1] += load(x + i + kLanes);
  }
  for (int64_t i = pairs; i < n; i += kLanes)
    sums[0] += load_part(x + i, n - i);
  const float mean = sum_of(sums[0] + sums[1]) / static_cast<float>(n);

  V16 squares[2] = {};
  for (int64_t i = 0; i < pairs; i += 2 * kLanes) {
    const V16 a = load(x + i) - mean;
    const V16 b = load(x + i + kLanes) - mean;
    squares[0] += a * a;
    squares[1] += b * b;
  }
  float square_sum = sum_of(squares[0] + squares[1]);
  for (int64_t i = pairs; i < n; ++i)
    square_sum += (x[i] - mean) * (x[i] - mean);
  const float factor = 1.0F / __builtin_sqrtf(square_sum / static_cast<float>(n) + eps);

  for (int64_t i = 0; i < n; i += kLanes) {
    const V16 normed = (load_part(x + i, n - i) - mean) * factor;
    store_part(y + i, normed * load_part(weight + i, n - i) + load_part(bias + i, n - i), n - i);
  }
}

struct Range {
  float low;
  float high;
};

/// Smallest and largest of a row and zero, and the mean magnitude.
Range range_of(int64_t n, const float* x, float* mean_magnitude) {
  V16 low[2] = {};
  V16 high[2] = {};
  V16 magnitudes[2] = {};
  const auto add = [&](int part, V16 value) {
    low[part] = minimum(low[part], value);
    high[part] = maximum(high[part], value);
    magnitudes[part] += magnitude(value);
  };
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    add(0, load(x + i));
    add(1, load(x + i + kLanes));
  }
  for (; i < n; i += kLanes)
    add(0, load_part(x + i, n - i));
  *mean_magnitude = sum_of(magnitudes[0] + magnitudes[1]) / static_cast<float>(n);
  return {-largest_of(-minimum(low[0], low[1])), largest_of(maximum(high[0], high[1]))};
}

/// The largest channels beyond `limit` become outliers; the range of all others comes back.
Range take_outliers(int64_t n, const float* x, float limit, RowQuantization* row) {
  Range rest{0.0F, 0.0F};
  const auto add_to_rest = [&rest](float value) {
    rest.low = value < rest.low ? value : rest.low;
    rest.high = value > rest.high ? value : rest.high;
  };
  for (int64_t i = 0; i < n; ++i) {
    RowQuantization::Outlier entry{static_cast<int32_t>(i), x[i]};
    if (!(__builtin_fabsf(x[i]) > limit)) {
      add_to_rest(x[i]);
      continue;
    }
    if (row->n_outliers < kMaxOutliers) {
      row->outliers[row->n_outliers++] = entry;
      continue;
    }
    int least = 0;
    for (int j = 1; j < kMaxOutliers; ++j)
      if (__builtin_fabsf(row->outliers[j].value) < __builtin_fabsf(row->outliers[least].value))
        least = j;
    if (__builtin_fabsf(row->outliers[least].value) < __builtin_fabsf(x[i])) {
      const RowQuantization::Outlier smaller = row->outliers[least];
      row->outliers[least] = entry;
      entry = smaller;
    }
    add_to_rest(entry.value);
  }
  return rest;
}

void quantize(int64_t n, const float* x, uint8_t* q, RowQuantization* quantization) {
  RowQuantization row = {};
  float mean_magnitude = 0;
  Range range = range_of(n, x, &mean_magnitude);
  const float limit = kOutlierRatio * mean_magnitude;
  if (range.high > limit || -range.low > limit) range = take_outliers(n, x, limit, &row);
  row.scale = (range.high - range.low) / kLevels;
  const float inverse = row.scale > 0 ? 1.0F / row.scale : 0.0F;
  const float zero = __builtin_rintf(-range.low * inverse);
  row.zero = static_cast<int32_t>(zero);
  for (int64_t i = 0; i < n; i += kLanes) {
    const V16 level = round_to_nearest(load_part(x + i, n - i) * inverse) + zero;
    const V16 inside = minimum(maximum(level, V16{}), broadcast(kLevels));
    store_bytes(q + i, __builtin_convertvector(inside, I16), n - i);
  }
  for (int j = 0; j < row.n_outliers; ++j)
    q[row.outliers[j].channel] = static_cast<uint8_t>(row.zero);
  *quantization = row;
}

WeightRounding quantize_weights(int64_t n, const float* x, int8_t* q) {
  V16 largest{};
  for (int64_t i = 0; i < n; i += kLanes)
    largest = maximum(largest, magnitude(load_part(x + i, n - i)));
  WeightRounding result{largest_of(largest) / kWeightLimit, 0, 0.0};
  const float inverse = result.scale > 0 ? 1.0F / result.scale : 0.0F;
  I16 sum{};
  V16 errors{};
  V16 squares{};
  for (int64_t i = 0; i < n; i += kLanes) {
    const V16 value = load_part(x + i, n - i);
    const V16 level = round_to_nearest(value * inverse);
    const I16 integer = __builtin_convertvector(level, I16);
    store_bytes(q + i, integer, n - i);
    sum += integer;
    errors += (value - level * result.scale) * (value - level * result.scale);
    squares += value * value;
  }
  for (int i = 0; i < kLanes; ++i)
    result.sum += sum[i];
  const double total = static_cast<double>(sum_of(squares));
  result.error = total > 0 ? static_cast<double>(sum_of(errors)) / total : 0.0;
  return result;
}

/// Weights of input channel k for 16 output columns of a panel.
PANDAGPT_INLINE V16 weights_of_channel(const int8_t* panel, int64_t k, int64_t column) {
  const I16 four = load_as<I16>(panel + (k / 4) * (kPanelColumns * 4) + column * 4);
  const int shift = static_cast<int>(8 * (3 - k % 4));
  return __builtin_convertvector((four << shift) >> 24, V16);
}

PANDAGPT_INLINE V16 activate(V16 y, LinearActivation activation) {
  if (activation == LinearActivation::kGelu) return gelu_of(y);
  if (activation == LinearActivation::kRelu6) return minimum(maximum(y, V16{}), broadcast(6.0F));
  return y;
}

/// What the outliers of row r add to 16 columns from `column` on, before the columns' scale.
PANDAGPT_INLINE V16 outlier_sums(const Int8Block& b, const RowQuantization& row, int64_t column) {
  const int8_t* panel = b.panels + column / kPanelColumns * b.panel_bytes;
  V16 sum{};
  for (int32_t j = 0; j < row.n_outliers; ++j)
    sum += weights_of_channel(panel, row.outliers[j].channel, column % kPanelColumns) *
           row.outliers[j].value;
  return sum;
}

/// kRows rows from r on: what belongs to a column is read once for all.
template <typename Out, LinearActivation kActivation, int kRows>
PANDAGPT_INLINE void finish_some(const Int8Block& b, int64_t r) {
  for (int64_t c = 0; c < b.columns; c += kLanes) {
    const int64_t left = b.columns - c;
    const V16 column_scale = load(b.column_scales + c);
    const I16 column_sum = load_as<I16>(b.column_sums + c);
    const V16 bias = load(b.bias + c);
#pragma GCC unroll 8
    for (int64_t i = r; i < r + kRows; ++i) {
      const RowQuantization& row = b.quantized[i];
      const I16 sum = load_part(b.sums + i * b.columns + c, left) - row.zero * column_sum;
      V16 scaled = __builtin_convertvector(sum, V16) * row.scale;
      if (row.n_outliers != 0) scaled += outlier_sums(b, row, c);
      V16 value = activate(scaled * column_scale + bias, kActivation);
      if (b.residual) value += load_part(b.residual + i * b.y_stride + c, left);
      store_part(static_cast<Out*>(b.y) + i * b.y_stride + c, value, left);
    }
  }
}

template <typename Out, LinearActivation kActivation>
void finish_all(const Int8Block& block) {
  constexpr int kTogether = 2;
  int64_t r = 0;
  for (; r + kTogether <= block.rows; r += kTogether)
    finish_some<Out, kActivation, kTogether>(block, r);
  for (; r < block.rows; ++r)
    finish_some<Out, kActivation, 1>(block, r);
}

template <typename Out>
void finish_typed(const Int8Block& block) {
  if (block.activation == LinearActivation::kGelu)
    finish_all<Out, LinearActivation::kGelu>(block);
  else if (block.activation == LinearActivation::kRelu6)
    finish_all<Out, LinearActivation::kRelu6>(block);
  else
    finish_all<Out, LinearActivation::kNone>(block);
}

void finish_int8(const Int8Block& block) {
  block.y_is_bf16 ? finish_typed<uint16_t>(block) : finish_typed<float>(block);
}

template <typename Out>
void copy_rows(const FloatBlock& b) {
  for (int64_t r = 0; r < b.rows; ++r) {
    const float* x = b.x + r * b.columns;
    Out* y = static_cast<Out*>(b.y) + r * b.y_stride;
    for (int64_t c = 0; c < b.columns; c += kLanes) {
      const int64_t left = b.columns - c;
      V16 value = load_part(x + c, left);
      if (b.residual) value += load_part(b.residual + r * b.y_stride + c, left);
      store_part(y + c, value, left);
    }
  }
}

void finish_float(const FloatBlock& block) {
  block.y_is_bf16 ? copy_rows<uint16_t>(block) : copy_rows<float>(block);
}

}  // namespace

#define PANDAGPT_CONCAT_(a, b) a##b
#define PANDAGPT_CONCAT(a, b) PANDAGPT_CONCAT_(a, b)
#define PANDAGPT_TEXT_(a) #a
#define PANDAGPT_TEXT(a) PANDAGPT_TEXT_(a)
extern const RowKernels PANDAGPT_CONCAT(kRowKernels_, PANDAGPT_ISA);
const RowKernels PANDAGPT_CONCAT(kRowKernels_, PANDAGPT_ISA) = {PANDAGPT_TEXT(PANDAGPT_ISA),
                                                                to_bf16,
                                                                from_bf16,
                                                                layer_norm,
                                                                quantize,
                                                                quantize_weights,
                                                                finish_int8,
                                                                finish_float,
                                                                attention_scratch_bytes,
                                                                pack_head,
                                                                attend_queries};

}  // namespace pandagpt
