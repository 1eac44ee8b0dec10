// What `pandagpt inspect` says about an encoders file beyond its metadata and tensors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/gguf_file.h"

namespace pandagpt {

/// One tower of an encoders file.
struct TowerSummary {
  std::string tower;         ///< "vision"
  std::string architecture;  ///< "imagebind"
  std::string sizes;  ///< "1280 wide, 32 blocks, 16 heads, 257 tokens"; empty if not known here
  std::string types;  ///< "bf16, f32", by the space that they take
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;
};

/// The towers in the file; empty if it is no encoders file.
/// Throws Error(kModel) if the metadata of a tower is damaged.
std::vector<TowerSummary> summarize_towers(const GgufFile& file);

}  // namespace pandagpt
