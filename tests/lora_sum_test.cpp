// A LoRA at run time inside ggml's graphs (src/tensor/lora_sum.h).
#include "tensor/lora_sum.h"

#include <ggml-alloc.h>
#include <ggml-cpp.h>
#include <ggml-cpu.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "random_values.h"
#include "tensor/cpu_kernels.h"

namespace pandagpt {
namespace {

using test::normal_values;

constexpr std::int64_t kInputs = 256;
constexpr std::int64_t kOutputs = 120;
constexpr std::int64_t kRank = 24;
constexpr float kScale = 0.7F;

struct GallocrDeleter {
  void operator()(ggml_gallocr_t allocator) const { ggml_gallocr_free(allocator); }
};

/// y = w x + scale b (a x), as llama.cpp builds it, behind x = 2 input and before 3 y.
class LoraGraph {
 public:
  LoraGraph(ggml_type type, ggml_type lora_type, std::int64_t n_tokens, int n_adapters = 1,
            bool keeps_inner = false)
      : backend_(ggml_backend_cpu_init()), n_tokens_(n_tokens) {
    const ggml_init_params sizes{ggml_tensor_overhead() * 32 + 2 * ggml_graph_overhead(), nullptr,
                                 true};
    stored_.reset(ggml_init(sizes));
    context_.reset(ggml_init(sizes));
    ggml_context* c = context_.get();
    w_ = ggml_new_tensor_2d(stored_.get(), type, kInputs, kOutputs);
    input_ = ggml_new_tensor_2d(stored_.get(), GGML_TYPE_F32, kInputs, n_tokens);
    ggml_tensor* x = ggml_scale(c, input_, 2);
    base_ = ggml_mul_mat(c, w_, x);
    ggml_tensor* sum = base_;
    for (int i = 0; i < n_adapters; ++i) {
      a_.push_back(ggml_new_tensor_2d(stored_.get(), lora_type, kInputs, kRank));
      b_.push_back(ggml_new_tensor_2d(stored_.get(), lora_type, kRank, kOutputs));
      ggml_set_name(a_.back(), "blk.0.attn_q.weight.lora_a");
      ggml_set_name(b_.back(), "blk.0.attn_q.weight.lora_b");
      inner_.push_back(ggml_mul_mat(c, a_.back(), x));
      if (keeps_inner) ggml_set_output(inner_.back());
      ggml_tensor* scaled = ggml_scale(c, ggml_mul_mat(c, b_.back(), inner_.back()), kScale);
      sum = ggml_add(c, sum, scaled);
    }
    out_ = ggml_scale(c, sum, 3);
    ggml_set_output(out_);
    graph_ = ggml_new_graph(c);
    ggml_build_forward_expand(graph_, out_);
    weights_.reset(ggml_backend_alloc_ctx_tensors(stored_.get(), backend_.get()));
    allocator_.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend_.get())));
    EXPECT_TRUE(ggml_gallocr_alloc_graph(allocator_.get(), graph_));  // memory is used again
    unsigned seed = 1;
    fill(w_, seed++);
    for (std::size_t i = 0; i < a_.size(); ++i) {
      fill(a_[i], seed++);
      fill(b_[i], seed++);
    }
  }

  /// (T, N) of (T, K).
  std::vector<float> compute(std::span<const float> x, int n_threads = 2) {
    ggml_backend_cpu_set_n_threads(backend_.get(), n_threads);
    ggml_backend_tensor_set(input_, x.data(), 0, x.size_bytes());
    EXPECT_EQ(ggml_backend_graph_compute(backend_.get(), graph_), GGML_STATUS_SUCCESS);
    return values_of(out_);
  }

  /// Only the first factor's product, as one who looks at it would: (T, rank).
  std::vector<float> compute_inner(std::span<const float> x) {
    ggml_cgraph* part = ggml_new_graph(context_.get());
    ggml_build_forward_expand(part, inner_.front());
    ggml_backend_tensor_set(input_, x.data(), 0, x.size_bytes());
    EXPECT_EQ(ggml_backend_graph_compute(backend_.get(), part), GGML_STATUS_SUCCESS);
    return values_of(inner_.front());
  }

  bool leaves_out_inner() const { return (inner_[0]->flags & GGML_TENSOR_FLAG_COMPUTE) == 0; }
  bool leaves_out_base() const { return (base_->flags & GGML_TENSOR_FLAG_COMPUTE) == 0; }

  /// In double; the base's activations as they are.
  std::vector<double> expected(std::span<const float> x) const {
    std::vector<double> y = times(values_of(w_), kOutputs, {x.begin(), x.end()});
    for (std::size_t i = 0; i < a_.size(); ++i) {
      const std::vector<double> inner = times(values_of(a_[i]), kRank, {x.begin(), x.end()});
      const std::vector<double> outer = times(values_of(b_[i]), kOutputs, inner);
      std::ranges::transform(y, outer, y.begin(),
                             [](double one, double other) { return one + kScale * other; });
    }
    for (double& value : y)
      value *= 2 * 3;
    return y;
  }
  std::vector<double> expected_inner(std::span<const float> x) const {
    std::vector<double> y = times(values_of(a_[0]), kRank, {x.begin(), x.end()});
    for (double& value : y)
      value *= 2;
    return y;
  }

 private:
  static void fill(ggml_tensor* tensor, unsigned seed) {
    const std::vector<float> values =
        normal_values(static_cast<std::size_t>(ggml_nelements(tensor)), seed, 0.1F);
    std::vector<std::byte> data(ggml_nbytes(tensor));
    ggml_quantize_chunk(tensor->type, values.data(), data.data(), 0, ggml_nrows(tensor),
                        tensor->ne[0], nullptr);
    ggml_backend_tensor_set(tensor, data.data(), 0, data.size());
  }

  static std::vector<float> values_of(const ggml_tensor* tensor) {
    std::vector<std::byte> data(ggml_nbytes(tensor));
    ggml_backend_tensor_get(tensor, data.data(), 0, data.size());
    std::vector<float> values(static_cast<std::size_t>(ggml_nelements(tensor)));
    if (tensor->type == GGML_TYPE_F32)
      std::memcpy(values.data(), data.data(), data.size());
    else
      ggml_get_type_traits(tensor->type)
          ->to_float(data.data(), values.data(), ggml_nelements(tensor));
    return values;
  }

  std::vector<double> times(const std::vector<float>& matrix, std::int64_t n_out,
                            const std::vector<double>& x) const {
    const std::size_t n_in = x.size() / static_cast<std::size_t>(n_tokens_);
    std::vector<double> y;
    for (std::size_t t = 0; t < static_cast<std::size_t>(n_tokens_); ++t)
      for (std::size_t i = 0; i < static_cast<std::size_t>(n_out); ++i) {
        double sum = 0;
        for (std::size_t k = 0; k < n_in; ++k)
          sum += matrix[i * n_in + k] * x[t * n_in + k];
        y.push_back(sum);
      }
    return y;
  }

  ggml_backend_ptr backend_;
  std::int64_t n_tokens_;
  ggml_context_ptr stored_;
  ggml_context_ptr context_;
  ggml_backend_buffer_ptr weights_;
  std::unique_ptr<ggml_gallocr, GallocrDeleter> allocator_;
  ggml_cgraph* graph_;
  ggml_tensor* w_;
  ggml_tensor* input_;
  ggml_tensor* base_;
  ggml_tensor* out_;
  std::vector<ggml_tensor*> a_;
  std::vector<ggml_tensor*> b_;
  std::vector<ggml_tensor*> inner_;
};

double error_of(const std::vector<float>& y, const std::vector<double>& expected) {
  double error = 0;
  double largest = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    error = std::max(error, std::abs(y[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return error / largest;
}

constexpr double kFloatRounding = 2e-6;
constexpr double kInt8Rounding = 0.02;  ///< of the base's activations

class LoraSumTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(use_cpu_kernels().dense_products); }

  static std::vector<float> input(std::int64_t n_tokens) {
    return normal_values(static_cast<std::size_t>(kInputs * n_tokens), 9);
  }
};

TEST_F(LoraSumTest, IsThatOfTheFourOperations) {
  for (const std::int64_t n_tokens : {1, 2, 7, 70})
    for (const int n_adapters : {1, 2}) {
      LoraGraph graph(GGML_TYPE_F32, GGML_TYPE_F32, n_tokens, n_adapters);
      const std::vector<float> x = input(n_tokens);
      EXPECT_LT(error_of(graph.compute(x), graph.expected(x)), kFloatRounding)
          << n_tokens << " tokens, " << n_adapters << " adapters";
      EXPECT_TRUE(graph.leaves_out_inner());
      EXPECT_FALSE(graph.leaves_out_base());
    }
}

TEST_F(LoraSumTest, TakesTheBaseWhereItsKernelsAreOurs) {
  for (const ggml_type type : {GGML_TYPE_Q4_1, GGML_TYPE_Q8_0, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K})
    for (const std::int64_t n_tokens : {1, 5, 33}) {
      LoraGraph graph(type, GGML_TYPE_F16, n_tokens);
      const std::vector<float> x = input(n_tokens);
      EXPECT_LT(error_of(graph.compute(x), graph.expected(x)), kInt8Rounding)
          << ggml_type_name(type) << ", " << n_tokens << " tokens";
      EXPECT_TRUE(graph.leaves_out_inner());
      const bool ours = use_cpu_kernels().block_products && type != GGML_TYPE_Q5_K &&
                        (type != GGML_TYPE_Q4_K || n_tokens > 3);
      EXPECT_EQ(graph.leaves_out_base(), ours) << ggml_type_name(type) << ", " << n_tokens;
    }
}

TEST_F(LoraSumTest, ATokenGetsTheSameBitsAloneAmongOthersAndByEachNode) {
  constexpr std::size_t kTokens = 9;
  for (const ggml_type type : {GGML_TYPE_F16, GGML_TYPE_Q4_1}) {
    const std::vector<float> x = input(kTokens);
    LoraGraph graph(type, GGML_TYPE_F16, kTokens);
    const std::vector<float> all = graph.compute(x, 1);
    EXPECT_EQ(graph.compute(x, 3), all);
    LoraGraph by_node(type, GGML_TYPE_F16, kTokens, 1, /*keeps_inner=*/true);
    EXPECT_EQ(by_node.compute(x), all);
    EXPECT_FALSE(by_node.leaves_out_inner());
    LoraGraph alone(type, GGML_TYPE_F16, 1);
    for (std::size_t t = 0; t < kTokens; ++t)
      EXPECT_TRUE(std::ranges::equal(alone.compute(std::span(x).subspan(t * kInputs, kInputs)),
                                     std::span(all).subspan(t * kOutputs, kOutputs)))
          << ggml_type_name(type) << ", token " << t;
  }
}

TEST_F(LoraSumTest, AGraphOfAPartHasWhatIsLeftOutOfTheWhole) {
  const std::vector<float> x = input(3);
  LoraGraph graph(GGML_TYPE_Q4_1, GGML_TYPE_F16, 3);
  const std::vector<float> before = graph.compute(x);
  ASSERT_TRUE(graph.leaves_out_inner());
  EXPECT_LT(error_of(graph.compute_inner(x), graph.expected_inner(x)), kFloatRounding);
  EXPECT_FALSE(graph.leaves_out_inner());
  EXPECT_EQ(graph.compute(x), before);
  EXPECT_TRUE(graph.leaves_out_inner());
}

}  // namespace
}  // namespace pandagpt
