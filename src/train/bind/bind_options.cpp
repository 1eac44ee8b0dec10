#include "train/bind/bind_options.h"

#include "config/config_file.h"

namespace pandagpt::train {

void BindOptions::declare(CLI::App& app) {
  declare_files(app);
  declare_run(app);
  declare_regularisation(app);
  app.add_option("--steps", steps, "optimiser steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch-size", batch_size, "pairs a step; each is the others' negative")
      ->check(CLI::Range(2, 1 << 16))
      ->capture_default_str();
  app.add_option(
         "--part", part,
         "pairs whose activations are in memory at a time (0: all); the loss is that of the "
         "whole batch all the same")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--temperature", temperature, "of the loss, at the start")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  app.add_flag("--fixed-temperature", fixed_temperature, "the temperature is not learned");
  app.add_option("--output-scale", output_scale,
                 "length of the exported embeddings of what is trained, texts excepted (0: that of "
                 "the vision tower, or 1)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
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
  nlohmann::json json = optimiser_json();
  json.update({{"train", train},
               {"sizes", sizes},
               {"data", data},
               {"templates", templates},
               {"steps", steps},
               {"batch_size", batch_size},
               {"temperature", temperature},
               {"fixed_temperature", fixed_temperature},
               {"output_scale", output_scale},
               {"average", average},
               {"augment", augment},
               {"mixup", mixup},
               {"drop_path", drop_path},
               {"head_dropout", head_dropout},
               {"patch_dropout", patch_dropout},
               {"n_views", n_views}});
  return json;
}

}  // namespace pandagpt::train
