// A whole evaluation: every task of a set on one model.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "eval/eval_report.h"
#include "eval/eval_task.h"

namespace pandagpt {

struct EvalOptions {
  std::string model;
  PandaOptions panda = {};
  std::vector<std::string> only = {};  ///< EvalSet::selected
  EvalSettings settings = {};
  std::string command = {};  ///< for the report
  /// Called before each task.
  std::function<void(const TaskReport&)> on_begin = [](const TaskReport&) {};
  /// Called after each task, so that what is done can be kept.
  std::function<void(const EvalReport&)> on_task = [](const EvalReport&) {};
};

/// Reads all lists, then runs the tasks: those on embeddings first, the report has the set's order.
/// A task that the model has no tower for is skipped, one that fails on an input is noted as failed
/// and the others go on. Throws Error(kInput) for lists that can't be used, as Panda and Embedder,
/// and Error(kModel) if the model can do none of the tasks.
EvalReport run_eval(const EvalSet& set, const EvalOptions& options);

}  // namespace pandagpt
