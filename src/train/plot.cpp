#include "train/plot.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "pandagpt/error.h"
#include "report/svg_chart.h"
#include "train/metrics.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

constexpr double kSecondsPerHour = 3600;
constexpr int kColumns = 2;
constexpr const char* kTokenRate = "tokens_per_second";  // not in the lines: tokens / seconds

/// What is drawn first, in this order, and how it is called. Everything else follows by its key.
struct Known {
  const char* key;
  const char* title;
  const char* unit;
};
constexpr Known kKnown[] = {{"loss", "Loss", "nats per token"},
                            {"accuracy", "Token accuracy", "share of tokens"},
                            {"lr", "Learning rate", ""},
                            {kTokenRate, "Speed", "tokens / s"},
                            {"grad_norm", "Gradient norm before clipping", ""}};
/// Counters, from which curves are made.
constexpr const char* kHidden[] = {"step", "epoch", "conversations", "tokens", "seconds"};

struct Curve {
  std::vector<double> x;
  std::vector<double> y;
};

struct Run {
  std::string name;
  std::map<std::string, Curve> curves;  // by key
};

/// What has been done up to a line.
struct Progressed {
  double step = 0;
  double tokens = 0;
  double seconds = 0;

  double on_axis(const std::string& x) const {
    return x == "tokens" ? tokens : x == "hours" ? seconds / kSecondsPerHour : step;
  }
};

Run read_run(const fs::path& path, const std::string& x) {
  const fs::path file = fs::is_directory(path) ? path / kMetricsFile : path;
  std::ifstream in(file);
  if (!in) throw Error(ErrorKind::kInput, file.string() + ": can't be read; is it a run's folder?");
  const fs::path folder = fs::absolute(file).parent_path();
  Run run{folder.filename().string(), {}};
  Progressed progressed;
  for (std::string text; std::getline(in, text);) {
    const auto line = nlohmann::json::parse(text, nullptr, false);
    if (!line.is_object()) continue;  // the last line of a killed run
    const auto number = [&](const char* key) {
      const auto found = line.find(key);
      return found != line.end() && found->is_number() ? found->get<double>() : 0.0;
    };
    progressed.step = number("step");
    progressed.tokens += number("tokens");
    progressed.seconds += number("seconds");
    const auto add = [&](const std::string& key, double value) {
      run.curves[key].x.push_back(progressed.on_axis(x));
      run.curves[key].y.push_back(value);
    };
    for (const auto& [key, value] : line.items())
      if (value.is_number() && std::ranges::find(kHidden, key) == std::end(kHidden))
        add(key, value.get<double>());
    if (number("seconds") > 0 && line.contains("tokens"))
      add(kTokenRate, number("tokens") / number("seconds"));
  }
  if (run.curves.empty()) throw Error(ErrorKind::kInput, file.string() + ": has no metrics yet");
  return run;
}

std::vector<double> smoothed(const std::vector<double>& values, double weight) {
  std::vector<double> result;
  double sum = 0;
  double weights = 0;  // the first values have no past to lean on
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum = weight * sum + (1 - weight) * value;
      weights = weight * weights + (1 - weight);
    }
    result.push_back(weights > 0 ? sum / weights : value);
  }
  return result;
}

std::string base_of(const std::string& key) {
  return key.starts_with(kValidationPrefix) ? key.substr(kValidationPrefix.size()) : key;
}

/// Things measured by any run, in the order in which they are drawn.
std::vector<std::string> panels(const std::vector<Run>& runs) {
  std::vector<std::string> found;
  for (const Run& run : runs)
    for (const auto& [key, curve] : run.curves)
      if (std::ranges::find(found, base_of(key)) == found.end()) found.push_back(base_of(key));
  const auto place = [](const std::string& key) {
    return std::ranges::find(kKnown, key,
                             [](const Known& known) { return std::string(known.key); });
  };
  std::ranges::sort(found, [&](const std::string& a, const std::string& b) {
    return std::pair(place(a), a) < std::pair(place(b), b);
  });
  return found;
}

void add_training(LineChart& chart, const Run& run, const std::string& key, const std::string& name,
                  double smoothing) {
  const auto found = run.curves.find(key);
  if (found == run.curves.end()) return;
  const Curve& curve = found->second;
  const bool is_noisy = smoothing > 0 && key != "lr";
  if (is_noisy) chart.series.push_back({.x = curve.x, .y = curve.y, .faint = true});
  chart.series.push_back(
      {.name = name, .x = curve.x, .y = is_noisy ? smoothed(curve.y, smoothing) : curve.y});
}

LineChart panel(const std::string& key, const std::vector<Run>& runs, const PlotOptions& options) {
  LineChart chart{.title = key, .x_label = options.x, .width = 640, .height = 360};
  std::ranges::replace(chart.title, '_', ' ');
  for (const Known& known : kKnown)
    if (key == known.key) {
      chart.title = known.title;
      chart.y_label = known.unit;
    }
  chart.log_y = options.log_loss && key.find("loss") != std::string::npos;
  for (const Run& run : runs) {
    const bool one = runs.size() == 1;
    const auto validation = run.curves.find(std::string(kValidationPrefix) + key);
    const bool both = validation != run.curves.end() && run.curves.contains(key);
    add_training(chart, run, key, one ? (both ? "training" : "") : run.name, options.smoothing);
    if (validation == run.curves.end()) continue;
    // over other runs it shares its run's colour, alone it has its own
    chart.series.push_back({.name = one ? "validation" : run.name + ", validation",
                            .x = validation->second.x,
                            .y = validation->second.y,
                            .dashed = both && !one});
  }
  return chart;
}

/// Runs of the same folder name are told apart by their paths.
void name_apart(std::vector<Run>& runs, const std::vector<fs::path>& paths) {
  std::map<std::string, int> count;
  for (const Run& run : runs)
    ++count[run.name];
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (count[runs[i].name] > 1) runs[i].name = paths[i].string();
}

}  // namespace

std::string plot_runs(const std::vector<fs::path>& paths, const PlotOptions& options) {
  std::vector<Run> runs;
  for (const fs::path& path : paths)
    runs.push_back(read_run(path, options.x));
  name_apart(runs, paths);
  std::vector<LineChart> charts;
  for (const std::string& key : panels(runs))
    charts.push_back(panel(key, runs, options));
  return to_svg(charts, kColumns);
}

void plot_run(const fs::path& run, const fs::path& path) {
  const std::string svg = plot_runs({run}, {});
  write_file_atomically(path, [&](std::ostream& out) { out << svg; });
}

}  // namespace pandagpt::train
