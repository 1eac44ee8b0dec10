// The one scheduler behind a Panda's questions and chats.
#pragma once

#include <memory>
#include <mutex>

#include "llm/batch_scheduler.h"
#include "llm/llm_model.h"

namespace pandagpt {

/// Makes the scheduler when the first answer needs it: who only embeds needs none. May be used by
/// several threads at once.
///
/// Answers are computed one after the other, and whoever asked reads them at his own pace. Several
/// at once in one cache would be faster, but not the same to the bit (SchedulerOptions::unified),
/// and a cache for each would take their memory whether they come or not.
class AnswerEngine {
 public:
  /// `adapter` may be null.
  AnswerEngine(std::shared_ptr<const LlmModel> model, std::shared_ptr<const LoraAdapter> adapter,
               int n_ctx, int n_threads);

  /// Throws as BatchScheduler's constructor.
  std::shared_ptr<BatchScheduler> scheduler() const;

 private:
  std::shared_ptr<const LlmModel> model_;
  std::shared_ptr<const LoraAdapter> adapter_;
  int n_ctx_;
  int n_threads_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<BatchScheduler> scheduler_;
};

}  // namespace pandagpt
