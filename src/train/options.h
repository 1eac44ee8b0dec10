// Settings of `pandagpt-train llm`, declared once: flags, defaults, checks, and the copy of them
// that a run keeps beside its results.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "train/launch.h"
#include "train/run_options.h"

namespace pandagpt::train {

struct LlmTrainOptions : RunOptions {
  /// Defaults of the reference: dsconfig/openllama_peft_stage_1.json and the paper, section 4.
  LlmTrainOptions() {
    out = "runs/llm";
    lr = 5e-4;
    weight_decay = 1e-3;
    warmup = 0.1;
    validate_every = save_every = 200;
  }

  std::string model = "panda-mini";  ///< model folder: gives LLM, encoders and prompt template
  std::string llm;                   ///< GGUF of the base; overrides the folder's
  std::string encoders;              ///< GGUF of the encoders; overrides the folder's
  std::string data;                  ///< training conversations (JSON or JSONL)
  std::string validation;            ///< the same for validation; may be empty
  double validation_split = 0;       ///< share of `data` that is held back for validation instead
  std::string media;                 ///< root of relative paths in the data; empty: its folder
  double max_bad = 0.01;             ///< share of unusable conversations above which the job ends

  std::int64_t epochs = 2;
  std::int64_t max_steps = 0;  ///< stop after so many steps; 0: all epochs. The schedule follows it
  std::int64_t batch_size = 64;
  std::int64_t answers_per_group = 5;
  std::int64_t max_length = 1024;
  std::int64_t n_image_tokens = 1;
  int n_views = 1;                   ///< versions of each picture (image_views.h); a step draws one
  double feature_dropout = 0;        ///< of the projector's inputs
  std::int64_t token_memory = 1024;  ///< MiB for tokens that are kept between epochs; 0: none

  std::int64_t lora_rank = 32;
  double lora_alpha = 32;
  double lora_dropout = 0.1;

  std::string device = "auto";          ///< auto, cpu, cuda, cuda:N
  std::string encoder_device = "auto";  ///< of the encoders (ggml's): auto, cpu, cuda0, ..
  std::string base_type = "auto";  ///< how the base is held: auto (as dtype), f32, bf16, quantized
  std::int64_t micro_batch = 0;    ///< conversations a process computes at a time; 0: all it has
  bool checkpoint_activations = false;
  LaunchFlags launch;
  double timeout = 600;             ///< seconds that a process waits for the others
  std::int64_t sample_every = 0;    ///< steps between sample answers; 0: none
  std::int64_t n_samples = 4;       ///< of the validation's questions
  std::string sample_questions;     ///< a file of questions instead (as `data`, answers optional)
  std::int64_t sample_tokens = 64;  ///< of a sample answer, at most
  std::string init;                 ///< `out` of a run, or model folder: the first weights

  /// Adds every flag to `app`, and --config.
  void declare(CLI::App& app);
  /// After parsing `app`: takes in the --config file. Throws Error(kUsage) for values that are
  /// missing or don't fit together.
  void complete(CLI::App& app);
  /// What `app` was told, as content of a --config file.
  static nlohmann::json config(const CLI::App& app);
  /// What the run depends on; a checkpoint made under other values is refused. How the work is cut
  /// up and spread over processes is not among it.
  nlohmann::json to_json() const;

 private:
  void declare_data(CLI::App& app);
  void declare_recipe(CLI::App& app);
  void declare_scale(CLI::App& app);
  void declare_reports(CLI::App& app);
};

}  // namespace pandagpt::train
