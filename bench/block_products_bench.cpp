// Speed of products with block-quantised weights in ggml's CPU backend: ggml's kernels, then ours.
//
//   block_products_bench [Google Benchmark's options]
//
// Arguments of each line: tokens, threads. The matrices are those of a layer of SmolLM2-135M (576
// to 1,536) many times over, so that they come from memory as in a language model and not from a
// cache.
#include <benchmark/benchmark.h>
#include <ggml-alloc.h>
#include <ggml-cpp.h>
#include <ggml-cpu.h>

#include <string>
#include <vector>

#include "tensor/block_products.h"

namespace {

constexpr std::int64_t kInputs = 576;
constexpr std::int64_t kOutputs = 1536;
constexpr int kMatrices = 128;

/// Once ours are in use, ggml's can't be measured any more: lines run in the order of registration.
void multiply(benchmark::State& state, ggml_type type, bool ours) {
  if (ours && !pandagpt::use_block_products())
    return state.SkipWithError("not on this CPU, with this ggml, or switched off");
  const std::int64_t n_tokens = state.range(0);
  const ggml_backend_ptr backend(ggml_backend_cpu_init());
  ggml_backend_cpu_set_n_threads(backend.get(), static_cast<int>(state.range(1)));
  const ggml_context_ptr context(ggml_init(
      {ggml_tensor_overhead() * (2 * kMatrices + 1) + ggml_graph_overhead(), nullptr, true}));
  ggml_tensor* x = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, kInputs, n_tokens);
  ggml_cgraph* graph = ggml_new_graph(context.get());
  std::vector<ggml_tensor*> matrices;
  for (int i = 0; i < kMatrices; ++i) {
    matrices.push_back(ggml_new_tensor_2d(context.get(), type, kInputs, kOutputs));
    ggml_build_forward_expand(graph, ggml_mul_mat(context.get(), matrices.back(), x));
  }
  const ggml_backend_buffer_ptr buffer(
      ggml_backend_alloc_ctx_tensors(context.get(), backend.get()));
  ggml_backend_buffer_clear(buffer.get(), 1);  // any numbers but denormal ones
  std::vector<float> ones(static_cast<std::size_t>(kInputs * n_tokens), 1.0F);
  ggml_backend_tensor_set(x, ones.data(), 0, ones.size() * sizeof(float));
  for (auto _ : state)
    ggml_backend_graph_compute(backend.get(), graph);
  const double multiplied = 2.0 * kInputs * kOutputs * kMatrices * static_cast<double>(n_tokens);
  const double read = static_cast<double>(ggml_nbytes(matrices.front())) * kMatrices;
  using benchmark::Counter;
  state.counters["GFLOP/s"] = Counter(multiplied / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["GB/s"] = Counter(read / 1e9, Counter::kIsIterationInvariantRate);
}

void register_all() {
  for (const bool ours : {false, true})
    for (const ggml_type type : {GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q8_0})
      for (const int n_tokens : {1, 8, 20, 64, 256}) {
        const std::string name = std::string(ggml_type_name(type)) + (ours ? "/ours" : "/ggml");
        benchmark::RegisterBenchmark(name.c_str(), multiply, type, ours)
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
