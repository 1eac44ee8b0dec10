#include "tensor/graph.h"

#include <ggml-cpu.h>

#include <algorithm>

#include "core/threads.h"
#include "pandagpt/error.h"
#include "tensor/cpu_kernels.h"
#include "tensor/devices.h"

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

/// A device would end the process when it meets an operator that it lacks.
void check_operators(ggml_backend_t backend, ggml_cgraph* graph) {
  for (int i = 0; i < ggml_graph_n_nodes(graph); ++i) {
    const ggml_tensor* node = ggml_graph_node(graph, i);
    if (!ggml_backend_supports_op(backend, node))
      throw Error(ErrorKind::kUsage, std::string("the device ") + ggml_backend_name(backend) +
                                         " can't compute " + ggml_op_desc(node) + " of " +
                                         ggml_type_name(node->type) + "; use --device cpu");
  }
}

}  // namespace

ComputeBackend::ComputeBackend(int n_threads, const std::string& device)
    : n_threads_(n_threads > 0 ? n_threads : default_thread_count()) {
  use_cpu_kernels();
  ggml_backend_dev_t found = find_device(device);
  is_cpu_ = !is_gpu(found);
  backend_.reset(ggml_backend_dev_init(found, nullptr));
  if (!backend_)
    throw Error(ErrorKind::kInternal, "the device " + device_name(found) + " can't be started");
  if (is_cpu_) ggml_backend_cpu_set_n_threads(backend_.get(), n_threads_);
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

ggml_tensor* WeightStore::add(const GgufFile& file, const GgufTensor& tensor) {
  ggml_tensor* added = ggml_new_tensor(context_.get(), tensor.type,
                                       static_cast<int>(tensor.shape.size()), tensor.shape.data());
  stored_.push_back({added, &file, &tensor});
  return added;
}

void WeightStore::upload() {
  if (pending_.empty() && stored_.empty()) return;  // ggml makes no buffer of nothing
  buffer_.reset(ggml_backend_alloc_ctx_tensors(context_.get(), backend_.get()));
  if (!buffer_) throw Error(ErrorKind::kInternal, "out of memory for the encoder's weights");
  ggml_backend_buffer_set_usage(buffer_.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  for (const auto& [tensor, values] : pending_)
    ggml_backend_tensor_set(tensor, values.data(), 0, values.size() * sizeof(float));
  pending_.clear();
  for (const Stored& stored : stored_) {
    const ByteView data = stored.source->data;
    ggml_backend_tensor_set(stored.tensor, data.data(), 0, data.size());
    stored.file->release(*stored.source);
  }
  stored_.clear();
}

ggml_tensor* GraphBuilder::input(const std::string& name, const TensorShape& shape) {
  ggml_tensor* tensor = new_f32(context_, shape);
  ggml_set_name(tensor, name.c_str());
  ggml_set_input(tensor);
  inputs_[name] = tensor;
  return tensor;
}

ggml_tensor* GraphBuilder::index_input(const std::string& name, std::int64_t n) {
  ggml_tensor* tensor = ggml_new_tensor_1d(context_, GGML_TYPE_I32, n);
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
  check_operators(backend.get(), graph_);
  if (!allocator_ || !ggml_gallocr_alloc_graph(allocator_.get(), graph_))
    throw Error(ErrorKind::kInternal, "out of memory for an encoder's activations");
  inputs_ = std::move(builder.inputs_);
  outputs_ = std::move(builder.outputs_);
  kept_ = std::move(builder.kept_);
}

void ComputeGraph::set_bytes(const std::string& name, ggml_type type, const void* values,
                             std::size_t n) {
  ggml_tensor* tensor = named(inputs_, name);
  if (tensor->type != type || static_cast<std::size_t>(ggml_nelements(tensor)) != n)
    throw Error(ErrorKind::kInternal, "graph input " + name + " takes " +
                                          std::to_string(ggml_nelements(tensor)) + " " +
                                          ggml_type_name(tensor->type) + " values, got " +
                                          std::to_string(n) + " of " + ggml_type_name(type));
  ggml_backend_tensor_set(tensor, values, 0, ggml_nbytes(tensor));
}

void ComputeGraph::set_input(const std::string& name, std::span<const float> values) {
  set_bytes(name, GGML_TYPE_F32, values.data(), values.size());
}

void ComputeGraph::set_input(const std::string& name, std::span<const std::int32_t> indices) {
  set_bytes(name, GGML_TYPE_I32, indices.data(), indices.size());
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
