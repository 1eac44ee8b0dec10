#include "train/bind/bind_options.h"

#include "config/config_file.h"

namespace pandagpt::train {

void BindOptions::declare(CLI::App& app) {
  const auto positive = CLI::PositiveNumber;
  const auto share = CLI::Range(0.0, 1.0);
  add_config_option(app);
  declare_files(app);
  declare_regularisation(app);
  app.add_option("--steps", steps, "optimiser steps")->check(positive)->capture_default_str();
  app.add_option("--batch-size", batch_size, "pairs a step; each is the others' negative")
      ->check(CLI::Range(2, 1 << 16))
      ->capture_default_str();
  app.add_option(
         "--part", part,
         "pairs whose activations are in memory at a time (0: all); the loss is that of the "
         "whole batch all the same")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--lr", lr, "peak learning rate")->check(positive)->capture_default_str();
  app.add_option("--beta1", beta1)->check(share)->capture_default_str();
  app.add_option("--beta2", beta2)->check(share)->capture_default_str();
  app.add_option("--weight-decay", weight_decay, "of matrices")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--warmup", warmup, "share of the steps")->check(share)->capture_default_str();
  app.add_option("--clip", clip, "largest gradient norm")->check(positive)->capture_default_str();
  app.add_option("--temperature", temperature, "of the loss, at the start")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  app.add_flag("--fixed-temperature", fixed_temperature, "the temperature is not learned");
  app.add_option("--output-scale", output_scale,
                 "length of the exported embeddings of what is trained, texts excepted (0: that of "
                 "the vision tower, or 1)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--dtype", dtype, "type of the matrix products")
      ->check(CLI::IsMember({"auto", "bf16", "f32"}))
      ->capture_default_str();
  app.add_option("--export-type", export_type, "type of the exported matrices")
      ->check(CLI::IsMember({"f16", "f32"}))
      ->capture_default_str();
  app.add_option("--seed", seed)->capture_default_str();
  app.add_option("--threads", threads, "CPU threads (0: one a physical core)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--validate-every", validate_every, "steps between validations")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--save-every", save_every, "steps between checkpoints")
      ->check(positive)
      ->capture_default_str();
  app.add_flag("--restart", restart, "start anew even if OUT has a checkpoint");
}

void BindOptions::declare_files(CLI::App& app) {
  app.add_option("--train", train, "senses whose encoders are trained, e.g. imu or image,text");
  app.add_option("--data", data,
                 "pairs to learn from: .jsonl or .tsv (any number of times; FILE=WEIGHT for the "
                 "share of steps, otherwise by the number of pairs)")
      ->take_all();
  app.add_option("--validation", validation, "pairs to measure with (any number of times)")
      ->take_all();
  app.add_option("--template", templates,
                 "text around labels, by sense: \"audio=the sound of a {}\" (any number of times)")
      ->take_all();
  app.add_option("--model", model, "model folder or name whose encoders are added to")
      ->capture_default_str();
  app.add_option("--encoders", encoders,
                 "encoders file instead of the folder's; none: the trained ones alone");
  app.add_option("--sizes", sizes, "sizes of the encoders: JSON, or a file of it");
  app.add_option("--merges", merges,
                 "CLIP's vocabulary for a new text tower (default: learned from the texts)");
  app.add_option("--out", out, "folder for checkpoints, metrics, curve and encoders.gguf")
      ->capture_default_str();
  app.add_option("--cache", cache, "folder of the cache of decoded inputs (default: OUT/cache)");
  app.add_option("--model-out", model_out,
                 "new model folder: that of --model with the trained encoders");
}

void BindOptions::declare_regularisation(CLI::App& app) {
  const auto share = CLI::Range(0.0, 0.99);
  app.add_option("--augment", augment, "strength of random changes of the inputs (0: none)")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str();
  app.add_option("--mixup", mixup, "alpha of mixing two inputs (0: none)")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  app.add_option("--drop-path", drop_path, "share of a block's output left out, of the last block")
      ->check(share)
      ->capture_default_str();
  app.add_option("--head-dropout", head_dropout, "share of the head's inputs left out")
      ->check(share)
      ->capture_default_str();
  app.add_option("--patch-dropout", patch_dropout, "share of an input's patches left out")
      ->check(share)
      ->capture_default_str();
  app.add_option("--average", average,
                 "decay of a moving average of the weights, which is exported")
      ->check(CLI::Range(0.0, 0.99999))
      ->capture_default_str();
  app.add_option(
         "--views", n_views,
         "versions of each picture of a frozen trunk or tower: 2 adds its mirror image, more "
         "add random crops")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--max-failures", max_failures, "share of inputs that may be unreadable")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

void BindOptions::complete(CLI::App& app) {
  apply_config(app);
  require_option(app, "--train");
  require_option(app, "--data");
}

nlohmann::json BindOptions::config(const CLI::App& app) {
  return effective_config(app, {"restart"});
}

nlohmann::json BindOptions::to_json() const {
  return {{"train", train},
          {"sizes", sizes},
          {"data", data},
          {"templates", templates},
          {"steps", steps},
          {"batch_size", batch_size},
          {"lr", lr},
          {"beta1", beta1},
          {"beta2", beta2},
          {"weight_decay", weight_decay},
          {"warmup", warmup},
          {"clip", clip},
          {"temperature", temperature},
          {"fixed_temperature", fixed_temperature},
          {"output_scale", output_scale},
          {"average", average},
          {"augment", augment},
          {"mixup", mixup},
          {"drop_path", drop_path},
          {"head_dropout", head_dropout},
          {"patch_dropout", patch_dropout},
          {"n_views", n_views},
          {"seed", seed}};
}

}  // namespace pandagpt::train
