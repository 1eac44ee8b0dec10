// A language model of llama.cpp: weights and vocabulary, read only and shared by sessions.
#pragma once

#include <llama.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm/token_embeddings.h"

namespace pandagpt {

struct LlmOptions {
  int n_gpu_layers = -1;  ///< layers on the GPU, where there is one; negative is all, 0 is none
  std::string device = "auto";  ///< of those layers; "auto": all GPUs; "cpu"; or find_device()'s
  /// HOST:PORT of llama.cpp's rpc-server on other machines, whose devices then hold layers as well.
  std::vector<std::string> rpc_servers = {};
  /// Weights in an order that the CPU's instructions take faster, where llama.cpp knows one: a copy
  /// of them, made while loading. Without it they stay in the mapped file, which other processes
  /// share and which is there at once, but prompts and answers are slower.
  bool repack = true;
  bool vocab_only = false;  ///< only the tokeniser; such a model can't open a session
};

class LoraAdapter;

/// Weights (memory mapped) and vocabulary of a GGUF file. Const after loading: any number of
/// threads and sessions may share one.
class LlmModel {
 public:
  /// Throws Error(kModel, "PATH: ...") if the file is missing, damaged or not a model;
  /// Error(kUsage) for a device that isn't there, a server that doesn't answer, or a llama.cpp
  /// without RPC.
  explicit LlmModel(const std::filesystem::path& path, const LlmOptions& options = {});

  /// Tokens of `text` as it stands: no BOS is added and no special token is parsed, so that a
  /// question can't inject control tokens.
  std::vector<std::int32_t> tokenize(std::string_view text) const;

  /// The same with special tokens where their text stands. Not for texts of users.
  std::vector<std::int32_t> tokenize_special(std::string_view text) const;

  /// Tokens of one piece of the prompt protocol (src/llm/prompt.h). The same as tokenize(), except
  /// that a vocabulary which puts a space before every text (SentencePiece, e.g. Vicuna) gets the
  /// piece without its own leading space: " Human: hi" must not become two spaces.
  std::vector<std::int32_t> tokenize_piece(std::string_view piece) const;

  /// Bytes that a token stands for, possibly a part of a UTF-8 sequence; empty for control tokens.
  std::string token_to_piece(std::int32_t token) const;

  /// A token as the vocabulary writes it: of a control token its name ("<s>").
  std::string text_of(std::int32_t token) const;

  /// The token every conversation starts with, whether or not the vocabulary asks for it: PandaGPT
  /// was trained so. A vocabulary without one gives its end-of-text token (GPT-2's custom).
  std::int32_t bos() const { return bos_; }
  bool is_end_of_generation(std::int32_t token) const;
  /// All tokens of which that is true.
  std::vector<std::int32_t> end_tokens() const;

  bool vocab_only() const { return vocab_only_; }
  int n_embd() const;
  int n_ctx_train() const;
  int n_vocab() const;
  std::uint64_t n_parameters() const;
  std::string description() const;  ///< e.g. "llama ?B Q4_1"
  const std::filesystem::path& path() const { return path_; }

  /// What may stand for tokens where `adapter` (maybe null) is in use; null if nothing may.
  const TokenEmbeddings* token_embeddings(const LoraAdapter* adapter) const;

  llama_model* handle() const { return model_.get(); }
  const llama_vocab* vocab() const { return vocab_; }

 private:
  struct Deleter {
    void operator()(llama_model* model) const { llama_model_free(model); }
  };

  std::vector<std::int32_t> tokens_of(std::string_view text, bool parse_special) const;

  std::filesystem::path path_;
  std::unique_ptr<llama_model, Deleter> model_;
  const llama_vocab* vocab_ = nullptr;
  std::unique_ptr<const TokenEmbeddings> token_embeddings_;
  std::int32_t bos_ = 0;
  bool adds_space_ = false;
  bool vocab_only_ = false;
};

/// A LoRA adapter in llama.cpp's GGUF format, applied at run time. Load it before the sessions that
/// use it are opened.
class LoraAdapter {
 public:
  /// Throws Error(kModel, "PATH: ...") if the file is missing, damaged or made for another model.
  LoraAdapter(std::shared_ptr<const LlmModel> model, const std::filesystem::path& path,
              float scale = 1.0F);
  ~LoraAdapter();
  LoraAdapter(const LoraAdapter&) = delete;
  LoraAdapter& operator=(const LoraAdapter&) = delete;

  float scale() const { return scale_; }
  bool adapts_token_embeddings() const { return adapts_token_embeddings_; }
  llama_adapter_lora* handle() const { return adapter_; }

 private:
  std::shared_ptr<const LlmModel> model_;  // must outlive the adapter
  llama_adapter_lora* adapter_ = nullptr;
  float scale_;
  bool adapts_token_embeddings_ = false;
};

}  // namespace pandagpt
