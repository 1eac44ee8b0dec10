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
/// The cache has the positions of one conversation, n_ctx. Short questions share them, up to
/// kMostAtOnce at once; a long one waits until there is room for it. So memory doesn't grow with
/// the number of threads that ask.
class AnswerEngine {
 public:
  static constexpr int kMostAtOnce = 32;

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
