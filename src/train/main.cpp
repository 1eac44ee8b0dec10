// pandagpt-train: trains the projection and LoRA (`llm`) and encoders (`bind`), draws what runs
// measured (`plot`).
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include "config/arguments.h"
#include "config/documentation_commands.h"
#include "config/usage_error.h"
#include "core/file.h"
#include "pandagpt/error.h"
#include "pipeline/manifest.h"
#include "pipeline/model_folder.h"
#include "train/bind/bind_options.h"
#include "train/bind/bind_trainer.h"
#include "train/launch.h"
#include "train/llm_trainer.h"
#include "train/plot.h"
#include "train/processes.h"
#include "train/run_options.h"

namespace {

using pandagpt::Error;
using pandagpt::ErrorKind;
namespace fs = std::filesystem;
namespace train = pandagpt::train;

/// What the run works with, in the form that --config takes.
void write_config(const fs::path& folder, const nlohmann::json& config) {
  pandagpt::write_file_atomically(folder / "config.json",
                                  [&](std::ostream& out) { out << config.dump(2) << '\n'; });
}

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
  if (processes.is_first()) write_config(options.out, train::LlmTrainOptions::config(command));
  // only now: until training begins there is nothing to save but the feature cache, which is
  // always on disk, so a signal may simply end the program
  std::signal(SIGINT, [](int) { train::request_stop(); });
  std::signal(SIGTERM, [](int) { train::request_stop(); });
  if (trainer.run() && processes.is_first()) std::cout << options.out << "\n";
  return 0;
}

fs::path encoders_of(const train::BindOptions& options) {
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
  if (fs::exists(fs::path(options.model_out) / pandagpt::kManifestName))
    throw Error(ErrorKind::kUsage, options.model_out + ": is a model folder already");
  return manifest;
}

/// The folder of --model with other encoders.
void write_model_folder(const train::BindOptions& options, pandagpt::Manifest manifest) {
  const fs::path trained = fs::path(options.out) / "encoders.gguf";
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

int run_bind(train::BindOptions& options, CLI::App& command) {
  options.complete(command);
  train::BindTrainer trainer(options, encoders_of(options));
  std::optional<pandagpt::Manifest> manifest;
  if (!options.model_out.empty()) manifest = manifest_for(options, trainer.n_embd());
  write_config(options.out, train::BindOptions::config(command));
  std::signal(SIGINT, [](int) { train::request_stop(); });
  std::signal(SIGTERM, [](int) { train::request_stop(); });
  if (!trainer.run()) return 0;
  if (manifest) write_model_folder(options, *manifest);
  std::cout << (options.model_out.empty() ? options.out : options.model_out) << "\n";
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

void write_output(const std::string& text) {
  std::cout << text << std::flush;
}

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
  CLI::App app{"Trains PandaGPT's projection and LoRA, and encoders", "pandagpt-train"};
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", "pandagpt-train " PANDAGPT_VERSION);
  app.footer(
      "Exit codes: 0 done, 2 wrong usage, 3 unreadable input, 4 bad model, 1 anything else.");
  train::LlmTrainOptions options;
  CLI::App* llm =
      app.add_subcommand("llm", "Train projection and LoRA on conversations about inputs");
  options.declare(*llm);
  train::BindOptions bind_options;
  CLI::App* bind =
      app.add_subcommand("bind", "Train encoders of senses into the joint space, from pairs");
  bind_options.declare(*bind);
  PlotArguments plot_arguments;
  CLI::App* plot = app.add_subcommand("plot", "Draw loss, accuracy, speed, .. of runs");
  plot_arguments.declare(*plot);
  pandagpt::add_completion(app, write_output);
  pandagpt::add_man(app, PANDAGPT_VERSION, write_output);
  try {
    pandagpt::parse_arguments(app, {argv + 1, argv + argc});
    if (bind->parsed()) return run_bind(bind_options, *bind);
    if (plot->parsed()) return run_plot(plot_arguments);
    return llm->parsed() ? run_llm(options, *llm) : 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success))
      return app.exit(error);  // prints help and version
    std::cerr << "pandagpt-train: " << pandagpt::usage_message(app, error) << "\n";
    return static_cast<int>(ErrorKind::kUsage);
  } catch (const Error& error) {
    std::cerr << "pandagpt-train: " << error.what() << "\n";
    return static_cast<int>(error.kind());
  } catch (const std::exception& error) {
    std::cerr << "pandagpt-train: " << error.what() << "\n";
    return static_cast<int>(ErrorKind::kInternal);
  }
}
