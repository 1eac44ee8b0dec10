// Which encoders are trained, and their sizes.
//
// Sizes are JSON, in a file or as the option's text, with the names that encoders files have
// (encoders/imagebind_config.h); what isn't given has a small tower's value:
//
//   {"embedding_length": 256,
//    "towers": {"imu": {"width": 128, "block_count": 4, "head_count": 4, "feed_forward_length":
//    512,
//                       "input": [6, 1, 1, 250], "kernel": [1, 1, 10], "stride": [1, 1, 5]},
//               "text": {"context_length": 48, "vocab_size": 4096},
//               "image": {"hidden": 1024}}}
//
// "image" is a head on the frozen convolutional trunk of the encoders file ("hidden": 0 for a
// single layer; "principal": true for principal components, which stay as they are), or, with other
// keys or without such a trunk, a transformer. Audio, depth and thermal towers may share that
// trunk:
// {"trunk": true, "hidden": 512}, with the "input" that it sees.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "encoders/imagebind_config.h"
#include "tensor/gguf_file.h"
#include "train/bind/trunk_head.h"

namespace pandagpt::train {

struct TowerSettings {
  int n_embd = 0;                                   ///< width of the joint space
  std::map<TowerKind, TowerConfig> towers = {};     ///< transformers to train
  std::map<TowerKind, TrunkHeadConfig> heads = {};  ///< on the trunk of the vision tower
  std::vector<TowerKind> continued = {};  ///< those of them that start from the file's weights

  bool trains(TowerKind tower) const { return towers.contains(tower) || heads.contains(tower); }
};

/// Senses separated by commas ("imu,text"). Throws Error(kUsage) for an unknown or repeated one.
std::vector<TowerKind> parse_senses(const std::string& list);

/// `sizes` is JSON text, the path of a JSON file, or empty. `base` is the encoders file that is
/// added to, or nullptr; a tower that it has and that `sizes` says nothing about is trained
/// further. Throws Error(kUsage) for keys and values that can't be, and if the joint space's width
/// isn't that of the towers that stay.
TowerSettings tower_settings(const std::vector<TowerKind>& trained, const std::string& sizes,
                             const GgufFile* base);

/// A small tower of the kind, of the default width of the joint space.
TowerConfig small_tower_config(TowerKind tower);

}  // namespace pandagpt::train
