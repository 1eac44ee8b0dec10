#include "pandagpt/panda.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "pipeline/missing_input.h"
#include "pipeline/model_backend.h"

namespace pandagpt {

class Panda::Impl {
 public:
  Impl(const std::string& model, const PandaOptions& options)
      : backend(is_language_model_file(model) ? open_language_model(model, options)
                                              : open_model_folder(model, options)),
        on_warning_(options.on_warning) {}

  /// missing_input() of a question to this model, which is told at once.
  std::optional<std::string> look_for_inputs(std::string_view question,
                                             std::span<const Modality> given, bool is_first) const {
    std::optional<std::string> warning =
        missing_input(question, given, is_first, !backend->info().modalities.empty());
    if (warning && on_warning_) on_warning_(*warning);
    return warning;
  }

  std::unique_ptr<const ModelBackend> backend;

 private:
  OnWarning on_warning_;
};

namespace {

Answer with_warning(Answer answer, const std::optional<std::string>& warning) {
  if (warning) answer.warnings.push_back(*warning);
  return answer;
}

}  // namespace

Panda::Panda(const std::string& model, const PandaOptions& options)
    : impl_(std::make_shared<const Impl>(model, options)) {}

Answer Panda::ask(const Inputs& inputs, std::string_view question, const GenerateOptions& options,
                  const OnText& on_text) const {
  options.validate();  // before anything is told
  const auto warning = impl_->look_for_inputs(question, modalities_of(inputs), /*is_first=*/true);
  return with_warning(impl_->backend->ask(inputs, question, options, on_text), warning);
}

Chat Panda::start_chat() const {
  return Chat(impl_);
}
std::vector<float> Panda::embed(const Inputs& inputs) const {
  return impl_->backend->embed(inputs);
}
const GenerateOptions& Panda::default_options() const {
  return impl_->backend->default_options();
}
const ModelInfo& Panda::info() const {
  return impl_->backend->info();
}

struct Chat::State {
  std::shared_ptr<const Panda::Impl> panda;  // which the backend refers to
  std::unique_ptr<ChatBackend> backend;
  std::vector<Modality> given;         // kinds of all inputs of the conversation
  std::optional<std::string> missing;  // as the last question was told
};

Chat::Chat(std::shared_ptr<const Panda::Impl> panda) : state_(std::make_unique<State>()) {
  state_->backend = panda->backend->start_chat();
  state_->panda = std::move(panda);
}

Chat::~Chat() = default;
Chat::Chat(Chat&&) noexcept = default;
Chat& Chat::operator=(Chat&&) noexcept = default;

void Chat::set_inputs(const Inputs& inputs) {
  state_->backend->set_inputs(inputs);
  state_->given = modalities_of(inputs);
}
void Chat::add_inputs(const Inputs& inputs) {
  state_->backend->add_inputs(inputs);
  std::ranges::copy(modalities_of(inputs), std::back_inserter(state_->given));
}
Answer Chat::ask(std::string_view question, const GenerateOptions& options, const OnText& on_text) {
  options.validate();  // before anything is told
  const bool is_first = state_->backend->history().empty();
  const auto warning = state_->panda->look_for_inputs(question, state_->given, is_first);
  Answer answer = state_->backend->ask(question, options, on_text);
  state_->missing = warning;
  return with_warning(std::move(answer), warning);
}
Answer Chat::regenerate(const GenerateOptions& options, const OnText& on_text) {
  return with_warning(state_->backend->regenerate(options, on_text), state_->missing);
}
void Chat::reset() {
  state_->backend->reset();
  state_->given.clear();
  state_->missing.reset();
}
std::vector<Turn> Chat::history() const {
  return state_->backend->history();
}
void Chat::set_history(const std::vector<Turn>& turns) {
  state_->backend->set_history(turns);
  state_->missing.reset();
}
void Chat::add_turn(const Turn& turn) {
  state_->backend->add_turn(turn);
  state_->missing.reset();
}

}  // namespace pandagpt
