#include "train/run_options.h"

#include <csignal>

#include "config/config_file.h"

namespace pandagpt::train {
namespace {

volatile std::sig_atomic_t stop_flag = 0;

}  // namespace

void RunOptions::declare_run(CLI::App& app) {
  const auto positive = CLI::PositiveNumber;
  const auto share = CLI::Range(0.0, 1.0);
  add_config_option(app);
  app.add_option("--out", out, "folder for checkpoints, metrics, curves and weights")
      ->capture_default_str();
  app.add_option("--cache", cache, "folder of what is computed of the inputs (default: OUT/cache)");
  app.add_flag("--restart", restart, "start anew even if OUT has a checkpoint");
  app.add_option("--lr", lr, "peak learning rate")->check(positive)->capture_default_str();
  app.add_option("--beta1", beta1, "AdamW: decay of the mean of gradients")
      ->check(share)
      ->capture_default_str();
  app.add_option("--beta2", beta2, "AdamW: decay of the mean of their squares")
      ->check(share)
      ->capture_default_str();
  app.add_option("--weight-decay", weight_decay, "of matrices")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--warmup", warmup, "share of the steps")->check(share)->capture_default_str();
  app.add_option("--clip", clip, "largest gradient norm")->check(positive)->capture_default_str();
  app.add_option("--seed", seed, "of all that is drawn at random")->capture_default_str();
  app.add_option("--dtype", dtype, "type of the matrix products")
      ->check(CLI::IsMember({"auto", "bf16", "f32"}))
      ->capture_default_str();
  app.add_option("--export-type", export_type, "type of the exported weights")
      ->check(CLI::IsMember({"f16", "f32"}))
      ->capture_default_str();
  app.add_option("--threads", threads, "CPU threads (0: one a physical core)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--validate-every", validate_every, "steps between validations")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--save-every", save_every, "steps between checkpoints")
      ->check(positive)
      ->capture_default_str();
}

nlohmann::json RunOptions::optimiser_json() const {
  return {{"lr", lr},         {"beta1", beta1}, {"beta2", beta2}, {"weight_decay", weight_decay},
          {"warmup", warmup}, {"clip", clip},   {"seed", seed}};
}

void request_stop() {
  stop_flag = 1;
}

bool stop_requested() {
  return stop_flag != 0;
}

}  // namespace pandagpt::train
