#include "pipeline/answer_engine.h"

#include <utility>

namespace pandagpt {
namespace {

/// Whoever asks a Panda waits anyway.
constexpr int kAnyNumber = 1 << 30;

}  // namespace

AnswerEngine::AnswerEngine(std::shared_ptr<const LlmModel> model,
                           std::shared_ptr<const LoraAdapter> adapter, int n_ctx, int n_threads)
    : model_(std::move(model)),
      adapter_(std::move(adapter)),
      n_ctx_(n_ctx),
      n_threads_(n_threads) {}

std::shared_ptr<BatchScheduler> AnswerEngine::scheduler() const {
  const std::lock_guard lock(mutex_);
  if (!scheduler_) {
    SchedulerOptions options;
    options.n_slots = 1;
    options.unified = true;
    options.n_ctx = n_ctx_;
    options.n_threads = n_threads_;
    options.max_waiting = kAnyNumber;
    scheduler_ = std::make_shared<BatchScheduler>(model_, adapter_, options);
  }
  return scheduler_;
}

}  // namespace pandagpt
