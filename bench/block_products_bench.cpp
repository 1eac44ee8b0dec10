// Speed of products with weights in ggml's CPU backend, with a LoRA at run time (q4_1_lora: the
// same figures as q4_1 if it cost nothing), too: ggml's kernels, then ours.
//
//   block_products_bench [Google Benchmark's options]
//
// Arguments of each line: tokens, threads. The matrices are those of a layer of SmolLM2-135M (576
// to 1,536), for the K types of LLaMA-7B (4,096 to 4,096), many times over, so that they come from
// memory as in a language model and not from a cache.
#include <benchmark/benchmark.h>
#include <ggml-alloc.h>
#include <ggml-cpp.h>
#include <ggml-cpu.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/cpu_kernels.h"

namespace {

/// As many as are over 30 MB together, whatever the type.
struct Shape {
  std::int64_t n_in;
  std::int64_t n_out;
  int n_matrices;
};
constexpr std::int64_t kLargeBlock = 256;
constexpr Shape kSmall{576, 1536, 128};
constexpr Shape kLarge{4096, 4096, 12};  // the K types need a multiple of 256

constexpr std::int64_t kRank = 32;  // panda-mini's

struct Product {
  ggml_type type;
  bool with_lora;  ///< in f16, as llama.cpp builds it
};

ggml_tensor* add_lora(ggml_context* context, ggml_tensor* product, const Shape& shape,
                      ggml_tensor* x) {
  ggml_tensor* a = ggml_new_tensor_2d(context, GGML_TYPE_F16, shape.n_in, kRank);
  ggml_tensor* b = ggml_new_tensor_2d(context, GGML_TYPE_F16, kRank, shape.n_out);
  ggml_set_name(a, "weight.lora_a");
  ggml_set_name(b, "weight.lora_b");
  ggml_tensor* outer = ggml_mul_mat(context, b, ggml_mul_mat(context, a, x));
  return ggml_add(context, product, ggml_scale(context, outer, 1));
}

/// Once ours are in use, ggml's can't be measured any more: lines run in the order of registration.
void multiply(benchmark::State& state, Product product, bool ours) {
  const ggml_type type = product.type;
  const Shape shape = ggml_blck_size(type) == kLargeBlock ? kLarge : kSmall;
  if (ours && !pandagpt::use_cpu_kernels().block_products)  // the others are in use as well then
    return state.SkipWithError("not on this CPU, with this ggml, or switched off");
  const std::int64_t n_tokens = state.range(0);
  const ggml_backend_ptr backend(ggml_backend_cpu_init());
  ggml_backend_cpu_set_n_threads(backend.get(), static_cast<int>(state.range(1)));
  const ggml_context_ptr context(
      ggml_init({ggml_tensor_overhead() * (8 * static_cast<std::size_t>(shape.n_matrices) + 1) +
                     ggml_graph_overhead(),
                 nullptr, true}));
  ggml_tensor* x = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, shape.n_in, n_tokens);
  ggml_cgraph* graph = ggml_new_graph(context.get());
  std::vector<ggml_tensor*> matrices;
  for (int i = 0; i < shape.n_matrices; ++i) {
    matrices.push_back(ggml_new_tensor_2d(context.get(), type, shape.n_in, shape.n_out));
    ggml_tensor* y = ggml_mul_mat(context.get(), matrices.back(), x);
    if (product.with_lora) y = add_lora(context.get(), y, shape, x);
    ggml_build_forward_expand(graph, y);
  }
  const ggml_backend_buffer_ptr buffer(
      ggml_backend_alloc_ctx_tensors(context.get(), backend.get()));
  ggml_backend_buffer_clear(buffer.get(), 0x11);  // halves of 0x1111 aren't denormal
  std::vector<float> ones(static_cast<std::size_t>(shape.n_in * n_tokens), 1.0F);
  ggml_backend_tensor_set(x, ones.data(), 0, ones.size() * sizeof(float));
  for (auto _ : state)
    ggml_backend_graph_compute(backend.get(), graph);
  const auto multiplied =
      static_cast<double>(2 * shape.n_in * shape.n_out * shape.n_matrices * n_tokens);
  const double read = static_cast<double>(ggml_nbytes(matrices.front())) * shape.n_matrices;
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(multiplied / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(read / 1e9, Counter::kIsIterationInvariantRate);
}

void register_all() {
  for (const bool ours : {false, true})
    for (const Product product : {Product{GGML_TYPE_Q4_0, false}, Product{GGML_TYPE_Q4_1, false},
                                  Product{GGML_TYPE_Q8_0, false}, Product{GGML_TYPE_Q4_K, false},
                                  Product{GGML_TYPE_Q6_K, false}, Product{GGML_TYPE_F16, false},
                                  Product{GGML_TYPE_Q4_1, true}})
      for (const int n_tokens : {1, 8, 20, 64, 256}) {
        const std::string name = std::string(ggml_type_name(product.type)) +
                                 (product.with_lora ? "_lora" : "") + (ours ? "/ours" : "/ggml");
        benchmark::RegisterBenchmark(name.c_str(), multiply, product, ours)
            ->Args({n_tokens, 2})
            ->Unit(benchmark::kMicrosecond)
            ->UseRealTime();
      }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
