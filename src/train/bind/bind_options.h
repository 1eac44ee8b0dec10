// Settings of `pandagpt-train bind`, declared once: flags, defaults, checks, and the copy of them
// that a run keeps beside its results.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/run_options.h"

namespace pandagpt::train {

struct BindOptions : RunOptions {
  BindOptions() {
    out = "runs/bind";
    lr = 1e-3;
    weight_decay = 0.05;
    warmup = 0.05;
  }

  std::string model = "panda-mini";     ///< model folder whose encoders are added to
  std::string encoders;                 ///< encoders file instead; "none": a new one
  std::string train;                    ///< senses, separated by commas
  std::string sizes;                    ///< JSON or its file (tower_settings.h)
  std::vector<std::string> data;        ///< lists of pairs, FILE or FILE=WEIGHT
  std::vector<std::string> validation;  ///< lists of pairs
  std::vector<std::string> templates;   ///< "audio=the sound of a {}"
  std::string merges;                   ///< CLIP's vocabulary for the text tower; empty: learned
  std::string model_out;                ///< new model folder with the trained encoders

  std::int64_t steps = 1000;
  std::int64_t batch_size = 128;  ///< pairs a step, all of one list
  std::int64_t part = 0;          ///< pairs whose activations are held at a time; 0: all
  double temperature = 0.07;      ///< at the start
  bool fixed_temperature = false;
  double output_scale = 0;  ///< length of exported embeddings; 0: that of the vision tower, or 1
  double average = 0;       ///< decay of the weights' moving average; 0: none
  double augment = 1;       ///< strength (augment.h)
  double mixup = 0;         ///< alpha of the beta distribution; 0: none
  double drop_path = 0;
  double head_dropout = 0;
  double patch_dropout = 0;
  int n_views = 1;             ///< versions of each picture whose features are kept
  double max_failures = 0.01;  ///< share of inputs that may be unreadable

  /// Adds every flag to `app`.
  void declare(CLI::App& app);
  /// After parsing: takes what --config says. Throws Error(kUsage), also for what is missing.
  void complete(CLI::App& app);
  /// What a run works with, in the form that --config takes.
  static nlohmann::json config(const CLI::App& app);
  /// What the run depends on; a checkpoint made under other values is refused.
  nlohmann::json to_json() const;

 private:
  void declare_files(CLI::App& app);
  void declare_regularisation(CLI::App& app);
};

}  // namespace pandagpt::train
