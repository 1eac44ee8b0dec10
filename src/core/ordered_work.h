// Parallel map over a sequence with in-order delivery of the results.
#pragma once

#include <cstddef>
#include <deque>
#include <future>
#include <optional>
#include <type_traits>
#include <utility>

namespace pandagpt {

/// Calls `next()`, which gives the next piece of work or std::nullopt at the end, `work(piece)` for
/// each in up to `n_workers` threads at once, and `take(result)` in the order of the pieces. `next`
/// and `take` are called by this thread. What any of them throws is thrown, after the running
/// pieces are done.
template <typename Next, typename Work, typename Take>
void work_in_order(int n_workers, Next next, const Work& work, Take take) {
  using Piece = typename std::invoke_result_t<Next>::value_type;
  std::deque<std::future<std::invoke_result_t<const Work&, Piece>>> running;
  bool at_end = false;
  while (!at_end || !running.empty()) {
    while (!at_end && running.size() < static_cast<std::size_t>(n_workers)) {
      std::optional<Piece> piece = next();
      at_end = !piece;
      if (piece)
        running.push_back(std::async(
            std::launch::async, [&work](Piece given) { return work(std::move(given)); },
            std::move(*piece)));
    }
    if (running.empty()) break;
    take(running.front().get());
    running.pop_front();
  }
}

}  // namespace pandagpt
