// Speed of ImageBind-Huge's towers: ready tensors to embeddings.
//
//   imagebind_bench [--file ENCODERS.gguf] [Google Benchmark's options]
//
// Names: input/numbers/views/threads; product/numbers/threads is one large product alone, the speed
// that the towers' shares are taken of. Without a file each tower has random weights of the
// published shapes (16 bits, in a temporary file of up to 1.3 GB). bench/imagebind_speed.py runs it
// beside PyTorch.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "encoders/encoder_keys.h"
#include "encoders/encoders.h"
#include "encoders/imagebind_tensors.h"
#include "pandagpt/error.h"
#include "tensor/onednn_linear.h"

namespace {

using namespace pandagpt;
namespace fs = std::filesystem;
namespace keys = encoder_keys;

constexpr int kEmbeddingLength = 1024;
constexpr std::int64_t kPartElements = 1 << 16;  // generated at a time

fs::path encoders_path;  // from the command line; empty: random weights

/// Random weights in a file that is removed when the program ends.
class RandomFile {
 public:
  explicit RandomFile(TowerKind tower)
      : path_(fs::temp_directory_path() / ("pandagpt_imagebind_bench_" + std::to_string(getpid()) +
                                           "_" + tower_name(tower) + ".gguf")) {
    const TowerConfig config = imagebind_huge_config(tower);
    GgufWriter writer;
    writer.set_str(keys::kArchitecture, keys::kEncodersArchitecture);
    writer.set_u32(keys::kFormatVersion, keys::kEncoderFormatVersion);
    writer.set_u32(keys::kEmbeddingLength, kEmbeddingLength);
    write_tower_config(writer, config);
    for (const ImageBindTensor& tensor : imagebind_tensors(config))
      add(writer, tensor);
    writer.write(path_);
  }
  ~RandomFile() { fs::remove(path_); }
  RandomFile(const RandomFile&) = delete;
  RandomFile& operator=(const RandomFile&) = delete;

  const fs::path& path() const { return path_; }

 private:
  static void add(GgufWriter& writer, const ImageBindTensor& tensor) {
    std::int64_t count = 1;
    for (const std::int64_t size : tensor.shape)
      count *= size;
    const ggml_type type = tensor.is_matrix ? GGML_TYPE_BF16 : GGML_TYPE_F32;
    // Norms around one, everything else around zero, as small as a trained model's.
    const bool is_scale = tensor.name.ends_with("norm.weight");
    writer.add_streamed(tensor.name, type, tensor.shape, [=](const GgufWriter::TensorSink& sink) {
      std::minstd_rand generator(static_cast<unsigned>(count));
      std::vector<float> part(kPartElements);
      std::vector<ggml_bf16_t> halves(kPartElements);
      for (std::int64_t at = 0; at < count; at += kPartElements) {
        const std::int64_t n = std::min(kPartElements, count - at);
        for (std::int64_t i = 0; i < n; ++i)
          part[i] = (is_scale ? 1.0F : 0.0F) +
                    0.1F * (static_cast<float>(generator()) / 2147483647.0F - 0.5F);
        const void* bytes = part.data();
        if (type == GGML_TYPE_BF16) {
          ggml_fp32_to_bf16_row(part.data(), halves.data(), n);
          bytes = halves.data();
        }
        sink({static_cast<const std::uint8_t*>(bytes), n * ggml_type_size(type)});
      }
    });
  }

  fs::path path_;
};

fs::path file_of(TowerKind tower) {
  if (!encoders_path.empty()) return encoders_path;
  static std::map<TowerKind, std::unique_ptr<RandomFile>> files;
  auto& file = files[tower];
  if (!file) {
    files.clear();  // one at a time: the disk may be small
    files[tower] = std::make_unique<RandomFile>(tower);
  }
  return files[tower]->path();
}

std::vector<float> noise(std::size_t count) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values)
    value = normal(generator);
  return values;
}

/// Megabytes that the process holds now.
double resident_megabytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

/// `views` clips of one input, encoded together; `film` takes clips of two frames.
void encode(benchmark::State& state, TowerKind tower, bool film, ComputeType type) {
  const int views = static_cast<int>(state.range(0));
  Encoders encoders(file_of(tower), {.n_threads = static_cast<int>(state.range(1)),
                                     .max_batch = views,
                                     .compute_type = type,
                                     .towers = {tower}});
  std::vector<float> values = noise(encoders.view_length(tower) * views * (film ? 2 : 1));
  const std::vector<std::int32_t> tokens(
      tower == TowerKind::kText ? encoders.context_length() * views : 0, 5);
  const auto run = [&] {
    return tower == TowerKind::kText ? encoders.encode_text(tokens, views)
                                     : encoders.encode(tower, values, 1, views);
  };
  run();  // loads the weights and builds the graph
  for (auto _ : state)
    benchmark::DoNotOptimize(run().data());
  state.counters["resident_MB"] = resident_megabytes();
}

/// A linear layer of 5120 x 1280 on 1024 tokens: what oneDNN reaches here.
void product(benchmark::State& state, ComputeType type) {
  constexpr std::int64_t kIn = 1280;
  constexpr std::int64_t kOut = 5120;
  constexpr std::int64_t kRows = 1024;
  const std::vector<float> row = noise(kIn);
  OnednnLinear layer(PackedMatrix(kIn, kOut, type,
                                  [&row](std::int64_t, std::int64_t count, float* rows) {
                                    for (std::int64_t i = 0; i < count; ++i)
                                      std::copy(row.begin(), row.end(), rows + i * kIn);
                                  }),
                     {});
  const ComputeBackend backend(static_cast<int>(state.range(0)));
  ComputeGraph graph(backend, [&](GraphBuilder& b) {
    b.output("y", layer.apply(b, b.input("x", {kIn, kRows})));
  });
  graph.set_input("x", noise(kIn * kRows));
  graph.compute();
  for (auto _ : state)
    graph.compute();
  state.counters["operations"] = benchmark::Counter(2.0 * static_cast<double>(kIn * kOut * kRows),
                                                    benchmark::Counter::kIsIterationInvariantRate);
}

struct Workload {
  const char* name;
  TowerKind tower;
  int views;
  bool film = false;
};
constexpr Workload kWorkloads[] = {
    {"image", TowerKind::kVision, 1},    {"video", TowerKind::kVision, 15, true},
    {"audio", TowerKind::kAudio, 3},     {"depth", TowerKind::kDepth, 1},
    {"thermal", TowerKind::kThermal, 1}, {"imu", TowerKind::kImu, 1},
    {"text", TowerKind::kText, 1}};

void register_all() {
  const CpuSupport cpu = cpu_support();
  std::vector<ComputeType> types{ComputeType::kF32};
  if (cpu.bf16) types.push_back(ComputeType::kBf16);
  if (cpu.int8) types.push_back(ComputeType::kInt8);
  for (const ComputeType type : types)
    for (const int threads : {1, 2})
      benchmark::RegisterBenchmark((std::string("product/") + compute_type_name(type)).c_str(),
                                   product, type)
          ->Arg(threads)
          ->Unit(benchmark::kMillisecond)
          ->MeasureProcessCPUTime()
          ->UseRealTime();
  for (const Workload& w : kWorkloads) {
    for (const ComputeType type : types) {
      const std::string name = std::string(w.name) + "/" + compute_type_name(type);
      for (const int threads : {1, 2})
        benchmark::RegisterBenchmark(name.c_str(), encode, w.tower, w.film, type)
            ->Args({w.views, threads})
            ->Unit(benchmark::kMillisecond)
            ->MeasureProcessCPUTime()
            ->UseRealTime();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc == 3 && std::string(argv[1]) == "--file") {
    encoders_path = argv[2];
  } else if (argc != 1) {
    std::fprintf(stderr, "usage: imagebind_bench [--file ENCODERS.gguf] [--benchmark_...]\n");
    return 2;
  }
  try {
    register_all();
    benchmark::RunSpecifiedBenchmarks();
  } catch (const Error& error) {
    std::fprintf(stderr, "imagebind_bench: %s\n", error.what());
    return static_cast<int>(error.kind());
  }
  return 0;
}
