// Products of block-quantised weights inside ggml's graphs (src/tensor/block_product.h).
#include <ggml-alloc.h>
#include <ggml-cpp.h>
#include <ggml-cpu.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "random_values.h"
#include "tensor/block_kernels.h"
#include "tensor/cpu_kernels.h"

namespace pandagpt {
namespace {

using test::normal_values;

constexpr std::array kTypes{GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q8_0, GGML_TYPE_Q4_K,
                            GGML_TYPE_Q6_K};

/// Fewer tokens of the K types are ggml's to compute.
std::int64_t fewest_tokens(ggml_type type) {
  return ggml_blck_size(type) > kBlockSize ? 4 : 1;
}

struct Weights {
  ggml_type type;
  std::int64_t n_in;
  std::int64_t n_out;
  std::int64_t n_matrices;  ///< one for each share of the tokens
  std::vector<std::uint8_t> bytes;
  std::vector<float> values;  ///< (n_matrices, n_out, n_in), what the bytes mean
};

Weights random_weights(ggml_type type, std::int64_t n_in, std::int64_t n_out,
                       std::int64_t n_matrices = 1) {
  const std::int64_t n_rows = n_out * n_matrices;
  const std::vector<float> wanted = normal_values(n_in * n_rows, 1, 0.05F);
  Weights weights{type, n_in, n_out, n_matrices, {}, wanted};
  weights.bytes.resize(ggml_row_size(type, n_in) * static_cast<std::size_t>(n_rows));
  ggml_quantize_chunk(type, wanted.data(), weights.bytes.data(), 0, n_rows, n_in, nullptr);
  ggml_get_type_traits(type)->to_float(weights.bytes.data(), weights.values.data(), n_in * n_rows);
  return weights;
}

/// The other type of buffer that ggml's CPU backend has for weights, if there is one.
ggml_backend_buffer_type_t repacking_buffers() {
  ggml_backend_dev_t cpu = ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0);
  const auto list =
      reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(ggml_backend_reg_get_proc_address(
          ggml_backend_cpu_reg(), "ggml_backend_dev_get_extra_bufts"));
  if (list == nullptr) return nullptr;
  for (ggml_backend_buffer_type_t* type = list(cpu); type != nullptr && *type != nullptr; ++type)
    if (std::string(ggml_backend_buft_name(*type)) == "CPU_REPACK") return *type;
  return nullptr;
}

struct ProductOptions {
  int n_threads = 2;
  ggml_backend_buffer_type_t weight_buffers = nullptr;  ///< nullptr: plain memory
  bool wider_x = false;                                 ///< rows of x have a gap between them
  bool later_rows = false;    ///< the weights are all but the first row of a matrix
  std::int64_t n_planes = 1;  ///< of x, for which there is one matrix
};

/// (tokens, n_out) of x (tokens, n_in), by ggml's CPU backend.
std::vector<float> product(const Weights& weights, const std::vector<float>& x,
                           const ProductOptions& options = {}) {
  const std::int64_t n_tokens = static_cast<std::int64_t>(x.size()) / weights.n_in;
  const ggml_backend_ptr backend(ggml_backend_cpu_init());
  ggml_backend_cpu_set_n_threads(backend.get(), options.n_threads);
  const ggml_init_params sizes{ggml_tensor_overhead() * 8 + ggml_graph_overhead(), nullptr, true};
  const ggml_context_ptr stored(ggml_init(sizes));
  const ggml_context_ptr context(ggml_init(sizes));
  const std::int64_t n_skipped = options.later_rows ? 1 : 0;
  ggml_tensor* all = ggml_new_tensor_3d(stored.get(), weights.type, weights.n_in,
                                        weights.n_out + n_skipped, weights.n_matrices);
  const std::size_t skipped = static_cast<std::size_t>(n_skipped) * all->nb[1];
  ggml_tensor* w = options.later_rows ? ggml_view_2d(context.get(), all, weights.n_in,
                                                     weights.n_out, all->nb[1], skipped)
                                      : all;
  const std::int64_t n_planes = std::max(options.n_planes, weights.n_matrices);
  const std::int64_t gap = options.wider_x ? 8 : 0;
  ggml_tensor* stored_x = ggml_new_tensor_3d(context.get(), GGML_TYPE_F32, weights.n_in + gap,
                                             n_tokens / n_planes, n_planes);
  ggml_tensor* in = ggml_view_3d(context.get(), stored_x, weights.n_in, stored_x->ne[1],
                                 stored_x->ne[2], stored_x->nb[1], stored_x->nb[2], 0);
  ggml_tensor* out = ggml_mul_mat(context.get(), w, in);
  ggml_cgraph* graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, out);
  const ggml_backend_buffer_ptr weight_buffer(ggml_backend_alloc_ctx_tensors_from_buft(
      stored.get(), options.weight_buffers != nullptr
                        ? options.weight_buffers
                        : ggml_backend_get_default_buffer_type(backend.get())));
  const ggml_backend_buffer_ptr buffer(
      ggml_backend_alloc_ctx_tensors(context.get(), backend.get()));
  ggml_backend_tensor_set(all, weights.bytes.data(), skipped, weights.bytes.size());
  const auto row_bytes = static_cast<std::size_t>(weights.n_in) * sizeof(float);
  for (std::int64_t i = 0; i < n_tokens; ++i)
    ggml_backend_tensor_set(stored_x, x.data() + i * weights.n_in,
                            static_cast<std::size_t>(i) * stored_x->nb[1], row_bytes);
  EXPECT_EQ(ggml_backend_graph_compute(backend.get(), graph), GGML_STATUS_SUCCESS);
  std::vector<float> y(static_cast<std::size_t>(n_tokens * weights.n_out));
  ggml_backend_tensor_get(out, y.data(), 0, y.size() * sizeof(float));
  return y;
}

/// (n_out) of one token's x (n_in), computed among as few as can be.
std::vector<float> product_alone(const Weights& weights, std::span<const float> x) {
  std::vector<float> rows;
  for (std::int64_t i = 0; i < fewest_tokens(weights.type); ++i)
    rows.insert(rows.end(), x.begin(), x.end());
  std::vector<float> y = product(weights, rows);
  y.resize(static_cast<std::size_t>(weights.n_out));
  return y;
}

/// What the kernels make of activations: int8 in blocks of 32.
std::vector<double> rounded(const std::vector<float>& x) {
  std::vector<double> result(x.begin(), x.end());
  for (std::size_t block = 0; block < x.size(); block += kBlockSize) {
    float largest = 0;
    for (std::size_t i = block; i < block + kBlockSize; ++i)
      largest = std::max(largest, std::abs(x[i]));
    for (std::size_t i = block; i < block + kBlockSize; ++i)
      result[i] = largest > 0 ? std::nearbyint(x[i] * (127 / largest)) * (largest / 127) : 0;
  }
  return result;
}

/// Largest difference from the product of the rounded activations, of the largest output.
double error_of(const std::vector<float>& y, const Weights& weights, const std::vector<float>& x) {
  const std::vector<double> in = rounded(x);
  const auto n_in = static_cast<std::size_t>(weights.n_in);
  const auto n_out = static_cast<std::size_t>(weights.n_out);
  const std::size_t n_of_matrix = x.size() / n_in / static_cast<std::size_t>(weights.n_matrices);
  double error = 0;
  double largest = 0;
  for (std::size_t at = 0; at < y.size(); ++at) {
    const std::size_t token = at / n_out;
    const std::size_t row = token / n_of_matrix * n_out + at % n_out;
    double sum = 0;
    for (std::size_t i = 0; i < n_in; ++i)
      sum += in[token * n_in + i] * weights.values[row * n_in + i];
    error = std::max(error, std::abs(sum - y[at]));
    largest = std::max(largest, std::abs(sum));
  }
  return error / largest;
}

constexpr double kFloatRounding = 2e-6;  ///< ours
constexpr double kOtherRounding = 0.02;  ///< ggml's, which rounds activations in other ways

class BlockProducts : public testing::TestWithParam<ggml_type> {
 protected:
  void SetUp() override {
    const bool in_use = use_cpu_kernels().block_products;
    if (block_kernels() == nullptr) {
      EXPECT_FALSE(in_use);
      GTEST_SKIP() << "no AVX-512 with VNNI";
    }
    ASSERT_TRUE(in_use) << "is " << kBlockProductsVariable
                        << " 0, or this not a ggml that cpu_kernels.cpp knows?";
  }
};

TEST_P(BlockProducts, AreThoseOfTheRoundedActivations) {
  const std::int64_t step = ggml_blck_size(GetParam());
  for (const std::int64_t n_in : {step, 3 * step, 576 / step * step})
    for (const std::int64_t n_out : {1, 15, 16, 33, 600}) {
      const Weights weights = random_weights(GetParam(), n_in, n_out);
      for (std::int64_t n_tokens : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 21}) {
        n_tokens = std::max(n_tokens, fewest_tokens(GetParam()));
        const std::vector<float> x = normal_values(n_in * n_tokens, 2, 1);
        EXPECT_LT(error_of(product(weights, x), weights, x), kFloatRounding)
            << n_in << " inputs, " << n_out << " outputs, " << n_tokens << " tokens";
      }
    }
}

TEST_P(BlockProducts, ATokenGetsTheSameBitsAloneAndAmongOthers) {
  constexpr std::int64_t kInputs = 512;
  constexpr std::int64_t kOutputs = 117;
  constexpr std::size_t kTokens = 19;
  const Weights weights = random_weights(GetParam(), kInputs, kOutputs);
  const std::vector<float> x = normal_values(kInputs * kTokens, 3, 1);
  const std::vector<float> all = product(weights, x, {.n_threads = 1});
  for (const int n_threads : {2, 3})
    EXPECT_EQ(product(weights, x, {.n_threads = n_threads}), all) << n_threads << " threads";
  for (std::size_t token = 0; token < kTokens; ++token) {
    const std::vector<float> alone =
        product_alone(weights, std::span(x).subspan(token * kInputs, kInputs));
    EXPECT_TRUE(std::ranges::equal(alone, std::span(all).subspan(token * kOutputs, kOutputs)))
        << "token " << token;
  }
}

TEST_P(BlockProducts, NothingOfOneTokenGetsIntoAnother) {
  constexpr std::int64_t kInputs = 256;
  constexpr std::int64_t kOutputs = 20;
  constexpr int kGood = 3;
  const Weights weights = random_weights(GetParam(), kInputs, kOutputs);
  const std::vector<float> good = normal_values(kInputs, 4, 1);
  const std::vector<float> expected = product_alone(weights, good);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {0.0F, 1e-38F, 1e-44F, 1e38F, kInfinity, -kInfinity, kNan}) {
    std::vector<float> x(kInputs, bad);
    for (int i = 0; i < kGood; ++i)
      x.insert(x.end(), good.begin(), good.end());
    const std::vector<float> y = product(weights, x);
    EXPECT_TRUE(std::ranges::equal(std::span(y).last(kOutputs), expected)) << bad;
    const auto is_right = [&](float value) {
      return std::isfinite(bad) ? std::abs(bad) > 1 || value == 0 : std::isnan(value);
    };
    EXPECT_TRUE(std::ranges::all_of(std::span(y).first(kOutputs), is_right)) << bad;
  }
}

TEST_P(BlockProducts, TakeRowsOfALargerMatrixAndSeveralPlanesOfTokens) {
  constexpr std::int64_t kInputs = 256;
  constexpr std::int64_t kTokens = 12;
  const Weights weights = random_weights(GetParam(), kInputs, 40);
  const std::vector<float> x = normal_values(kInputs * kTokens, 6, 1);
  EXPECT_LT(error_of(product(weights, x, {.later_rows = true}), weights, x), kFloatRounding);
  EXPECT_LT(error_of(product(weights, x, {.n_planes = 3}), weights, x), kFloatRounding);
}

TEST_P(BlockProducts, WhatTheyCannotComputeIsLeftToGgml) {
  constexpr std::int64_t kInputs = 256;
  constexpr std::int64_t kTokens = 12;
  const std::vector<float> x = normal_values(kInputs * kTokens, 5, 1);
  const Weights several = random_weights(GetParam(), kInputs, 64, 3);
  EXPECT_LT(error_of(product(several, x), several, x), kOtherRounding);
  const Weights weights = random_weights(GetParam(), kInputs, 64);
  EXPECT_LT(error_of(product(weights, x, {.wider_x = true}), weights, x), kOtherRounding);
  const std::vector<float> one(x.begin(), x.begin() + kInputs);
  EXPECT_LT(error_of(product(weights, one), weights, one), kOtherRounding);
  if (ggml_backend_buffer_type_t repacking = repacking_buffers();
      repacking != nullptr && GetParam() == GGML_TYPE_Q4_0) {
    EXPECT_LT(error_of(product(weights, x, {.weight_buffers = repacking}), weights, x),
              kOtherRounding);
  }
}

TEST(BlockProductsDeathTest, AreGgmlsWhereTheVariableSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process in which nobody has asked yet
  EXPECT_EXIT(
      {
        setenv(kBlockProductsVariable, "0", 1);
        std::exit(use_cpu_kernels().block_products ? 1 : 0);
      },
      testing::ExitedWithCode(0), "");
}

INSTANTIATE_TEST_SUITE_P(Types, BlockProducts, testing::ValuesIn(kTypes),
                         [](const auto& type) { return std::string(ggml_type_name(type.param)); });

}  // namespace
}  // namespace pandagpt
