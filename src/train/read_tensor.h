// Tensors of GGUF files as libtorch's.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "tensor/gguf_file.h"

namespace pandagpt::train {

/// Its values in float32, dequantised if need be. Throws Error(kModel) if there is none of `sizes`.
inline torch::Tensor read_tensor(const GgufFile& file, const std::string& name,
                                 at::IntArrayRef sizes) {
  std::vector<float> values = file.read_f32(name, TensorShape(sizes.rbegin(), sizes.rend()));
  return torch::from_blob(values.data(), sizes, torch::kFloat32).clone();
}

}  // namespace pandagpt::train
