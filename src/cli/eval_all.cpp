// pandagpt eval all: every figure of a model card, from one file that says what is measured.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <ostream>

#include "cli/eval.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/file.h"
#include "eval/eval_run.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

struct EvalAllOptions {
  ModelArguments model;
  std::string data;
  EvalOptions eval;
  std::string out;
  std::string html;
  bool embed_images = false;
};

/// A word of a command, for a shell.
std::string quoted(const std::string& text) {
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_./=:,+").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return text;
  std::string result = "'";
  for (const char c : text)
    result += c == '\'' ? "'\\''" : std::string(1, c);
  return result + "'";
}

/// What the figures depend on; where they are written to isn't.
std::string command_of(const EvalAllOptions& options) {
  std::string command = "pandagpt eval all --model " + quoted(options.model.model) + " --data " +
                        quoted(options.data);
  for (const std::string& name : options.eval.only)
    command += " --only " + quoted(name);
  const EvalSettings& settings = options.eval.settings;
  if (settings.limit > 0) command += fmt::format(" --limit {}", settings.limit);
  return command + fmt::format(" --rounds {} --seed {}", settings.rounds, settings.seed);
}

void evaluate_all(EvalAllOptions options) {
  const EvalSet set = read_eval_set(options.data);
  options.eval.model = options.model.model;
  options.eval.panda = options.model.completed_options();
  options.eval.command = command_of(options);
  options.eval.on_begin = [](const TaskReport& task) {
    std::fputs(fmt::format("{}: {}\n", to_string(task.kind), task.name).c_str(), stderr);
  };
  if (!options.out.empty())
    options.eval.on_task = [&](const EvalReport& report) {
      write_file_atomically(options.out, [&](std::ostream& out) { out << to_json(report); });
    };
  const EvalReport report = run_eval(set, options.eval);

  write_output(to_text(report));
  if (!options.out.empty()) write_report(options.out, to_json(report));
  if (!options.html.empty()) write_report(options.html, to_html(report, options.embed_images));
  const auto failed = std::ranges::find(report.tasks, TaskStatus::kFailed, &TaskReport::status);
  if (failed != report.tasks.end())
    throw Error(ErrorKind::kInput,
                fmt::format("the task \"{}\" failed: {}", failed->name, failed->reason));
}

}  // namespace

void write_report(const std::filesystem::path& path, const std::string& text) {
  write_file_atomically(path, [&](std::ostream& out) { out << text; });
  std::fputs(fmt::format("Written: {}\n", path.string()).c_str(), stderr);
}

void add_eval_all(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand(
      "all", "every figure of a model card: captions, retrieval, classification, answers, ..");
  const auto options = std::make_shared<EvalAllOptions>();
  options->model.add_to(*command);
  add_answers_at_once(*command, options->model.options);
  command->add_option("--data", options->data, "eval.json, or the folder that holds it")
      ->required();
  command
      ->add_option("--only", options->eval.only,
                   "only this task, by its kind (zero_shot) or its name; any number of times")
      ->take_all();
  command
      ->add_option("--limit", options->eval.settings.limit,
                   "items of a list at most, spread over it; 0 is all")
      ->capture_default_str();
  command
      ->add_option("--rounds", options->eval.settings.rounds,
                   "resamplings behind the intervals of captions and retrieval")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--seed", options->eval.settings.seed, "seed of the resampling")
      ->capture_default_str();
  command->add_option("--out", options->out,
                      "report with every answer (JSON); written after each task");
  command->add_option("--html", options->html, "page with drawings and examples");
  command->add_flag("--embed-images", options->embed_images,
                    "put the pictures of the listed photos into the page");
  command->footer("docs/evaluation.md describes eval.json and the figures.");
  command->callback([options] { evaluate_all(*options); });
}

}  // namespace pandagpt
