#include "server/work_queue.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <utility>

#include "core/time_limit.h"
#include "server/api_error.h"

namespace pandagpt {
namespace {

constexpr auto kLookInterval = std::chrono::milliseconds(50);  // between two looks at the client

}  // namespace

struct WorkQueue::Job {
  explicit Job(std::function<void()> what) : work(std::move(what)) {}
  std::packaged_task<void()> work;
  std::atomic<bool> cancelled = false;
};

WorkQueue::WorkQueue(int n_threads) {
  for (int i = 0; i < std::max(1, n_threads); ++i)
    threads_.emplace_back([this] { loop(); });
}

WorkQueue::~WorkQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();  // their callers get a broken promise
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
}

void WorkQueue::run(const std::function<void()>& work, const std::function<bool()>& unwanted) {
  const auto job = std::make_shared<Job>(work);
  std::future<void> result = job->work.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw ApiError::unavailable("the server is being stopped");
    waiting_.push_back(job);
  }
  arrived_.notify_one();
  while (result.wait_for(kLookInterval) != std::future_status::ready) {
    if (job->cancelled || !unwanted()) continue;
    job->cancelled = true;
    const std::lock_guard lock(mutex_);
    if (std::erase(waiting_, job) > 0) throw ClientGone();
    // It refers to what the caller owns, so the caller waits until it has noticed.
  }
  if (job->cancelled) throw ClientGone();
  try {
    result.get();
  } catch (const std::future_error&) {
    throw ApiError::unavailable("the server is being stopped");
  }
}

int WorkQueue::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(waiting_.size()) + n_running_;
}

void WorkQueue::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    ++n_running_;
    lock.unlock();
    {
      const TimeLimit limit(std::chrono::duration<double>(0),
                            [&job] { return job->cancelled.load(); });
      job->work();
    }
    lock.lock();
    --n_running_;
  }
}

}  // namespace pandagpt
