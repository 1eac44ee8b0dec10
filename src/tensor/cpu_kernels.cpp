#include "tensor/cpu_kernels.h"

#include <dlfcn.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "pandagpt/process.h"
#include "tensor/block_product.h"
#include "tensor/cache_attention.h"
#include "tensor/dense_product.h"
#include "tensor/lora_sum.h"

namespace pandagpt {
namespace {

// More of ggml's internals, see cpu_operation.h.

constexpr std::array<std::string_view, 1> kKnownVersions{"0.25.3"};
constexpr const char* kBarrierSymbol = "ggml_barrier";
constexpr const char* kListSymbol = "_Z39ggml_backend_cpu_get_extra_buffer_typesv";

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

using List = std::vector<BufferType*>& (*)();

class OwnKernels final : public Extension {
 public:
  OwnKernels(const BlockKernels* kernels, Barrier barrier)
      : block_(kernels != nullptr ? std::make_unique<BlockProduct>(*kernels, barrier) : nullptr),
        lora_(block_.get(), barrier) {}

  /// It is no place for weights.
  bool supports_op(ggml_backend_dev_t /*device*/, const ggml_tensor* /*node*/) override {
    return false;
  }
  Operation* get_tensor_traits(const ggml_tensor* node) override {
    LoraSum::visit(node);
    if (block_ != nullptr && BlockProduct::computes(node)) return block_.get();
    if (DenseProduct::computes(node)) return &dense_;
    if (LoraSum::computes(node)) return &lora_;
    if (CacheAttentionOperation::computes(node)) return &attention_;
    return nullptr;
  }

 private:
  std::unique_ptr<BlockProduct> block_;
  DenseProduct dense_;
  LoraSum lora_;
  CacheAttentionOperation attention_;
};

bool is_wanted(const char* variable) {
  const char* value = std::getenv(variable);
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

/// A symbol of the copy of ggml that this library uses: a program may have others, and one that was
/// loaded for a plug-in (as Python does) is in no global table.
void* symbol_of_ggml(const char* name) {
  Dl_info place{};
  void* library = nullptr;
  if (dladdr(reinterpret_cast<void*>(&ggml_backend_cpu_reg), &place) != 0)
    library = dlopen(place.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  void* const found = library != nullptr ? dlsym(library, name) : nullptr;
  if (library != nullptr) dlclose(library);  // it stays: this library is linked with it
  return found != nullptr ? found : dlsym(RTLD_DEFAULT, name);
}

CpuKernels extend_ggml() {
  if (!is_wanted(kCpuKernelsVariable)) return {};
  const auto list = reinterpret_cast<List>(symbol_of_ggml(kListSymbol));
  const auto barrier = reinterpret_cast<Barrier>(symbol_of_ggml(kBarrierSymbol));
  const bool is_known =
      std::ranges::find(kKnownVersions, std::string_view(ggml_version())) != kKnownVersions.end();
  if (!is_known || list == nullptr || barrier == nullptr) {
    spdlog::warn(
        "ggml {} isn't one that the kernels of PandaGPT were made for: ggml's own compute, some of "
        "them slower, and an answer may change with what is evaluated beside it",
        ggml_version());
    return {};
  }
  const BlockKernels* block = is_wanted(kBlockProductsVariable) ? block_kernels() : nullptr;
  fix_weight_places();
  // Never freed: ggml keeps the pointer, and a graph may still run when the process ends.
  static BufferType* const type = new BufferType{
      {}, ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0), new OwnKernels(block, barrier)};
  list().insert(list().begin(), type);  // the first of it sees all nodes of a graph
  return {.dense_products = true, .block_products = block != nullptr};
}

}  // namespace

CpuKernels use_cpu_kernels() {
  if (!allowed_process_changes().ggml_kernels) return {};
  static const CpuKernels in_use = extend_ggml();
  return in_use;
}

}  // namespace pandagpt
