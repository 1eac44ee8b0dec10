// An architecture of towers that the library doesn't have, added as CONTRIBUTING.md says: the
// colours of each frame of a view, and attention from the first frame to all.
//
// Letters of shapes: C channels, F frames, P pixels of a frame, E width, J width of the joint
// space. An encoders file holds for each tower
//   pandagpt.TOWER.architecture     "test-frames"
//   pandagpt.TOWER.input            u32[4]: channels, frames, height, width
//   pandagpt.TOWER.head_count       u32
//   pandagpt.TOWER.image_mean, ..   of pictures and films (encoders/picture_keys.h)
//   pandagpt.TOWER.energy_mean      f32, of sounds
//   pandagpt.TOWER.energy_std       f32, of sounds
//   TOWER.stem.weight               [C, E]   .bias [E]
//   TOWER.block.PART                as TransformerBlock names them
//   TOWER.head.weight               [E, J]
// and for the text tower, whose tokens are bytes, TOWER.bytes [J, 256].
#pragma once

#include <vector>

#include "encoders/tower_kind.h"
#include "preprocess/image.h"
#include "tensor/gguf_file.h"

namespace pandagpt::test {

inline constexpr char kFrameArchitecture[] = "test-frames";

struct FrameTowerConfig {
  TowerKind kind = TowerKind::kVision;
  std::vector<std::uint32_t> input = {};  ///< C, F, height, width
  std::uint32_t width = 8;                ///< E
  std::uint32_t n_heads = 2;
  std::uint32_t n_embd = 0;  ///< J
  ChannelStats stats = {};   ///< of pictures and films
  float energy_mean = 0;     ///< of sounds
  float energy_std = 1;      ///< of sounds
};

/// Adds the architecture to the library's, unless it is there already.
void register_frame_tower();

/// Writes keys and random weights, another set for each kind.
void write_frame_tower(GgufWriter& writer, const FrameTowerConfig& config);

/// The same computed with plain loops in double precision: (J) of one view.
std::vector<double> expected_of_view(const GgufFile& file, const FrameTowerConfig& config,
                                     const float* view);

}  // namespace pandagpt::test
