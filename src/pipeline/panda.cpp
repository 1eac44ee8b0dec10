#include "pandagpt/panda.h"

#include <utility>

#include "pipeline/model_backend.h"

namespace pandagpt {

class Panda::Impl {
 public:
  Impl(const std::string& model, const PandaOptions& options)
      : backend(is_language_model_file(model) ? open_language_model(model, options)
                                              : open_model_folder(model, options)) {}

  std::unique_ptr<const ModelBackend> backend;
};

Panda::Panda(const std::string& model, const PandaOptions& options)
    : impl_(std::make_shared<const Impl>(model, options)) {}

Answer Panda::ask(const Inputs& inputs, std::string_view question, const GenerateOptions& options,
                  const OnText& on_text) const {
  return impl_->backend->ask(inputs, question, options, on_text);
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
}
void Chat::add_inputs(const Inputs& inputs) {
  state_->backend->add_inputs(inputs);
}
Answer Chat::ask(std::string_view question, const GenerateOptions& options, const OnText& on_text) {
  return state_->backend->ask(question, options, on_text);
}
Answer Chat::regenerate(const GenerateOptions& options, const OnText& on_text) {
  return state_->backend->regenerate(options, on_text);
}
void Chat::reset() {
  state_->backend->reset();
}
std::vector<Turn> Chat::history() const {
  return state_->backend->history();
}
void Chat::set_history(const std::vector<Turn>& turns) {
  state_->backend->set_history(turns);
}

}  // namespace pandagpt
