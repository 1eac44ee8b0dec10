// The FNV-1a hash: small checksums and seeds, no protection against intent.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pandagpt::train {

/// `hash` continues an earlier one. (http://www.isthe.com/chongo/tech/comp/fnv)
inline std::uint32_t fnv1a(const void* data, std::size_t size, std::uint32_t hash = 2166136261U) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  for (std::size_t i = 0; i < size; ++i)
    hash = (hash ^ bytes[i]) * 16777619U;
  return hash;
}

}  // namespace pandagpt::train
