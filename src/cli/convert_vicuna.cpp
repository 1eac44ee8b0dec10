// pandagpt convert vicuna: LLaMA-type folders of transformers -> a language model for llama.cpp.
#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/output.h"
#include "convert/quantize.h"
#include "convert/vicuna.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

struct VicunaArguments {
  std::string folder;
  std::string delta;
  std::string output;
  std::string type = "f16";
  VicunaConversion conversion;
};

void run_vicuna(VicunaArguments& arguments) {
  VicunaConversion& conversion = arguments.conversion;
  conversion.delta = arguments.delta;
  conversion.type = parse_file_type(arguments.type);
  ConversionProgress progress(arguments.output);
  conversion.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.written(done, total);
  };
  conversion.on_quantized = [&](int done, int total) { progress.quantized(done, total); };
  convert_vicuna(arguments.folder, arguments.output, conversion);
  write_output(arguments.output + "\n");
}

}  // namespace

void add_convert_vicuna(CLI::App& convert) {
  CLI::App* command = convert.add_subcommand(
      "vicuna", "LLaMA or Vicuna (a folder of transformers) -> a GGUF file for llama.cpp");
  const auto arguments = std::make_shared<VicunaArguments>();
  command
      ->add_option("folder", arguments->folder,
                   "a folder with config.json, tokenizer.model, and pytorch_model*.bin or "
                   "model*.safetensors")
      ->required();
  command->add_option("--delta", arguments->delta,
                      "a folder of differences to add to it, as vicuna-7b-delta-v0");
  command->add_option("-o,--output", arguments->output, "the file to write")->required();
  command->add_option("--type", arguments->type, "how matrices are stored (see below)")
      ->capture_default_str();
  command->add_option("--threads", arguments->conversion.n_threads, "threads (0: one a core)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  add_provenance(command, &arguments->conversion);
  command->footer(
      file_type_help() +
      "\nf32, f16, bf16 and q8_0 are written directly. The others go by way of a temporary 16-bit\n"
      "file beside the output, so that its disk needs room for both (13 GiB more for 7B). Memory\n"
      "needed is well below 1 GiB in any case.\n"
      "A folder whose tokenizer is only a tokenizer.json (LLaMA 3, SmolLM2) can't be converted; "
      "any\n"
      "GGUF that llama.cpp runs is accepted as a language model, whoever converted it.");
  command->callback([arguments] { run_vicuna(*arguments); });
}

}  // namespace pandagpt
