#include "pandagpt/panda.h"

#include <chrono>
#include <mutex>
#include <utility>

#include "llm/chat_session.h"
#include "pipeline/loaded_model.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

class Panda::Impl {
 public:
  Impl(const std::string& model, const PandaOptions& options) : model_(model, options) {}

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
    const Clock::time_point start = Clock::now();
    int n_cached = 0;
    std::vector<float> image = model_.project(inputs, &n_cached);
    const double encode_ms = milliseconds_since(start);
    const std::lock_guard lock(ask_mutex_);
    if (!ask_session_) ask_session_ = open_session();
    ask_session_->reset();
    ask_session_->set_image(std::move(image));
    Answer answer = ask_session_->ask(question, options, on_text);
    answer.timings.encode_ms = encode_ms;
    answer.timings.cached_inputs = n_cached;
    answer.timings.first_text_ms += encode_ms;
    return answer;
  }

  const LoadedModel& model() const { return model_; }

 private:
  LoadedModel model_;
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
  // Of inputs that no answer has accounted for yet.
  double pending_encode_ms = 0;
  int pending_cached = 0;

  std::vector<float> project(const Inputs& inputs) {
    const Clock::time_point start = Clock::now();
    int n_cached = 0;
    std::vector<float> image = panda->model().project(inputs, &n_cached);
    pending_encode_ms += milliseconds_since(start);
    pending_cached += n_cached;
    return image;
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
  state_->session->set_image(state_->project(inputs));
}

void Chat::add_inputs(const Inputs& inputs) {
  const int n_words = state_->panda->model().projector().n_words();
  state_->session->add_image(state_->project(inputs),
                             n_words * static_cast<int>(inputs.items().size()));
}

Answer Chat::ask(std::string_view question, const GenerateOptions& options, const OnText& on_text) {
  Answer answer = state_->session->ask(question, options, on_text);
  answer.timings.encode_ms = std::exchange(state_->pending_encode_ms, 0.0);
  answer.timings.cached_inputs = std::exchange(state_->pending_cached, 0);
  return answer;
}

Answer Chat::regenerate(const GenerateOptions& options, const OnText& on_text) {
  return state_->session->regenerate(options, on_text);
}

void Chat::reset() {
  state_->session->reset();
}
std::vector<Turn> Chat::history() const {
  return state_->session->history();
}
void Chat::set_history(const std::vector<Turn>& turns) {
  state_->session->set_history(turns);
}

}  // namespace pandagpt
