// PandaGPT as a library: questions about pictures (and, with models that have the towers, sounds
// and other inputs), answered by a language model.
//
//   #include <pandagpt/panda.h>
//
//   pandagpt::Panda panda("panda-mini");                 // a model folder, or its name
//   pandagpt::Inputs inputs;
//   inputs.add_file(pandagpt::Modality::kImage, "dog.jpg");
//   std::cout << panda.ask(inputs, "What is in the picture?").text << '\n';
//
//   pandagpt::Chat chat = panda.start_chat();            // a conversation with history
//   chat.set_inputs(inputs);
//   chat.ask("Which colour is the dog?", panda.default_options(), [](std::string_view text) {
//     std::cout << text << std::flush;
//     return true;                                       // false ends the answer
//   });
//
// Everything that fails throws pandagpt::Error (error.h). A Panda may be shared by threads, whose
// answers are computed one after the other unless PandaOptions::n_parallel says more; a Chat
// belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pandagpt/error.h"
#include "pandagpt/export.h"
#include "pandagpt/generation.h"
#include "pandagpt/input.h"
#include "pandagpt/later_inputs.h"

namespace pandagpt {

/// Receives a warning as soon as it is known, which is before the answer.
using OnWarning = std::function<void(const std::string& warning)>;

struct PandaOptions {
  std::string device = "auto";  ///< "auto": a GPU where there is one; "cpu"; or its name: "cuda0"
  std::string encoder_device = {};  ///< of the encoders; empty: the same
  int n_gpu_layers = -1;            ///< of the language model; negative is all
  /// Repacks the language model's weights for the CPU's SIMD kernels: faster inference, slower
  /// loading.
  bool repack = true;
  /// HOST:PORT of llama.cpp's rpc-server on other machines: the language model is spread over them.
  std::vector<std::string> rpc_servers = {};
  bool use_adapter = true;  ///< false: the language model as it was before it was tuned
  int n_threads = 0;        ///< 0: one a physical core
  int n_ctx = 0;            ///< positions of a conversation; 0: the model folder's own value
  /// Answers computed at once for threads that ask; others wait. Each has a cache of n_ctx
  /// positions of its own, and gets the same bits as alone. Searches with beams are made one after
  /// the other, and not at all in chats if this is more than 1.
  int n_parallel = 1;
  std::optional<LaterInputs> later_inputs = {};  ///< of chats; none: the model folder's own value
  bool verify = false;  ///< compare every file's SHA-256 with the manifest (reads all bytes)
  /// Inputs of the same content aren't encoded again: their embeddings are kept, some thousands in
  /// memory.
  bool use_cache = true;
  /// And more of them on disk, for other processes and later ones: an SQLite file, which is made if
  /// it isn't there. Empty: none.
  std::string cache_file = {};
  InputLimits limits = {};
  /// "I am not sure; perhaps .." in front of the first answer about an input that is far from all
  /// that the model knows, if the model folder says how far that is ("unsure" in its panda.json).
  bool say_unsure = true;
  /// Stands before every conversation and says how to answer, for a language model alone (*.gguf)
  /// whose chat template has a place for it. A model folder takes none: it was trained without.
  std::string system_message = {};
  /// For those who show warnings before the answer; it lists them as well. Called by the thread
  /// that asks, several at once if several ask.
  OnWarning on_warning = {};
};

/// What a model folder says about itself.
struct ModelInfo {
  std::string name;
  std::string folder;
  std::string licence;       ///< an SPDX expression
  std::string licence_note;  ///< what it means, in one line; may be empty
  std::string limitations;   ///< what the model can't do, in one line; may be empty
  std::string provenance;
  std::string language_model;  ///< description of the language model
  int embedding_width = 0;     ///< numbers of one embedding
  int n_image_tokens = 0;      ///< positions that an input takes in the prompt
  int n_ctx = 0;               ///< positions of a conversation
  int n_parallel = 1;          ///< answers computed at once
  LaterInputs later_inputs = LaterInputs::kReplace;  ///< of chats
  std::vector<Modality> modalities;
  std::vector<std::string> example_questions;
};

class Chat;

/// An opened model folder. Copies share the weights.
class PANDAGPT_API Panda {
 public:
  /// `model` is a folder with a panda.json or the name of one in the model path ($PANDAGPT_MODELS,
  /// the user's data folder, the source tree). Throws Error(kModel) if anything in it can't be
  /// used, Error(kUsage) for a system message that it can't take.
  explicit Panda(const std::string& model, const PandaOptions& options = {});

  /// Answers one question, without history. `inputs` may be empty: then it is about text alone.
  /// Throws Error(kInput) for an unreadable input, Error(kModel) for one whose tower the model
  /// lacks, Error(kUsage) for options out of range or a question that doesn't fit.
  Answer ask(const Inputs& inputs, std::string_view question, const GenerateOptions& options,
             const OnText& on_text = {}) const;
  Answer ask(const Inputs& inputs, std::string_view question) const {
    return ask(inputs, question, default_options());
  }

  Chat start_chat() const;

  /// Embeddings in the joint space, one an input: (inputs, embedding_width) row-major. Weights are
  /// not applied.
  std::vector<float> embed(const Inputs& inputs) const;

  /// The model folder's sampling defaults.
  const GenerateOptions& default_options() const;
  const ModelInfo& info() const;

 private:
  friend class Chat;
  class PANDAGPT_LOCAL Impl;
  std::shared_ptr<const Impl> impl_;
};

/// A conversation with history. Only what is new is evaluated on each turn.
class PANDAGPT_API Chat {
 public:
  ~Chat();
  Chat(Chat&&) noexcept;
  Chat& operator=(Chat&&) noexcept;

  /// Sets what the conversation is about from now on: all inputs before are dropped, the history
  /// stays. With LaterInputs::kReplace, the usual, the inputs stand before the next question; with
  /// kKeep at the beginning of the conversation. Throws as Panda::ask; the inputs then stay as they
  /// were.
  void set_inputs(const Inputs& inputs);
  /// Says what the next question is about. With LaterInputs::kReplace the inputs take the place of
  /// those of earlier questions, as in set_inputs. With kKeep they stand in that question's turn
  /// from then on, and what has been evaluated stays. Called twice before one question, and after
  /// set_inputs, the sum of all counts. Throws as set_inputs.
  void add_inputs(const Inputs& inputs);

  /// Throws Error(kUsage) if the context is full; the conversation is then as it was before.
  Answer ask(std::string_view question, const GenerateOptions& options, const OnText& on_text = {});
  /// Answers the last question again, about the newest inputs. Throws Error(kUsage) if there is
  /// none.
  Answer regenerate(const GenerateOptions& options, const OnText& on_text = {});
  /// Forgets history and inputs.
  void reset();

  std::vector<Turn> history() const;
  /// Continues from a conversation held elsewhere.
  void set_history(const std::vector<Turn>& turns);
  /// One more turn of it: the next question, about the inputs that are set for it, and its answer.
  void add_turn(const Turn& turn);

 private:
  friend class Panda;
  explicit Chat(std::shared_ptr<const Panda::Impl> panda);
  struct PANDAGPT_LOCAL State;
  std::unique_ptr<State> state_;
};

}  // namespace pandagpt
