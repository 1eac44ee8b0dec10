// Attention over a cache (src/tensor/cache_attention.h): values, and that a query's bits depend on
// what it sees alone.
#include "tensor/cache_attention.h"

#include <ggml-alloc.h>
#include <ggml-cpp.h>
#include <ggml-cpu.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "random_values.h"
#include "tensor/cache_attention_kernels.h"
#include "tensor/cpu_kernels.h"

namespace pandagpt {
namespace {

using test::normal_values;

constexpr float kHidden = -std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kKeyHeads = 2;
constexpr float kScale = 0.2F;

/// Queries (T, heads, D), keys and values (cells, key heads, D), mask (T, cells).
struct Case {
  ggml_type type = GGML_TYPE_F16;
  std::int64_t head_size = 64;
  std::int64_t n_cells = 0;
  std::vector<float> queries;
  std::vector<float> keys;
  std::vector<float> values;
  std::vector<float> mask;

  std::int64_t n_tokens() const {
    return static_cast<std::int64_t>(queries.size()) / (kHeads * head_size);
  }
};

/// The numbers as they are in `type`.
std::vector<float> rounded(ggml_type type, std::vector<float> values) {
  if (type == GGML_TYPE_F32) return values;
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<std::byte> bytes(ggml_row_size(type, count));
  ggml_quantize_chunk(type, values.data(), bytes.data(), 0, 1, count, nullptr);
  ggml_get_type_traits(type)->to_float(bytes.data(), values.data(), count);
  return values;
}

/// Token t sees the first n_before + t + 1 of the cells.
Case causal(ggml_type type, std::int64_t head_size, std::int64_t n_tokens, std::int64_t n_before,
            std::int64_t n_cells) {
  Case made{type, head_size, n_cells, {}, {}, {}, {}};
  const auto count = [](std::int64_t a, std::int64_t b, std::int64_t c) {
    return static_cast<std::size_t>(a * b * c);
  };
  made.queries = normal_values(count(n_tokens, kHeads, head_size), 1);
  made.keys = rounded(type, normal_values(count(n_cells, kKeyHeads, head_size), 2));
  made.values = rounded(type, normal_values(count(n_cells, kKeyHeads, head_size), 3));
  for (std::int64_t t = 0; t < n_tokens; ++t)
    for (std::int64_t cell = 0; cell < n_cells; ++cell)
      made.mask.push_back(cell <= n_before + t ? 0.0F : kHidden);
  return made;
}

void set(ggml_tensor* tensor, const std::vector<float>& values) {
  const auto count = static_cast<std::int64_t>(values.size());
  std::vector<std::byte> bytes(ggml_row_size(tensor->type, count));
  ggml_quantize_chunk(tensor->type, values.data(), bytes.data(), 0, 1, count, nullptr);
  ggml_backend_tensor_set(tensor, bytes.data(), 0, bytes.size());
}

/// (T, heads, D) by ggml's CPU backend, laid out as llama.cpp does.
std::vector<float> attend(const Case& one, int n_threads = 1) {
  const ggml_backend_ptr backend(ggml_backend_cpu_init());
  ggml_backend_cpu_set_n_threads(backend.get(), n_threads);
  const ggml_context_ptr context(
      ggml_init({ggml_tensor_overhead() * 16 + ggml_graph_overhead(), nullptr, true}));
  ggml_context* c = context.get();
  ggml_tensor* q = ggml_new_tensor_3d(c, GGML_TYPE_F32, one.head_size, kHeads, one.n_tokens());
  ggml_tensor* k = ggml_new_tensor_3d(c, one.type, one.head_size, kKeyHeads, one.n_cells);
  ggml_tensor* v = ggml_new_tensor_3d(c, one.type, one.head_size, kKeyHeads, one.n_cells);
  ggml_tensor* mask = ggml_new_tensor_2d(c, GGML_TYPE_F16, one.n_cells, one.n_tokens());
  ggml_tensor* out =
      ggml_flash_attn_ext(c, ggml_permute(c, q, 0, 2, 1, 3), ggml_permute(c, k, 0, 2, 1, 3),
                          ggml_permute(c, v, 0, 2, 1, 3), mask, kScale, 0, 0);
  ggml_cgraph* graph = ggml_new_graph(c);
  ggml_build_forward_expand(graph, out);
  const ggml_backend_buffer_ptr buffer(ggml_backend_alloc_ctx_tensors(c, backend.get()));
  EXPECT_TRUE(CacheAttentionOperation::computes(out));
  ggml_backend_tensor_set(q, one.queries.data(), 0, one.queries.size() * sizeof(float));
  set(k, one.keys);
  set(v, one.values);
  set(mask, one.mask);
  EXPECT_EQ(ggml_backend_graph_compute(backend.get(), graph), GGML_STATUS_SUCCESS);
  std::vector<float> y(one.queries.size());
  ggml_backend_tensor_get(out, y.data(), 0, y.size() * sizeof(float));
  return y;
}

/// In double.
std::vector<double> expected(const Case& one) {
  std::vector<double> y;
  const auto size = static_cast<std::size_t>(one.head_size);
  const auto n_cells = static_cast<std::size_t>(one.n_cells);
  for (std::size_t row = 0; row < one.queries.size() / size; ++row) {
    const std::size_t head = row % kHeads / (kHeads / kKeyHeads);
    const float* mask = one.mask.data() + row / kHeads * n_cells;
    std::vector<double> sums(size, 0.0);
    double total = 0;
    for (std::size_t cell = 0; cell < n_cells; ++cell) {
      if (mask[cell] == kHidden) continue;
      double score = 0;
      for (std::size_t d = 0; d < size; ++d)
        score += static_cast<double>(one.queries[row * size + d]) *
                 one.keys[(cell * kKeyHeads + head) * size + d];
      const double weight = std::exp(score * kScale + mask[cell]);
      total += weight;
      for (std::size_t d = 0; d < size; ++d)
        sums[d] += weight * one.values[(cell * kKeyHeads + head) * size + d];
    }
    for (const double sum : sums)
      y.push_back(total > 0 ? sum / total : 0);
  }
  return y;
}

double error_of(const std::vector<float>& y, const std::vector<double>& right) {
  double error = 0;
  for (std::size_t i = 0; i < y.size(); ++i)
    error = std::max(error, std::abs(y[i] - right[i]));
  return error;
}

constexpr double kFloatRounding = 1e-5;

/// The rows of `mask`, queries and results of one token.
Case only_token(const Case& all, std::int64_t token) {
  Case one = all;
  const auto cut = [token](std::vector<float>& values, std::int64_t n) {
    values = {values.begin() + token * n, values.begin() + (token + 1) * n};
  };
  cut(one.queries, kHeads * all.head_size);
  cut(one.mask, all.n_cells);
  return one;
}

class CacheAttentionTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(use_cpu_kernels().dense_products); }
};

TEST_F(CacheAttentionTest, IsSoftmaxOfTheScoresTimesTheValues) {
  for (const ggml_type type : {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16})
    for (const std::int64_t head_size : {8, 40, 64, 96, 128})
      for (const std::int64_t n_tokens : {1, 2, 3, 4, 5, 70}) {
        const Case one = causal(type, head_size, n_tokens, 13, 96);
        EXPECT_LT(error_of(attend(one), expected(one)), kFloatRounding)
            << ggml_type_name(type) << ", heads of " << head_size << ", " << n_tokens << " tokens";
      }
}

TEST_F(CacheAttentionTest, ATokenGetsTheSameBitsAloneAmongOthersAndWithMoreCells) {
  const Case all = causal(GGML_TYPE_F16, 64, 9, 600, 640);
  const std::vector<float> together = attend(all);
  EXPECT_EQ(attend(all, 3), together);
  const std::size_t row = kHeads * 64;
  for (std::int64_t token = 0; token < all.n_tokens(); ++token) {
    Case one = only_token(all, token);
    const auto right = std::span(together).subspan(static_cast<std::size_t>(token) * row, row);
    EXPECT_TRUE(std::ranges::equal(attend(one), right)) << "token " << token;
    // The same cells behind 100 that others fill, as in a cache that is shared.
    const std::vector<float> others(100 * kKeyHeads * 64, 5.0F);
    one.n_cells += 100;
    one.keys.insert(one.keys.begin(), others.begin(), others.end());
    one.values.insert(one.values.begin(), others.begin(), others.end());
    one.mask.insert(one.mask.begin(), 100, kHidden);
    EXPECT_TRUE(std::ranges::equal(attend(one), right)) << "token " << token << ", moved";
  }
}

TEST_F(CacheAttentionTest, TokensOfDifferentSequencesSeeTheirOwn) {
  Case one = causal(GGML_TYPE_F16, 64, 4, 20, 64);
  for (std::size_t t = 0; t < 4; ++t)  // every fourth cell each
    for (std::size_t cell = 0; cell < 64; ++cell)
      one.mask[t * 64 + cell] = cell % 4 == t && cell < 60 - 4 * t ? 0.0F : kHidden;
  EXPECT_LT(error_of(attend(one), expected(one)), kFloatRounding);
}

TEST_F(CacheAttentionTest, TakesAMaskOfNumbersAndOneThatHidesAll) {
  Case one = causal(GGML_TYPE_F16, 64, 2, 20, 64);
  for (std::size_t cell = 0; cell < 64; ++cell) {
    if (cell % 3 == 0) one.mask[cell] = -0.5F;
    one.mask[64 + cell] = kHidden;
  }
  EXPECT_LT(error_of(attend(one), expected(one)), kFloatRounding);
}

TEST_F(CacheAttentionTest, WhatIsNoNumberIsSeenByThoseWhoseItIs) {
  Case one = causal(GGML_TYPE_F16, 64, 4, 20, 64);
  const std::vector<float> before = attend(one);
  const std::size_t row = kHeads * 64;
  for (std::size_t i = 0; i < kKeyHeads * 64; ++i)  // of cell 22, which tokens 2 and 3 see
    one.values[22 * kKeyHeads * 64 + i] = kNan;
  std::vector<float> y = attend(one);
  EXPECT_TRUE(std::ranges::equal(std::span(y).first(2 * row), std::span(before).first(2 * row)));
  EXPECT_TRUE(std::ranges::all_of(std::span(y).last(2 * row),
                                  [](float value) { return std::isnan(value); }));
  one = causal(GGML_TYPE_F16, 64, 4, 20, 64);
  std::fill_n(one.queries.begin() + static_cast<std::ptrdiff_t>(row), row, kNan);
  y = attend(one);
  EXPECT_TRUE(std::ranges::all_of(std::span(y).subspan(row, row),
                                  [](float value) { return std::isnan(value); }));
  EXPECT_TRUE(std::ranges::equal(std::span(y).last(2 * row), std::span(before).last(2 * row)));
}

TEST_F(CacheAttentionTest, EveryInstructionSetComputesTheSame) {
  const std::vector<float> numbers = normal_values(3 * 40 * 24, 5);
  std::vector<std::int32_t> cells;
  for (std::int32_t i = 0; i < 35; ++i)
    cells.push_back(i);
  alignas(64) float scratch[cache_attention_scratch(35)];
  std::vector<float> first;
  for (const auto* const* kernels = runnable_cache_attention_kernels(); *kernels != nullptr;
       ++kernels) {
    std::vector<float> y(2 * 24);
    (*kernels)->attend({.type = CacheType::kF32,
                        .keys = reinterpret_cast<const std::byte*>(numbers.data()),
                        .key_bytes = 24 * sizeof(float),
                        .values = reinterpret_cast<const std::byte*>(numbers.data() + 40 * 24),
                        .value_bytes = 24 * sizeof(float),
                        .head_size = 24,
                        .value_size = 24,
                        .cells = cells.data(),
                        .scale = kScale,
                        .n_queries = 2,
                        .queries = {numbers.data() + 80 * 24, numbers.data() + 81 * 24},
                        .n_cells = {34, 35},
                        .biases = {},
                        .results = {y.data(), y.data() + 24},
                        .scratch = scratch});
    if (first.empty()) first = y;
    EXPECT_LT(error_of(y, {first.begin(), first.end()}), kFloatRounding)
        << (*kernels)->instruction_set;
  }
}

}  // namespace
}  // namespace pandagpt
