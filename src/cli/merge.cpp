// pandagpt merge: a LoRA adapter becomes a part of the language model that it is for.
#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/model_folder_options.h"
#include "cli/output.h"
#include "convert/lora_merge.h"
#include "pandagpt/error.h"
#include "pipeline/model_folder.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBaseType = "base";  // --type: as it is there

struct MergeArguments {
  std::string base;
  std::string adapter;
  std::string model;
  std::string output;
  std::string type;
  std::string name;
  LoraMerge merge;
  ModelFolderArguments folder;
};

/// Merges the model folder's adapter into a language model of its own, or into one of a new folder.
void merge_model(MergeArguments& arguments, ConversionProgress& progress) {
  Manifest manifest = read_manifest(find_model(arguments.model));
  manifest.check_files();
  if (!manifest.adapter)
    throw Error(ErrorKind::kUsage, arguments.model + ": has no adapter that could be merged");
  const fs::path adapter = manifest.adapter->path;
  arguments.merge.scale *= manifest.adapter_scale;
  if (arguments.output.ends_with(".gguf"))
    return merge_lora(manifest.llm.path, adapter, arguments.output, arguments.merge);

  ModelFolderWriter folder(arguments.output, {.force = arguments.folder.force});
  merge_lora(manifest.llm.path, adapter, folder.path_of("llm"), arguments.merge);
  const auto on_progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.written(done, total);
  };
  std::vector<ManifestFile> kept{manifest.projector, manifest.encoders};
  if (manifest.familiarity) kept.push_back(*manifest.familiarity);
  for (const ManifestFile& file : kept)
    folder.place(file.role, file.path, arguments.folder.placement, on_progress);
  manifest.adapter.reset();
  manifest.adapter_scale = 1;
  manifest.name = arguments.name.empty() ? manifest.name + "-merged" : arguments.name;
  manifest.provenance += "; its adapter merged into the language model";
  folder.finish(manifest);
}

void run_merge(MergeArguments& arguments) {
  const bool from_model = !arguments.model.empty();
  if (from_model == !arguments.adapter.empty() || from_model == !arguments.base.empty())
    throw Error(ErrorKind::kUsage, "give either a base and an adapter, or --model with a folder");
  LoraMerge& merge = arguments.merge;
  merge.keep_types = arguments.type == kBaseType;
  if (!arguments.type.empty() && !merge.keep_types) merge.type = parse_file_type(arguments.type);
  ConversionProgress progress(arguments.output);
  merge.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.written(done, total);
  };
  merge.on_quantized = [&](int done, int total) { progress.quantized(done, total); };
  if (from_model)
    merge_model(arguments, progress);
  else
    merge_lora(arguments.base, arguments.adapter, arguments.output, merge);
  write_output(arguments.output + "\n");
}

}  // namespace

void add_merge(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("merge", "Put a LoRA adapter into the language model that it is for");
  const auto arguments = std::make_shared<MergeArguments>();
  command->add_option("base", arguments->base, "the language model (GGUF)");
  command->add_option("adapter", arguments->adapter, "the adapter (GGUF, llama.cpp's format)");
  command->add_option("-m,--model", arguments->model,
                      "a model folder or its name, instead of base and adapter");
  command
      ->add_option(
          "-o,--output", arguments->output,
          "the file to write; with --model, if it doesn't end in .gguf, a new model folder "
          "that needs no adapter")
      ->required();
  command->add_option("--scale", arguments->merge.scale, "of the adapter, beside its alpha / r")
      ->capture_default_str();
  command->add_option("--type", arguments->type,
                      "the whole file in this type, see below; base: what is changed in the base's "
                      "own types (default: what is changed of a quantised base in f16)");
  command->add_flag("--allow-requantize", arguments->merge.allow_requantize,
                    "with --type, take a quantised base, all of which is rounded again");
  command->add_option("--name", arguments->name, "of the new model folder");
  command->add_option("--threads", arguments->merge.n_threads, "threads (0: one a core)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  arguments->folder.add_to(*command);
  command->footer(
      file_type_help() +
      "\nA tensor W of the base becomes W + scale * alpha / r * B A, the others and the "
      "metadata\nstay. The output is written whole or not at all; its path is printed.");
  command->callback([arguments] { run_merge(*arguments); });
}

}  // namespace pandagpt
