// llama.cpp's importance matrices: how much each input of a weight matrix matters.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace pandagpt {

/// Mean squares of the activations that a weight is multiplied with, by the weight's name:
/// (n_in) floats, or (n_experts, n_in) in row-major order.
using ImportanceMatrix = std::map<std::string, std::vector<float>>;

/// Reads the GGUF form, as llama-imatrix writes it (tensors NAME.in_sum2 and NAME.counts).
/// Throws Error(kModel): missing, another format, damaged.
ImportanceMatrix read_importance_matrix(const std::filesystem::path& path);

}  // namespace pandagpt
