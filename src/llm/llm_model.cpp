#include "llm/llm_model.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "core/what_is_this.h"
#include "llm/llama_log.h"
#include "llm/mapped_pages.h"
#include "llm/rpc.h"
#include "pandagpt/error.h"
#include "pandagpt/process.h"
#include "tensor/cpu_kernels.h"
#include "tensor/devices.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxPieceBytes = 512;
constexpr std::size_t kMaxTextBytes = 16U << 20;

[[noreturn]] void fail_model(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::kModel, path.string() + ": " + why);
}

// llama.cpp has one message for everything it can't open; these three deserve their own.
void check_gguf_file(const fs::path& path) {
  std::error_code code;
  const fs::file_status status = fs::status(path, code);
  if (status.type() == fs::file_type::not_found) fail_model(path, "no such file");
  if (!fs::is_regular_file(status)) fail_model(path, "not a regular file");
  std::ifstream in(path, std::ios::binary);
  std::array<char, 4> magic{};
  if (!in) fail_model(path, "can't be opened (permission denied?)");
  if (!in.read(magic.data(), magic.size()) || std::string_view(magic.data(), 4) != "GGUF")
    fail_model(path, "not a GGUF file" +
                         but_it_is(what_is_this(path), " (its first four bytes must be 'GGUF')"));
}

/// What llama.cpp may use, ended by a null; empty: its own choice, all GPUs.
std::vector<ggml_backend_dev_t> devices_of(const LlmOptions& options) {
  std::vector<ggml_backend_dev_t> devices;
  for (const std::string& server : options.rpc_servers)
    std::ranges::copy(rpc_devices(server), std::back_inserter(devices));
  if (options.device != "auto") {
    ggml_backend_dev_t device = find_device(options.device);
    if (is_gpu(device)) devices.push_back(device);
  } else if (devices.empty()) {
    return {};
  }
  devices.push_back(nullptr);
  return devices;
}

/// While weights are copied out of the mapped file (repacked, or to a device), both are in memory.
/// For a large file that is the difference between fitting and not, so what has been read is given
/// back on the way.
class LoadProgress {
 public:
  explicit LoadProgress(const fs::path& path) : path_(path) {
    std::error_code code;
    const auto bytes = static_cast<double>(fs::file_size(path, code));
    step_ = code || bytes < 2 * kBytesKept ? 2 : kBytesKept / bytes;
  }

  static bool call(float progress, void* self) {
    static_cast<LoadProgress*>(self)->at(progress);
    return true;
  }

 private:
  static constexpr double kBytesKept = 64e6;
  static constexpr std::size_t kHugePagesFrom = std::size_t{64} << 20U;

  void at(double progress) {
    if (next_ == 0 && allowed_process_changes().huge_pages)
      prefer_huge_pages(kHugePagesFrom);  // memory is there, and still empty
    if (progress < next_) return;
    if (step_ <= 1) release_mapped_pages(path_);
    next_ = progress + step_;
  }

  const fs::path& path_;
  double step_;  // of the progress from 0 to 1
  double next_ = 0;
};

}  // namespace

LlmModel::LlmModel(const fs::path& path, const LlmOptions& options)
    : path_(path), vocab_only_(options.vocab_only) {
  redirect_llama_log();
  use_cpu_kernels();
  check_gguf_file(path);
  llama_model_params params = llama_model_default_params();
  std::vector<ggml_backend_dev_t> devices = devices_of(options);
  if (!devices.empty()) params.devices = devices.data();
  params.n_gpu_layers = options.n_gpu_layers;
  params.vocab_only = options.vocab_only;
  params.use_extra_bufts = options.repack;
  LoadProgress progress(path_);
  if (options.repack) {
    params.progress_callback = LoadProgress::call;
    params.progress_callback_user_data = &progress;
  }
  clear_llama_failure();
  model_.reset(llama_model_load_from_file(path.c_str(), params));
  if (!model_) {
    const std::string cause = cause_of_llama_failure();
    fail_model(path, "not a usable language model" + (cause.empty() ? "" : ": " + cause));
  }
  vocab_ = llama_model_get_vocab(model_.get());
  if (llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_NONE || llama_vocab_n_tokens(vocab_) == 0)
    fail_model(path, "the file has no vocabulary");
  bos_ = llama_vocab_bos(vocab_);
  if (bos_ < 0 || bos_ >= n_vocab()) bos_ = llama_vocab_eos(vocab_);
  if (bos_ < 0 || bos_ >= n_vocab())
    fail_model(path, "the vocabulary has neither a begin token nor an end token");
  const std::vector<std::int32_t> probe = tokenize("a");
  adds_space_ = !probe.empty() && token_to_piece(probe.front()).starts_with(' ');
  if (!vocab_only_) token_embeddings_ = TokenEmbeddings::open(path_);
}

std::vector<std::int32_t> LlmModel::tokenize(std::string_view text) const {
  return tokens_of(text, /*parse_special=*/false);
}

std::vector<std::int32_t> LlmModel::tokenize_special(std::string_view text) const {
  return tokens_of(text, /*parse_special=*/true);
}

std::vector<std::int32_t> LlmModel::tokens_of(std::string_view text, bool parse_special) const {
  if (text.size() > kMaxTextBytes) throw Error(ErrorKind::kUsage, "the text is longer than 16 MiB");
  std::vector<std::int32_t> tokens;
  const auto fill = [&]() -> std::int32_t {
    try {
      return llama_tokenize(vocab_, text.data(), static_cast<std::int32_t>(text.size()),
                            tokens.data(), static_cast<std::int32_t>(tokens.size()),
                            /*add_special=*/false, parse_special);
    } catch (const std::exception&) {  // out of a vocabulary without tokens for single bytes
      fail_model(path_, "the vocabulary has no tokens for this text");
    }
  };
  // Hardly a tokeniser makes more tokens than bytes, plus the space that some put in front; one
  // without a token for the space spells it in three. It tells how many there are.
  tokens.resize(text.size() + 8);
  std::int32_t count = fill();
  if (count < 0 && count != std::numeric_limits<std::int32_t>::min()) {
    tokens.resize(static_cast<std::size_t>(-count));
    count = fill();
  }
  if (count < 0) throw Error(ErrorKind::kInternal, "the tokeniser failed");
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

std::vector<std::int32_t> LlmModel::tokenize_piece(std::string_view piece) const {
  if (adds_space_ && piece.starts_with(' ')) piece.remove_prefix(1);
  return tokenize(piece);
}

std::string LlmModel::text_of(std::int32_t token) const {
  return llama_vocab_get_text(vocab_, token);
}

std::string LlmModel::token_to_piece(std::int32_t token) const {
  std::array<char, kMaxPieceBytes> buffer{};
  const auto convert = [&](char* data, std::size_t size) {
    return llama_token_to_piece(vocab_, token, data, static_cast<std::int32_t>(size), /*lstrip=*/0,
                                /*special=*/false);
  };
  const std::int32_t size = convert(buffer.data(), buffer.size());
  if (size >= 0) return {buffer.data(), static_cast<std::size_t>(size)};
  std::string text(static_cast<std::size_t>(-size), '\0');
  convert(text.data(), text.size());
  return text;
}

bool LlmModel::is_end_of_generation(std::int32_t token) const {
  return llama_vocab_is_eog(vocab_, token);
}

std::vector<std::int32_t> LlmModel::end_tokens() const {
  std::vector<std::int32_t> tokens;
  for (std::int32_t token = 0; token < n_vocab(); ++token)
    if (is_end_of_generation(token)) tokens.push_back(token);
  return tokens;
}

const TokenEmbeddings* LlmModel::token_embeddings(const LoraAdapter* adapter) const {
  if (adapter != nullptr && adapter->adapts_token_embeddings()) return nullptr;
  return token_embeddings_.get();
}

int LlmModel::n_embd() const {
  return llama_model_n_embd(model_.get());
}
int LlmModel::n_ctx_train() const {
  return llama_model_n_ctx_train(model_.get());
}
int LlmModel::n_vocab() const {
  return llama_vocab_n_tokens(vocab_);
}
std::uint64_t LlmModel::n_parameters() const {
  return llama_model_n_params(model_.get());
}

std::string LlmModel::description() const {
  std::array<char, 256> buffer{};
  llama_model_desc(model_.get(), buffer.data(), buffer.size());
  return buffer.data();
}

LoraAdapter::LoraAdapter(std::shared_ptr<const LlmModel> model, const fs::path& path, float scale)
    : model_(std::move(model)), scale_(scale) {
  check_gguf_file(path);
  clear_llama_failure();
  adapter_ = llama_adapter_lora_init(model_->handle(), path.c_str());
  if (adapter_ == nullptr) {
    const std::string cause = cause_of_llama_failure();
    fail_model(path, "not a usable LoRA adapter for " + model_->path().filename().string() +
                         (cause.empty() ? "" : ": " + cause));
  }
  adapts_token_embeddings_ = pandagpt::adapts_token_embeddings(path);
}

LoraAdapter::~LoraAdapter() {
  llama_adapter_lora_free(adapter_);
}

}  // namespace pandagpt
