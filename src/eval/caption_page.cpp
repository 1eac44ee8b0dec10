// The HTML page of a caption evaluation (to_html of caption_run.h).
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/file.h"
#include "eval/caption_run.h"
#include "eval/page.h"
#include "report/html_text.h"
#include "report/svg_chart.h"

namespace pandagpt {
namespace {

constexpr std::size_t kListed = 8;  // photos of highest and of lowest score
constexpr std::uint64_t kMaxImageBytes = std::uint64_t{8} << 20;

std::string figures_table(const CaptionRun& run) {
  std::string html = "<table><tr><th>metric</th><th>value</th><th>95 % interval</th></tr>\n";
  for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
    html += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{:.4f}</td><td class=\"n\">{:.4f} – {:.4f}"
        "</td></tr>\n",
        caption_metric_name(metric), run.report.scores[metric], run.intervals[metric].low,
        run.intervals[metric].high);
  }
  return html + "</table>\n";
}

std::string histogram(const CaptionRun& run, int metric, double bin, int bins) {
  BarChart chart{
      .title = fmt::format("{} of each photo", caption_metric_name(metric)),
      .category_label = fmt::format("{} (lower end of the bin)", caption_metric_name(metric)),
      .value_label = "photos",
      .horizontal = false,
      .height = 300};
  std::vector<double> counts(static_cast<std::size_t>(bins), 0);
  for (const CaptionScores& scores : run.report.per_image) {
    const auto at = static_cast<std::size_t>(std::clamp(scores[metric] / bin, 0.0, bins - 1.0));
    ++counts[at];
  }
  for (int i = 0; i < bins; ++i)
    chart.categories.push_back(fmt::format("{:.4g}", i * bin));
  chart.categories.back() += "+";
  chart.series.push_back({.values = std::move(counts)});
  return to_svg(chart);
}

/// Media type of a picture by its first bytes.
const char* picture_type(ByteView bytes) {
  switch (bytes.front()) {
    case 0x89:
      return "image/png";
    case 'R':
      return "image/webp";
    case 'G':
      return "image/gif";
    case 'B':
      return "image/bmp";
    default:
      return "image/jpeg";
  }
}

std::string photo_row(const CaptionRun& run, std::size_t index,
                      const std::filesystem::path& image_root) {
  const CaptionAnswer& one = run.answers[index];
  std::string picture;
  if (!image_root.empty()) {
    const Bytes bytes = read_file(image_root / one.image_name, kMaxImageBytes);
    picture =
        fmt::format("<td><img alt=\"\" src=\"{}\"></td>", data_uri(picture_type(bytes), bytes));
  }
  std::string references;
  for (const std::string& reference : one.references) {
    references += (references.empty() ? "" : "<br>") + escape_html(reference);
  }
  return fmt::format(
      "<tr>{}<td class=\"n\">{:.2f}</td><td>{}<div class=\"small\">{}</div></td>"
      "<td class=\"small\">{}</td></tr>\n",
      picture, run.report.per_image[index][kCiderD], escape_html(one.answer.text),
      escape_html(one.image_name), references);
}

std::string photo_tables(const CaptionRun& run, const std::filesystem::path& image_root) {
  std::vector<std::size_t> order(run.answers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return run.report.per_image[a][kCiderD] > run.report.per_image[b][kCiderD];
  });
  const std::string head =
      fmt::format("<table><tr>{}<th>CIDEr-D</th><th>answer</th><th>what people wrote</th></tr>\n",
                  image_root.empty() ? "" : "<th></th>");
  const std::size_t listed = std::min(kListed, order.size());
  std::string html = "<h3>Highest scores</h3>\n" + head;
  for (std::size_t i = 0; i < listed; ++i)
    html += photo_row(run, order[i], image_root);
  html += "</table>\n<h3>Lowest scores</h3>\n" + head;
  for (std::size_t i = 0; i < listed; ++i) {
    html += photo_row(run, order[order.size() - 1 - i], image_root);
  }
  return html + "</table>\n";
}

}  // namespace

std::string caption_section(const CaptionRun& run, const std::filesystem::path& image_root) {
  std::string html = fmt::format(
      "<p>Question: “{}”, {}, at most {} tokens. {:.2f} photos a second.</p>\n",
      escape_html(run.question), run.n_beams > 1 ? fmt::format("{} beams", run.n_beams) : "greedy",
      run.max_tokens, run.seconds > 0 ? static_cast<double>(run.answers.size()) / run.seconds : 0);
  html += figures_table(run) + metric_chart(run);
  html += histogram(run, kCiderD, 0.2, 20) + histogram(run, kRougeL, 0.05, 20);
  html += photo_tables(run, image_root);
  return html + fmt::format("<p class=\"small\">Test set SHA-256 {}</p>\n", run.data_sha256);
}

std::string to_html(const CaptionRun& run, const std::filesystem::path& image_root) {
  return page_begin(fmt::format("{} on {}: {} photos", run.model_name, run.data_name,
                                run.answers.size())) +
         caption_section(run, image_root) + page_end(run.model_files);
}

}  // namespace pandagpt
