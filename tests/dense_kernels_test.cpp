// Products of f32, f16 and bf16 weights (src/tensor/dense_kernels.h): values, and that a token gets
// the same bits alone and among others, with every instruction set that this CPU has.
#include "tensor/dense_kernels.h"

#include <ggml.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "random_values.h"
#include "tensor/dense_product.h"

namespace pandagpt {
namespace {

using test::normal_values;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Weights {
  ggml_type type;
  std::int64_t n_in;
  std::int64_t n_out;
  std::vector<std::byte> bytes;
  std::vector<float> values;  ///< (n_out, n_in), what the bytes mean
};

Weights stored(ggml_type type, std::int64_t n_in, std::vector<float> values) {
  const auto n_out = static_cast<std::int64_t>(values.size()) / n_in;
  Weights weights{type, n_in, n_out, {}, std::move(values)};
  weights.bytes.resize(ggml_row_size(type, n_in) * static_cast<std::size_t>(n_out));
  ggml_quantize_chunk(type, weights.values.data(), weights.bytes.data(), 0, n_out, n_in, nullptr);
  if (type != GGML_TYPE_F32)
    ggml_get_type_traits(type)->to_float(weights.bytes.data(), weights.values.data(), n_in * n_out);
  return weights;
}

Weights random_weights(ggml_type type, std::int64_t n_in, std::int64_t n_out) {
  return stored(type, n_in, normal_values(static_cast<std::size_t>(n_in * n_out), 1, 0.5F));
}

struct Addend {
  std::vector<float> values;  ///< (T, N)
  float scale;
};

/// (T, N) of x (T, K).
std::vector<float> product(const DenseKernels& kernels, const Weights& weights,
                           std::span<const float> x, const Addend* addend = nullptr) {
  const std::int64_t n_tokens = static_cast<std::int64_t>(x.size()) / weights.n_in;
  std::vector<float> y(static_cast<std::size_t>(n_tokens * weights.n_out), kNan);
  kernels.multiply(
      {.type = *dense_type(weights.type),
       .weights = weights.bytes.data(),
       .row_bytes = static_cast<std::ptrdiff_t>(ggml_row_size(weights.type, weights.n_in)),
       .n_rows = weights.n_out,
       .n_in = weights.n_in,
       .x = x.data(),
       .n_tokens = n_tokens,
       .addend = addend != nullptr ? addend->values.data() : nullptr,
       .scale = addend != nullptr ? addend->scale : 1,
       .y = y.data(),
       .y_stride = weights.n_out});
  return y;
}

/// The largest difference from sums in double, of the largest output.
double error_of(const std::vector<float>& y, const Weights& weights, std::span<const float> x,
                const Addend* addend = nullptr) {
  double error = 0;
  double largest = 0;
  for (std::size_t at = 0; at < y.size(); ++at) {
    const std::size_t token = at / static_cast<std::size_t>(weights.n_out);
    const std::size_t row = at % static_cast<std::size_t>(weights.n_out);
    const auto n_in = static_cast<std::size_t>(weights.n_in);
    double sum = 0;
    for (std::size_t k = 0; k < n_in; ++k)
      sum += static_cast<double>(x[token * n_in + k]) * weights.values[row * n_in + k];
    if (addend != nullptr) sum = addend->values[at] + addend->scale * sum;
    error = std::max(error, std::abs(sum - y[at]));
    largest = std::max(largest, std::abs(sum));
  }
  return error / largest;
}

constexpr double kFloatRounding = 1e-5;  ///< a sum may be smaller than its terms

struct Case {
  const DenseKernels* kernels;
  ggml_type type;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const DenseKernels* const* one = runnable_dense_kernels(); *one != nullptr; ++one)
    for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16})
      all.push_back({*one, type});
  return all;
}

class DenseKernelsTest : public testing::TestWithParam<Case> {
 protected:
  const DenseKernels& kernels() const { return *GetParam().kernels; }
};

TEST_P(DenseKernelsTest, SumsOfAllShapes) {
  for (const std::int64_t n_in : {1, 2, 7, 16, 31, 32, 64, 65, 100, 576})
    for (const std::int64_t n_out : {1, 3, 4, 15, 16, 33}) {
      const Weights weights = random_weights(GetParam().type, n_in, n_out);
      for (const std::size_t n_tokens : {1, 2, 3, 4, 5, 8, 9, 19}) {
        const std::vector<float> x = normal_values(static_cast<std::size_t>(n_in) * n_tokens, 2);
        EXPECT_LT(error_of(product(kernels(), weights, x), weights, x), kFloatRounding)
            << n_in << " inputs, " << n_out << " outputs, " << n_tokens << " tokens";
        const Addend addend{normal_values(n_tokens * static_cast<std::size_t>(n_out), 3), 0.3F};
        EXPECT_LT(error_of(product(kernels(), weights, x, &addend), weights, x, &addend),
                  kFloatRounding)
            << n_in << " inputs, " << n_out << " outputs, " << n_tokens << " tokens, added";
      }
    }
}

TEST_P(DenseKernelsTest, ATokenGetsTheSameBitsAloneAndAmongOthers) {
  constexpr std::size_t kTokens = 21;
  constexpr std::size_t kOutputs = 37;
  for (const std::size_t n_in : {5, 32, 64, 72, 576}) {
    const Weights weights =
        random_weights(GetParam().type, static_cast<std::int64_t>(n_in), kOutputs);
    const std::vector<float> x = normal_values(n_in * kTokens, 4);
    const Addend addend{normal_values(kTokens * kOutputs, 5), 1.7F};
    const std::vector<float> all = product(kernels(), weights, x, &addend);
    for (std::size_t first = 0; first < kTokens; ++first)
      for (std::size_t count = 1; first + count <= kTokens && count <= 9; ++count) {
        const auto begin = addend.values.begin() + static_cast<std::ptrdiff_t>(first * kOutputs);
        const Addend own{{begin, begin + static_cast<std::ptrdiff_t>(count * kOutputs)},
                         addend.scale};
        const std::vector<float> some =
            product(kernels(), weights, std::span(x).subspan(first * n_in, count * n_in), &own);
        ASSERT_TRUE(
            std::ranges::equal(some, std::span(all).subspan(first * kOutputs, count * kOutputs)))
            << n_in << " inputs, tokens " << first << " to " << first + count;
      }
  }
}

TEST_P(DenseKernelsTest, ARowGetsTheSameBitsWhereverATileBegins) {
  constexpr std::int64_t kOutputs = 40;
  for (const std::int64_t n_in : {32, 576}) {
    const Weights weights = random_weights(GetParam().type, n_in, kOutputs);
    const std::vector<float> x = normal_values(static_cast<std::size_t>(n_in), 6);
    const std::vector<float> all = product(kernels(), weights, x);
    for (std::int64_t row = 1; row < kOutputs; ++row) {
      Weights later = weights;
      later.bytes.erase(
          later.bytes.begin(),
          later.bytes.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) *
                                                            ggml_row_size(weights.type, n_in)));
      later.n_out = kOutputs - row;
      EXPECT_TRUE(std::ranges::equal(product(kernels(), later, x),
                                     std::span(all).subspan(static_cast<std::size_t>(row))))
          << n_in << " inputs, from row " << row;
    }
  }
}

TEST_P(DenseKernelsTest, WhatIsNotFiniteStaysWithItsToken) {
  constexpr std::size_t kOutputs = 20;
  for (const std::size_t n_in : {32, 100}) {
    const Weights weights =
        random_weights(GetParam().type, static_cast<std::int64_t>(n_in), kOutputs);
    const std::vector<float> good = normal_values(n_in, 7);
    const std::vector<float> expected = product(kernels(), weights, good);
    for (const float bad : {kInfinity, -kInfinity, kNan}) {
      std::vector<float> x = normal_values(n_in, 8);
      x[n_in / 2] = bad;
      x.insert(x.end(), good.begin(), good.end());
      const std::vector<float> y = product(kernels(), weights, x);
      EXPECT_TRUE(std::ranges::equal(std::span(y).last(kOutputs), expected)) << bad;
      EXPECT_TRUE(std::ranges::none_of(std::span(y).first(kOutputs), [](float value) {
        return std::isfinite(value);
      })) << bad;
    }
  }
}

TEST_P(DenseKernelsTest, TakesWeightsOfEverySize) {
  std::vector<float> values{0.0F, -0.0F, 1.0F, -2.5F, kInfinity, -kInfinity, kNan};
  if (GetParam().type == GGML_TYPE_F16) {
    for (const float small : {6e-8F, -3e-5F, 6.2e-5F, 65504.0F})  // halves that aren't normal, too
      values.push_back(small);
  }
  for (const float value : values) {
    const Weights weights = stored(GetParam().type, 1, {value});
    const std::vector<float> y = product(kernels(), weights, std::vector<float>{1.0F});
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(y[0]));
    else
      EXPECT_EQ(y[0], weights.values[0]) << value;
  }
}

INSTANTIATE_TEST_SUITE_P(All, DenseKernelsTest, testing::ValuesIn(cases()), [](const auto& one) {
  return std::string(one.param.kernels->instruction_set) + "_" + ggml_type_name(one.param.type);
});

}  // namespace
}  // namespace pandagpt
