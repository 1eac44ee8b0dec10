#include "train/options.h"

#include "config/config_file.h"
#include "pandagpt/error.h"

namespace pandagpt::train {
namespace {

CLI::Range a_share() {
  return {0.0, 1.0};
}
CLI::Range below_one() {
  return {0.0, 0.99};
}

}  // namespace

void LlmTrainOptions::declare(CLI::App& app) {
  declare_run(app);
  app.add_option("--model", model, "model folder or name: LLM, encoders, prompt template")
      ->capture_default_str();
  app.add_option("--llm", llm, "GGUF of the base language model, instead of the folder's");
  app.add_option("--encoders", encoders, "GGUF of the encoders, instead of the folder's");
  app.add_option(
      "--init", init,
      "begin with the weights of another run, given by its --out, or of a model folder, instead of "
      "random ones; a lexicon in its projector.gguf is kept as it is");
  declare_data(app);
  declare_recipe(app);
  declare_reports(app);
  declare_scale(app);
}

void LlmTrainOptions::declare_data(CLI::App& app) {
  app.add_option("--data", data, "training conversations: the reference's JSON, or JSON lines");
  app.add_option("--validation", validation, "conversations for the validation");
  app.add_option("--validation-split", validation_split,
                 "hold back this share of --data for it; all conversations about the same inputs "
                 "stay on one side")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  app.add_option("--media,--images", media,
                 "folder that the data's paths are relative to (default: that of the data)");
  app.add_option(
         "--max-bad", max_bad,
         "share of conversations that may be unusable; they are listed in OUT/left_out.jsonl")
      ->check(a_share())
      ->capture_default_str();
  app.add_option("--max-length", max_length, "tokens of a conversation; longer ones are cut")
      ->check(CLI::Range(16, 4096))
      ->capture_default_str();
  app.add_option("--token-memory", token_memory,
                 "MiB of memory for the tokens of conversations, which are then read and tokenised "
                 "in the first epoch only (0: in each)")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--image-tokens", n_image_tokens,
                 "embeddings that a conversation's inputs become, beside the words of a lexicon")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option(
         "--views", n_views,
         "versions of each picture to train on: 2 adds its mirror image, more add random crops")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
}

void LlmTrainOptions::declare_recipe(CLI::App& app) {
  const auto positive = CLI::PositiveNumber;
  app.add_option("--epochs", epochs, "times that all conversations are trained on")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--max-steps", max_steps, "end after so many steps (0: all epochs)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--batch-size", batch_size, "conversations a step")
      ->check(positive)
      ->capture_default_str();
  app.add_option(
         "--answers-per-group", answers_per_group,
         "conversations that share how their prompts begin, at most: all about the same inputs, "
         "or each about others")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--feature-dropout", feature_dropout, "share of the projector's inputs left out")
      ->check(below_one())
      ->capture_default_str();
  app.add_option("--lora-rank", lora_rank, "rank of the LoRA matrices")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--lora-alpha", lora_alpha, "the LoRA is scaled by alpha / rank")
      ->check(positive)
      ->capture_default_str();
  app.add_option("--lora-dropout", lora_dropout, "share of the LoRA's inputs left out")
      ->check(below_one())
      ->capture_default_str();
}

void LlmTrainOptions::declare_reports(CLI::App& app) {
  app.add_option("--sample-every", sample_every,
                 "steps between sample answers, by the inference engine with the weights of that "
                 "moment, in OUT/samples.md (0: none)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--samples", n_samples, "how many of the validation's questions are asked")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--sample-questions", sample_questions,
                 "ask those of this file instead: as --data, the last answer may be missing");
  app.add_option("--sample-tokens", sample_tokens, "tokens of a sample answer at most")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
}

void LlmTrainOptions::declare_scale(CLI::App& app) {
  app.add_option("--device", device,
                 "cpu, cuda (the GPU of this process's number on its machine), cuda:N, or auto: a "
                 "GPU where libtorch has one")
      ->capture_default_str();
  app.add_option("--encoder-device", encoder_device,
                 "cpu, auto (a GPU that llama.cpp's build knows), or its name, as in pandagpt ask")
      ->capture_default_str();
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

void LlmTrainOptions::complete(CLI::App& app) {
  apply_config(app);
  require_option(app, "--data");
  if (!validation.empty() && validation_split > 0)
    throw Error(ErrorKind::kUsage, "--validation and --validation-split: give one of them");
  if (sample_every > 0 && sample_questions.empty() && validation.empty() && validation_split == 0)
    throw Error(ErrorKind::kUsage,
                "--sample-every needs questions: --sample-questions, --validation or "
                "--validation-split");
}

nlohmann::json LlmTrainOptions::config(const CLI::App& app) {
  // where a process runs, and whether it begins anew, is no setting of the run
  return effective_config(
      app, {"restart", "rank", "world-size", "master-addr", "master-port", "local-addr"});
}

nlohmann::json LlmTrainOptions::to_json() const {
  nlohmann::json json = optimiser_json();
  json.update({{"epochs", epochs},
               {"max_steps", max_steps},
               {"batch_size", batch_size},
               {"answers_per_group", answers_per_group},
               {"max_length", max_length},
               {"n_image_tokens", n_image_tokens},
               {"n_views", n_views},
               {"validation_split", validation_split},
               {"feature_dropout", feature_dropout},
               {"lora_rank", lora_rank},
               {"lora_alpha", lora_alpha},
               {"lora_dropout", lora_dropout}});
  return json;
}

}  // namespace pandagpt::train
