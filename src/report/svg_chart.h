// Line and bar charts as SVG text: loss curves of the trainer, figures of `bench` and `eval`.
//
//   LineChart chart{.title = "Training loss", .x_label = "step", .y_label = "loss (nats)"};
//   chart.series.push_back({.name = "train", .x = steps, .y = losses});
//   const std::string svg = to_svg(chart);
//
// The text is one well-formed <svg> element without scripts, readable on light and dark pages (it
// has no background and follows prefers-color-scheme). The same chart gives the same bytes.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pandagpt {

/// One line. x and y have the same length, in the order in which the line runs.
struct ChartSeries {
  std::string name{};  ///< in the legend; a series without a name is not listed there
  std::vector<double> x{};
  std::vector<double> y{};  ///< a value that is not finite (or <= 0 on a log axis) breaks the line
  bool faint = false;   ///< thin and pale: raw values behind a smoothed line. Takes the colour of
                        ///< the next series that is not faint
  bool dashed = false;  ///< broken, in the colour of the series before it
};

/// Labels may carry units: "step", "loss (nats)", "time (s)". Sizes in CSS pixels.
struct LineChart {
  std::string title{};
  std::string x_label{};
  std::string y_label{};
  std::vector<ChartSeries> series{};
  bool log_y = false;
  std::optional<double> y_min{};  ///< fixes an end of the y axis instead of fitting it to the data
  std::optional<double> y_max{};
  int width = 720;
  int height = 400;
};

/// One bar a category. A value that is not finite draws no bar.
struct BarSeries {
  std::string name{};
  std::vector<double> values{};  ///< [categories]
  std::vector<double> low{};     ///< [categories] or empty: lower ends of the error whiskers
  std::vector<double> high{};    ///< [categories] or empty: upper ends
  std::vector<double> marks{};   ///< [categories] or empty: values to reach, lines across the bars;
                                 ///< one that is not finite is none
};

/// Grouped bars from zero: one row a category (horizontal) or one column (a histogram).
struct BarChart {
  std::string title{};
  std::string category_label{};  ///< the axis of the categories; drawn for columns only
  std::string value_label{};
  std::vector<std::string> categories{};
  std::vector<BarSeries> series{};
  bool horizontal = true;
  int width = 720;
  int height = 0;  ///< 0: as high as the bars need
};

/// Throws Error(kUsage) when the lengths inside a series differ, or the chart is smaller than
/// 160 x 120. A chart without a drawable point says "no data".
std::string to_svg(const LineChart& chart);
std::string to_svg(const BarChart& chart);
/// Several charts as one <svg>, row by row; a cell is as large as the largest of them. Throws
/// Error(kUsage) without charts, or if `n_columns` isn't positive.
std::string to_svg(const std::vector<LineChart>& charts, int n_columns);

}  // namespace pandagpt
