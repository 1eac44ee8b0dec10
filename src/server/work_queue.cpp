#include "server/work_queue.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/time_limit.h"
#include "server/api_error.h"
#include "tensor/helper_threads.h"

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
    for (const std::shared_ptr<Job>& job : waiting_)
      job->work.reset();  // a broken promise for who waits
    waiting_.clear();
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
}

std::unique_ptr<WorkQueue::Pending> WorkQueue::submit(std::function<void()> work) {
  const auto job = std::make_shared<Job>(std::move(work));
  auto pending = std::make_unique<Pending>(*this, job);  // a job in the queue has an owner
  {
    const std::lock_guard lock(mutex_);
    if (stopping_)
      job->work.reset();  // a broken promise
    else
      waiting_.push_back(job);
  }
  arrived_.notify_one();
  return pending;
}

WorkQueue::Pending::Pending(WorkQueue& queue, std::shared_ptr<Job> job)
    : queue_(queue), job_(std::move(job)), result_(job_->work.get_future()) {}

WorkQueue::Pending::~Pending() {
  if (!result_.valid()) return;
  job_->cancelled = true;
  {
    const std::lock_guard lock(queue_.mutex_);
    if (std::erase(queue_.waiting_, job_) > 0) return;
  }
  result_.wait();
}

bool WorkQueue::Pending::wait(std::chrono::milliseconds patience) {
  if (!result_.valid()) return true;
  if (result_.wait_for(patience) != std::future_status::ready) return false;
  try {
    result_.get();
  } catch (const std::future_error&) {
    throw ApiError::unavailable("the server is being stopped");
  }
  return true;
}

void WorkQueue::run(const std::function<void()>& work, const std::function<bool()>& unwanted) {
  const std::unique_ptr<Pending> pending = submit(work);
  while (!pending->wait(kLookInterval))
    if (unwanted()) throw ClientGone();
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
    end_helper_threads();
    lock.lock();
    --n_running_;
  }
}

}  // namespace pandagpt
