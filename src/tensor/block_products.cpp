#include "tensor/block_products.h"

#include <dlfcn.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>
#include <string_view>
#include <vector>

#include "tensor/block_kernels.h"
#include "tensor/row_kernels.h"
#include "tensor/row_tensor.h"
#include "tensor/share.h"

namespace pandagpt {
namespace {

// --- What ggml keeps to itself, as in the versions below (ggml/src/ggml-cpu/traits.h,
// ggml-cpu-impl.h, ggml-backend-impl.h) -------------------------------------------------------

constexpr std::array<std::string_view, 1> kKnownVersions{"0.25.3"};
constexpr const char* kBarrierSymbol = "ggml_barrier";
constexpr const char* kListSymbol = "_Z39ggml_backend_cpu_get_extra_buffer_typesv";

struct ComputeParams {  // ggml_compute_params
  int thread;
  int n_threads;
  std::size_t work_size;
  void* work;
  void* threadpool;
  bool use_reference;
};

class Operation {  // ggml::cpu::tensor_traits; the order of virtual functions counts
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;
  virtual bool work_size(int n_threads, const ggml_tensor* node, std::size_t& size) = 0;
  virtual bool compute_forward(ComputeParams* params, ggml_tensor* node) = 0;
};

class Extension {  // ggml::cpu::extra_buffer_type
 public:
  Extension() = default;
  Extension(const Extension&) = delete;
  Extension& operator=(const Extension&) = delete;
  virtual ~Extension() = default;
  virtual bool supports_op(ggml_backend_dev_t device, const ggml_tensor* node) = 0;
  virtual Operation* get_tensor_traits(const ggml_tensor* node) = 0;
};

struct BufferType {  // ggml_backend_buffer_type
  std::array<void (*)(), 6> functions;
  ggml_backend_dev_t device;
  Extension* context;
};

using Barrier = void (*)(void* threadpool);
using List = std::vector<BufferType*>& (*)();

// --- The operation ---------------------------------------------------------------------------

constexpr std::int64_t kAlignment = 64;
/// Parts of the tiles for each thread: one that was held up takes fewer.
constexpr std::int64_t kPartsPerThread = 8;

std::optional<BlockType> block_type(ggml_type type) {
  switch (type) {
    case GGML_TYPE_Q4_0:
      return BlockType::kQ40;
    case GGML_TYPE_Q4_1:
      return BlockType::kQ41;
    case GGML_TYPE_Q8_0:
      return BlockType::kQ80;
    case GGML_TYPE_Q4_K:
      return BlockType::kQ4K;
    case GGML_TYPE_Q6_K:
      return BlockType::kQ6K;
    default:
      return std::nullopt;
  }
}

/// With fewer tokens of the K types ggml's products are as fast as memory, and have the same bits
/// for one as for three, which guessing (batch_equality.h) relies on.
constexpr std::int64_t kFewestTokensOfK = 4;

std::int64_t fewest_tokens(ggml_type type) {
  return type == GGML_TYPE_Q4_K || type == GGML_TYPE_Q6_K ? kFewestTokensOfK : 1;
}

/// Where things are in the memory that ggml gives an operation.
class Work {
 public:
  explicit Work(const ggml_tensor* node)
      : n_in_(node->src[0]->ne[0]), n_tokens_(ggml_nrows(node->src[1])) {}

  std::size_t size() const {
    return static_cast<std::size_t>(sums_at() + numbers_bytes(kBlockHalf) +
                                    kAlignment);  // of the beginning
  }

  void set_memory(void* memory) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    memory_ = static_cast<std::byte*>(memory) + (kAlignment - address % kAlignment) % kAlignment;
  }

  std::atomic<std::int64_t>* next_part() const {
    return reinterpret_cast<std::atomic<std::int64_t>*>(memory_);
  }
  BlockActivations activations() const {
    return {reinterpret_cast<std::int8_t*>(memory_ + kAlignment),
            reinterpret_cast<float*>(memory_ + scales_at()),
            reinterpret_cast<std::int32_t*>(memory_ + sums_at())};
  }

 private:
  std::int64_t scales_at() const { return kAlignment + round_up(n_tokens_ * n_in_, kAlignment); }
  std::int64_t sums_at() const { return scales_at() + numbers_bytes(kBlockSize); }
  /// Four bytes for each `size` values.
  std::int64_t numbers_bytes(std::int64_t size) const {
    return round_up(n_tokens_ * (n_in_ / size) * 4, kAlignment);
  }

  std::int64_t n_in_;
  std::int64_t n_tokens_;
  std::byte* memory_ = nullptr;
};

class BlockProduct final : public Operation {
 public:
  BlockProduct(const BlockKernels& kernels, Barrier barrier)
      : kernels_(kernels), barrier_(barrier) {}

  static bool computes(const ggml_tensor* node) {
    if (node->op != GGML_OP_MUL_MAT) return false;
    const ggml_tensor* weights = node->src[0];
    const ggml_tensor* x = node->src[1];
    if (!block_type(weights->type) || weights->ne[2] != 1 || weights->ne[3] != 1) return false;
    if (x->type != GGML_TYPE_F32 || !ggml_is_contiguous(x)) return false;
    if (ggml_nrows(x) < fewest_tokens(weights->type)) return false;
    if (node->type != GGML_TYPE_F32 || !ggml_is_contiguous(node)) return false;
    // Weights in buffers of another layout (repacked, AMX) aren't ours.
    const ggml_tensor* owner = weights->view_src != nullptr ? weights->view_src : weights;
    return owner->buffer != nullptr && ggml_backend_buffer_is_host(owner->buffer);
  }

  bool work_size(int /*n_threads*/, const ggml_tensor* node, std::size_t& size) override {
    size = Work(node).size();
    return true;
  }

  bool compute_forward(ComputeParams* params, ggml_tensor* node) override {
    Work work(node);
    // All threads decide alike. ggml's own kernel gets along with our size, which is larger; a plan
    // that was made before ours were in use has only room for its own.
    if (params->use_reference || params->work_size < work.size()) return false;
    work.set_memory(params->work);
    quantize(*params, *node, work);
    if (params->thread == 0) new (work.next_part()) std::atomic<std::int64_t>(params->n_threads);
    barrier_(params->threadpool);
    multiply(*params, *node, work);
    return true;
  }

 private:
  void quantize(const ComputeParams& params, const ggml_tensor& node, const Work& work) const {
    const ggml_tensor& x = *node.src[1];
    const auto* rows = static_cast<const float*>(x.data);
    const std::int64_t n_tokens = ggml_nrows(&x);
    for (std::int64_t token = params.thread; token < n_tokens; token += params.n_threads)
      kernels_.quantize(rows + token * x.ne[0], x.ne[0], token, work.activations());
  }

  void multiply(const ComputeParams& params, const ggml_tensor& node, const Work& work) const {
    const ggml_tensor& weights = *node.src[0];
    const std::int64_t n_rows = weights.ne[1];
    const std::int64_t n_tiles = (n_rows + kBlockTileRows - 1) / kBlockTileRows;
    const std::int64_t n_parts = std::min(n_tiles, kPartsPerThread * params.n_threads);
    BlockTile tile{
        .type = *block_type(weights.type),
        .weights = nullptr,
        .row_bytes = static_cast<std::ptrdiff_t>(weights.nb[1]),
        .n_rows = 0,
        .n_in = weights.ne[0],
        .x = work.activations(),
        .n_tokens = ggml_nrows(node.src[1]),
        .scratch = static_cast<std::byte*>(thread_scratch(block_scratch_bytes(weights.ne[0]))),
        .y = nullptr,
        .y_stride = n_rows};
    for (std::int64_t part = params.thread; part < n_parts;
         part = work.next_part()->fetch_add(1, std::memory_order_relaxed)) {
      const Share tiles = share_of(n_tiles, static_cast<int>(part), static_cast<int>(n_parts));
      for (std::int64_t i = tiles.begin; i < tiles.end; ++i) {
        const std::int64_t row = i * kBlockTileRows;
        tile.weights = static_cast<const std::byte*>(weights.data) + row * tile.row_bytes;
        tile.n_rows = std::min(kBlockTileRows, n_rows - row);
        tile.y = static_cast<float*>(node.data) + row;
        kernels_.multiply(tile);
      }
    }
  }

  const BlockKernels& kernels_;
  Barrier barrier_;
};

class BlockExtension final : public Extension {
 public:
  BlockExtension(const BlockKernels& kernels, Barrier barrier) : product_(kernels, barrier) {}

  /// It is no place for weights.
  bool supports_op(ggml_backend_dev_t /*device*/, const ggml_tensor* /*node*/) override {
    return false;
  }
  Operation* get_tensor_traits(const ggml_tensor* node) override {
    return BlockProduct::computes(node) ? &product_ : nullptr;
  }

 private:
  BlockProduct product_;
};

bool is_wanted() {
  const char* value = std::getenv(kBlockProductsVariable);
  return value == nullptr || std::string_view(value) != "0";
}

/// llama.cpp asks once for the places that weights may lie in, and is answered by a copy of the
/// list as it is then: ours isn't to be among them.
void fix_weight_places() {
  ggml_backend_reg_t cpu = ggml_backend_cpu_reg();
  const auto places = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(cpu, "ggml_backend_dev_get_extra_bufts"));
  if (places != nullptr) places(ggml_backend_reg_dev_get(cpu, 0));
}

bool extend_ggml() {
  const BlockKernels* kernels = block_kernels();
  if (kernels == nullptr || !is_wanted()) return false;
  if (std::ranges::find(kKnownVersions, std::string_view(ggml_version())) == kKnownVersions.end())
    return false;
  const auto list = reinterpret_cast<List>(dlsym(RTLD_DEFAULT, kListSymbol));
  const auto barrier = reinterpret_cast<Barrier>(dlsym(RTLD_DEFAULT, kBarrierSymbol));
  if (list == nullptr || barrier == nullptr) return false;
  fix_weight_places();
  // Never freed: ggml keeps the pointer, and a graph may still run when the process ends.
  static BufferType* const type =
      new BufferType{{},
                     ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0),
                     new BlockExtension(*kernels, barrier)};
  list().push_back(type);
  return true;
}

}  // namespace

bool use_block_products() {
  static const bool in_use = extend_ggml();
  return in_use;
}

}  // namespace pandagpt
