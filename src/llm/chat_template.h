// The chat template that a language model's GGUF file names, as pieces of a prompt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llm/llm_model.h"
#include "pandagpt/generation.h"

namespace pandagpt {

/// The form that a model was tuned with ("tokenizer.chat_template"), if llama.cpp knows it
/// (llama_chat_apply_template; it runs no Jinja). Otherwise PandaGPT's own form.
class ChatTemplate {
 public:
  /// `system`: what stands before the conversation and says how to answer; maybe empty. Throws
  /// Error(kUsage) if the template has no place for one.
  explicit ChatTemplate(const LlmModel& model, std::string system = {});

  /// False: PandaGPT's.
  bool is_models_own() const { return !template_.empty(); }

  /// The conversation with `question` up to where the answer starts. Text of the template may hold
  /// special tokens; questions and answers may not, so nobody can write a turn's end into them.
  std::vector<std::int32_t> tokens(const std::vector<Turn>& turns, std::string_view question) const;

  /// What ends an answer besides the model's own end tokens; may be empty.
  const std::string& stop() const { return stop_; }

 private:
  struct Piece {
    std::string text;
    bool is_content = false;
  };
  bool takes_system() const;
  std::vector<Piece> pieces(const std::vector<Turn>& turns, std::string_view question) const;
  std::vector<Piece> own_pieces(const std::vector<Turn>& turns, std::string_view question) const;

  const LlmModel& model_;
  std::string system_;
  std::string template_;  // empty: PandaGPT's
  std::string stop_;
};

}  // namespace pandagpt
