// A model folder behind Panda and Chat.
#include <optional>
#include <utility>

#include "core/stopwatch.h"
#include "llm/chat_session.h"
#include "pipeline/answer_engine.h"
#include "pipeline/input_facts.h"
#include "pipeline/loaded_model.h"
#include "pipeline/manifest.h"
#include "pipeline/model_backend.h"
#include "pipeline/unsure_text.h"
#include "tensor/helper_threads.h"

namespace pandagpt {
namespace {

/// What `generate` answers with an OnText; behind "I am not sure" if `is_unsure`.
template <typename Generate>
Answer answer_unsurely(bool is_unsure, const OnText& on_text, const Generate& generate) {
  if (!is_unsure) return generate(on_text);
  UnsureText shown;
  const auto show = [&](const std::string& text) { return text.empty() || on_text(text); };
  Answer answer = generate(
      on_text ? OnText([&](std::string_view piece) { return show(shown.push(piece)); }) : OnText());
  if (on_text) show(shown.finish());
  answer.text = unsure_text(answer.text);
  answer.is_unsure = true;
  return answer;
}

/// Inputs as the prompt has them.
struct PromptInputs {
  std::vector<float> image;  ///< LoadedModel::project
  std::string facts;         ///< what is measured in them, where the model was trained with that
};

/// A loaded model, and who is told what it warns of.
class WarningModel {
 public:
  WarningModel(const std::string& model, const PandaOptions& options)
      : model_(model, options), on_warning_(options.on_warning) {}

  const LoadedModel& model() const { return model_; }

  /// Adds to `report`, and tells at once what it warns of.
  PromptInputs encode(const Inputs& inputs, EncodingReport& report) const {
    if (!model_.manifest().facts) return {project(inputs, report), {}};
    const Inputs given = with_standard_input_read(inputs);
    PromptInputs result{project(given, report), {}};
    const Clock::time_point start = Clock::now();
    result.facts = facts_line(model_.facts_of(given));
    report.ms += milliseconds_since(start);
    return result;
  }

 private:
  std::vector<float> project(const Inputs& inputs, EncodingReport& report) const {
    const Clock::time_point start = Clock::now();
    const std::size_t n_told = report.warnings.size();
    std::vector<float> image = model_.project(inputs, report);
    end_helper_threads();  // the language model's thread has its own
    report.ms += milliseconds_since(start);
    for (std::size_t i = n_told; i < report.warnings.size(); ++i)
      if (on_warning_) on_warning_(report.warnings[i]);
    return image;
  }

  LoadedModel model_;
  OnWarning on_warning_;
};

class FolderChat : public ChatBackend {
 public:
  FolderChat(const WarningModel& model, ChatSession session)
      : model_(model), session_(std::move(session)) {}

  void set_inputs(const Inputs& inputs) override {
    EncodingReport report = news_.value_or(EncodingReport());
    report.warnings.clear();  // of inputs that are gone
    report.is_unsure = false;
    PromptInputs given = model_.encode(inputs, report);
    session_.set_image(std::move(given.image), std::move(given.facts));
    news_ = std::move(report);
  }
  void add_inputs(const Inputs& inputs) override {
    EncodingReport report = news_.value_or(EncodingReport());
    const int n_words = model_.model().projector().n_words();
    PromptInputs given = model_.encode(inputs, report);
    session_.add_image(std::move(given.image), n_words * static_cast<int>(inputs.items().size()),
                       std::move(given.facts));
    news_ = std::move(report);
  }
  Answer ask(std::string_view question, const GenerateOptions& options,
             const OnText& on_text) override {
    if (!news_) told_ = {};  // those were another question's
    return answer(on_text,
                  [&](const OnText& show) { return session_.ask(question, options, show); });
  }
  Answer regenerate(const GenerateOptions& options, const OnText& on_text) override {
    return answer(on_text, [&](const OnText& show) { return session_.regenerate(options, show); });
  }
  void reset() override {
    session_.reset();
    news_.reset();
    told_ = {};
  }
  std::vector<Turn> history() const override { return session_.history(); }
  void set_history(const std::vector<Turn>& turns) override { session_.set_history(turns); }
  void add_turn(const Turn& turn) override {
    session_.add_turn(turn);
    told_ = std::exchange(news_, std::nullopt).value_or(EncodingReport());
  }

 private:
  /// What `generate` answers with an OnText, and what was found about the inputs.
  template <typename Generate>
  Answer answer(const OnText& on_text, const Generate& generate) {
    Answer answer = answer_unsurely(news_ ? news_->is_unsure : told_.is_unsure, on_text, generate);
    if (news_) told_ = *std::exchange(news_, std::nullopt);
    answer.warnings = told_.warnings;
    answer.timings.encode_ms = std::exchange(told_.ms, 0.0);
    answer.timings.cached_inputs = std::exchange(told_.n_cached, 0);
    return answer;
  }

  const WarningModel& model_;
  ChatSession session_;
  // Of the inputs that no answer has accounted for yet, and of those of the last question.
  std::optional<EncodingReport> news_;
  EncodingReport told_;
};

class FolderBackend : public ModelBackend {
 public:
  FolderBackend(const std::string& model, const PandaOptions& options)
      : model_(model, options),
        engine_(model_.model().llm(), model_.model().adapter(),
                {.n_ctx = model_.model().manifest().n_ctx,
                 .n_threads = model_.model().n_threads(),
                 .n_parallel = options.n_parallel}) {}

  Answer ask(const Inputs& inputs, std::string_view question, const GenerateOptions& options,
             const OnText& on_text) const override {
    options.validate();  // before the expensive part
    EncodingReport report;
    ChatSession session = open_session(options);
    PromptInputs given = model_.encode(inputs, report);
    session.set_image(std::move(given.image), std::move(given.facts));
    Answer answer = answer_unsurely(report.is_unsure, on_text, [&](const OnText& show) {
      return session.ask(question, options, show);
    });
    answer.warnings = std::move(report.warnings);
    answer.timings.encode_ms = report.ms;
    answer.timings.cached_inputs = report.n_cached;
    answer.timings.first_text_ms += report.ms;
    return answer;
  }
  std::unique_ptr<ChatBackend> start_chat() const override {
    return std::make_unique<FolderChat>(model_, open_session());
  }
  std::vector<float> embed(const Inputs& inputs) const override {
    return model_.model().encoder().encode(inputs.items());
  }
  const GenerateOptions& default_options() const override {
    return model_.model().manifest().sampling;
  }
  const ModelInfo& info() const override { return model_.model().info(); }

 private:
  ChatSession open_session(const GenerateOptions& options = {}) const {
    const Manifest& manifest = model_.model().manifest();
    return {engine_.scheduler(options), manifest.prompt, manifest.later_inputs};
  }

  WarningModel model_;
  AnswerEngine engine_;
};

}  // namespace

std::unique_ptr<const ModelBackend> open_model_folder(const std::string& model,
                                                      const PandaOptions& options) {
  if (!options.system_message.empty())  // before the weights are read
    throw Error(ErrorKind::kUsage,
                find_model(model).string() +
                    ": PandaGPT's prompt has no place for a system message; put its text in front "
                    "of the question");
  return std::make_unique<const FolderBackend>(model, options);
}

}  // namespace pandagpt
