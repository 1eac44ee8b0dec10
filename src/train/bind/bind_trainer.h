// The training loop of `pandagpt-train bind`: encoders into a joint space, by contrast.
//
// What it leaves behind in OUT:
//   encoders.gguf        the encoders, trained ones and those that were there
//   best/encoders.gguf   the same as they were at the best validation
//   metrics.jsonl        one line a step; validation lines in between; tensorboard/ has the same
//   curves.svg           what pandagpt-train plot draws of them
//   training.json        settings, data, figures
//   failures.txt         inputs that could not be read, if any
//   checkpoints/ cache/  to go on after a stop
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "train/bind/bind_options.h"
#include "train/bind/bind_score.h"
#include "train/bind/bind_setup.h"
#include "train/bind/encoder_export.h"
#include "train/bind/step_order.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace pandagpt::train {

/// Learning rate of `step` (from 0) out of `n_steps`: linear warm-up to `peak`, then half a cosine
/// down to 0 (Loshchilov and Hutter, arXiv:1608.03983).
double cosine_learning_rate(std::int64_t step, std::int64_t n_steps, double peak, double warmup);

class BindTrainer {
 public:
  /// Reads and prepares everything (make_bind_setup). Throws Error. `encoders`: the file that is
  /// added to; empty: none.
  BindTrainer(BindOptions options, const std::filesystem::path& encoders);

  /// Trains to the last step, from the newest checkpoint if there is one. Returns false when
  /// stopped by request_stop() (a checkpoint is written first).
  bool run();

  /// Width of the joint space.
  int n_embd() const { return setup_->settings.n_embd; }

 private:
  struct StepResult {
    const PairList* list = nullptr;
    double loss = 0;
    double accuracy = 0;  ///< share of pairs whose other side is the likeliest of the batch
    double grad_norm = 0;
    std::int64_t n_pairs = 0;
    double seconds = 0;
  };
  using Senses = std::pair<TowerKind, TowerKind>;

  void make_optimizer();
  void open_run();
  StepResult train_step();
  double apply_gradients();
  void update_average();
  void validate();
  void save();
  /// Calls `use` while the parameters have the values of their moving average.
  template <typename Use>
  void with_average(Use use);
  void export_to(const std::filesystem::path& folder) const;
  double output_scale(const TrainableEncoder& encoder) const;
  std::string record(const StepResult& result);
  void write_results(const std::string& status) const;
  const Side& side(TowerKind tower) const { return *setup_->sides.at(tower); }
  /// Number, order and content of the pairs, but for their files' contents.
  nlohmann::json data_digest() const;
  /// What a checkpoint holds.
  NamedTensors state_tensors() const;

  BindOptions options_;
  std::unique_ptr<BindSetup> setup_;
  std::map<Senses, torch::Tensor> log_scales_;  // logarithm of 1 / temperature
  NamedTensors parameters_;                     // of all encoders
  NamedTensors average_;                        // of those that are trained; empty: none
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  std::unique_ptr<StepOrder> order_;
  RunState state_;
  nlohmann::json last_validation_;
  double seconds_ = 0;  // of training, this process
  std::optional<MetricsLog> metrics_;
};

}  // namespace pandagpt::train
