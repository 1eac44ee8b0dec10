#include "train/kept_examples.h"

namespace pandagpt::train {
namespace {

constexpr int kLabelBit = 31;
constexpr std::uint32_t kIsLabel = 1U << kLabelBit;
constexpr std::uint32_t kIsImage = 1U << 30;
constexpr std::uint64_t kHeapBytes = 16;  // what an allocation takes beside its content

}  // namespace

bool TokenMemory::take(std::uint64_t bytes) {
  if (bytes > left_) return false;
  left_ -= bytes;
  return true;
}

KeptExamples::KeptExamples(std::int64_t n_examples, TokenMemory& memory) : memory_(memory) {
  if (memory_.take(static_cast<std::uint64_t>(n_examples) * sizeof(Kept)))
    examples_.resize(static_cast<std::size_t>(n_examples));
}

bool KeptExamples::find(std::int64_t number, Example& example) const {
  const auto index = static_cast<std::size_t>(number);
  if (index >= examples_.size() || examples_[index].tokens.empty()) return false;
  const Kept& kept = examples_[index];
  const std::size_t n = kept.tokens.size();
  example.n_inputs = kept.n_inputs;
  example.is_cut = kept.is_cut;
  example.tokens.resize(n);
  example.is_label.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const Packed token = kept.tokens[i];
    example.is_label[i] = static_cast<std::uint8_t>(token >> kLabelBit);
    example.tokens[i] = (token & kIsImage) != 0 ? Example::kImageToken
                                                : static_cast<std::int32_t>(token & ~kIsLabel);
  }
  return true;
}

void KeptExamples::keep(std::int64_t number, const Example& example) {
  const auto index = static_cast<std::size_t>(number);
  if (index >= examples_.size() || !examples_[index].tokens.empty()) return;
  const std::size_t n = example.tokens.size();
  if (!memory_.take(n * sizeof(Packed) + kHeapBytes)) return;
  Kept& kept = examples_[index];
  kept.n_inputs = static_cast<std::int32_t>(example.n_inputs);
  kept.is_cut = example.is_cut;
  kept.tokens.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t token = example.tokens[i];
    kept.tokens[i] = (token == Example::kImageToken ? kIsImage : static_cast<Packed>(token)) |
                     (example.is_label[i] != 0 ? kIsLabel : 0);
  }
}

}  // namespace pandagpt::train
