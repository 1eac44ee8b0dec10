// A few threads for work that must not hold up tokens: decoding and encoding of inputs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace pandagpt {

/// The client has gone: nobody waits for the result.
class ClientGone : public std::runtime_error {
 public:
  ClientGone() : std::runtime_error("the client has closed the connection") {}
};

/// May be used by several threads at once. How much may wait is the callers' business (Admission).
class WorkQueue {
 public:
  explicit WorkQueue(int n_threads);
  /// Waits for work that is running; what waits is dropped.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// Runs `work` on one of the threads and waits for it; rethrows what it throws. When `unwanted`
  /// becomes true, a TimeLimit around the work passes, and ClientGone is thrown when it has ended.
  void run(const std::function<void()>& work, const std::function<bool()>& unwanted);

  int size() const;  ///< waiting and running

 private:
  struct Job;
  void loop();

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<Job>> waiting_;
  int n_running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pandagpt
