// How the threads of an operator divide their work.
#pragma once

#include <cstdint>

namespace pandagpt {

/// The items [begin, end) of one thread.
struct Share {
  std::int64_t begin;
  std::int64_t end;
};
inline Share share_of(std::int64_t total, int thread, int n_threads) {
  return {total * thread / n_threads, total * (thread + 1) / n_threads};
}

}  // namespace pandagpt
