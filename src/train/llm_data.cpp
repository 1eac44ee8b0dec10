#include "train/llm_data.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/file.h"
#include "pandagpt/error.h"
#include "pipeline/input_json.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kShownFailures = 5;

fs::path media_root(const LlmTrainOptions& options, const fs::path& data) {
  return options.media.empty() ? data.parent_path() : fs::path(options.media);
}

fs::path cache_folder(const LlmTrainOptions& options) {
  return options.cache.empty() ? fs::path(options.out) / "cache" : fs::path(options.cache);
}

}  // namespace

LlmData::LlmData(const LlmTrainOptions& options, const LlmFiles& files, std::int64_t n_words,
                 Processes& processes)
    : vocabulary_(files.llm, LlmOptions{.n_gpu_layers = 0, .vocab_only = true}),
      tokenizer_(
          [this](std::string_view text) { return vocabulary_.tokenize_piece(text); },
          {files.prompt, vocabulary_.bos(), options.n_image_tokens, options.max_length, n_words}),
      features_({files.encoders, cache_folder(options)},
                {.n_threads = options.threads, .device = options.encoder_device}),
      token_memory_(static_cast<std::uint64_t>(options.token_memory) << 20) {
  read_sets(options);
  if (options.sample_every > 0) read_questions(options);
  features_.encode(processes);
  std::vector<const TrainingSet*> sets;
  for (const auto& set : {train_.get(), validation_.get()}) {
    if (set == nullptr) continue;
    set->leave_out_unreadable();
    sets.push_back(set);
  }
  if (processes.is_first()) write_left_out(sets, fs::path(options.out) / "left_out.jsonl");
  for (const TrainingSet* set : sets) {
    report(*set, options);
    set->require_few_left_out(options.max_bad);
  }
  complete_questions(!options.sample_questions.empty());
  if (options.epochs > 1) train_->keep_tokens(token_memory_);
  if (validation_) validation_->keep_tokens(token_memory_);
}

void LlmData::read_sets(const LlmTrainOptions& options) {
  const auto open_file = [&](const std::string& path) {
    return std::make_shared<const ConversationFile>(path, media_root(options, path));
  };
  const auto file = open_file(options.data);
  const DataPart all;
  DataPart part{options.validation_split, false};
  train_ = std::make_unique<TrainingSet>(file, tokenizer_, features_, part, options.n_views);
  n_train_inputs_ = features_.size();
  if (options.validation_split > 0) {
    part.is_validation = true;
    validation_ = std::make_unique<TrainingSet>(file, tokenizer_, features_, part, 1);
  } else if (!options.validation.empty()) {
    validation_ =
        std::make_unique<TrainingSet>(open_file(options.validation), tokenizer_, features_, all, 1);
  }
}

void LlmData::take_question(SampleQuestion question, const Inputs& inputs) {
  questions_.push_back(std::move(question));
  question_inputs_.emplace_back();
  for (const Input& input : inputs.items())
    question_inputs_.back().emplace_back(features_.add(input), input.weight);
}

void LlmData::read_questions(const LlmTrainOptions& options) {
  if (options.sample_questions.empty()) {
    const std::int64_t n = std::min(options.n_samples, validation_->size());
    for (std::int64_t i = 0; i < n; ++i) {  // spread over the set
      const Conversation conversation =
          validation_->file().read(validation_->entry(i * validation_->size() / n));
      take_question(first_question(conversation), conversation.inputs);
    }
    return;
  }
  const fs::path path = options.sample_questions;
  const ConversationFile file(path, media_root(options, path));
  for (std::int64_t i = 0; i < file.size(); ++i) {
    try {
      const Conversation conversation = file.read(i, true);
      SampleQuestion question = first_question(conversation);
      question.turns = conversation.turns;
      take_question(std::move(question), conversation.inputs);
    } catch (const BadObject& bad) {
      throw Error(ErrorKind::kInput,
                  path.string() + ": entry " + std::to_string(i) + ": " + bad.what());
    }
  }
}

void LlmData::complete_questions(bool are_given) {
  std::vector<SampleQuestion> ready;
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    const auto& inputs = question_inputs_[i];
    const auto bad = std::ranges::find_if(
        inputs, [&](const auto& input) { return !features_.failure(input.first).empty(); });
    if (bad != inputs.end() && are_given)
      throw Error(ErrorKind::kInput, "--sample-questions: " + features_.failure(bad->first));
    if (bad != inputs.end()) continue;  // of the validation, where it is left out as well
    ready.push_back(std::move(questions_[i]));
    for (const auto& [input, weight] : inputs)
      features_.append(input, 0, weight, ready.back().features);
  }
  questions_ = std::move(ready);
}

void LlmData::report(const TrainingSet& set, const LlmTrainOptions& options) const {
  const auto& left_out = set.left_out();
  for (std::size_t i = 0; i < std::min(left_out.size(), kShownFailures); ++i)
    spdlog::warn("{}: entry {} is left out: {}", set.file().path().string(), left_out[i].entry,
                 left_out[i].reason);
  if (left_out.size() > kShownFailures)
    spdlog::warn("and {} more: {}/left_out.jsonl has them all", left_out.size() - kShownFailures,
                 options.out);
  spdlog::info("{}: {} conversations about {} things ({} cut at {} tokens, {} left out)",
               set.file().path().string(), set.size(), set.n_sources(), set.n_cut(),
               options.max_length, left_out.size());
}

nlohmann::json LlmData::identity() const {
  return {{"conversations", train_->size()},
          {"order", train_->digest()},
          {"sha256", sha256_file(train_->file().path())}};
}

}  // namespace pandagpt::train
