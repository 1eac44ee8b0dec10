// What stands behind Panda and Chat: a model folder, or a language model's file alone. What both
// have in common is done by Panda and Chat: looking for inputs that a question is about.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pandagpt/panda.h"

namespace pandagpt {

/// As Chat.
class ChatBackend {
 public:
  virtual ~ChatBackend() = default;
  virtual void set_inputs(const Inputs& inputs) = 0;
  virtual void add_inputs(const Inputs& inputs) = 0;
  virtual Answer ask(std::string_view question, const GenerateOptions& options,
                     const OnText& on_text) = 0;
  virtual Answer regenerate(const GenerateOptions& options, const OnText& on_text) = 0;
  virtual void reset() = 0;
  virtual std::vector<Turn> history() const = 0;
  virtual void set_history(const std::vector<Turn>& turns) = 0;
  virtual void add_turn(const Turn& turn) = 0;
};

/// As Panda. May be used by several threads at once.
class ModelBackend {
 public:
  virtual ~ModelBackend() = default;
  virtual Answer ask(const Inputs& inputs, std::string_view question,
                     const GenerateOptions& options, const OnText& on_text) const = 0;
  /// The chat holds references to this object.
  virtual std::unique_ptr<ChatBackend> start_chat() const = 0;
  virtual std::vector<float> embed(const Inputs& inputs) const = 0;
  virtual const GenerateOptions& default_options() const = 0;
  virtual const ModelInfo& info() const = 0;
};

/// A model folder, or the name of one. Throws as Panda's constructor.
std::unique_ptr<const ModelBackend> open_model_folder(const std::string& model,
                                                      const PandaOptions& options);

/// Whether `model` is a file (*.gguf) instead.
bool is_language_model_file(const std::string& model);
/// A language model in a GGUF file of llama.cpp's: it answers text, in its own chat template if
/// llama.cpp knows it, else in PandaGPT's form. Inputs are an Error(kUsage). Throws as Panda's
/// constructor.
std::unique_ptr<const ModelBackend> open_language_model(const std::string& file,
                                                        const PandaOptions& options);

}  // namespace pandagpt
