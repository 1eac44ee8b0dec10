#include "pandagpt/panda.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>

#include "llm/chat_session.h"
#include "pipeline/loaded_model.h"
#include "pipeline/missing_input.h"
#include "pipeline/unsure_text.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

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

}  // namespace

class Panda::Impl {
 public:
  Impl(const std::string& model, const PandaOptions& options)
      : model_(model, options), on_warning_(options.on_warning) {}

  std::unique_ptr<ChatSession> open_session() const {
    SessionOptions options;
    options.n_ctx = model_.manifest().n_ctx;
    options.n_threads = model_.n_threads();
    options.later_inputs = model_.manifest().later_inputs;
    return std::make_unique<ChatSession>(model_.llm(), model_.adapter(), model_.manifest().prompt,
                                         options);
  }

  Answer ask(const Inputs& inputs, std::string_view question, const GenerateOptions& options,
             const OnText& on_text) const {
    options.validate();  // before the expensive part
    InputReport report;
    std::vector<float> image = encode(inputs, report);
    look_for_inputs(question, modalities_of(inputs), /*is_first=*/true, report);
    const std::lock_guard lock(ask_mutex_);
    if (!ask_session_) ask_session_ = open_session();
    ask_session_->reset();
    ask_session_->set_image(std::move(image));
    Answer answer = answer_unsurely(report.is_unsure, on_text, [&](const OnText& show) {
      return ask_session_->ask(question, options, show);
    });
    answer.warnings = std::move(report.warnings);
    answer.timings.encode_ms = report.ms;
    answer.timings.cached_inputs = report.n_cached;
    answer.timings.first_text_ms += report.ms;
    return answer;
  }

  /// LoadedModel::project; adds to `report`, and tells at once what it warns of.
  std::vector<float> encode(const Inputs& inputs, InputReport& report) const {
    const Clock::time_point start = Clock::now();
    const std::size_t n_told = report.warnings.size();
    std::vector<float> image = model_.project(inputs, report);
    report.ms += milliseconds_since(start);
    for (std::size_t i = n_told; i < report.warnings.size(); ++i)
      if (on_warning_) on_warning_(report.warnings[i]);
    return image;
  }

  /// missing_input(); adds to `report`, and tells it at once.
  void look_for_inputs(std::string_view question, std::span<const Modality> given, bool is_first,
                       InputReport& report) const {
    const std::optional<std::string> warning = missing_input(question, given, is_first);
    // A question that didn't fit is asked again.
    if (!warning || std::ranges::find(report.warnings, *warning) != report.warnings.end()) return;
    report.warnings.push_back(*warning);
    if (on_warning_) on_warning_(*warning);
  }

  const LoadedModel& model() const { return model_; }

 private:
  LoadedModel model_;
  OnWarning on_warning_;
  mutable std::mutex ask_mutex_;
  mutable std::unique_ptr<ChatSession> ask_session_;  // kept: its cache holds the common beginning
};

Panda::Panda(const std::string& model, const PandaOptions& options)
    : impl_(std::make_shared<const Impl>(model, options)) {}

Answer Panda::ask(const Inputs& inputs, std::string_view question, const GenerateOptions& options,
                  const OnText& on_text) const {
  return impl_->ask(inputs, question, options, on_text);
}

Chat Panda::start_chat() const {
  return Chat(impl_);
}
std::vector<float> Panda::embed(const Inputs& inputs) const {
  return impl_->model().encoder().encode(inputs.items());
}
const GenerateOptions& Panda::default_options() const {
  return impl_->model().manifest().sampling;
}
const ModelInfo& Panda::info() const {
  return impl_->model().info();
}

struct Chat::State {
  std::shared_ptr<const Panda::Impl> panda;
  std::unique_ptr<ChatSession> session;
  // Of the inputs that no answer has accounted for yet, and of those of the last question.
  std::optional<InputReport> news;
  InputReport told;
  std::vector<Modality> given;  // kinds of all inputs of the conversation

  /// What `generate` answers with an OnText, and what was found about the inputs.
  template <typename Generate>
  Answer answer(const OnText& on_text, const Generate& generate) {
    Answer answer = answer_unsurely(news ? news->is_unsure : told.is_unsure, on_text, generate);
    if (news) told = *std::exchange(news, std::nullopt);
    answer.warnings = told.warnings;
    answer.timings.encode_ms = std::exchange(told.ms, 0.0);
    answer.timings.cached_inputs = std::exchange(told.n_cached, 0);
    return answer;
  }
};

Chat::Chat(std::shared_ptr<const Panda::Impl> panda) : state_(std::make_unique<State>()) {
  state_->session = panda->open_session();
  state_->panda = std::move(panda);
}

Chat::~Chat() = default;
Chat::Chat(Chat&&) noexcept = default;
Chat& Chat::operator=(Chat&&) noexcept = default;

void Chat::set_inputs(const Inputs& inputs) {
  InputReport report = state_->news.value_or(InputReport());
  report.warnings.clear();  // of inputs that are gone
  report.is_unsure = false;
  state_->session->set_image(state_->panda->encode(inputs, report));
  state_->news = std::move(report);
  state_->given = modalities_of(inputs);
}

void Chat::add_inputs(const Inputs& inputs) {
  InputReport report = state_->news.value_or(InputReport());
  const int n_words = state_->panda->model().projector().n_words();
  state_->session->add_image(state_->panda->encode(inputs, report),
                             n_words * static_cast<int>(inputs.items().size()));
  state_->news = std::move(report);
  std::ranges::copy(modalities_of(inputs), std::back_inserter(state_->given));
}

Answer Chat::ask(std::string_view question, const GenerateOptions& options, const OnText& on_text) {
  if (!state_->news) state_->told = {};  // those were another question's
  state_->panda->look_for_inputs(question, state_->given, history().empty(),
                                 state_->news ? *state_->news : state_->told);
  return state_->answer(
      on_text, [&](const OnText& show) { return state_->session->ask(question, options, show); });
}

Answer Chat::regenerate(const GenerateOptions& options, const OnText& on_text) {
  return state_->answer(
      on_text, [&](const OnText& show) { return state_->session->regenerate(options, show); });
}

void Chat::reset() {
  state_->session->reset();
  state_->news.reset();
  state_->told = {};
  state_->given.clear();
}
std::vector<Turn> Chat::history() const {
  return state_->session->history();
}
void Chat::set_history(const std::vector<Turn>& turns) {
  state_->session->set_history(turns);
}

}  // namespace pandagpt
