#include "pandagpt/panda.h"

#include <chrono>
#include <cmath>
#include <future>
#include <mutex>
#include <utility>

#include "core/threads.h"
#include "llm/chat_session.h"
#include "llm/llm_model.h"
#include "pipeline/input_encoder.h"
#include "pipeline/manifest.h"
#include "pipeline/projector.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

LlmOptions llm_options(const PandaOptions& options) {
  LlmOptions result;
  result.device = options.device;
  result.n_gpu_layers = options.n_gpu_layers;
  result.rpc_servers = options.rpc_servers;
  result.repack = options.repack;
  return result;
}

struct LanguagePart {
  std::shared_ptr<const LlmModel> model;
  std::shared_ptr<const LoraAdapter> adapter;
};

LanguagePart load_language_part(const Manifest& manifest, const LlmOptions& options) {
  LanguagePart part;
  part.model = std::make_shared<const LlmModel>(manifest.llm.path, options);
  if (manifest.adapter)
    part.adapter = std::make_shared<const LoraAdapter>(part.model, manifest.adapter->path,
                                                       manifest.adapter_scale);
  return part;
}

Manifest open_manifest(const std::string& model, bool verify) {
  Manifest manifest = read_manifest(find_model(model));
  if (verify) {
    manifest.verify();
  } else {
    manifest.check_files();
  }
  return manifest;
}

}  // namespace

class Panda::Impl {
 public:
  Impl(const std::string& model, const PandaOptions& options)
      : manifest_(open_manifest(model, options.verify)), n_threads_(options.n_threads) {
    if (n_threads_ < 0)
      throw Error(ErrorKind::kUsage, "the number of threads must not be negative");
    if (n_threads_ == 0) n_threads_ = default_thread_count();
    if (options.n_ctx < 0) throw Error(ErrorKind::kUsage, "the context size must not be negative");
    if (options.n_ctx > 0) manifest_.n_ctx = options.n_ctx;
    auto language = std::async(std::launch::async, load_language_part, std::cref(manifest_),
                               llm_options(options));
    encoder_ = std::make_unique<InputEncoder>(
        manifest_.encoders.path,
        EncoderOptions{
            .n_threads = n_threads_,
            .device = options.encoder_device.empty() ? options.device : options.encoder_device},
        manifest_.name,
        EmbeddingCacheOptions{.keeps_embeddings = options.use_cache, .file = options.cache_file},
        options.use_cache ? recorded_sha256(manifest_) : std::string());
    projector_ = std::make_unique<Projector>(manifest_.projector.path);
    language_ = language.get();
    check_widths();
    describe();
  }

  std::vector<float> embed(const Inputs& inputs) const { return encoder_->encode(inputs.items()); }

  /// The weighted sum of the projected inputs: (n_image_tokens, n_embd); empty without inputs.
  /// `n_cached`: inputs that had been encoded before.
  std::vector<float> project(const Inputs& inputs, int* n_cached) const {
    std::vector<float> weights;
    for (const Input& input : inputs.items()) {
      weights.push_back(input.weight);
      if (!std::isfinite(input.weight))
        throw Error(ErrorKind::kUsage, input.name + ": the weight must be a finite number");
    }
    return projector_->project_sum(encoder_->encode(inputs.items(), n_cached), weights);
  }

  std::unique_ptr<ChatSession> open_session() const {
    SessionOptions options;
    options.n_ctx = manifest_.n_ctx;
    options.n_threads = n_threads_;
    return std::make_unique<ChatSession>(language_.model, language_.adapter, manifest_.prompt,
                                         options);
  }

  Answer ask(const Inputs& inputs, std::string_view question, const GenerateOptions& options,
             const OnText& on_text) const {
    options.validate();  // before the expensive part
    const Clock::time_point start = Clock::now();
    int n_cached = 0;
    std::vector<float> image = project(inputs, &n_cached);
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

  const Manifest& manifest() const { return manifest_; }
  const ModelInfo& info() const { return info_; }

 private:
  void check_widths() const {
    const auto require_equal = [&](const ManifestFile& file, const char* what, int found,
                                   int wanted) {
      if (found != wanted)
        throw Error(ErrorKind::kModel, file.path.string() + ": " + what + " is " +
                                           std::to_string(found) + ", the rest of " +
                                           manifest_.name + " has " + std::to_string(wanted));
    };
    require_equal(manifest_.encoders, "the embedding width", encoder_->n_embd(),
                  manifest_.embedding_width);
    require_equal(manifest_.projector, "the embedding width", projector_->n_in(),
                  manifest_.embedding_width);
    require_equal(manifest_.projector, "the language model's width", projector_->n_embd(),
                  language_.model->n_embd());
  }

  void describe() {
    info_.name = manifest_.name;
    info_.folder = manifest_.folder.string();
    info_.licence = manifest_.licence;
    info_.provenance = manifest_.provenance;
    info_.language_model = language_.model->description();
    info_.embedding_width = manifest_.embedding_width;
    info_.n_image_tokens = projector_->n_image_tokens();
    info_.n_ctx = std::min(manifest_.n_ctx, language_.model->n_ctx_train());
    info_.modalities = encoder_->modalities();
    info_.example_questions = manifest_.examples;
  }

  Manifest manifest_;
  int n_threads_;
  ModelInfo info_;
  std::unique_ptr<InputEncoder> encoder_;
  std::unique_ptr<Projector> projector_;
  LanguagePart language_;
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
  return impl_->embed(inputs);
}
const GenerateOptions& Panda::default_options() const {
  return impl_->manifest().sampling;
}
const ModelInfo& Panda::info() const {
  return impl_->info();
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
    std::vector<float> image = panda->project(inputs, &n_cached);
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
  state_->session->add_image(state_->project(inputs));
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
