// Checkpoints: everything a run needs to go on as if it had not stopped.
//
// A checkpoint is a folder OUT/checkpoints/step-N with the parameters, the optimiser's state and
// state.json. It is written under another name and renamed when whole, so a folder named step-N is
// always complete.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace torch::optim {
class Optimizer;
}

namespace pandagpt::train {

inline constexpr const char* kCheckpointsFolder = "checkpoints";

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

struct RunState {
  std::int64_t step = 0;                  ///< optimiser steps done
  std::optional<double> best_validation;  ///< lowest validation loss so far
  std::int64_t best_step = 0;             ///< where it was
  nlohmann::json options;                 ///< LlmTrainOptions::to_json of the run
  nlohmann::json data;  ///< number, order and SHA-256 of the conversations or pairs
  std::string media;    ///< digest of the inputs' contents
};

/// Writes step-N and removes all but the newest two. Throws Error(kInternal) on a full disk; the
/// earlier checkpoints are untouched then.
void save_checkpoint(const std::filesystem::path& out, const RunState& state,
                     const NamedTensors& parameters, const torch::optim::Optimizer& optimizer);

/// Loads the newest checkpoint into `parameters` and `optimizer`; false if there is none. Throws
/// Error(kInput) if it was made under other options than `state.options` (other epochs and
/// max_steps are fine) or on other conversations, or is damaged. Other contents of input files are
/// a warning.
bool load_checkpoint(const std::filesystem::path& out, RunState& state,
                     const NamedTensors& parameters, torch::optim::Optimizer& optimizer);

/// The parameters alone of the newest checkpoint of another run, to begin with. Throws
/// Error(kInput) if `run` has none, or one of other sizes.
void load_parameters(const std::filesystem::path& run, const NamedTensors& parameters);

}  // namespace pandagpt::train
