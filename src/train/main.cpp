// pandagpt-train: trains the projection and LoRA (`llm`).
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "pandagpt/error.h"
#include "pipeline/manifest.h"
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

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("pandagpt-train"));
  spdlog::set_pattern("%^%l%$: %v");
  CLI::App app{"Trains PandaGPT's projection and LoRA", "pandagpt-train"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "pandagpt-train " PANDAGPT_VERSION);
  train::LlmTrainOptions options;
  CLI::App* llm = app.add_subcommand("llm", "projection + LoRA on conversations about pictures");
  options.declare(*llm);
  try {
    app.parse(argc, argv);
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
