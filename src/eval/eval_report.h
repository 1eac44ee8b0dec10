// What `pandagpt eval all` found, and how it is written down.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/caption_run.h"
#include "eval/confusion.h"
#include "eval/eval_set.h"
#include "eval/interval.h"

namespace pandagpt {

struct Figure {
  std::string name;
  double value = 0;
  std::optional<Interval> interval = {};  ///< 95 %
  std::int64_t n = 0;                     ///< what it is measured on: inputs, queries, answers
  std::optional<double> chance = {};      ///< what guessing would reach
  std::optional<double> aim = {};         ///< what is to be reached
  bool is_share = true;                   ///< from 0 to 1, drawn beside the others

  bool meets_aim() const { return aim && value >= *aim; }
};
/// hits of n with Wilson's interval.
Figure share_figure(std::string name, std::int64_t hits, std::int64_t n);

/// One answer, as it was given.
struct AnswerRecord {
  std::string input = {};  ///< the inputs' names; empty: text alone
  std::string question = {};
  std::string answer = {};
  std::string expected = {};  ///< classes or accepted texts
  bool right = false;
  bool judged = true;  ///< false: there is no right answer
  /// Text alone: the answer of the language model without its adapter, if it has one.
  std::optional<std::string> before = {};
  bool right_before = false;
};

enum class TaskStatus { kPending, kDone, kSkipped, kFailed };
/// "pending", "done", "skipped", "failed".
std::string to_string(TaskStatus status);

struct TaskReport {
  EvalKind kind = EvalKind::kCaptioning;
  std::string name;
  TaskStatus status = TaskStatus::kPending;
  std::string reason = {};   ///< why it was skipped or failed
  std::string setting = {};  ///< question, templates, ..: one line for readers
  std::string list_sha256 = {};
  double seconds = 0;
  std::vector<std::string> unreadable = {};  ///< inputs that were left out, and why
  std::vector<Figure> figures = {};
  std::optional<Confusion> confusion = {};
  std::vector<AnswerRecord> answers = {};
  std::optional<CaptionRun> captions = {};
  std::filesystem::path image_root = {};  ///< of `captions`
};

struct EvalReport {
  std::string set_name = {};
  std::string set_sha256 = {};
  std::string command = {};  ///< that makes it again
  std::string model_name = {};
  std::vector<std::pair<std::string, std::string>> model_files = {};  ///< role, SHA-256
  std::size_t limit = 0;
  int rounds = 0;
  std::uint64_t seed = 0;
  std::vector<TaskReport> tasks = {};

  /// Figures that have an aim: {reached, all}.
  std::pair<int, int> aims() const;
};

/// A table, one figure a line.
std::string to_text(const EvalReport& report);
/// Everything: figures, confusion matrices, every answer.
std::string to_json(const EvalReport& report);
/// A page of its own with drawings, figures and examples, without anything from elsewhere.
/// `embed_images`: with the listed photos of captioning.
std::string to_html(const EvalReport& report, bool embed_images);

}  // namespace pandagpt
