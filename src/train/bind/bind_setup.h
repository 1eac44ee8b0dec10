// From the settings of `pandagpt-train bind` to what the training loop works on: lists of pairs,
// and a side for each sense in them.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "embed/pairs.h"
#include "tensor/gguf_file.h"
#include "train/bind/bind_options.h"
#include "train/bind/sides.h"
#include "train/bind/tower_settings.h"

namespace pandagpt::train {

struct BindSetup {
  std::optional<GgufFile> base;  ///< the encoders file that is added to
  TowerSettings settings;
  InputTable inputs;
  std::vector<PairList> training;
  std::vector<double> weights;  ///< of the training lists: their shares of the steps, sum 1
  std::vector<PairList> validation;
  std::unique_ptr<BlobStore> cache;
  std::map<TowerKind, std::unique_ptr<Side>> sides;  ///< of every sense in the lists
  std::vector<std::string> failures;                 ///< inputs that could not be read
};

/// Reads the lists, decodes and encodes what the cache doesn't have, and makes the encoders with
/// their starting weights. `encoders` is the file that is added to; empty: none. Throws Error:
/// kUsage for settings that don't fit together, kInput for lists and inputs that can't be used (or
/// too many that can't), kModel for a file without a tower that a list needs.
std::unique_ptr<BindSetup> make_bind_setup(const BindOptions& options,
                                           const std::filesystem::path& encoders);

}  // namespace pandagpt::train
