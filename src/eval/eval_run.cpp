#include "eval/eval_run.h"

#include <algorithm>
#include <chrono>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

void run_task(const EvalTask& task, EvalModels& models, TaskReport& report) {
  report.reason = task.obstacle(models);
  if (!report.reason.empty()) {
    report.status = TaskStatus::kSkipped;
    return;
  }
  const Clock::time_point start = Clock::now();
  try {
    task.run(models, report);
    report.status = TaskStatus::kDone;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput && error.kind() != ErrorKind::kUsage) throw;
    report = {.kind = report.kind,
              .name = report.name,
              .status = TaskStatus::kFailed,
              .reason = error.what()};
    return;
  }
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  report.list_sha256 = sha256_file(task.entry().list);
}

}  // namespace

EvalReport run_eval(const EvalSet& set, const EvalOptions& options) {
  std::vector<std::unique_ptr<EvalTask>> tasks;
  for (const EvalEntry& entry : set.selected(options.only))
    tasks.push_back(make_task(entry, options.settings));

  EvalModels models(options.model, options.panda);
  EvalReport report{.set_name = set.name,
                    .set_sha256 = sha256_file(set.file),
                    .command = options.command,
                    .model_name = models.name(),
                    .model_files = model_file_hashes(options.model),
                    .limit = options.settings.limit,
                    .rounds = options.settings.rounds,
                    .seed = options.settings.seed};
  for (const auto& task : tasks)
    report.tasks.push_back({.kind = task->entry().kind, .name = task->entry().name});
  for (const bool answering : {false, true})
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (tasks[i]->answers() != answering) continue;
      options.on_begin(report.tasks[i]);
      run_task(*tasks[i], models, report.tasks[i]);
      options.on_task(report);
    }
  const bool all_skipped = std::ranges::all_of(
      report.tasks, [](const TaskReport& task) { return task.status == TaskStatus::kSkipped; });
  if (all_skipped)
    throw Error(ErrorKind::kModel, report.model_name +
                                       " can do none of the tasks: " + report.tasks.front().name +
                                       ": " + report.tasks.front().reason);
  return report;
}

}  // namespace pandagpt
