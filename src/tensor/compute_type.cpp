#include "tensor/compute_type.h"

#include <array>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::array<std::pair<ComputeType, const char*>, 4> kNames{{{ComputeType::kAuto, "auto"},
                                                                     {ComputeType::kF32, "f32"},
                                                                     {ComputeType::kBf16, "bf16"},
                                                                     {ComputeType::kInt8, "int8"}}};

bool is_supported(ComputeType type, const CpuSupport& cpu) {
  switch (type) {
    case ComputeType::kBf16:
      return cpu.bf16 || cpu.bf16_emulated;
    case ComputeType::kInt8:
      return cpu.int8;
    default:
      return true;
  }
}

}  // namespace

const char* compute_type_name(ComputeType type) {
  for (const auto& [value, name] : kNames)
    if (value == type) return name;
  return "?";
}

ComputeType parse_compute_type(const std::string& name) {
  for (const auto& [value, known] : kNames)
    if (known == name) return value;
  throw Error(ErrorKind::kUsage,
              "unknown compute type \"" + name + "\"; it may be auto, f32, bf16 or int8");
}

CpuSupport cpu_support() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_amx:
      return {.bf16 = true, .int8 = true, .has_panels = true, .instruction_set = "AMX"};
    case dnnl::cpu_isa::avx512_core_bf16:
      return {.bf16 = true, .int8 = true, .has_panels = true, .instruction_set = "AVX-512 BF16"};
    case dnnl::cpu_isa::avx512_core_vnni:
      return {.bf16_emulated = true,
              .int8 = true,
              .has_panels = true,
              .instruction_set = "AVX-512 VNNI"};
    case dnnl::cpu_isa::avx512_core:
      return {.bf16_emulated = true, .has_panels = true, .instruction_set = "AVX-512"};
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx2_vnni:
      return {.instruction_set = "AVX2"};
    default:
      return {.instruction_set = "neither AVX2 nor AVX-512"};
  }
}

ComputeChoice choose_compute_type(ComputeType wanted, ggml_type stored, const CpuSupport& cpu) {
  if (wanted != ComputeType::kAuto) {
    if (!is_supported(wanted, cpu))
      throw Error(ErrorKind::kUsage, std::string("this CPU (") + cpu.instruction_set +
                                         ") can't compute in " + compute_type_name(wanted) +
                                         "; choose f32 or auto");
    return {wanted, std::string(compute_type_name(wanted)) + ", as asked for"};
  }
  const std::string file = std::string(ggml_type_name(stored)) + " weights";
  if (stored == GGML_TYPE_Q8_0 && cpu.int8)
    return {ComputeType::kInt8, "int8: " + file + " on " + cpu.instruction_set};
  if (cpu.bf16) return {ComputeType::kBf16, "bf16: " + file + " on " + cpu.instruction_set};
  return {ComputeType::kF32, "f32: " + cpu.instruction_set + " has no faster kernels for " + file};
}

}  // namespace pandagpt
