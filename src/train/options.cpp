#include "train/options.h"

namespace pandagpt::train {

void LlmTrainOptions::declare(CLI::App& app) {
  const auto positive = CLI::PositiveNumber;
  const auto share = CLI::Range(0.0, 1.0);
  app.add_option("--model", model, "model folder or name: LLM, encoders, prompt template")
      ->capture_default_str();
  app.add_option("--llm", llm, "GGUF of the base language model, instead of the folder's");
  app.add_option("--encoders", encoders, "GGUF of the encoders, instead of the folder's");
  app.add_option("--data", data, "training conversations: the reference's JSON, or JSONL")
      ->required();
  app.add_option("--validation", validation, "conversations for the validation loss");
  app.add_option("--images", images, "folder that image_name is relative to")->required();
  app.add_option("--out", out, "folder for checkpoints, metrics, curve and weights")
      ->capture_default_str();
  app.add_option("--cache", cache, "folder of the feature cache (default: OUT/cache)");
  app.add_option("--epochs", epochs)->check(positive)->capture_default_str();
  app.add_option("--max-steps", max_steps, "end after so many steps (0: all epochs)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--batch-size", batch_size, "conversations a step")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--answers-per-group", answers_per_group,
                 "conversations about one picture that share its prefix in a step")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--max-length", max_length, "tokens of a conversation")
      ->check(CLI::Range(16, 4096))
      ->capture_default_str();
  app.add_option("--image-tokens", n_image_tokens, "embeddings a picture becomes")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option(
         "--views", n_views,
         "versions of each picture to train on: 2 adds its mirror image, more add random crops")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--feature-dropout", feature_dropout, "share of the projector's inputs left out")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  app.add_option("--lr", lr, "peak learning rate")->check(positive)->capture_default_str();
  app.add_option("--beta1", beta1)->check(share)->capture_default_str();
  app.add_option("--beta2", beta2)->check(share)->capture_default_str();
  app.add_option("--weight-decay", weight_decay)
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--warmup", warmup, "share of the steps")->check(share)->capture_default_str();
  app.add_option("--clip", clip, "largest gradient norm")->check(positive)->capture_default_str();
  app.add_option("--lora-rank", lora_rank)->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--lora-alpha", lora_alpha)->check(positive)->capture_default_str();
  app.add_option("--lora-dropout", lora_dropout)
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  app.add_option("--dtype", dtype, "type of the matrix products")
      ->check(CLI::IsMember({"auto", "bf16", "f32"}))
      ->capture_default_str();
  app.add_option("--export-type", export_type, "type of the exported weights")
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
  declare_scale(app);
}

void LlmTrainOptions::declare_scale(CLI::App& app) {
  app.add_option("--base-type", base_type,
                 "how the frozen base is held: auto (as --dtype), f32, bf16, or quantized: as in "
                 "the file, each matrix dequantised when it is used (QLoRA)")
      ->check(CLI::IsMember({"auto", "f32", "bf16", "quantized"}))
      ->capture_default_str();
  app.add_option("--micro-batch", micro_batch,
                 "conversations that a process computes at a time; gradients are accumulated up to "
                 "--batch-size (0: all at once)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--checkpoint-activations", checkpoint_activations,
               "keep only each layer's input, and compute the layer again for its gradient");
  const std::string job = "Several processes (otherwise from torchrun, mpirun or Slurm)";
  app.add_option("--rank", launch.rank, "number of this process, from 0")
      ->check(CLI::NonNegativeNumber)
      ->group(job);
  app.add_option("--world-size", launch.world_size, "number of processes")
      ->check(CLI::PositiveNumber)
      ->group(job);
  app.add_option("--master-addr", launch.master_addr, "machine of process 0")->group(job);
  app.add_option("--master-port", launch.master_port, "a free port there")
      ->check(CLI::Range(1, 65535))
      ->group(job);
  app.add_option("--local-addr", launch.local_addr,
                 "address of this machine, if the one that reaches process 0 is the wrong one")
      ->group(job);
  app.add_option("--timeout", timeout, "seconds to wait for the other processes")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(job);
}

nlohmann::json LlmTrainOptions::to_json() const {
  return {{"epochs", epochs},
          {"max_steps", max_steps},
          {"batch_size", batch_size},
          {"answers_per_group", answers_per_group},
          {"max_length", max_length},
          {"n_image_tokens", n_image_tokens},
          {"n_views", n_views},
          {"feature_dropout", feature_dropout},
          {"lr", lr},
          {"beta1", beta1},
          {"beta2", beta2},
          {"weight_decay", weight_decay},
          {"warmup", warmup},
          {"clip", clip},
          {"lora_rank", lora_rank},
          {"lora_alpha", lora_alpha},
          {"lora_dropout", lora_dropout},
          {"seed", seed}};
}

}  // namespace pandagpt::train
