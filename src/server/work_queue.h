// A few threads for work that must not hold up tokens: decoding and encoding of inputs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
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
  struct Job;

 public:
  explicit WorkQueue(int n_threads);
  /// Waits for work that is running; what waits is dropped.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// Handle of a submitted job.
  class Pending {
   public:
    Pending(WorkQueue& queue, std::shared_ptr<Job> job);
    /// Drops a job that has not started. Cancels one that has (a TimeLimit around it passes) and
    /// waits for its end: it may refer to what the caller owns.
    ~Pending();
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;

    /// Whether the work has ended; waits for that up to `patience`. Rethrows what it threw.
    bool wait(std::chrono::milliseconds patience);

   private:
    WorkQueue& queue_;
    std::shared_ptr<Job> job_;
    std::future<void> result_;  // not valid: taken
  };

  /// `work` is run by one of the threads.
  std::unique_ptr<Pending> submit(std::function<void()> work);

  /// Runs `work` on one of the threads and waits for it; rethrows what it throws. When `unwanted`
  /// becomes true, it is given up as by ~Pending, and ClientGone is thrown.
  void run(const std::function<void()>& work, const std::function<bool()>& unwanted);

  int size() const;  ///< waiting and running

 private:
  void loop();

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<Job>> waiting_;
  int n_running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pandagpt
