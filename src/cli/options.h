// Options that several subcommands share: declared once, with one help text and one range.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "pandagpt/embedder.h"
#include "pandagpt/panda.h"

namespace pandagpt {

inline constexpr const char* kDefaultModel = "panda-mini";

/// For the end of a command's help: what the default model can't do, and what it may be used for,
/// as its folder says. Empty if the folder isn't there.
std::string default_model_note();

/// --model --threads --device --ctx-size --verify --no-cache
struct ModelArguments {
  std::string model = kDefaultModel;
  PandaOptions options;
  bool no_cache = false;

  void add_to(CLI::App& command);
  /// The model as the next positional argument, too.
  void add_positional_to(CLI::App& command);
  Panda open() const;
  /// `options` with this user's file of embeddings.
  PandaOptions completed_options() const;
};

/// --system, for commands that ask.
void add_system_message(CLI::App& command, PandaOptions& options);

/// --later-inputs, for commands that hold conversations.
void add_later_inputs(CLI::App& command, PandaOptions& options);

/// --model --threads --device --no-cache, for commands that need no language model.
struct EmbedderArguments {
  std::string model = kDefaultModel;
  EmbedderOptions options;
  bool no_cache = false;

  void add_to(CLI::App& command);
  Embedder open() const;
};

/// --imu-rate --depth-unit --thermal-range ..: for all inputs of that kind.
struct SensorArguments {
  SensorOptions options;

  void add_to(CLI::App& command);
};

/// --image F, --audio F, .., each any number of times; --weight W scales the input before it.
struct InputArguments {
  struct Text {
    std::string text;
    float weight = 1.0F;
  };

  Inputs inputs() const { return completed(listed()); }
  /// The inputs as they stand in the command.
  Inputs listed() const;
  /// `inputs` with the options that hold for all of a kind, and with the content of web addresses.
  /// Throws Error(kUsage) for an address without --allow-urls, Error(kInput) if it can't be
  /// fetched.
  Inputs completed(Inputs inputs) const;
  const std::vector<Text>& texts() const { return texts_; }
  const SensorOptions& sensor() const { return sensor_.options; }
  void add_to(CLI::App& command);
  /// --text T, for commands that take texts among the inputs.
  void add_text_to(CLI::App& command);
  /// Standard input can be read once: "-" is an Error(kUsage) for the second one, and for the first
  /// if `taken` (by what).
  void check_standard_input(const std::string& taken = {}) const;
  bool takes_standard_input() const;
  /// One more, behind those of the command line.
  void add(Input input) { items_.push_back(std::move(input)); }

 private:
  Inputs with_web_content(const Inputs& inputs) const;

  std::vector<Input> items_;
  std::vector<Text> texts_;
  SensorArguments sensor_;
  bool video_audio_ = false;
  bool allow_urls_ = false;
  std::shared_ptr<std::map<std::string, Bytes>> fetched_ =
      std::make_shared<std::map<std::string, Bytes>>();  // by address
  bool text_is_last_ = false;                            // what a weight would scale
};

/// --max-tokens --temp --top-p --top-k --min-p --repeat-penalty --draft-max --seed --greedy. What
/// is not given comes from the model folder.
struct SamplingArguments {
  std::optional<int> max_tokens;
  std::optional<int> n_beams;
  std::optional<float> temperature;
  std::optional<float> top_p;
  std::optional<int> top_k;
  std::optional<float> min_p;
  std::optional<float> repeat_penalty;
  std::optional<int> n_draft;
  std::optional<std::uint32_t> seed;
  bool greedy = false;

  void add_to(CLI::App& command);
  /// Throws Error(kUsage) for values out of range.
  GenerateOptions apply_to(GenerateOptions defaults) const;
  /// The same check before a model is loaded.
  void check() const { apply_to({}); }
};

}  // namespace pandagpt
