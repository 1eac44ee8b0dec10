// A model folder in memory: encoders, projector, language model and adapter, fitting each other.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "llm/llm_model.h"
#include "pandagpt/facts.h"
#include "pandagpt/panda.h"
#include "pipeline/familiarity.h"
#include "pipeline/input_encoder.h"
#include "pipeline/manifest.h"
#include "pipeline/projector.h"

namespace pandagpt {

/// Const after loading; may be used by several threads at once.
class LoadedModel {
 public:
  /// Throws as Panda's constructor.
  LoadedModel(const std::string& model, const PandaOptions& options);

  const Manifest& manifest() const { return manifest_; }
  const ModelInfo& info() const { return info_; }
  const InputEncoder& encoder() const { return *encoder_; }
  const Projector& projector() const { return *projector_; }
  const std::shared_ptr<const LlmModel>& llm() const { return llm_; }
  /// Null without one.
  const std::shared_ptr<const LoraAdapter>& adapter() const { return adapter_; }
  int n_threads() const { return n_threads_; }

  /// Projector::project_sum of the inputs; empty without any.
  /// Adds to `report` all but its time. Throws as Panda::ask.
  std::vector<float> project(const Inputs& inputs, EncodingReport& report) const;

  /// What is measured in the inputs, within the limits for them. What their readers warn of is told
  /// by project(). Standard input must have been read. Throws as measure().
  std::vector<InputFacts> facts_of(const Inputs& inputs) const;

 private:
  bool is_strange(Modality modality, std::span<const float> embedding,
                  std::span<const float> statistics) const;
  void check_widths() const;
  void check_separator() const;
  void describe();

  Manifest manifest_;
  int n_threads_;
  InputLimits limits_;
  ModelInfo info_;
  std::unique_ptr<InputEncoder> encoder_;
  std::unique_ptr<Projector> projector_;
  std::optional<Familiarity> familiarity_;  // where answers may begin with "I am not sure"
  std::shared_ptr<const LlmModel> llm_;
  std::shared_ptr<const LoraAdapter> adapter_;
};

}  // namespace pandagpt
