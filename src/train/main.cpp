// pandagpt-train: trains the projection and LoRA (`llm`), draws what runs measured (`plot`).
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "core/file.h"
#include "pandagpt/error.h"
#include "pipeline/manifest.h"
#include "train/launch.h"
#include "train/llm_trainer.h"
#include "train/plot.h"
#include "train/processes.h"

namespace {

using pandagpt::Error;
using pandagpt::ErrorKind;
namespace fs = std::filesystem;
namespace train = pandagpt::train;

int run_llm(train::LlmTrainOptions& options, CLI::App& command) {
  options.complete(command);
  const train::Launch launch =
      train::find_launch(options.launch, [](const char* name) { return std::getenv(name); });
  if (options.threads == 0) options.threads = train::threads_per_process(launch);
  // process 0 speaks for all
  if (launch.rank > 0) spdlog::set_level(spdlog::level::warn);
  train::Processes processes(launch, options.timeout);
  train::LlmFiles files{options.llm, options.encoders, {}};
  const pandagpt::Manifest manifest = pandagpt::read_manifest(pandagpt::find_model(options.model));
  files.prompt = manifest.prompt;
  if (options.llm.empty()) files.llm = manifest.llm.path;
  if (options.encoders.empty()) files.encoders = manifest.encoders.path;
  train::LlmTrainer trainer(options, files, processes);
  if (processes.is_first()) {
    const std::string config = train::LlmTrainOptions::config(command).dump(2);
    pandagpt::write_file_atomically(fs::path(options.out) / "config.json",
                                    [&](std::ostream& out) { out << config << '\n'; });
  }
  // only now: until training begins there is nothing to save but the feature cache, which is
  // always on disk, so a signal may simply end the program
  std::signal(SIGINT, [](int) { train::LlmTrainer::request_stop(); });
  std::signal(SIGTERM, [](int) { train::LlmTrainer::request_stop(); });
  if (trainer.run() && processes.is_first()) std::cout << options.out << "\n";
  return 0;
}

struct PlotArguments {
  std::vector<std::string> runs;
  std::string out = "curves.svg";
  double scale = 2;
  train::PlotOptions options;

  void declare(CLI::App& app) {
    app.add_option("RUN", runs, "folders of runs; several are drawn over each other")->required();
    app.add_option("-o,--out", out, "picture to write: *.svg or *.png")->capture_default_str();
    app.add_option("--smoothing", options.smoothing, "weight of the past, from 0 to below 1")
        ->check(CLI::Range(0.0, 0.999))
        ->capture_default_str();
    app.add_option("--x", options.x, "what the curves run over")
        ->check(CLI::IsMember({"step", "tokens", "hours"}))
        ->capture_default_str();
    app.add_flag("--log-loss", options.log_loss, "logarithmic axis for the losses");
    app.add_option("--scale", scale, "pixels of the PNG for each of the SVG")
        ->check(CLI::Range(0.25, 8.0))
        ->capture_default_str();
  }
};

int run_plot(const PlotArguments& arguments) {
  const std::string kind = fs::path(arguments.out).extension().string();
  if (kind != ".svg" && kind != ".png")
    throw Error(ErrorKind::kUsage, arguments.out + ": a name ending in .svg or .png was expected");
  const std::string svg =
      train::plot_runs({arguments.runs.begin(), arguments.runs.end()}, arguments.options);
  if (kind == ".png")
    train::write_png(svg, arguments.scale, arguments.out);
  else
    pandagpt::write_file_atomically(arguments.out, [&](std::ostream& out) { out << svg; });
  std::cout << arguments.out << "\n";
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
  CLI::App* llm = app.add_subcommand("llm", "projection + LoRA on conversations about inputs");
  options.declare(*llm);
  PlotArguments plot_arguments;
  CLI::App* plot = app.add_subcommand("plot", "draws loss, accuracy, speed, .. of runs");
  plot_arguments.declare(*plot);
  try {
    app.parse(argc, argv);
    return plot->parsed() ? run_plot(plot_arguments) : run_llm(options, *llm);
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
