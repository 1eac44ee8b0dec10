// The schedulers behind a Panda's questions and chats.
#pragma once

#include <memory>
#include <mutex>

#include "llm/batch_scheduler.h"
#include "llm/llm_model.h"

namespace pandagpt {

/// Makes a scheduler when the first answer needs it: who only embeds needs none. May be used by
/// several threads at once.
///
/// One answer at a time is computed in one cache, where it may be searched with beams. Several at
/// once have a cache each: in one cache for all they would not be the same to the bit
/// (SchedulerOptions::unified). Whoever asked reads the answer at his own pace.
class AnswerEngine {
 public:
  struct Options {
    int n_ctx = 0;
    int n_threads = 0;
    int n_parallel = 1;  ///< answers computed at once
  };

  /// `adapter` may be null. Throws Error(kUsage) if n_parallel isn't positive.
  AnswerEngine(std::shared_ptr<const LlmModel> model, std::shared_ptr<const LoraAdapter> adapter,
               const Options& options);

  /// For answers with these options. Throws as BatchScheduler's constructor.
  std::shared_ptr<BatchScheduler> scheduler(const GenerateOptions& options = {}) const;

 private:
  std::shared_ptr<const LlmModel> model_;
  std::shared_ptr<const LoraAdapter> adapter_;
  Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<BatchScheduler> make_scheduler(int n_slots) const;

  mutable std::shared_ptr<BatchScheduler> one_at_a_time_;
  mutable std::shared_ptr<BatchScheduler> several_;
};

}  // namespace pandagpt
