// Tokens of conversations, kept from epoch to epoch.
#pragma once

#include <cstdint>
#include <vector>

#include "train/dataset.h"

namespace pandagpt::train {

/// The memory that all tokens of a run may take together.
class TokenMemory {
 public:
  explicit TokenMemory(std::uint64_t bytes) : left_(bytes) {}
  /// Takes `bytes` of it; false if that is more than is left.
  bool take(std::uint64_t bytes);
  std::uint64_t left() const { return left_; }

 private:
  std::uint64_t left_;
};

/// Examples by number. What the memory has no room for isn't kept. Not thread safe.
class KeptExamples {
 public:
  /// `memory` must outlive this.
  KeptExamples(std::int64_t n_examples, TokenMemory& memory);

  /// False if it is not here. `source` is left alone.
  bool find(std::int64_t number, Example& example) const;
  void keep(std::int64_t number, const Example& example);

 private:
  /// A token, of which two bits say what it is; the vocabulary's numbers are below 2^30.
  using Packed = std::uint32_t;
  struct Kept {
    std::vector<Packed> tokens;  // none: not here
    std::int32_t n_inputs = 0;
    bool is_cut = false;
  };

  TokenMemory& memory_;
  std::vector<Kept> examples_;
};

}  // namespace pandagpt::train
