#include "pipeline/answer_engine.h"

#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

/// Whoever asks a Panda waits anyway.
constexpr int kAnyNumber = 1 << 30;

}  // namespace

AnswerEngine::AnswerEngine(std::shared_ptr<const LlmModel> model,
                           std::shared_ptr<const LoraAdapter> adapter, const Options& options)
    : model_(std::move(model)), adapter_(std::move(adapter)), options_(options) {
  if (options.n_parallel < 1)
    throw Error(ErrorKind::kUsage, "the number of answers at once must be at least 1");
}

std::shared_ptr<BatchScheduler> AnswerEngine::scheduler(const GenerateOptions& options) const {
  const bool is_search = options.n_beams > 1;
  const int n_slots = is_search ? 1 : options_.n_parallel;
  const std::lock_guard lock(mutex_);
  std::shared_ptr<BatchScheduler>& scheduler = n_slots == 1 ? one_at_a_time_ : several_;
  if (!scheduler) scheduler = make_scheduler(n_slots);
  return scheduler;
}

std::shared_ptr<BatchScheduler> AnswerEngine::make_scheduler(int n_slots) const {
  SchedulerOptions options;
  options.n_slots = n_slots;
  options.unified = n_slots == 1;
  options.n_ctx = options_.n_ctx;
  options.n_threads = options_.n_threads;
  options.max_waiting = kAnyNumber;
  return std::make_shared<BatchScheduler>(model_, adapter_, options);
}

}  // namespace pandagpt
