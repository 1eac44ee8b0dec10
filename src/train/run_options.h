// The settings that all kinds of training runs have, declared once.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace pandagpt::train {

struct RunOptions {
  std::string out;       ///< checkpoints, metrics, curves, exported weights
  std::string cache;     ///< features or decoded inputs; empty: OUT/cache
  bool restart = false;  ///< ignore checkpoints in `out`

  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double weight_decay = 0;
  double warmup = 0;  ///< share of all steps
  double clip = 1.0;  ///< gradient norm
  std::uint64_t seed = 1;

  std::string dtype = "auto";       ///< of matrix products: auto, bf16, f32
  std::string export_type = "f16";  ///< of exported weights: f16, f32
  int threads = 0;                  ///< 0: one a physical core
  std::int64_t validate_every = 100;
  std::int64_t save_every = 100;

  /// Adds these flags and --config to `app`, with the present values as defaults.
  void declare_run(CLI::App& app);

 protected:
  /// What a run depends on, of these.
  nlohmann::json optimiser_json() const;
};

/// Asks the process's training run to stop after the step, with a checkpoint. For signal handlers.
void request_stop();
bool stop_requested();

}  // namespace pandagpt::train
