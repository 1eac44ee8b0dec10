// The loaded model at work: encoders and language model, each with its own threads.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/batch_scheduler.h"
#include "llm/conversation.h"
#include "pandagpt/facts.h"
#include "pipeline/loaded_model.h"
#include "server/metrics.h"
#include "server/server_options.h"
#include "server/work_queue.h"

namespace pandagpt {

class FileStore;

/// A conversation as a client sends it. With LaterInputs::kReplace only the newest inputs are in
/// it.
struct ConversationRequest {
  struct Question {
    std::string text;
    Inputs inputs;
    std::string asked = {};  ///< of the text what the user says, without system messages
  };
  /// One more question than answers.
  std::vector<Question> questions;
  std::vector<std::string> answers;
  LaterInputs later_inputs = LaterInputs::kReplace;
  bool wants_facts = false;  ///< the answer is to tell what was measured in the inputs
};

/// The inputs of one place of a prompt; of a place without any both are empty.
struct ProjectedInputs {
  std::vector<float> values;
  std::string facts_line;  ///< where the model is told what was measured
};

/// How long the inputs took.
struct EncodeReport {
  double ms = 0;
  int n_inputs = 0;
  int n_cached = 0;
  std::vector<std::string> warnings = {};  ///< see Answer
  bool is_unsure = false;                  ///< about an input of the last question
  std::optional<std::vector<InputFacts>> facts =
      {};  ///< of all inputs, where the client wants them
};

class Engine;

/// A prompt whose inputs are being decoded and encoded; given up when it goes. The engine must
/// outlive it.
class PendingPrompt {
 public:
  using Places = std::vector<ProjectedInputs>;

  /// What becomes of `inputs`, by place, becomes a prompt by `assemble`, which keeps what the
  /// inputs point to.
  PendingPrompt(Engine& engine, std::vector<const Inputs*> inputs,
                std::function<PromptSequence(Places)> assemble, bool wants_facts = false);

  /// The prompt, once; nothing if it isn't ready within `patience`. Throws as Panda::ask.
  std::optional<PromptSequence> wait(std::chrono::milliseconds patience);
  /// Valid when the prompt is ready.
  const EncodeReport& report() const { return report_; }
  void warn(std::string warning) { warnings_.push_back(std::move(warning)); }

 private:
  void encode();
  void measure(std::size_t place);

  Engine& engine_;
  std::vector<const Inputs*> inputs_;
  std::function<PromptSequence(Places)> assemble_;
  Places places_;
  EncodeReport report_;
  std::vector<std::string> warnings_;  // beside those of the inputs
  std::chrono::steady_clock::time_point start_;
  std::unique_ptr<WorkQueue::Pending> job_;  // last: it uses the above. Null: nothing to encode
};

/// May be used by several threads at once.
class Engine {
 public:
  /// Loads the model. `files`, where uploads have their names from, may be null; it must outlive
  /// this. Throws as Panda's constructor and BatchScheduler's.
  Engine(const ServerOptions& options, Metrics& metrics, FileStore* files);

  const LoadedModel& model() const { return model_; }
  BatchScheduler& scheduler() { return scheduler_; }
  const BatchScheduler& scheduler() const { return scheduler_; }
  const WorkQueue& encoder_jobs() const { return encoder_jobs_; }
  const std::string& name() const { return name_; }  ///< for clients
  /// Whether a client may mean this model: its name for clients or the folder's own, or what the
  /// server was started with, perhaps with Ollama's ":latest" behind it.
  bool is_called(std::string_view name) const;

  /// Begins to make the prompt of a conversation.
  std::unique_ptr<PendingPrompt> prompt(ConversationRequest conversation);

  /// A conversation as it is written out, with `mark` for the inputs of a question.
  std::string prompt_text(const ConversationRequest& conversation, const std::string& mark);

  /// A prompt without the protocol: BOS and the texts, with one of the inputs behind each but the
  /// last.
  std::unique_ptr<PendingPrompt> raw_prompt(std::vector<std::string> texts,
                                            std::vector<Inputs> inputs);

  /// Embeddings of inputs or texts, one row each. `unwanted`: see WorkQueue::run. The inputs are
  /// measured if `report` has a list for the facts. Throws as Embedder's, and ClientGone.
  std::vector<std::vector<float>> embed(const std::vector<Inputs>& inputs,
                                        const std::function<bool()>& unwanted,
                                        EncodeReport& report);
  std::vector<std::vector<float>> embed_texts(const std::vector<std::string>& texts,
                                              const std::function<bool()>& unwanted);

 private:
  friend class PendingPrompt;

  /// Uploaded files have their names in it, not their paths.
  std::string with_file_names(const std::string& message) const;
  /// What `call` returns; in what it throws, the same.
  template <typename Call>
  auto calling_with_file_names(const Call& call) const;
  void count(const EncodeReport& report);
  std::vector<InputFacts> facts_of(const Inputs& inputs) const;
  PromptSequence assemble_raw(const std::vector<std::string>& texts,
                              PendingPrompt::Places places) const;
  Conversation conversation_of(const ConversationRequest& request,
                               PendingPrompt::Places places) const;
  std::vector<std::vector<float>> rows(const std::vector<float>& values) const;

  Metrics& metrics_;
  LoadedModel model_;
  std::string name_;
  std::string opened_as_;
  BatchScheduler scheduler_;
  WorkQueue encoder_jobs_;
  FileStore* files_;
};

}  // namespace pandagpt
