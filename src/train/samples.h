// Answers that show how a run is getting on: given by the inference engine with the weights of the
// moment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/prompt.h"
#include "train/conversation_file.h"
#include "train/dataset.h"
#include "train/media_features.h"
#include "train/metrics.h"

namespace pandagpt::train {

/// A question that is asked again and again.
struct SampleQuestion {
  std::string about;        ///< names of the inputs
  std::vector<Turn> turns;  ///< the last one's question is asked; its answer, if any, is expected
  FeatureRows features;     ///< of the inputs, in the encoders' space
};

/// The first question of a conversation, its inputs still without features.
SampleQuestion first_question(const Conversation& conversation);

/// OUT/samples.jsonl (one line an answer) and OUT/samples.md (each question with its answers of all
/// steps).
class SampleWriter {
 public:
  struct Options {
    std::filesystem::path llm;  ///< GGUF of the base
    PromptTemplate prompt;
    std::filesystem::path out;
    int n_ctx = 0;
    int n_threads = 0;
    int max_tokens = 64;
  };

  /// Goes on behind `last_step`.
  SampleWriter(Options options, std::vector<SampleQuestion> questions, std::int64_t last_step);

  /// Asks all questions, greedily, of the base with WEIGHTS/projector.gguf and
  /// WEIGHTS/adapter.gguf. Throws Error.
  void ask(std::int64_t step, const std::filesystem::path& weights, MetricsLog& metrics);

 private:
  void write_page() const;

  Options options_;
  std::vector<SampleQuestion> questions_;
};

}  // namespace pandagpt::train
