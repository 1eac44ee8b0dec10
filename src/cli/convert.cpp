// pandagpt convert: published checkpoints -> the GGUF files of a model folder.
#include "cli/commands.h"
#include "cli/output.h"
#include "convert/efficientnet.h"

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
  command->add_option("--name", arguments->conversion.name, "name for the metadata")
      ->capture_default_str();
  command->add_option("--license", arguments->conversion.license, "licence for the metadata")
      ->capture_default_str();
  command->add_option("--source", arguments->conversion.source,
                      "where the checkpoint came from, for the metadata");
  command->callback([arguments] { convert_efficientnet(*arguments); });
}

}  // namespace

void add_convert(CLI::App& app) {
  CLI::App* command = app.add_subcommand("convert", "Convert published weights to GGUF");
  command->require_subcommand(1);
  add_efficientnet(*command);
  command->footer(
      "Checkpoints are read without running the code that pickles can hold. The output is written\n"
      "whole or not at all; its path is printed.");
}

}  // namespace pandagpt
