// Speed of the vision tower: one forward pass, pixels to embedding.
//
//   vision_bench models/panda-mini/encoders.gguf [Google Benchmark's options]
//
// Arguments of each line: pictures a batch, threads. bench/vision.py runs it beside PyTorch.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>
#include <random>
#include <vector>

#include "encoders/encoders.h"
#include "pandagpt/error.h"

namespace {

using pandagpt::Encoders;
using pandagpt::TowerKind;

std::filesystem::path encoders_path;  // from the command line

std::vector<float> noise(std::size_t count) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  std::vector<float> values(count);
  for (float& value : values)
    value = uniform(generator);
  return values;
}

void encode(benchmark::State& state, bool portable) {
  const int n = static_cast<int>(state.range(0));
  Encoders encoders(
      encoders_path,
      {.n_threads = static_cast<int>(state.range(1)), .max_batch = n, .portable = portable});
  const std::vector<float> pixels = noise(n * encoders.view_length(TowerKind::kVision));
  encoders.encode(TowerKind::kVision, pixels, n);  // builds the graph and packs the weights
  for (auto _ : state)
    benchmark::DoNotOptimize(encoders.encode(TowerKind::kVision, pixels, n).data());
  state.counters["photos/s"] =
      benchmark::Counter(static_cast<double>(n), benchmark::Counter::kIsIterationInvariantRate);
}

void register_all() {
  for (const int threads : {1, 2}) {
    for (const int n : {1, 8})
      benchmark::RegisterBenchmark("vision/onednn", encode, false)
          ->Args({n, threads})
          ->Unit(benchmark::kMillisecond)
          ->MeasureProcessCPUTime()
          ->UseRealTime();
    benchmark::RegisterBenchmark("vision/portable", encode, true)
        ->Args({1, threads})
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime()
        ->UseRealTime();
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: vision_bench ENCODERS.gguf [--benchmark_...]\n");
    return 2;
  }
  encoders_path = argv[1];
  try {
    register_all();
    benchmark::RunSpecifiedBenchmarks();
  } catch (const pandagpt::Error& error) {
    std::fprintf(stderr, "vision_bench: %s\n", error.what());
    return static_cast<int>(error.kind());
  }
  return 0;
}
