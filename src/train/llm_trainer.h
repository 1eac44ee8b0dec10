// The training loop of `pandagpt-train llm`: projection + LoRA on conversations about pictures.
//
// Recipe: the paper's section 4 and the reference's code/dsconfig. What it leaves behind in OUT:
//   projector.gguf adapter.gguf   the weights, for a model folder
//   best/                         the same as they were at the lowest validation loss
//   metrics.jsonl tensorboard/    one line a step; validation lines in between
//   curves.svg                    the same, drawn
//   samples.md samples.jsonl      sample answers, if asked for
//   left_out.jsonl                conversations that can't be used, and why
//   training.json                 settings, data, figures
//   checkpoints/ cache/           to go on after a stop
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint.h"
#include "train/gradient_buckets.h"
#include "train/llama_lora.h"
#include "train/llm_data.h"
#include "train/metrics.h"
#include "train/micro_batch.h"
#include "train/options.h"
#include "train/processes.h"
#include "train/samples.h"

namespace pandagpt::train {

/// Learning rate of `step` (from 0) out of `n_steps`: linear warm-up to `peak`, then linear decay
/// to 0 (the reference's WarmupDecayLR).
double learning_rate(std::int64_t step, std::int64_t n_steps, double peak, double warmup);

/// Loss in nats a label, and the share of labels that are the arg max.
struct Score {
  double loss = 0;
  double accuracy = 0;
};

struct StepResult {
  double loss = 0;
  double accuracy = 0;
  double grad_norm = 0;  ///< before clipping
  std::int64_t n_sequences = 0;
  std::int64_t n_tokens = 0;  ///< packed; a shared prefix counts once
  double seconds = 0;
};

class LlmTrainer {
 public:
  /// Loads the base model and data, and computes missing features. Throws Error. With several
  /// `processes` (which must outlive this) each computes a share of every step; the first one
  /// writes.
  LlmTrainer(LlmTrainOptions options, const LlmFiles& files, Processes& processes);

  /// Trains to the end of the schedule, from the newest checkpoint if there is one. Returns false
  /// when stopped by request_stop() (a checkpoint is written first).
  bool run();

 private:
  void make_parameters();
  /// Throws Error(kInput) if another process has other settings or data.
  void compare_processes();
  OrderOptions order_options() const;
  /// Loads the newest checkpoint and opens the logs behind its step.
  void open_run();
  StepResult train_step(const Batch& batch, std::int64_t epoch);
  /// Adds the gradients of a part of the step, and its figures to `totals`.
  void add_gradients(const TrainingSet::Loaded& step, const MicroBatch& part, std::int64_t n_labels,
                     std::int64_t epoch, torch::Tensor& totals);
  /// Clips and applies the gradients; returns their norm.
  double apply_gradients();
  /// True on all processes when one was asked to stop.
  bool asked_to_stop();
  /// Logs a step; returns the note for the progress line.
  std::string record(const StepResult& result, std::int64_t epoch);
  /// What follows a step: validation, sample answers, checkpoint, each in its turn.
  void report_step();
  void validate();
  void ask_samples();
  void save();
  void export_weights(const std::filesystem::path& folder) const;
  void log(const nlohmann::json& line);
  void write_results(const std::string& status);
  NamedTensors parameters() const;

  LlmTrainOptions options_;
  LlmFiles files_;
  Processes& processes_;
  torch::Device device_;
  torch::ScalarType compute_;
  std::unique_ptr<LlmData> data_;
  std::unique_ptr<LlamaLora> model_;
  Projector projector_;
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  std::unique_ptr<GradientBuckets> gradients_;
  RunState state_;
  std::int64_t n_steps_ = 0;
  std::optional<Score> last_validation_;
  double seconds_ = 0;  // of training, this process
  std::optional<MetricsLog> metrics_;
  std::optional<SampleWriter> samples_;
};

}  // namespace pandagpt::train
