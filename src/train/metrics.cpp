#include "train/metrics.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/file.h"
#include "core/svg_chart.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

constexpr double kSmoothing = 0.95;  // of the running mean that the thick line shows

}  // namespace

void keep_steps(const fs::path& metrics, std::int64_t last_step) {
  std::ifstream in(metrics);
  if (!in) return;
  std::string kept;
  for (std::string text; std::getline(in, text);) {
    const auto line = nlohmann::json::parse(text, nullptr, false);
    if (!line.is_discarded() && line.value("step", last_step + 1) <= last_step) kept += text + '\n';
  }
  in.close();
  write_file_atomically(metrics, [&](std::ostream& out) { out << kept; });
}

void draw_loss_curve(const fs::path& metrics, const fs::path& svg_path, const LossCurveText& text) {
  ChartSeries raw{.name = "train, each step", .faint = true};
  ChartSeries smooth{.name = "train, smoothed"};
  ChartSeries validation{.name = "validation"};
  std::ifstream in(metrics);
  double average = 0;
  for (std::string row; std::getline(in, row);) {
    const auto line = nlohmann::json::parse(row, nullptr, false);
    if (line.is_discarded()) continue;  // the last line of a killed run
    const double step = line.value("step", 0.0);
    if (line.contains("loss")) {
      const double loss = line["loss"].get<double>();
      average = raw.x.empty() ? loss : kSmoothing * average + (1 - kSmoothing) * loss;
      raw.x.push_back(step);
      raw.y.push_back(loss);
      smooth.x.push_back(step);
      smooth.y.push_back(average);
    } else if (line.contains("validation_loss")) {
      validation.x.push_back(step);
      validation.y.push_back(line["validation_loss"].get<double>());
    }
  }
  LineChart chart{.title = text.title, .x_label = "step", .y_label = text.y_label};
  chart.series = {raw, smooth};
  if (!validation.x.empty()) chart.series.push_back(validation);
  const std::string svg = to_svg(chart);
  write_file_atomically(svg_path, [&](std::ostream& out) { out << svg; });
}

}  // namespace pandagpt::train
