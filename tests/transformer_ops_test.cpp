#include "tensor/transformer_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "pandagpt/error.h"
#include "random_values.h"
#include "tensor/compute_type.h"
#include "tensor/graph.h"
#include "tensor/onednn_linear.h"
#include "tensor/row_kernels.h"
#include "tensor/row_tensor.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using test::normal_values;

constexpr double kBf16Epsilon = 1.0 / 256;  // between neighbours, of a number's magnitude

double gelu(double x) {
  return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
}

/// |a - b| / |b|, lengths of the vectors.
double relative_error(const std::vector<float>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double error = 0;
  double length = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    error += (a[i] - b[i]) * (a[i] - b[i]);
    length += b[i] * b[i];
  }
  return std::sqrt(error / length);
}

/// Computes the tensor that `build` makes of the input "x".
std::vector<float> run(int n_threads, const TensorShape& shape, const std::vector<float>& x,
                       const std::function<ggml_tensor*(GraphBuilder&, ggml_tensor*)>& build) {
  const ComputeBackend backend(n_threads);
  ComputeGraph graph(backend, [&](GraphBuilder& builder) {
    builder.output("y", build(builder, builder.input("x", shape)));
  });
  graph.set_input("x", x);
  graph.compute();
  return graph.output("y");
}

PackedMatrix pack(std::int64_t n_in, std::int64_t n_out, ComputeType type,
                  const std::vector<float>& weight) {
  return {n_in, n_out, type, [&weight, n_in](std::int64_t first, std::int64_t count, float* rows) {
            std::copy_n(weight.data() + first * n_in, count * n_in, rows);
          }};
}

bool can_compute(ComputeType type) {
  const CpuSupport cpu = cpu_support();
  return type == ComputeType::kF32 || (type == ComputeType::kBf16 && cpu.has_panels) ||
         (type == ComputeType::kInt8 && cpu.int8);
}

struct LinearShape {
  int rows;
  int n_in;
  int n_out;
  LinearActivation activation;
  bool residual;
};

// Shapes: fewer rows than threads, odd sizes, more rows and columns than a tile, one column.
const LinearShape kLinearShapes[] = {
    {1, 5, 3, LinearActivation::kNone, false},      {2, 100, 1, LinearActivation::kGelu, true},
    {3, 64, 700, LinearActivation::kNone, true},    {77, 130, 333, LinearActivation::kGelu, false},
    {257, 96, 129, LinearActivation::kRelu6, true}, {500, 33, 64, LinearActivation::kGelu, true}};

class LinearTypeTest : public testing::TestWithParam<std::tuple<ComputeType, LinearShape>> {
 protected:
  void SetUp() override {
    if (!can_compute(std::get<0>(GetParam()))) GTEST_SKIP() << "this CPU can't";
  }
};

/// The sums in double, and how far rounding the factors can move each.
struct LinearReference {
  std::vector<double> y;
  std::vector<double> bound;
};

LinearReference linear_reference(const LinearShape& s, ComputeType type,
                                 const std::vector<float>& x, const std::vector<float>& w,
                                 const std::vector<float>& bias,
                                 const std::vector<float>& residual) {
  LinearReference reference;
  for (int row = 0; row < s.rows; ++row) {
    const float* xr = x.data() + std::size_t(row) * s.n_in;
    const auto [low, high] = std::minmax_element(xr, xr + s.n_in);
    const double x_step = (std::max(*high, 0.0F) - std::min(*low, 0.0F)) / 255.0;
    for (int out = 0; out < s.n_out; ++out) {
      const float* wr = w.data() + std::size_t(out) * s.n_in;
      const double w_step =
          std::fabs(*std::max_element(
              wr, wr + s.n_in, [](float a, float b) { return std::fabs(a) < std::fabs(b); })) /
          127.0;
      double sum = bias[out];
      double bound = 1e-5 * s.n_in;  // f32 sums
      for (int k = 0; k < s.n_in; ++k) {
        sum += double{xr[k]} * wr[k];
        const double size = std::fabs(double{xr[k]} * wr[k]);
        if (type == ComputeType::kBf16) bound += size * kBf16Epsilon;
        if (type == ComputeType::kInt8)
          bound += (std::fabs(xr[k]) * w_step + std::fabs(wr[k]) * x_step) / 2 + w_step * x_step;
      }
      if (s.activation == LinearActivation::kGelu) sum = gelu(sum);  // slope at most 1.13
      if (s.activation == LinearActivation::kRelu6) sum = std::clamp(sum, 0.0, 6.0);
      if (s.residual) sum += residual[std::size_t(row) * s.n_out + out];
      reference.y.push_back(sum);
      reference.bound.push_back(1.2 * bound);
    }
  }
  return reference;
}

TEST_P(LinearTypeTest, IsWithinTheBoundsOfItsRounding) {
  const auto& [type, s] = GetParam();
  const auto x = normal_values(std::size_t(s.rows) * s.n_in, 1);
  const auto w = normal_values(std::size_t(s.n_in) * s.n_out, 2, 0.1F);
  const auto bias = normal_values(s.n_out, 3);
  const auto residual = normal_values(std::size_t(s.rows) * s.n_out, 4);
  const LinearReference expected = linear_reference(s, type, x, w, bias, residual);
  OnednnLinear layer(pack(s.n_in, s.n_out, type, w), bias, s.activation);
  EXPECT_EQ(layer.type(), type);
  for (const int n_threads : {1, 2, 3, 4}) {
    const ComputeBackend backend(n_threads);
    ComputeGraph graph(backend, [&](GraphBuilder& b) {
      ggml_tensor* added = s.residual ? b.input("residual", {s.n_out, s.rows}) : nullptr;
      ggml_tensor* y = layer.apply(b, b.input("x", {s.n_in, s.rows}), added);
      b.output("y", y);
      b.output("half", in_format(b, in_format(b, y, RowFormat::kBf16), RowFormat::kF32));
    });
    graph.set_input("x", x);
    if (s.residual) graph.set_input("residual", residual);
    graph.compute();
    const std::vector<float> y = graph.output("y");
    const std::vector<float> half = graph.output("half");
    for (std::size_t i = 0; i < y.size(); ++i) {
      ASSERT_NEAR(y[i], expected.y[i], expected.bound[i]) << i << ", " << n_threads << " threads";
      ASSERT_NEAR(half[i], y[i], std::fabs(y[i]) * kBf16Epsilon + 1e-5) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, LinearTypeTest,
                         testing::Combine(testing::Values(ComputeType::kF32, ComputeType::kBf16,
                                                          ComputeType::kInt8),
                                          testing::ValuesIn(kLinearShapes)));

/// Relative error of a layer of 640 x 320 in int8 on 40 tokens.
double int8_error(std::vector<float> x, std::vector<float> w) {
  const int n_in = 640;
  const int n_out = 320;
  const int rows = 40;
  std::vector<double> expected;
  for (int row = 0; row < rows; ++row)
    for (int out = 0; out < n_out; ++out) {
      double sum = 0;
      for (int k = 0; k < n_in; ++k)
        sum += double{x[row * n_in + k]} * w[out * n_in + k];
      expected.push_back(sum);
    }
  OnednnLinear layer(pack(n_in, n_out, ComputeType::kInt8, w), {});
  return relative_error(
      run(2, {n_in, rows}, x, [&](GraphBuilder& b, ggml_tensor* t) { return layer.apply(b, t); }),
      expected);
}

TEST(Int8Linear, IsSafeFromOutliers) {
  if (!cpu_support().int8) GTEST_SKIP() << "this CPU has no fast int8 products";
  const auto x = normal_values(std::size_t(40) * 640, 1);
  const auto w = normal_values(std::size_t(320) * 640, 2, 0.05F);
  EXPECT_LT(int8_error(x, w), 0.015);

  auto one_channel = x;
  for (std::size_t row = 0; row < 40; ++row)
    one_channel[row * 640 + 77] *= 100.0F;
  EXPECT_LT(int8_error(one_channel, w), 0.015);

  auto many = x;  // more than a row's list holds: still no worse than a wide row
  for (std::size_t row = 0; row < 40; ++row)
    for (std::size_t k = 0; k < 20; ++k)
      many[row * 640 + 30 * k] *= 100.0F;
  EXPECT_LT(int8_error(many, w), 0.03);

  auto zeros = x;
  std::fill_n(zeros.begin(), 640, 0.0F);
  EXPECT_LT(int8_error(zeros, w), 0.015);
}

TEST(Int8Linear, KeepsCoarseWeightsInSixteenBits) {
  if (!cpu_support().int8) GTEST_SKIP() << "this CPU has no fast int8 products";
  auto w = normal_values(std::size_t(320) * 640, 2, 0.05F);
  for (std::size_t row = 0; row < 320; ++row)
    w[row * 640 + 5] = 2.0F;
  const PackedMatrix packed = pack(640, 320, ComputeType::kInt8, w);
  EXPECT_NE(packed.type(), ComputeType::kInt8);
  EXPECT_LT(int8_error(normal_values(std::size_t(40) * 640, 1), w), 0.01);
}

TEST(RowKernels, GeluOfTheInt8LayerIsExact) {
  // One input channel of weight 1: the sums are the inputs, to 8 bits; the bias does the rest.
  if (!cpu_support().int8) GTEST_SKIP() << "this CPU has no fast int8 products";
  const int n = 2000;
  std::vector<float> bias(n);
  for (int i = 0; i < n; ++i)
    bias[i] = -8.0F + 16.0F * static_cast<float>(i) / n;
  OnednnLinear layer(pack(1, n, ComputeType::kInt8, std::vector<float>(n, 1.0F)), bias,
                     LinearActivation::kGelu);
  const std::vector<float> y =
      run(1, {1, 1}, {0.0F}, [&](GraphBuilder& b, ggml_tensor* x) { return layer.apply(b, x); });
  for (int i = 0; i < n; ++i)
    EXPECT_NEAR(y[i], gelu(bias[i]), 2e-6) << bias[i];
}

TEST(RowFormats, Bf16RoundsToNearestEven) {
  const std::vector<float> x{1.0F,
                             1.00390625F,  // half way up from 1: stays
                             1.01171875F,  // half way: goes up to the even neighbour
                             -3.1415927F, 1e-30F, 3.0e38F, 0.0F, 65536.5F};
  const std::vector<float> y = run(1, {8}, x, [](GraphBuilder& b, ggml_tensor* t) {
    return in_format(b, in_format(b, t, RowFormat::kBf16), RowFormat::kF32);
  });
  EXPECT_EQ(y[0], 1.0F);
  EXPECT_EQ(y[1], 1.0F);
  EXPECT_EQ(y[2], 1.015625F);
  EXPECT_EQ(y[3], -3.140625F);
  EXPECT_EQ(y[6], 0.0F);
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_NEAR(y[i], x[i], std::fabs(x[i]) / 256) << i;
}

TEST(RowFormats, NotANumberDoesNoHarm) {
  std::vector<float> row(70, 1.0F);
  row[3] = std::numeric_limits<float>::quiet_NaN();
  row[9] = std::numeric_limits<float>::infinity();
  std::vector<std::uint8_t> bytes(row.size());
  RowQuantization quantization{};
  row_kernels().quantize(70, row.data(), bytes.data(), &quantization);
}

/// What each set of kernels makes of the same rows, as plain numbers.
std::vector<float> results_of(const RowKernels& kernels) {
  const int n = 83;  // no multiple of a vector
  const int tokens = 30;
  const auto x = normal_values(std::size_t(3) * n * tokens, 1);
  const auto weight = normal_values(n, 2);
  const auto bias = normal_values(n, 3);
  std::vector<float> results(n);
  kernels.layer_norm(n, x.data(), weight.data(), bias.data(), 1e-6F, results.data());
  std::vector<std::uint16_t> halves(x.size());
  kernels.to_bf16(static_cast<std::int64_t>(x.size()), x.data(), halves.data());
  std::vector<float> wide(x.size());
  kernels.from_bf16(static_cast<std::int64_t>(x.size()), halves.data(), wide.data());
  results.insert(results.end(), wide.begin(), wide.end());

  std::vector<std::uint8_t> levels(n);
  RowQuantization row{};
  kernels.quantize(n, x.data(), levels.data(), &row);
  for (const std::uint8_t level : levels)
    results.push_back(row.scale * static_cast<float>(level - row.zero));
  std::vector<std::int8_t> rounded(n);
  const WeightRounding rounding = kernels.quantize_weights(n, x.data(), rounded.data());
  for (const std::int8_t level : rounded)
    results.push_back(rounding.scale * level);
  results.push_back(static_cast<float>(rounding.sum) * rounding.scale);

  for (const bool is_bf16 : {false, true}) {
    std::vector<float> y(std::size_t(n) * tokens);
    std::vector<std::uint16_t> y_halves(y.size());
    const std::int64_t bytes = kernels.attention_scratch_bytes(tokens, n);
    AttentionHead head{};
    const std::int64_t element = is_bf16 ? 2 : 4;
    const auto* first = is_bf16 ? reinterpret_cast<const std::uint8_t*>(halves.data())
                                : reinterpret_cast<const std::uint8_t*>(x.data());
    head.q = first;
    head.k = first + n * element;
    head.v = first + 2 * n * element;
    head.stride = 3 * n;
    head.is_bf16 = is_bf16;
    head.n_tokens = tokens;
    head.head_size = n;
    head.bias_k = weight.data();
    head.bias_v = bias.data();
    head.scale = 0.1F;
    head.y = is_bf16 ? static_cast<void*>(y_halves.data()) : y.data();
    head.y_stride = n;
    head.scratch = thread_scratch(bytes);
    kernels.pack_head(head);
    kernels.attend_queries(head, 0, kQueryBlock);
    kernels.attend_queries(head, kQueryBlock, tokens);
    if (is_bf16) kernels.from_bf16(static_cast<std::int64_t>(y.size()), y_halves.data(), y.data());
    results.insert(results.end(), y.begin(), y.end());
  }
  return results;
}

TEST(RowKernels, AreTheSameForAllInstructionSets) {
  const std::vector<float> expected = results_of(row_kernels());
  for (const RowKernels* const* kernels = runnable_row_kernels(); *kernels; ++kernels) {
    const std::vector<float> results = results_of(**kernels);
    ASSERT_EQ(results.size(), expected.size());
    for (std::size_t i = 0; i < results.size(); ++i)
      // Attention of bf16 data is computed in bf16 or f32.
      ASSERT_NEAR(results[i], expected[i], 0.02 * std::fabs(expected[i]) + 0.01)
          << (*kernels)->instruction_set << " " << i;
  }
}

std::vector<double> plain_norm(const std::vector<float>& x, const std::vector<float>& weight,
                               const std::vector<float>& bias, double epsilon) {
  const std::size_t n = weight.size();
  std::vector<double> y;
  for (std::size_t row = 0; row < x.size() / n; ++row) {
    const float* xr = x.data() + row * n;
    double mean = 0;
    for (std::size_t i = 0; i < n; ++i)
      mean += xr[i] / static_cast<double>(n);
    double variance = 0;
    for (std::size_t i = 0; i < n; ++i)
      variance += (xr[i] - mean) * (xr[i] - mean) / static_cast<double>(n);
    for (std::size_t i = 0; i < n; ++i)
      y.push_back((xr[i] - mean) / std::sqrt(variance + epsilon) * weight[i] + bias[i]);
  }
  return y;
}

TEST(LayerNorm, EqualsThePlainLoops) {
  for (const int n : {1, 7, 16, 48, 384, 1280}) {
    const int rows = 5;
    auto x = normal_values(std::size_t(n) * rows, 1, 3.0F);
    for (float& value : x)
      value += 100.0F;  // a mean far from zero must not eat the variance
    const auto weight = normal_values(n, 2);
    const auto bias = normal_values(n, 3);
    const std::vector<double> expected = plain_norm(x, weight, bias, 1e-6);
    const LayerNorm layer(weight, bias, 1e-6F);
    for (const int n_threads : {1, 3}) {
      const std::vector<float> y =
          run(n_threads, {n, rows}, x,
              [&](GraphBuilder& b, ggml_tensor* t) { return layer.apply(b, t); });
      for (std::size_t i = 0; i < y.size(); ++i)
        ASSERT_NEAR(y[i], expected[i], 3e-4) << n;  // 100 / 2^24 of the mean, over the deviation
      const std::vector<float> half =
          run(n_threads, {n, rows}, x, [&](GraphBuilder& b, ggml_tensor* t) {
            return in_format(b, in_format(b, layer.apply(b, t), RowFormat::kBf16), RowFormat::kF32);
          });
      for (std::size_t i = 0; i < y.size(); ++i)
        ASSERT_NEAR(half[i], y[i], std::fabs(y[i]) * kBf16Epsilon);
    }
  }
  EXPECT_THROW(LayerNorm(std::vector<float>(3), std::vector<float>(4), 1e-6F), Error);
}

struct AttentionCase {
  int head_size;
  int n_heads;
  int tokens;
  int inputs;
  bool causal;
  bool bias;
};

std::vector<double> plain_attention(const AttentionCase& c, const std::vector<float>& qkv,
                                    const std::vector<float>& bias_k,
                                    const std::vector<float>& bias_v) {
  const int width = c.head_size * c.n_heads;
  std::vector<double> y(std::size_t(width) * c.tokens * c.inputs);
  const auto at = [&](int input, int token, int part, int channel) {
    return qkv[(std::size_t(input) * c.tokens + token) * 3 * width + part * width + channel];
  };
  for (int input = 0; input < c.inputs; ++input)
    for (int head = 0; head < c.n_heads; ++head)
      for (int query = 0; query < c.tokens; ++query) {
        const int first = head * c.head_size;
        std::vector<double> weights;
        const int visible = c.causal ? query + 1 : c.tokens;
        for (int key = 0; key < visible + (c.bias ? 1 : 0); ++key) {
          double score = 0;
          for (int d = first; d < first + c.head_size; ++d)
            score +=
                double{at(input, query, 0, d)} * (key < visible ? at(input, key, 1, d) : bias_k[d]);
          weights.push_back(score / std::sqrt(double(c.head_size)));
        }
        const double largest = *std::max_element(weights.begin(), weights.end());
        double sum = 0;
        for (double& weight : weights)
          sum += weight = std::exp(weight - largest);
        for (int d = first; d < first + c.head_size; ++d) {
          double value = 0;
          for (std::size_t key = 0; key < weights.size(); ++key)
            value += weights[key] / sum *
                     (static_cast<int>(key) < visible ? at(input, static_cast<int>(key), 2, d)
                                                      : bias_v[d]);
          y[(std::size_t(input) * c.tokens + query) * width + d] = value;
        }
      }
  return y;
}

class AttentionTest : public testing::TestWithParam<AttentionCase> {};

TEST_P(AttentionTest, EqualsThePlainLoops) {
  const AttentionCase& c = GetParam();
  const int width = c.head_size * c.n_heads;
  const auto qkv = normal_values(std::size_t(3) * width * c.tokens * c.inputs, 1);
  const auto bias_k = normal_values(c.bias ? width : 0, 2);
  const auto bias_v = normal_values(c.bias ? width : 0, 3);
  const std::vector<double> expected = plain_attention(c, qkv, bias_k, bias_v);
  const Attention layer(width, c.n_heads, c.causal, bias_k, bias_v);
  const TensorShape shape{3 * width, c.tokens, c.inputs};
  for (const int n_threads : {1, 2, 3, 4}) {
    const std::vector<float> y = run(
        n_threads, shape, qkv, [&](GraphBuilder& b, ggml_tensor* x) { return layer.apply(b, x); });
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(y[i], expected[i], 1e-5) << i << ", " << n_threads << " threads";
    const std::vector<float> half =
        run(n_threads, shape, qkv, [&](GraphBuilder& b, ggml_tensor* x) {
          return in_format(b, in_format(b, layer.apply(b, x), RowFormat::kBf16), RowFormat::kF32);
        });
    // Queries, keys, values, weights and results are rounded; scores have a deviation of 1.
    EXPECT_LT(relative_error(half, expected), 2 * kBf16Epsilon) << n_threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionTest,
                         testing::Values(AttentionCase{80, 2, 257, 1, false, false},
                                         AttentionCase{64, 3, 50, 3, false, true},
                                         AttentionCase{64, 2, 77, 2, true, false},
                                         AttentionCase{48, 2, 25, 1, true, true},
                                         AttentionCase{32, 1, 1, 1, false, false},
                                         AttentionCase{32, 1, 1, 2, true, true},
                                         AttentionCase{5, 3, 24, 1, false, true},
                                         AttentionCase{17, 2, 31, 1, true, false}));

TEST(Attention, SurvivesLargeScores) {
  auto qkv = normal_values(std::size_t(3) * 32 * 40, 1, 40.0F);
  const AttentionCase c{32, 1, 40, 1, false, false};
  const Attention layer(32, 1, false);
  const std::vector<float> y =
      run(1, {96, 40}, qkv, [&](GraphBuilder& b, ggml_tensor* x) { return layer.apply(b, x); });
  // Nearly one-hot weights, of scores whose f32 rounding is 1e-3.
  EXPECT_LT(relative_error(y, plain_attention(c, qkv, {}, {})), 1e-2);
}

TEST(Attention, RefusesWrongSizes) {
  EXPECT_THROW(Attention(10, 3, false), Error);
  EXPECT_THROW(Attention(8, 2, false, std::vector<float>(8)), Error);
  EXPECT_THROW(Attention(8, 2, false, std::vector<float>(4), std::vector<float>(4)), Error);
}

TEST(ComputeTypeChoice, FollowsFileAndCpu) {
  const CpuSupport zen4{.bf16 = true, .int8 = true, .has_panels = true, .instruction_set = "A"};
  const CpuSupport vnni{
      .bf16_emulated = true, .int8 = true, .has_panels = true, .instruction_set = "B"};
  const CpuSupport avx2{.instruction_set = "AVX2"};
  const auto type = [](ComputeType wanted, ggml_type stored, const CpuSupport& cpu) {
    const ComputeChoice choice = choose_compute_type(wanted, stored, cpu);
    EXPECT_FALSE(choice.reason.empty());
    return choice.type;
  };
  EXPECT_EQ(type(ComputeType::kAuto, GGML_TYPE_Q8_0, zen4), ComputeType::kInt8);
  EXPECT_EQ(type(ComputeType::kAuto, GGML_TYPE_F32, zen4), ComputeType::kBf16);
  EXPECT_EQ(type(ComputeType::kAuto, GGML_TYPE_F32, vnni), ComputeType::kF32);
  EXPECT_EQ(type(ComputeType::kAuto, GGML_TYPE_Q8_0, vnni), ComputeType::kInt8);
  EXPECT_EQ(type(ComputeType::kAuto, GGML_TYPE_Q8_0, avx2), ComputeType::kF32);
  EXPECT_EQ(type(ComputeType::kInt8, GGML_TYPE_F32, zen4), ComputeType::kInt8);
  EXPECT_EQ(type(ComputeType::kBf16, GGML_TYPE_F32, vnni), ComputeType::kBf16);
  EXPECT_THROW(choose_compute_type(ComputeType::kInt8, GGML_TYPE_F32, avx2), Error);
  EXPECT_THROW(choose_compute_type(ComputeType::kBf16, GGML_TYPE_F32, avx2), Error);
  for (const ComputeType t :
       {ComputeType::kAuto, ComputeType::kF32, ComputeType::kBf16, ComputeType::kInt8})
    EXPECT_EQ(parse_compute_type(compute_type_name(t)), t);
  EXPECT_THROW(parse_compute_type("fp4"), Error);
}

}  // namespace
}  // namespace pandagpt
