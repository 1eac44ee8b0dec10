// ggml graphs that are built once and computed many times.
//
//   ComputeBackend backend(2);
//   ComputeGraph graph(backend, [&](GraphBuilder& b) {
//     ggml_tensor* x = b.input("x", {27, 100});
//     b.output("y", linear.apply(b, x));
//   });
//   graph.set_input("x", values);
//   graph.compute();
//   std::vector<float> y = graph.output("y");
#pragma once

#include <ggml-cpp.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tensor/gguf_file.h"

namespace pandagpt {

/// The device that computes.
class ComputeBackend {
 public:
  /// `n_threads` of the CPU: 0 takes one for each physical core. `device` is one of
  /// compute_devices(), or "auto": the first GPU, else the CPU.
  /// Throws Error(kUsage) for a device that is not there, Error(kInternal) if it can't be started.
  explicit ComputeBackend(int n_threads, const std::string& device = "cpu");

  ggml_backend_t get() const { return backend_.get(); }
  int n_threads() const { return n_threads_; }
  /// Whether custom operators of ours can run on it.
  bool is_cpu() const { return is_cpu_; }

 private:
  int n_threads_;
  bool is_cpu_ = true;
  ggml_backend_ptr backend_;
};

/// Constant tensors in the backend's memory, for graphs of ggml's own operators.
class WeightStore {
 public:
  explicit WeightStore(const ComputeBackend& backend);

  /// Declares a tensor; its values are copied to the backend by `upload`.
  ggml_tensor* add(const TensorShape& shape, std::vector<float> values);
  /// The same for a tensor of a file in the type that it is stored in. `file` must live until
  /// `upload`, which gives the memory of its pages back.
  ggml_tensor* add(const GgufFile& file, const GgufTensor& tensor);
  /// Allocates and fills all tensors declared so far; call once. Throws Error(kInternal).
  void upload();

 private:
  const ComputeBackend& backend_;
  ggml_context_ptr context_;
  ggml_backend_buffer_ptr buffer_;
  std::vector<std::pair<ggml_tensor*, std::vector<float>>> pending_;
  struct Stored {
    ggml_tensor* tensor;
    const GgufFile* file;
    const GgufTensor* source;
  };
  std::vector<Stored> stored_;
};

/// What a graph is being built with.
class GraphBuilder {
 public:
  GraphBuilder(ggml_context* context, ggml_cgraph* graph, int n_threads)
      : context_(context), graph_(graph), n_threads_(n_threads) {}

  ggml_context* context() const { return context_; }
  int n_threads() const { return n_threads_; }

  /// A named f32 tensor that is set before each computation. Shape: ne0 first.
  ggml_tensor* input(const std::string& name, const TensorShape& shape);
  /// The same for n row numbers, an i32 tensor for ggml_get_rows.
  ggml_tensor* index_input(const std::string& name, std::int64_t n);
  /// Makes `tensor` (contiguous f32) readable under `name` after each computation.
  void output(const std::string& name, ggml_tensor* tensor);

  /// Hands `state` of a custom operator over to the graph, which keeps it as long as it lives.
  template <typename T>
  T* keep(std::unique_ptr<T> state) {
    T* pointer = state.get();
    kept_.push_back(std::shared_ptr<T>(std::move(state)));
    return pointer;
  }

 private:
  friend class ComputeGraph;
  ggml_context* context_;
  ggml_cgraph* graph_;
  int n_threads_;
  std::unordered_map<std::string, ggml_tensor*> inputs_;
  std::unordered_map<std::string, ggml_tensor*> outputs_;
  std::vector<std::shared_ptr<void>> kept_;
};

/// A built graph with its memory. Not thread-safe. The backend and all weights must outlive it.
class ComputeGraph {
 public:
  /// Throws Error(kInternal) when memory runs out, Error(kUsage) if the device lacks one of the
  /// operators, and whatever `build` throws.
  ComputeGraph(const ComputeBackend& backend, const std::function<void(GraphBuilder&)>& build);

  /// Copies the values in. Throws Error(kInternal) for an unknown name or another length.
  void set_input(const std::string& name, std::span<const float> values);
  void set_input(const std::string& name, std::span<const std::int32_t> indices);
  void compute();
  std::vector<float> output(const std::string& name) const;

 private:
  void set_bytes(const std::string& name, ggml_type type, const void* values, std::size_t n);

  const ComputeBackend& backend_;
  ggml_context_ptr context_;
  ggml_cgraph* graph_ = nullptr;
  ggml_gallocr_ptr allocator_;
  std::unordered_map<std::string, ggml_tensor*> inputs_;
  std::unordered_map<std::string, ggml_tensor*> outputs_;
  std::vector<std::shared_ptr<void>> kept_;
};

}  // namespace pandagpt
