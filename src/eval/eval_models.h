// A model as an evaluation needs it: opened when first asked for, one part at a time.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pandagpt/embedder.h"
#include "pandagpt/panda.h"

namespace pandagpt {

/// Role and SHA-256 of every file of a model folder, or of an encoders file (*.gguf); computed
/// where the manifest doesn't record it. Throws as Panda and Embedder.
std::vector<std::pair<std::string, std::string>> model_file_hashes(const std::string& model);

class EvalModels {
 public:
  /// `model`: a folder, the name of one, or an encoders file, which embeds but answers nothing.
  EvalModels(std::string model, PandaOptions options);

  /// What a report calls the model.
  std::string name() const;
  bool answers() const { return !is_encoders_file_; }
  /// Whether there is an adapter to be left out.
  bool has_adapter() const;

  /// Each closes what was open before, so that a model is in memory once; references are valid
  /// until the next call. Throw as their constructors.
  const Embedder& embedder();
  const Panda& panda(bool use_adapter = true);

 private:
  std::string model_;
  PandaOptions options_;
  bool is_encoders_file_;
  std::optional<Embedder> embedder_;
  std::optional<Panda> panda_;
  bool uses_adapter_ = false;  // panda_
};

}  // namespace pandagpt
