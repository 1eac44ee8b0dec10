// ImageBind checkpoints (imagebind_huge.pth as published, or the same state dict as safetensors)
// -> encoders.gguf.
#pragma once

#include <ggml.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "encoders/tower_kind.h"

namespace pandagpt {

/// What the conversion can be told; the defaults are for the published checkpoint.
struct ImageBindConversion {
  /// Of the matrices: GGML_TYPE_F32, F16, BF16 or Q8_0. Vectors stay f32, and so do matrices whose
  /// rows are no whole number of blocks of the type.
  ggml_type type = GGML_TYPE_BF16;
  /// Which towers; empty: those that the checkpoint has.
  std::vector<TowerKind> towers = {};
  /// CLIP's vocabulary (clip_vocabulary.h); empty: looked for beside the checkpoint.
  std::filesystem::path vocabulary = {};
  /// Attention heads of towers that are not as wide as ImageBind-Huge's.
  std::map<TowerKind, int> n_heads = {};
  int n_threads = 0;  ///< 0: one a physical core
  std::string name = "ImageBind";
  std::string license = "CC-BY-NC-SA-4.0";
  std::string source = {};  ///< where the checkpoint came from, for the metadata
  /// Told how many bytes of the output have been written, of how many. What it throws ends the
  /// conversion.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress = {};
};

/// Converts `checkpoint` (anything that open_tensor_source takes) to `output`, which is written
/// atomically. Needs little memory whatever the size: the tensors are streamed.
/// Throws Error(kModel) with the names of missing, surplus or wrongly shaped tensors, and
/// Error(kUsage) if a tower was asked for that the checkpoint lacks, or CLIP's vocabulary is not
/// found.
void convert_imagebind(const std::filesystem::path& checkpoint, const std::filesystem::path& output,
                       const ImageBindConversion& conversion = {});

}  // namespace pandagpt
