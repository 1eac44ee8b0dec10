#include "tensor/graph.h"

#include <ggml-cpu.h>

#include <algorithm>
#include <array>

#include "core/threads.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kMaxNodes = 4096;    // of one graph; ImageBind's largest tower has 1,100
constexpr std::size_t kMaxWeights = 4096;  // tensors of one WeightStore

ggml_context_ptr header_context(std::size_t n_tensors, std::size_t extra_bytes) {
  const ggml_init_params params{.mem_size = n_tensors * ggml_tensor_overhead() + extra_bytes,
                                .mem_buffer = nullptr,
                                .no_alloc = true};
  ggml_context_ptr context(ggml_init(params));
  if (!context) throw Error(ErrorKind::kInternal, "out of memory for a tensor context");
  return context;
}

ggml_tensor* new_f32(ggml_context* context, const TensorShape& shape) {
  return ggml_new_tensor(context, GGML_TYPE_F32, static_cast<int>(shape.size()), shape.data());
}

ggml_tensor* named(const std::unordered_map<std::string, ggml_tensor*>& tensors,
                   const std::string& name) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw Error(ErrorKind::kInternal, "the graph has no tensor " + name);
  return found->second;
}

}  // namespace

ComputeBackend::ComputeBackend(int n_threads)
    : n_threads_(n_threads > 0 ? n_threads : default_thread_count()),
      backend_(ggml_backend_cpu_init()) {
  if (!backend_) throw Error(ErrorKind::kInternal, "ggml's CPU backend can't be started");
  ggml_backend_cpu_set_n_threads(backend_.get(), n_threads_);
}

WeightStore::WeightStore(const ComputeBackend& backend)
    : backend_(backend), context_(header_context(kMaxWeights, 0)) {}

ggml_tensor* WeightStore::add(const TensorShape& shape, std::vector<float> values) {
  ggml_tensor* tensor = new_f32(context_.get(), shape);
  if (static_cast<std::size_t>(ggml_nelements(tensor)) != values.size())
    throw Error(ErrorKind::kInternal, "a weight of shape " + shape_text(shape) + " got " +
                                          std::to_string(values.size()) + " values");
  pending_.emplace_back(tensor, std::move(values));
  return tensor;
}

void WeightStore::upload() {
  buffer_.reset(ggml_backend_alloc_ctx_tensors(context_.get(), backend_.get()));
  if (!buffer_) throw Error(ErrorKind::kInternal, "out of memory for the encoder's weights");
  ggml_backend_buffer_set_usage(buffer_.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  for (const auto& [tensor, values] : pending_)
    ggml_backend_tensor_set(tensor, values.data(), 0, values.size() * sizeof(float));
  pending_.clear();
}

ggml_tensor* GraphBuilder::input(const std::string& name, const TensorShape& shape) {
  ggml_tensor* tensor = new_f32(context_, shape);
  ggml_set_name(tensor, name.c_str());
  ggml_set_input(tensor);
  inputs_[name] = tensor;
  return tensor;
}

void GraphBuilder::output(const std::string& name, ggml_tensor* tensor) {
  ggml_set_name(tensor, name.c_str());
  ggml_set_output(tensor);
  ggml_build_forward_expand(graph_, tensor);
  outputs_[name] = tensor;
}

ComputeGraph::ComputeGraph(const ComputeBackend& backend,
                           const std::function<void(GraphBuilder&)>& build)
    : backend_(backend),
      context_(header_context(2 * kMaxNodes, ggml_graph_overhead_custom(kMaxNodes, false))),
      graph_(ggml_new_graph_custom(context_.get(), kMaxNodes, false)),
      allocator_(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend.get()))) {
  GraphBuilder builder(context_.get(), graph_, backend.n_threads());
  build(builder);
  if (!allocator_ || !ggml_gallocr_alloc_graph(allocator_.get(), graph_))
    throw Error(ErrorKind::kInternal, "out of memory for an encoder's activations");
  inputs_ = std::move(builder.inputs_);
  outputs_ = std::move(builder.outputs_);
  kept_ = std::move(builder.kept_);
}

void ComputeGraph::set_input(const std::string& name, std::span<const float> values) {
  ggml_tensor* tensor = named(inputs_, name);
  if (static_cast<std::size_t>(ggml_nelements(tensor)) != values.size())
    throw Error(ErrorKind::kInternal, "graph input " + name + " takes " +
                                          std::to_string(ggml_nelements(tensor)) + " values, got " +
                                          std::to_string(values.size()));
  ggml_backend_tensor_set(tensor, values.data(), 0, values.size_bytes());
}

void ComputeGraph::compute() {
  if (ggml_backend_graph_compute(backend_.get(), graph_) != GGML_STATUS_SUCCESS)
    throw Error(ErrorKind::kInternal, "computing an encoder failed in ggml");
}

std::vector<float> ComputeGraph::output(const std::string& name) const {
  const ggml_tensor* tensor = named(outputs_, name);
  std::vector<float> values(static_cast<std::size_t>(ggml_nelements(tensor)));
  ggml_backend_tensor_get(tensor, values.data(), 0, values.size() * sizeof(float));
  return values;
}

}  // namespace pandagpt
