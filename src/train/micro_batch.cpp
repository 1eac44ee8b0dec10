#include "train/micro_batch.h"

#include <algorithm>

namespace pandagpt::train {

StepShare share_of_step(std::span<const Example> examples, const Batch& batch, int rank,
                        int world_size, std::int64_t max_conversations) {
  std::vector<PackedSize> sizes;
  std::int64_t all_tokens = 0;
  StepShare share;
  for (const Group& group : batch) {
    sizes.push_back(packed_size(examples, group));
    all_tokens += sizes.back().n_tokens;
    share.n_labels += sizes.back().n_labels;
  }
  std::int64_t token = 0;
  std::int64_t feature = 0;
  std::int64_t conversations = 0;  // in the last part
  for (std::size_t i = 0; i < batch.size(); ++i) {
    // whose share the middle of the group lies in
    const std::int64_t owner = (2 * token + sizes[i].n_tokens) * world_size / (2 * all_tokens);
    if (owner == rank) {
      const auto size = static_cast<std::int64_t>(batch[i].size());
      if (share.parts.empty() ||
          (max_conversations > 0 && conversations + size > max_conversations)) {
        share.parts.push_back({{}, token, feature});
        conversations = 0;
      }
      share.parts.back().groups.push_back(batch[i]);
      conversations += size;
    }
    token += sizes[i].n_tokens;
    feature += sizes[i].n_features;
  }
  return share;
}

}  // namespace pandagpt::train
