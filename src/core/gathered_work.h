// Work of several threads that is done one batch at a time: what gathers while one batch is done is
// the next one.
#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "core/time_limit.h"

namespace pandagpt {

template <typename Item>
class GatheredWork {
 public:
  using Work = std::function<void(std::span<Item* const>)>;

  /// `work` gets the items of one or more callers, in one thread at a time.
  explicit GatheredWork(Work work) : work_(std::move(work)) {}

  /// Has `items` worked on, perhaps together with other threads'. What `work` throws is thrown in
  /// each thread whose items were in the batch. Throws Error(kInput) if this thread's TimeLimit has
  /// passed before its turn; `name` stands in that message.
  void run(std::span<Item* const> items, const char* name) {
    Request own{.items = items};
    {
      const std::lock_guard lock(waiting_mutex_);
      waiting_.push_back(&own);
    }
    const std::lock_guard turn(turn_);
    if (!own.is_done) {           // nobody has taken it along
      if (TimeLimit::passed()) {  // while others had their turn
        withdraw(own);
        TimeLimit::check(name);
      }
      do_batch(take_waiting());
    }
    if (own.failure) std::rethrow_exception(own.failure);
  }

  /// No batch is worked on while the lock is held.
  std::unique_lock<std::mutex> pause() { return std::unique_lock(turn_); }

 private:
  struct Request {
    std::span<Item* const> items;
    bool is_done = false;  // guarded by turn_, as the failure
    std::exception_ptr failure = {};
  };

  void withdraw(Request& request) {
    const std::lock_guard lock(waiting_mutex_);
    std::erase(waiting_, &request);
  }

  std::vector<Request*> take_waiting() {
    const std::lock_guard lock(waiting_mutex_);
    return std::exchange(waiting_, {});
  }

  /// All that can fail is inside: the others of the batch must learn of it, too.
  void do_batch(const std::vector<Request*>& batch) noexcept {
    std::exception_ptr failure;
    try {
      std::vector<Item*> all;
      for (const Request* one : batch)
        all.insert(all.end(), one->items.begin(), one->items.end());
      work_(all);
    } catch (...) {
      failure = std::current_exception();
    }
    for (Request* one : batch) {
      one->failure = failure;
      one->is_done = true;
    }
  }

  Work work_;
  std::mutex turn_;
  std::mutex waiting_mutex_;
  std::vector<Request*> waiting_;
};

}  // namespace pandagpt
