// Memory that is fetched ahead: which LoRA factor follows which.
#pragma once

#include <array>
#include <atomic>

#include "tensor/cpu_operation.h"

namespace pandagpt {

inline constexpr std::int64_t kCacheLine = 64;

struct Bytes {
  const std::byte* data = nullptr;
  std::int64_t size = 0;
};

/// A hint: whatever the address is, nothing is read.
inline void fetch_ahead(Bytes bytes) {
  for (std::int64_t i = 0; i < bytes.size; i += kCacheLine)
    __builtin_prefetch(bytes.data + i);
}

/// An operation of ggml doesn't know what comes after it, but a language model computes the same
/// matrices in the same order for each token. So the order is learned from the token before. A
/// wrong guess costs the time of fetching; what is remembered is never read, so it may be long
/// gone.
class FactorOrder {
 public:
  /// Notes that `factor` is computed, and returns the calling thread's share of what followed it
  /// the last time: nothing, if that isn't known.
  Bytes next(const ComputeParams& params, const ggml_tensor* factor);

 private:
  struct Entry {
    std::atomic<const std::byte*> key = nullptr;
    std::atomic<const std::byte*> next = nullptr;
    std::atomic<std::int64_t> size = 0;
  };
  Entry& entry_of(const std::byte* key);

  /// Direct-mapped; a 70B model has 560 matrices with a LoRA.
  static constexpr int kIndexBits = 11;
  std::array<Entry, std::size_t{1} << kIndexBits> entries_;
};

}  // namespace pandagpt
