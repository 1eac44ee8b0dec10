// The loaded model at work: encoders and language model, each with its own threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llm/batch_scheduler.h"
#include "llm/conversation.h"
#include "pipeline/loaded_model.h"
#include "server/metrics.h"
#include "server/server_options.h"
#include "server/work_queue.h"

namespace pandagpt {

/// A conversation as a client sends it.
struct ConversationRequest {
  struct Question {
    std::string text;
    Inputs inputs;
  };
  /// One more question than answers.
  std::vector<Question> questions;
  std::vector<std::string> answers;
};

/// How long the inputs took.
struct EncodeReport {
  double ms = 0;
  int n_inputs = 0;
  int n_cached = 0;
};

/// May be used by several threads at once.
class Engine {
 public:
  /// Loads the model. Throws as Panda's constructor and BatchScheduler's.
  Engine(const ServerOptions& options, Metrics& metrics);

  const LoadedModel& model() const { return model_; }
  BatchScheduler& scheduler() { return scheduler_; }
  const BatchScheduler& scheduler() const { return scheduler_; }
  const WorkQueue& encoder_jobs() const { return encoder_jobs_; }
  const std::string& name() const { return name_; }  ///< for clients

  /// The prompt of a conversation; encodes its inputs. `unwanted`: see WorkQueue::run. Throws as
  /// Panda::ask, and ClientGone.
  PromptSequence prompt(const ConversationRequest& conversation,
                        const std::function<bool()>& unwanted, EncodeReport& report);

  /// A conversation as it is written out, with `mark` for the inputs of a question.
  std::string prompt_text(const ConversationRequest& conversation, const std::string& mark) const;

  /// A prompt without the protocol: BOS and the texts, with one of the inputs behind each but the
  /// last. Throws as prompt().
  PromptSequence raw_prompt(const std::vector<std::string>& texts,
                            const std::vector<Inputs>& inputs,
                            const std::function<bool()>& unwanted, EncodeReport& report);

  /// Embeddings of inputs or texts, one row each. Throws as Embedder's, and ClientGone.
  std::vector<std::vector<float>> embed(const std::vector<Inputs>& inputs,
                                        const std::function<bool()>& unwanted);
  std::vector<std::vector<float>> embed_texts(const std::vector<std::string>& texts,
                                              const std::function<bool()>& unwanted);

 private:
  /// Projected inputs, by place; empty where there are none.
  std::vector<std::vector<float>> project(const std::vector<const Inputs*>& inputs,
                                          const std::function<bool()>& unwanted,
                                          EncodeReport& report);
  void run_encoders(const std::function<void()>& work, const std::function<bool()>& unwanted);
  Conversation conversation_of(const ConversationRequest& request,
                               std::vector<std::vector<float>> images) const;
  std::vector<std::vector<float>> rows(const std::vector<float>& values) const;

  Metrics& metrics_;
  LoadedModel model_;
  std::string name_;
  BatchScheduler scheduler_;
  WorkQueue encoder_jobs_;
  std::string files_folder_;  // with a slash
};

}  // namespace pandagpt
