// pandagpt convert delta: PandaGPT's published checkpoint and what it belongs to -> a model folder.
#include <spdlog/spdlog.h>

#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/model_folder_options.h"
#include "cli/output.h"
#include "convert/panda_delta.h"
#include "core/file.h"
#include "pandagpt/error.h"
#include "pipeline/model_folder.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr int kReferenceContext = 2048;  // LLaMA's; the delta was trained with at most 1024
constexpr int kReferenceTopK = 50;       // transformers' default, which web_demo.py does not change

struct DeltaArguments {
  std::string checkpoint;
  std::string llm;
  std::string encoders;
  std::string output;
  PandaDeltaOptions delta;
  ModelFolderArguments folder;
};

std::string metadata_or(const fs::path& path, const char* key, const std::string& otherwise) {
  const GgufFile file(path);
  return file.has(key) ? file.get_str(key) : otherwise;
}

/// The licences of all parts as one SPDX expression, each once.
std::string joined_licences(const DeltaArguments& arguments) {
  std::vector<std::string> licences{arguments.delta.license};
  for (const std::string& part : {arguments.encoders, arguments.llm}) {
    const std::string licence = part.empty() ? "" : metadata_or(part, "general.license", "");
    if (!licence.empty() && std::ranges::find(licences, licence) == licences.end())
      licences.push_back(licence);
  }
  std::string text;
  for (const std::string& licence : licences)
    text += (text.empty() ? "" : " AND ") + licence;
  return text;
}

Manifest make_manifest(const DeltaArguments& arguments, const PandaDelta& delta) {
  Manifest manifest;  // prompt and the rest of sampling are the reference's by default
  manifest.sampling.top_k = kReferenceTopK;
  manifest.name = arguments.delta.name;
  manifest.licence = joined_licences(arguments);
  const std::string llm = fs::path(arguments.llm).filename().string();
  manifest.provenance = "PandaGPT's delta " + fs::path(arguments.checkpoint).filename().string() +
                        " (SHA-256 " + sha256_file(arguments.checkpoint) + ") for " +
                        metadata_or(arguments.llm, "general.name", llm);
  if (!arguments.delta.source.empty()) manifest.provenance += ", from " + arguments.delta.source;
  manifest.embedding_width = delta.n_in();
  manifest.n_ctx = std::min(kReferenceContext, delta.n_ctx_train());
  manifest.adapter.emplace();
  manifest.examples = {"What is in the picture?", "Describe the image in detail."};
  return manifest;
}

void run_delta(DeltaArguments& arguments) {
  const fs::path encoders_there = fs::path(arguments.output) / "encoders.gguf";
  if (arguments.encoders.empty() && fs::exists(encoders_there))
    arguments.encoders = encoders_there.string();
  arguments.delta.encoders = arguments.encoders;
  const PandaDelta delta(arguments.checkpoint, arguments.llm, arguments.delta);

  ConversionProgress progress(arguments.output);
  const auto on_progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.written(done, total);
  };
  ModelFolderWriter folder(arguments.output, {.sources = {arguments.llm, arguments.encoders},
                                              .force = arguments.folder.force});
  delta.write_projector(folder.path_of("projector"));
  delta.write_adapter(folder.path_of("adapter"));
  folder.place("llm", arguments.llm, arguments.folder.placement, on_progress);
  if (!arguments.encoders.empty())
    folder.place("encoders", arguments.encoders, arguments.folder.placement, on_progress);
  folder.finish(make_manifest(arguments, delta));
  write_output(arguments.output + "\n");
  if (arguments.encoders.empty())
    spdlog::warn(
        "{} has no encoders yet; 'pandagpt convert imagebind imagebind_huge.pth -o {}' makes them, "
        "and 'pandagpt models hash {}' puts them down in the manifest",
        arguments.output, encoders_there.string(), arguments.output);
}

}  // namespace

void add_convert_delta(CLI::App& convert) {
  CLI::App* command = convert.add_subcommand(
      "delta", "PandaGPT's delta checkpoint, a language model and encoders -> a model folder");
  const auto arguments = std::make_shared<DeltaArguments>();
  command
      ->add_option("checkpoint", arguments->checkpoint,
                   "pytorch_model.pt with llama_proj and LoRA; it is read, never run")
      ->required();
  command
      ->add_option("--llm", arguments->llm,
                   "the language model that it was trained on (GGUF), see 'convert vicuna'")
      ->required();
  command->add_option("--encoders", arguments->encoders,
                      "ImageBind's encoders, see 'convert imagebind' (default: those that are in "
                      "the folder already; they may also be added later)");
  command->add_option("-o,--output", arguments->output, "the folder to make")->required();
  command->add_option("--lora-alpha", arguments->delta.lora_alpha,
                      "alpha of the training, which the checkpoint does not hold (default: 32)");
  arguments->folder.add_to(*command);
  add_provenance(command, &arguments->delta);
  command->footer(
      "The folder gets projector.gguf and adapter.gguf (LoRA in llama.cpp's format), the language\n"
      "model and the encoders, and panda.json with the reference's prompt and sampling, sizes and\n"
      "SHA-256. Any GGUF of the right LLaMA is taken, quantised or not. 'pandagpt merge' puts the\n"
      "adapter into the language model. The folder's path is printed.");
  command->callback([arguments] { run_delta(*arguments); });
}

}  // namespace pandagpt
