#include "eval/accuracy.h"

#include <algorithm>

namespace pandagpt {

bool in_top_k(std::span<const float> logits, int label, int k) {
  const float own = logits[static_cast<std::size_t>(label)];
  const auto not_below = std::ranges::count_if(logits, [own](float x) { return !(x <= own); });
  return not_below < k;
}

}  // namespace pandagpt
