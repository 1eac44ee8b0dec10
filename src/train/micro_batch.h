// A step's batch, cut up for several processes and for the memory of each.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/dataset.h"

namespace pandagpt::train {

/// Neighbouring groups of a step that are packed and computed together.
struct MicroBatch {
  Batch groups;
  std::int64_t first_token = 0;    ///< PackedBatch::first_token
  std::int64_t first_feature = 0;  ///< PackedBatch::first_feature
};

/// What one process does in a step.
struct StepShare {
  std::vector<MicroBatch> parts;  ///< may be empty: a batch of fewer groups than processes
  std::int64_t n_labels = 0;      ///< of the whole step: what the loss is divided by
};

/// Process `rank` of `world_size` gets a run of groups with about its share of the batch's tokens,
/// in parts of at most `max_conversations` (0: one part; a group is never cut). The numbers in a
/// part count from the first group of the batch, so that the sum over all parts of all processes
/// doesn't depend on how the step is cut.
StepShare share_of_step(std::span<const Example> examples, const Batch& batch, int rank,
                        int world_size, std::int64_t max_conversations);

}  // namespace pandagpt::train
