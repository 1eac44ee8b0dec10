// The HTML page of a whole evaluation (to_html of eval_report.h).
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>

#include "eval/eval_report.h"
#include "eval/eval_task.h"
#include "eval/page.h"
#include "report/html_text.h"
#include "report/svg_chart.h"
#include "report/svg_heat_map.h"

namespace pandagpt {
namespace {

constexpr std::size_t kListed = 5;             // right answers, and wrong ones
constexpr std::size_t kLargestConfusion = 50;  // classes that are drawn
constexpr std::size_t kListedConfusions = 10;
constexpr std::int64_t kFewOfClass = 3;  // inputs of a class, below which its recall says little

std::string title_of(EvalKind kind) {
  switch (kind) {
    case EvalKind::kCaptioning:
      return "Captioning";
    case EvalKind::kRetrieval:
      return "Retrieval";
    case EvalKind::kZeroShot:
      return "Zero-shot classification";
    case EvalKind::kAnswers:
      return "Answers that name the right class";
    case EvalKind::kComposition:
      return "Several senses together";
    case EvalKind::kTextOnly:
      return "Text alone";
  }
  return {};
}

std::string mark_of(bool right) {
  return right ? "<span class=\"right\">✓</span>" : "<span class=\"wrong\">✗</span>";
}

// --- Figures -------------------------------------------------------------------------------------

std::string figure_row(const TaskReport& task, const Figure& figure, bool is_first) {
  std::string interval, aim;
  if (figure.interval)
    interval = fmt::format("{:.3f} – {:.3f}", figure.interval->low, figure.interval->high);
  if (figure.aim) aim = fmt::format("{:g} {}", *figure.aim, mark_of(figure.meets_aim()));
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td class=\"n\">{:.3f}</td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
      is_first ? escape_html(task.name) : "", escape_html(figure.name), figure.value, interval,
      figure.n, figure.chance ? fmt::format("{:.3f}", *figure.chance) : "", aim);
}

std::string figures_table(const std::vector<const TaskReport*>& tasks) {
  std::string html =
      "<table><tr><th>data</th><th>figure</th><th class=\"n\">value</th>"
      "<th class=\"n\">95 % interval</th><th class=\"n\">n</th><th class=\"n\">chance</th>"
      "<th class=\"n\">aim</th></tr>\n";
  for (const TaskReport* task : tasks) {
    for (std::size_t i = 0; i < task->figures.size(); ++i)
      html += figure_row(*task, task->figures[i], i == 0);
    if (task->status != TaskStatus::kDone)
      html +=
          fmt::format("<tr><td>{}</td><td colspan=\"6\">{}: {}</td></tr>\n",
                      escape_html(task->name), to_string(task->status), escape_html(task->reason));
  }
  return html + "</table>\n";
}

struct NamedFigure {
  std::string name;
  const Figure* figure;
};

/// Shares with their intervals and aims.
std::string figures_chart(const std::string& title, const std::vector<NamedFigure>& figures) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (figures.empty()) return "";
  BarChart chart{
      .title = title, .value_label = "value, with 95 % interval; red line: aim", .width = 900};
  BarSeries bars;
  for (const auto& [name, figure] : figures) {
    chart.categories.push_back(name);
    bars.values.push_back(figure->value);
    bars.low.push_back(figure->interval ? figure->interval->low : kNone);
    bars.high.push_back(figure->interval ? figure->interval->high : kNone);
    bars.marks.push_back(figure->aim.value_or(kNone));
  }
  chart.series.push_back(std::move(bars));
  return to_svg(chart);
}

std::string kind_chart(EvalKind kind, const std::vector<const TaskReport*>& tasks) {
  std::vector<NamedFigure> figures;
  for (const TaskReport* task : tasks)
    for (const Figure& figure : task->figures)
      if (figure.is_share) figures.push_back({task->name + ": " + figure.name, &figure});
  return figures_chart(title_of(kind), figures);
}

std::string aims_chart(const EvalReport& report) {
  std::vector<NamedFigure> figures;
  for (const TaskReport& task : report.tasks)
    for (const Figure& figure : task.figures)
      if (figure.aim)
        figures.push_back({fmt::format("{} ({})", task.name, to_string(task.kind)), &figure});
  return figures_chart("Figures with an aim", figures);
}

// --- Confusions ----------------------------------------------------------------------------------

std::string confusion_map(const TaskReport& task) {
  const Confusion& confusion = *task.confusion;
  if (confusion.labels.size() > kLargestConfusion) return "";
  HeatMap map{.title = task.name,
              .row_label = "right",
              .column_label = "chosen",
              .rows = confusion.labels,
              .columns = confusion.labels};
  map.values.assign(confusion.counts.begin(), confusion.counts.end());
  return to_svg(map);
}

std::string recall_chart(const TaskReport& task) {
  const Confusion& confusion = *task.confusion;
  std::int64_t most = 0;
  for (std::size_t i = 0; i < confusion.labels.size(); ++i)
    most = std::max(most, confusion.n_of(i));
  if (confusion.labels.size() > kLargestConfusion || most < kFewOfClass) return "";
  BarChart chart{.title = task.name + ": recall of each class",
                 .value_label = "share of its inputs that are recognised, with 95 % interval"};
  BarSeries bars;
  for (std::size_t i = 0; i < confusion.labels.size(); ++i) {
    if (confusion.n_of(i) == 0) continue;
    const Figure recall = share_figure("", confusion.count(i, i), confusion.n_of(i));
    chart.categories.push_back(confusion.labels[i]);
    bars.values.push_back(recall.value);
    bars.low.push_back(recall.interval->low);
    bars.high.push_back(recall.interval->high);
  }
  chart.series.push_back(std::move(bars));
  return to_svg(chart);
}

std::string frequent_confusions(const Confusion& confusion) {
  struct Mistake {
    std::size_t right, chosen;
    std::int64_t count;
  };
  std::vector<Mistake> mistakes;
  for (std::size_t right = 0; right < confusion.labels.size(); ++right)
    for (std::size_t chosen = 0; chosen < confusion.labels.size(); ++chosen)
      if (right != chosen && confusion.count(right, chosen) > 0)
        mistakes.push_back({right, chosen, confusion.count(right, chosen)});
  if (mistakes.empty()) return "";
  std::ranges::stable_sort(mistakes, std::greater<>(), &Mistake::count);
  mistakes.resize(std::min(mistakes.size(), kListedConfusions));
  std::string html = "<table><tr><th>right</th><th>chosen</th><th>how often</th></tr>\n";
  for (const Mistake& one : mistakes)
    html += fmt::format("<tr><td>{}</td><td>{}</td><td class=\"n\">{} of {}</td></tr>\n",
                        escape_html(confusion.labels[one.right]),
                        escape_html(confusion.labels[one.chosen]), one.count,
                        confusion.n_of(one.right));
  return html + "</table>\n";
}

// --- Answers -------------------------------------------------------------------------------------

std::string answers_table(const TaskReport& task) {
  std::string html = "<table><tr><th></th><th>expected</th><th>answer</th><th>input</th></tr>\n";
  for (const bool right : {true, false}) {
    std::vector<AnswerRecord> answers;
    std::ranges::copy_if(task.answers, std::back_inserter(answers),
                         [&](const AnswerRecord& one) { return one.right == right; });
    for (const AnswerRecord& one : spread(std::move(answers), kListed))
      html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"small\">{}</td></tr>\n",
                          mark_of(one.right), escape_html(one.expected), escape_html(one.answer),
                          escape_html(one.input));
  }
  return html + "</table>\n";
}

std::string text_table(const TaskReport& task) {
  std::string html = "<table><tr><th>question</th><th>with the adapter</th><th>without</th></tr>\n";
  for (const AnswerRecord& one : task.answers)
    html += fmt::format(
        "<tr><td>{}<div class=\"small\">{}</div></td><td>{} {}</td><td>{} {}</td>"
        "</tr>\n",
        escape_html(one.question), escape_html(one.expected), one.judged ? mark_of(one.right) : "",
        escape_html(one.answer), one.judged && one.before ? mark_of(one.right_before) : "",
        escape_html(one.before.value_or("")));
  return html + "</table>\n";
}

std::string task_section(const TaskReport& task, bool embed_images) {
  if (task.status != TaskStatus::kDone) return "";
  std::string html = "<h3>" + escape_html(task.name) + "</h3>\n";
  if (!task.captions)
    html += fmt::format("<p>{}. {:.0f} s.</p>\n<p class=\"small\">List SHA-256 {}</p>\n",
                        escape_html(task.setting), task.seconds, task.list_sha256);
  for (const std::string& reason : task.unreadable)
    html += "<p class=\"small\">Left out: " + escape_html(reason) + "</p>\n";
  if (task.confusion)
    html += confusion_map(task) + recall_chart(task) + frequent_confusions(*task.confusion);
  if (task.captions) html += caption_section(*task.captions, embed_images ? task.image_root : "");
  if (task.answers.empty()) return html;
  return html + (task.kind == EvalKind::kTextOnly ? text_table(task) : answers_table(task));
}

}  // namespace

std::string to_html(const EvalReport& report, bool embed_images) {
  std::string html = page_begin(report.model_name + ": " + report.set_name);
  if (const auto [met, all] = report.aims(); all > 0)
    html += fmt::format("<p>Aims met: {} of {}.</p>\n", met, all) + aims_chart(report);
  html += fmt::format("<p class=\"small\"><code>{}</code></p>\n", escape_html(report.command));
  for (const EvalKind kind : kAllEvalKinds) {
    std::vector<const TaskReport*> tasks;
    for (const TaskReport& task : report.tasks)
      if (task.kind == kind) tasks.push_back(&task);
    if (tasks.empty()) continue;
    html += "<h2>" + title_of(kind) + "</h2>\n" + kind_chart(kind, tasks) + figures_table(tasks);
    for (const TaskReport* task : tasks)
      html += task_section(*task, embed_images);
  }
  html += fmt::format("<p class=\"small\">eval.json SHA-256 {}</p>\n", report.set_sha256);
  return html + page_end(report.model_files);
}

}  // namespace pandagpt
