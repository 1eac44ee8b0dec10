// In which arithmetic a linear layer is computed on the CPU, and how that is chosen.
#pragma once

#include <ggml.h>

#include <string>

namespace pandagpt {

enum class ComputeType {
  kAuto,  ///< what choose_compute_type finds best
  kF32,
  kBf16,  ///< weights and activations in bfloat16, sums in float32
  kInt8,  ///< weights with one scale an output channel, activations with one a token; sums in int32
};

/// "auto", "f32", "bf16", "int8".
const char* compute_type_name(ComputeType type);
/// The reverse. Throws Error(kUsage) for another word.
ComputeType parse_compute_type(const std::string& name);

/// What oneDNN has fast kernels for on this CPU (instructions, and AMX only if the system allows
/// it).
struct CpuSupport {
  bool bf16 = false;            ///< AVX-512 BF16 or AMX
  bool bf16_emulated = false;   ///< AVX-512 without it: right, but slower than f32
  bool int8 = false;            ///< AVX-512 VNNI or AMX
  bool has_panels = false;      ///< AVX-512: weights in panels of 64 columns (packed_matrix.h)
  std::string instruction_set;  ///< for messages: "AVX-512 BF16"
};
CpuSupport cpu_support();

/// The decision and one sentence why.
struct ComputeChoice {
  ComputeType type = ComputeType::kF32;  ///< never kAuto
  std::string reason;
};

/// Chooses for weights that are stored as `stored`. kAuto keeps the file's precision where the CPU
/// is fast at it: 8-bit weights are computed in int8, all others in bf16. Without such instructions
/// it is f32. Throws Error(kUsage) if `wanted` can't be computed on this CPU.
ComputeChoice choose_compute_type(ComputeType wanted, ggml_type stored, const CpuSupport& cpu);

}  // namespace pandagpt
