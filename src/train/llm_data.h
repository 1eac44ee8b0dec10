// All data of a `pandagpt-train llm` run, ready for training: conversations, features, questions.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "llm/llm_model.h"
#include "train/dataset.h"
#include "train/media_features.h"
#include "train/options.h"
#include "train/processes.h"
#include "train/samples.h"
#include "train/training_set.h"

namespace pandagpt::train {

/// Files that the settings name, resolved: base model, encoders, prompt pieces.
struct LlmFiles {
  std::filesystem::path llm;
  std::filesystem::path encoders;
  PromptTemplate prompt;
};

class LlmData {
 public:
  /// Reads the conversations and encodes what the feature cache lacks, which takes all
  /// `processes`. `n_words`: positions that an input has for itself. What can't be used is logged
  /// and listed in OUT/left_out.jsonl. Throws Error.
  LlmData(const LlmTrainOptions& options, const LlmFiles& files, std::int64_t n_words,
          Processes& processes);
  LlmData(const LlmData&) = delete;
  LlmData& operator=(const LlmData&) = delete;

  const TrainingSet& train() const { return *train_; }
  /// Null without one.
  const TrainingSet* validation() const { return validation_.get(); }
  const MediaFeatures& features() const { return features_; }
  /// Over what is trained on.
  MediaFeatures::Moments moments() const { return features_.moments(n_train_inputs_); }
  const std::vector<SampleQuestion>& questions() const { return questions_; }

  /// What a run can't be continued without: number and order of the conversations, their file.
  nlohmann::json identity() const;

 private:
  void read_sets(const LlmTrainOptions& options);
  void read_questions(const LlmTrainOptions& options);
  void take_question(SampleQuestion question, const Inputs& inputs);
  /// Throws Error(kInput) if inputs of --sample-questions can't be read.
  void complete_questions(bool are_given);
  void report(const TrainingSet& set, const LlmTrainOptions& options) const;

  LlmModel vocabulary_;
  ConversationTokenizer tokenizer_;
  MediaFeatures features_;
  TokenMemory token_memory_;
  std::unique_ptr<TrainingSet> train_;
  std::unique_ptr<TrainingSet> validation_;
  std::vector<SampleQuestion> questions_;
  std::vector<std::vector<std::pair<std::int64_t, float>>> question_inputs_;  // and weights
  std::int64_t n_train_inputs_ = 0;  // the first ones of features_
};

}  // namespace pandagpt::train
