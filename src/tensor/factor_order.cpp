#include "tensor/factor_order.h"

namespace pandagpt {
namespace {

/// Of the graph that this thread, its first, computes.
thread_local const std::byte* last_factor = nullptr;

}  // namespace

FactorOrder::Entry& FactorOrder::entry_of(const std::byte* key) {
  constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // Fibonacci hashing
  return entries_[reinterpret_cast<std::uintptr_t>(key) * kGoldenRatio >> (64 - kIndexBits)];
}

Bytes FactorOrder::next(const ComputeParams& params, const ggml_tensor* factor) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const auto* data = static_cast<const std::byte*>(factor->data);
  if (params.thread == 0) {
    Entry& last = entry_of(last_factor);
    last.key.store(last_factor, kRelaxed);
    last.next.store(data, kRelaxed);
    last.size.store(static_cast<std::int64_t>(ggml_nbytes(factor)), kRelaxed);
    last_factor = data;
  }
  const Entry& entry = entry_of(data);
  if (entry.key.load(kRelaxed) != data) return {};
  const Share share = share_of(entry.size.load(kRelaxed), params.thread, params.n_threads);
  return {entry.next.load(kRelaxed) + share.begin, share.end - share.begin};
}

}  // namespace pandagpt
