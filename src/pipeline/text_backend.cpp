// A language model's file alone behind Panda and Chat.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/threads.h"
#include "llm/text_session.h"
#include "pipeline/answer_engine.h"
#include "pipeline/llm_options.h"
#include "pipeline/model_backend.h"

namespace pandagpt {
namespace {

constexpr int kDefaultContext = 4096;  // positions

[[noreturn]] void refuse_inputs(const std::string& name) {
  throw Error(ErrorKind::kUsage,
              name +
                  " is a language model alone and answers text only; for pictures, sounds and "
                  "other inputs use a model folder (see 'pandagpt models')");
}

class TextChat : public ChatBackend {
 public:
  TextChat(std::string name, TextSession session)
      : name_(std::move(name)), session_(std::move(session)) {}

  void set_inputs(const Inputs& inputs) override {
    if (!inputs.empty()) refuse_inputs(name_);
  }
  void add_inputs(const Inputs& inputs) override { set_inputs(inputs); }
  Answer ask(std::string_view question, const GenerateOptions& options,
             const OnText& on_text) override {
    return session_.ask(question, options, on_text);
  }
  Answer regenerate(const GenerateOptions& options, const OnText& on_text) override {
    return session_.regenerate(options, on_text);
  }
  void reset() override { session_.reset(); }
  std::vector<Turn> history() const override { return session_.history(); }
  void set_history(const std::vector<Turn>& turns) override { session_.set_history(turns); }
  void add_turn(const Turn& turn) override { session_.add_turn(turn); }

 private:
  std::string name_;
  TextSession session_;
};

class TextBackend : public ModelBackend {
 public:
  TextBackend(const std::string& file, const PandaOptions& options)
      : n_ctx_(options.n_ctx),
        n_threads_(options.n_threads > 0 ? options.n_threads : default_thread_count()),
        system_(options.system_message) {
    if (options.verify)
      throw Error(ErrorKind::kUsage, file + ": no manifest says what its SHA-256 must be");
    llm_ = std::make_shared<const LlmModel>(file, llm_options(options));
    if (n_ctx_ <= 0) n_ctx_ = std::min(kDefaultContext, llm_->n_ctx_train());
    engine_ = std::make_unique<const AnswerEngine>(
        llm_, /*adapter=*/nullptr,
        AnswerEngine::Options{
            .n_ctx = n_ctx_, .n_threads = n_threads_, .n_parallel = options.n_parallel});
    info_.name = std::filesystem::path(file).stem().string();
    info_.folder = std::filesystem::path(file).parent_path().string();
    info_.language_model = llm_->description();
    info_.n_parallel = options.n_parallel;
    info_.n_ctx = std::min(n_ctx_, llm_->n_ctx_train());
    const ChatTemplate checks_system(*llm_, system_);
  }

  Answer ask(const Inputs& inputs, std::string_view question, const GenerateOptions& options,
             const OnText& on_text) const override {
    if (!inputs.empty()) refuse_inputs(info_.name);
    return open_session(options).ask(question, options, on_text);
  }
  std::unique_ptr<ChatBackend> start_chat() const override {
    return std::make_unique<TextChat>(info_.name, open_session());
  }
  std::vector<float> embed(const Inputs& /*inputs*/) const override { refuse_inputs(info_.name); }
  const GenerateOptions& default_options() const override { return sampling_; }
  const ModelInfo& info() const override { return info_; }

 private:
  TextSession open_session(const GenerateOptions& options = {}) const {
    return TextSession(engine_->scheduler(options), system_);
  }

  int n_ctx_;
  int n_threads_;
  std::string system_;
  std::shared_ptr<const LlmModel> llm_;
  std::unique_ptr<const AnswerEngine> engine_;
  ModelInfo info_;
  GenerateOptions sampling_;
};

}  // namespace

bool is_language_model_file(const std::string& model) {
  const std::filesystem::path path(model);
  std::error_code ignored;
  return path.extension() == ".gguf" && !std::filesystem::is_directory(path, ignored);
}

std::unique_ptr<const ModelBackend> open_language_model(const std::string& file,
                                                        const PandaOptions& options) {
  return std::make_unique<const TextBackend>(file, options);
}

}  // namespace pandagpt
