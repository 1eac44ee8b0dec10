// pandagpt-train: trains the projection and LoRA (`llm`), and encoders (`bind`).
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include "pandagpt/error.h"
#include "pipeline/manifest.h"
#include "pipeline/model_folder.h"
#include "train/bind/bind_options.h"
#include "train/bind/bind_trainer.h"
#include "train/launch.h"
#include "train/llm_trainer.h"
#include "train/processes.h"

namespace {

using pandagpt::Error;
using pandagpt::ErrorKind;
namespace train = pandagpt::train;

int run_llm(train::LlmTrainOptions options) {
  const train::Launch launch =
      train::find_launch(options.launch, [](const char* name) { return std::getenv(name); });
  if (options.threads == 0) options.threads = train::threads_per_process(launch);
  // process 0 speaks for all
  if (launch.rank > 0) spdlog::set_level(spdlog::level::warn);
  train::Processes processes(launch, options.timeout);
  train::LlmTrainer::Inputs inputs{options.llm, options.encoders, {}};
  const pandagpt::Manifest manifest = pandagpt::read_manifest(pandagpt::find_model(options.model));
  inputs.prompt = manifest.prompt;
  if (options.llm.empty()) inputs.llm = manifest.llm.path;
  if (options.encoders.empty()) inputs.encoders = manifest.encoders.path;
  train::LlmTrainer trainer(options, inputs, processes);
  // only now: until training begins there is nothing to save but the feature cache, which is
  // always on disk, so a signal may simply end the program
  std::signal(SIGINT, [](int) { train::LlmTrainer::request_stop(); });
  std::signal(SIGTERM, [](int) { train::LlmTrainer::request_stop(); });
  if (trainer.run() && processes.is_first()) std::cout << options.out << "\n";
  return 0;
}

std::filesystem::path encoders_of(const train::BindOptions& options) {
  if (options.encoders == "none") return {};
  if (!options.encoders.empty()) return options.encoders;
  return pandagpt::read_manifest(pandagpt::find_model(options.model)).encoders.path;
}

/// Throws before training what would fail after it.
pandagpt::Manifest manifest_for(const train::BindOptions& options, int n_embd) {
  pandagpt::Manifest manifest = pandagpt::read_manifest(pandagpt::find_model(options.model));
  if (manifest.embedding_width != n_embd)
    throw Error(ErrorKind::kUsage,
                "--model-out: the projector of " + manifest.folder.string() + " takes " +
                    std::to_string(manifest.embedding_width) + " numbers, the encoders will give " +
                    std::to_string(n_embd) + "; leave it out and train a projector for them");
  if (std::filesystem::exists(std::filesystem::path(options.model_out) / pandagpt::kManifestName))
    throw Error(ErrorKind::kUsage, options.model_out + ": is a model folder already");
  return manifest;
}

/// The folder of --model with other encoders.
void write_model_folder(const train::BindOptions& options, pandagpt::Manifest manifest) {
  const std::filesystem::path trained = std::filesystem::path(options.out) / "encoders.gguf";
  pandagpt::ModelFolderWriter writer(options.model_out, {});
  for (const pandagpt::ManifestFile& file : manifest.files())
    if (file.role == "encoders")
      writer.place(file.role, trained, pandagpt::Placement::kCopy);
    else
      writer.place(file.role, file.path, pandagpt::Placement::kLinkOrCopy);
  manifest.provenance +=
      " Encoders: trained further with pandagpt-train bind (" + options.train + ").";
  writer.finish(std::move(manifest));
}

int run_bind(const train::BindOptions& options) {
  train::BindTrainer trainer(options, encoders_of(options));
  std::optional<pandagpt::Manifest> manifest;
  if (!options.model_out.empty()) manifest = manifest_for(options, trainer.n_embd());
  std::signal(SIGINT, [](int) { train::BindTrainer::request_stop(); });
  std::signal(SIGTERM, [](int) { train::BindTrainer::request_stop(); });
  if (!trainer.run()) return 0;
  if (manifest) write_model_folder(options, *manifest);
  std::cout << (options.model_out.empty() ? options.out : options.model_out) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("pandagpt-train"));
  spdlog::set_pattern("%^%l%$: %v");
  CLI::App app{"Trains PandaGPT's projection and LoRA, and encoders", "pandagpt-train"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "pandagpt-train " PANDAGPT_VERSION);
  train::LlmTrainOptions options;
  CLI::App* llm = app.add_subcommand("llm", "projection + LoRA on conversations about pictures");
  options.declare(*llm);
  train::BindOptions bind_options;
  CLI::App* bind =
      app.add_subcommand("bind", "encoders of senses into the joint space, from pairs");
  bind_options.declare(*bind);
  try {
    app.parse(argc, argv);
    if (bind->parsed()) return run_bind(bind_options);
    return run_llm(options);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorKind::kUsage);
  } catch (const Error& error) {
    std::cerr << "pandagpt-train: " << error.what() << "\n";
    return static_cast<int>(error.kind());
  } catch (const std::exception& error) {
    std::cerr << "pandagpt-train: " << error.what() << "\n";
    return static_cast<int>(ErrorKind::kInternal);
  }
}
