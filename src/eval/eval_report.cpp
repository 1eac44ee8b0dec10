#include "eval/eval_report.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/utf8.h"

namespace pandagpt {
namespace {

using Json = nlohmann::ordered_json;

Json figure_json(const Figure& figure) {
  Json json{{"name", figure.name}, {"value", figure.value}};
  if (figure.interval) {
    json["low"] = figure.interval->low;
    json["high"] = figure.interval->high;
  }
  json["n"] = figure.n;
  if (figure.chance) json["chance"] = *figure.chance;
  if (figure.aim) {
    json["aim"] = *figure.aim;
    json["aim_met"] = figure.meets_aim();
  }
  return json;
}

/// The counts are listed without zeros: a thousand classes have a million cells.
void add_confusion(const Confusion& confusion, Json& task) {
  task["classes"] = Json::array();
  task["confusions"] = Json::array();
  for (std::size_t right = 0; right < confusion.labels.size(); ++right) {
    const std::int64_t n = confusion.n_of(right);
    if (n == 0) continue;
    const Figure recall = share_figure(confusion.labels[right], confusion.count(right, right), n);
    task["classes"].push_back({{"label", recall.name},
                               {"recall", recall.value},
                               {"low", recall.interval->low},
                               {"high", recall.interval->high},
                               {"n", n}});
    for (std::size_t chosen = 0; chosen < confusion.labels.size(); ++chosen)
      if (const std::int64_t count = confusion.count(right, chosen); count > 0)
        task["confusions"].push_back({{"right", confusion.labels[right]},
                                      {"chosen", confusion.labels[chosen]},
                                      {"count", count}});
  }
}

Json answer_json(const AnswerRecord& one) {
  Json json;
  if (!one.input.empty()) json["input"] = one.input;
  json["question"] = one.question;
  json["answer"] = one.answer;
  if (one.before) json["answer_without_adapter"] = *one.before;
  if (!one.judged) return json;
  json["expected"] = one.expected;
  json["right"] = one.right;
  if (one.before) json["right_without_adapter"] = one.right_before;
  return json;
}

Json task_json(const TaskReport& task) {
  Json json{
      {"task", to_string(task.kind)}, {"name", task.name}, {"status", to_string(task.status)}};
  if (task.status != TaskStatus::kDone) {
    json["reason"] = task.reason;
    return json;
  }
  json["setting"] = task.setting;
  json["list_sha256"] = task.list_sha256;
  json["seconds"] = task.seconds;
  json["unreadable"] = task.unreadable;
  json["figures"] = Json::array();
  for (const Figure& figure : task.figures)
    json["figures"].push_back(figure_json(figure));
  if (task.confusion) add_confusion(*task.confusion, json);
  if (!task.answers.empty()) json["answers"] = Json::array();
  for (const AnswerRecord& one : task.answers)
    json["answers"].push_back(answer_json(one));
  if (task.captions) json["captions"] = report_of(*task.captions);
  return json;
}

struct Row {
  std::string cells[6];
};

Row row_of(const TaskReport& task, const Figure& figure) {
  Row row{{to_string(task.kind), task.name, figure.name, fmt::format("{:.4f}", figure.value), "",
           fmt::format("{}", figure.n)}};
  if (figure.interval)
    row.cells[4] = fmt::format("[{:.4f}, {:.4f}]", figure.interval->low, figure.interval->high);
  if (figure.chance) row.cells[5] += fmt::format(", chance {:.4f}", *figure.chance);
  if (figure.aim)
    row.cells[5] +=
        fmt::format(", aim {:g} {}", *figure.aim, figure.meets_aim() ? "met" : "missed");
  return row;
}

}  // namespace

std::string to_string(TaskStatus status) {
  constexpr const char* kNames[] = {"pending", "done", "skipped", "failed"};
  return kNames[static_cast<std::size_t>(status)];
}

Figure share_figure(std::string name, std::int64_t hits, std::int64_t n) {
  return {.name = std::move(name),
          .value = n > 0 ? static_cast<double>(hits) / static_cast<double>(n) : 0,
          .interval = wilson_interval(hits, n),
          .n = n};
}

std::pair<int, int> EvalReport::aims() const {
  std::pair<int, int> counts{0, 0};
  for (const TaskReport& task : tasks)
    for (const Figure& figure : task.figures) {
      counts.first += figure.meets_aim() ? 1 : 0;
      counts.second += figure.aim ? 1 : 0;
    }
  return counts;
}

std::string to_text(const EvalReport& report) {
  std::vector<Row> rows{{{"task", "data", "figure", "value", "95 % interval", "n"}}};
  for (const TaskReport& task : report.tasks) {
    if (task.status != TaskStatus::kDone)
      rows.push_back({{to_string(task.kind), task.name, to_string(task.status) + ": " + task.reason,
                       "", "", ""}});
    for (const Figure& figure : task.figures)
      rows.push_back(row_of(task, figure));
    if (!task.unreadable.empty())
      rows.push_back(
          {{to_string(task.kind), task.name,
            fmt::format("left out as unreadable: {}", task.unreadable.size()), "", "", ""}});
  }
  std::size_t widths[6] = {};
  for (const Row& row : rows) {
    const std::size_t n_cells =
        row.cells[3].empty() ? 2 : 6;  // a reason takes the room of the rest
    for (std::size_t i = 0; i < n_cells; ++i)
      widths[i] = std::max(widths[i], decode_utf8(row.cells[i]).size());
  }
  std::string text = fmt::format("{}, {}\n", report.model_name, report.set_name);
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < 6; ++i) {
      const std::size_t length = decode_utf8(row.cells[i]).size();
      line += row.cells[i];
      if (length < widths[i]) line.append(widths[i] - length, ' ');
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  const auto [met, all] = report.aims();
  return all > 0 ? text + fmt::format("aims met: {} of {}\n", met, all) : text;
}

std::string to_json(const EvalReport& report) {
  Json document{{"data", {{"name", report.set_name}, {"sha256", report.set_sha256}}},
                {"command", report.command},
                {"model", {{"name", report.model_name}, {"sha256", Json::object()}}},
                {"settings",
                 {{"limit", report.limit},
                  {"bootstrap_rounds", report.rounds},
                  {"bootstrap_seed", report.seed}}}};
  for (const auto& [role, sha256] : report.model_files)
    document["model"]["sha256"][role] = sha256;
  const auto [met, all] = report.aims();
  document["aims"] = {{"met", met}, {"of", all}};
  document["tasks"] = Json::array();
  for (const TaskReport& task : report.tasks)
    document["tasks"].push_back(task_json(task));
  return document.dump(1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pandagpt
