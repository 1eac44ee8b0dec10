#include "report/svg_chart.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pandagpt/error.h"
#include "report/html_text.h"
#include "report/svg_axis.h"
#include "report/svg_parts.h"

namespace pandagpt {
namespace {

// Mid-tone colours that keep their contrast on white and on near black.
constexpr const char* kColours[] = {kSvgColour, "#e07b1a", "#2f9e5b", "#b65fcf",
                                    "#d6455d",  "#1596a8", "#8d7a1f", "#7a7f87"};
constexpr int kColourCount = static_cast<int>(std::size(kColours));
constexpr double kLegendRow = 20;
constexpr std::size_t kMarkedPoints = 40;  // up to so many points a line also shows its points
constexpr int kMinWidth = 160, kMinHeight = 120;

/// Where the data are drawn, in pixels.
struct Plot {
  double left, top, right, bottom;
};

struct LegendEntry {
  std::string name;
  const char* colour;
  bool dashed = false;
};

/// Draws the entries in rows under the title; `bottom` is moved below them.
std::string legend(const std::vector<LegendEntry>& entries, int width, double* bottom) {
  constexpr double kSwatch = 14, kSwatchGap = 6, kEntryGap = 18;
  const double limit = width - 2 * kSvgGap;
  std::string svg;
  for (std::size_t begin = 0; begin < entries.size();) {
    double row = 0;
    std::size_t end = begin;
    for (; end < entries.size(); ++end) {
      const double needed = kSwatch + kSwatchGap + svg_text_width(entries[end].name) + kEntryGap;
      if (end > begin && row + needed - kEntryGap > limit) break;
      row += needed;
    }
    double x = std::max(kSvgGap, (width - (row - kEntryGap)) / 2);
    const double middle = *bottom + kLegendRow / 2;
    for (; begin < end; ++begin) {
      const auto& [name, colour, dashed] = entries[begin];
      const double dash = dashed ? kSwatch * 0.4 : kSwatch;
      for (const double start : {x, x + kSwatch - dash})
        svg += fmt::format(
            "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"4\" rx=\"2\" "
            "fill=\"{}\"/>\n",
            start, middle - 2, dash, colour);
      svg += svg_text(x + kSwatch + kSwatchGap, middle + 4, "start", name);
      x += kSwatch + kSwatchGap + svg_text_width(name) + kEntryGap;
    }
    *bottom += kLegendRow;
  }
  return svg;
}

double top_of_plot(const std::string& title) {
  return title.empty() ? 12 : 36;
}

std::string upright(double x, const Plot& plot, const std::string& label) {
  const double y = (plot.top + plot.bottom) / 2;
  return svg_text(x, y, "middle", label,
                  fmt::format(" transform=\"rotate(-90 {:.2f} {:.2f})\"", x, y));
}

std::string vertical_axis(const SvgAxis& axis, const Plot& plot, const std::string& label) {
  std::string svg;
  for (std::size_t i = 0; i < axis.ticks().size(); ++i) {
    const double y = axis.position(axis.ticks()[i]);
    svg += svg_line("grid", plot.left, y, plot.right, y);
    svg += svg_text(plot.left - kSvgGap, y + 4, "end", axis.labels()[i], " class=\"y\"");
  }
  if (!label.empty()) svg += upright(16, plot, label);
  return svg;
}

std::string horizontal_axis(const SvgAxis& axis, const Plot& plot, const std::string& label,
                            bool grid) {
  std::string svg;
  for (std::size_t i = 0; i < axis.ticks().size(); ++i) {
    const double x = axis.position(axis.ticks()[i]);
    svg += grid ? svg_line("grid", x, plot.top, x, plot.bottom)
                : svg_line("axis", x, plot.bottom, x, plot.bottom + 4);
    svg += svg_text(x, plot.bottom + 18, "middle", axis.labels()[i], " class=\"x\"");
  }
  if (!label.empty())
    svg += svg_text((plot.left + plot.right) / 2, plot.bottom + 38, "middle", label);
  return svg;
}

double left_margin(const SvgAxis& y, const std::string& label) {
  return kSvgGap + (label.empty() ? 0 : 20) + svg_widest(y.labels()) + kSvgGap;
}

void check_size(const char* what, int width, int height) {
  if (width < kMinWidth || height < kMinHeight) {
    throw Error(ErrorKind::kUsage, fmt::format("{} of {} x {} pixels: at least {} x {} are needed",
                                               what, width, height, kMinWidth, kMinHeight));
  }
}

/// Smallest and largest of the values that are added.
struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  bool empty() const { return low > high; }
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  SvgAxis::Range range(SvgAxis::Range if_empty) const {
    return empty() ? if_empty : SvgAxis::Range{low, high};
  }
};

bool drawable(double value, bool log) {
  return std::isfinite(value) && (!log || value > 0);
}

// ---- lines ----

struct Point {
  double x, y;  // pixels
};

/// Pixels of an unbroken run of points. A run with many points a pixel column keeps the first,
/// lowest, highest and last of each column: the drawing is the same and the file stays small.
std::vector<Point> thinned(const std::vector<Point>& run) {
  std::vector<Point> out;
  for (std::size_t begin = 0; begin < run.size();) {
    std::size_t end = begin;
    std::size_t low = begin, high = begin;
    for (; end < run.size() && std::floor(run[end].x) == std::floor(run[begin].x); ++end) {
      if (run[end].y < run[low].y) low = end;
      if (run[end].y > run[high].y) high = end;
    }
    std::vector<std::size_t> kept{begin, low, high, end - 1};
    std::ranges::sort(kept);
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const std::size_t i : kept)
      out.push_back(run[i]);
    begin = end;
  }
  return out;
}

std::vector<std::vector<Point>> runs_of(const ChartSeries& series, const SvgAxis& x,
                                        const SvgAxis& y) {
  std::vector<std::vector<Point>> runs;
  bool open = false;
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!x.drawable(series.x[i]) || !y.drawable(series.y[i])) {
      open = false;
      continue;
    }
    if (!open) runs.emplace_back();
    open = true;
    runs.back().push_back({x.position(series.x[i]), y.position(series.y[i])});
  }
  return runs;
}

std::string draw_series(const ChartSeries& series, const char* colour, const SvgAxis& x,
                        const SvgAxis& y) {
  std::string path, dots;
  const bool marked = series.x.size() <= kMarkedPoints && !series.faint;
  for (const std::vector<Point>& run : runs_of(series, x, y)) {
    char command = 'M';
    for (const Point& point : thinned(run)) {
      path += fmt::format("{}{:.2f} {:.2f}", command, point.x, point.y);
      command = 'L';
    }
    if (!marked && run.size() > 1) continue;
    for (const Point& point : run) {
      dots += fmt::format("<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"3\" fill=\"{}\"/>\n", point.x,
                          point.y, colour);
    }
  }
  if (path.empty()) return "";
  return fmt::format("<path class=\"line{}{}\" stroke=\"{}\" d=\"{}\"/>\n",
                     series.faint ? " faint" : "", series.dashed ? " dashed" : "", colour, path) +
         dots;
}

/// A faint series shares the colour of the next one that is not, a dashed one the last one's.
std::vector<const char*> series_colours(const std::vector<ChartSeries>& series) {
  std::vector<const char*> colours;
  int next = 0;
  for (const ChartSeries& one : series) {
    if (one.dashed && next > 0) --next;
    colours.push_back(kColours[next % kColourCount]);
    if (!one.faint) ++next;
  }
  return colours;
}

void check(const LineChart& chart) {
  check_size("A line chart", chart.width, chart.height);
  for (const ChartSeries& series : chart.series) {
    if (series.x.size() != series.y.size()) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("Chart series '{}' has {} x values but {} y values", series.name,
                              series.x.size(), series.y.size()));
    }
  }
  const auto bad = [&](std::optional<double> end) { return end && !drawable(*end, chart.log_y); };
  if (bad(chart.y_min) || bad(chart.y_max) ||
      (chart.y_min && chart.y_max && *chart.y_min >= *chart.y_max)) {
    throw Error(ErrorKind::kUsage, "The ends given for a chart's y axis are not a range");
  }
}

/// The axes of the drawable points; `any` says whether there is one.
std::pair<SvgAxis, SvgAxis> fit_axes(const LineChart& chart, bool* any) {
  Extent xs, ys;
  for (const ChartSeries& series : chart.series) {
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      if (!std::isfinite(series.x[i]) || !drawable(series.y[i], chart.log_y)) continue;
      xs.add(series.x[i]);
      ys.add(series.y[i]);
    }
  }
  *any = !xs.empty();
  const int x_ticks = std::max(2, chart.width / 100), y_ticks = std::max(2, chart.height / 60);
  SvgAxis x = SvgAxis::linear(xs.range({0, 1}), x_ticks, false);
  SvgAxis y = chart.log_y
                  ? SvgAxis::logarithmic(ys.range({1, 10}), chart.y_min, chart.y_max)
                  : SvgAxis::linear(ys.range({0, 1}), y_ticks, true, chart.y_min, chart.y_max);
  return {std::move(x), std::move(y)};
}

}  // namespace

std::string to_svg(const LineChart& chart) {
  check(chart);
  bool any = false;
  auto [x, y] = fit_axes(chart, &any);

  std::string svg = svg_opening(chart.title, chart.width, chart.height);
  const std::vector<const char*> colours = series_colours(chart.series);
  std::vector<LegendEntry> entries;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const ChartSeries& series = chart.series[i];
    if (!series.name.empty()) entries.push_back({series.name, colours[i], series.dashed});
  }
  double top = top_of_plot(chart.title);
  svg += legend(entries, chart.width, &top);

  const Plot plot{left_margin(y, chart.y_label), top + kSvgGap, chart.width - 20.0,
                  chart.height - (chart.x_label.empty() ? 28.0 : 48.0)};
  x.place(plot.left, plot.right);
  y.place(plot.bottom, plot.top);
  svg += vertical_axis(y, plot, chart.y_label);
  svg += horizontal_axis(x, plot, chart.x_label, false);
  svg += svg_line("axis", plot.left, plot.bottom, plot.right, plot.bottom);

  // A nested <svg> clips without an id, which would clash when a page holds several charts. It
  // is 4 pixels larger than the plot, for the markers at its edges.
  const double w = plot.right - plot.left + 8, h = plot.bottom - plot.top + 8;
  svg += fmt::format(
      "<svg x=\"{0:.2f}\" y=\"{1:.2f}\" width=\"{2:.2f}\" height=\"{3:.2f}\" "
      "viewBox=\"{0:.2f} {1:.2f} {2:.2f} {3:.2f}\">\n",
      plot.left - 4, plot.top - 4, w, h);
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    svg += draw_series(chart.series[i], colours[i], x, y);
  }
  svg += "</svg>\n";
  if (!any) svg += svg_text(chart.width / 2.0, (plot.top + plot.bottom) / 2, "middle", "no data");
  return svg + "</svg>\n";
}

std::string to_svg(const std::vector<LineChart>& charts, int n_columns) {
  if (charts.empty() || n_columns < 1)
    throw Error(ErrorKind::kUsage, "A sheet of charts needs charts, and columns to put them in");
  const int width = std::ranges::max(charts, {}, &LineChart::width).width;
  const int height = std::ranges::max(charts, {}, &LineChart::height).height;
  const int n_charts = static_cast<int>(charts.size());
  const int columns = std::min(n_columns, n_charts);
  const int rows = (n_charts + columns - 1) / columns;
  std::string svg = svg_opening("", columns * width, rows * height);
  for (int i = 0; i < n_charts; ++i)
    svg += fmt::format("<g transform=\"translate({} {})\">\n{}</g>\n", i % columns * width,
                       i / columns * height, to_svg(charts[static_cast<std::size_t>(i)]));
  return svg + "</svg>\n";
}

// ---- bars ----

namespace {

void check(const BarChart& chart) {
  const auto fits = [&](const std::vector<double>& values) {
    return values.size() == chart.categories.size();
  };
  for (const BarSeries& series : chart.series) {
    const bool whiskers = !series.low.empty() || !series.high.empty();
    if (!fits(series.values) || (whiskers && (!fits(series.low) || !fits(series.high))) ||
        (!series.marks.empty() && !fits(series.marks))) {
      throw Error(ErrorKind::kUsage, fmt::format("Bar series '{}' does not have one value for each "
                                                 "of the {} categories",
                                                 series.name, chart.categories.size()));
    }
  }
}

Extent value_extent(const BarChart& chart) {
  Extent extent;
  for (const BarSeries& series : chart.series) {
    for (const auto* values : {&series.values, &series.low, &series.high, &series.marks}) {
      for (const double value : *values) {
        if (std::isfinite(value)) extent.add(value);
      }
    }
  }
  if (!extent.empty()) extent.add(0);
  return extent;
}

/// The rows (or columns) of a bar chart: where each bar lies across the value axis.
struct BarSlots {
  double begin;      // pixel of the first category's edge
  double category;   // pixels a category
  std::size_t bars;  // bars a category
  double fill;       // share of a category that its bars take

  double thickness() const {
    return category * fill / static_cast<double>(std::max<std::size_t>(bars, 1));
  }
  double edge(std::size_t index, std::size_t bar) const {
    return begin + category * (static_cast<double>(index) + (1 - fill) / 2) +
           thickness() * static_cast<double>(bar);
  }
  double middle(std::size_t index) const {
    return begin + category * (static_cast<double>(index) + 0.5);
  }
};

std::string whisker(bool horizontal, double low, double high, double across) {
  constexpr double kCap = 3.5;
  return horizontal ? fmt::format(
                          "<path class=\"whisker\" d=\"M{0:.2f} {2:.2f}V{3:.2f}M{0:.2f} {4:.2f}"
                          "H{1:.2f}M{1:.2f} {2:.2f}V{3:.2f}\"/>\n",
                          low, high, across - kCap, across + kCap, across)
                    : fmt::format(
                          "<path class=\"whisker\" d=\"M{2:.2f} {0:.2f}H{3:.2f}M{4:.2f} {0:.2f}"
                          "V{1:.2f}M{2:.2f} {1:.2f}H{3:.2f}\"/>\n",
                          low, high, across - kCap, across + kCap, across);
}

/// A line across a bar and a little beyond it.
std::string mark(bool horizontal, double at, double edge, double thick) {
  constexpr double kBeyond = 2;
  const double from = edge - kBeyond, to = edge + thick + kBeyond;
  return horizontal ? svg_line("mark", at, from, at, to) : svg_line("mark", from, at, to, at);
}

/// Three digits; what is nothing beside `largest` is written as 0.
std::string value_text(double value, double largest) {
  constexpr double kNegligible = 1e-6;
  const double size = std::abs(value);
  if (size < largest * kNegligible) return "0";
  return chart_number(value, size == 0 ? 1 : std::pow(10.0, std::floor(std::log10(size)) - 2));
}

std::string draw_bars(const BarChart& chart, const SvgAxis& values, const BarSlots& slots) {
  std::string svg;
  const double zero = values.position(0);
  const Extent extent = value_extent(chart);
  const double largest = std::max(std::abs(extent.low), std::abs(extent.high));
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const BarSeries& series = chart.series[s];
    const char* colour = kColours[s % kColourCount];
    for (std::size_t i = 0; i < chart.categories.size(); ++i) {
      const double value = series.values[i];
      if (!std::isfinite(value)) continue;
      const double end = values.position(value), edge = slots.edge(i, s);
      const double length = std::abs(end - zero), thick = slots.thickness() * 0.94;
      const std::string hint = chart.categories[i] + ": " + value_text(value, largest);
      svg += chart.horizontal
                 ? svg_rectangle(std::min(zero, end), edge, length, thick, colour, hint)
                 : svg_rectangle(edge, std::min(zero, end), thick, length, colour, hint);
      double beyond = value >= 0 ? std::max(zero, end) : zero;
      if (!series.low.empty() && std::isfinite(series.low[i]) && std::isfinite(series.high[i])) {
        const double high = values.position(series.high[i]);
        svg += whisker(chart.horizontal, values.position(series.low[i]), high, edge + thick / 2);
        beyond = std::max(beyond, high);
      }
      if (!series.marks.empty() && std::isfinite(series.marks[i]))
        svg += mark(chart.horizontal, values.position(series.marks[i]), edge, thick);
      if (chart.horizontal) {
        svg += svg_text(beyond + 6, edge + thick / 2 + 4, "start", value_text(value, largest),
                        " class=\"v\"");
      }
    }
  }
  return svg;
}

/// Category labels under columns, as many of them as fit beside each other.
std::string column_labels(const BarChart& chart, const BarSlots& slots, const Plot& plot) {
  const double needed = svg_widest(chart.categories) + kSvgGap;
  const auto every = static_cast<std::size_t>(std::max(1.0, std::ceil(needed / slots.category)));
  std::string svg;
  for (std::size_t i = 0; i < chart.categories.size(); i += every) {
    svg +=
        svg_text(slots.middle(i), plot.bottom + 18, "middle", chart.categories[i], " class=\"x\"");
  }
  if (!chart.category_label.empty()) {
    svg += svg_text((plot.left + plot.right) / 2, plot.bottom + 38, "middle", chart.category_label);
  }
  return svg;
}

std::string draw_rows(const BarChart& chart, const SvgAxis& fitted, double top, int height) {
  SvgAxis values = fitted;
  const double label_width = std::min(svg_widest(chart.categories), chart.width * 0.45);
  constexpr double kValueRoom = 48;  // for the figure behind the longest bar
  const Plot plot{kSvgGap + label_width + kSvgGap, top + kSvgGap, chart.width - kValueRoom,
                  height - (chart.value_label.empty() ? 28.0 : 48.0)};
  values.place(plot.left, plot.right);
  const auto count = static_cast<double>(std::max<std::size_t>(chart.categories.size(), 1));
  const BarSlots slots{plot.top, (plot.bottom - plot.top) / count, chart.series.size(), 0.72};
  std::string svg = horizontal_axis(values, plot, chart.value_label, true);
  for (std::size_t i = 0; i < chart.categories.size(); ++i) {
    svg += svg_text(plot.left - kSvgGap, slots.middle(i) + 4, "end", chart.categories[i],
                    " class=\"y\"");
  }
  svg += draw_bars(chart, values, slots);
  return svg + svg_line("axis", values.position(0), plot.top, values.position(0), plot.bottom);
}

std::string draw_columns(const BarChart& chart, const SvgAxis& fitted, double top, int height) {
  SvgAxis values = fitted;
  const Plot plot{left_margin(values, chart.value_label), top + kSvgGap, chart.width - 20.0,
                  height - (chart.category_label.empty() ? 28.0 : 48.0)};
  values.place(plot.bottom, plot.top);
  const auto count = static_cast<double>(std::max<std::size_t>(chart.categories.size(), 1));
  const BarSlots slots{plot.left, (plot.right - plot.left) / count, chart.series.size(),
                       chart.series.size() > 1 ? 0.8 : 0.94};
  std::string svg = vertical_axis(values, plot, chart.value_label);
  svg += draw_bars(chart, values, slots) + column_labels(chart, slots, plot);
  return svg + svg_line("axis", plot.left, values.position(0), plot.right, values.position(0));
}

}  // namespace

std::string to_svg(const BarChart& chart) {
  check(chart);
  std::vector<LegendEntry> entries;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    if (!chart.series[s].name.empty()) {
      entries.push_back({chart.series[s].name, kColours[s % kColourCount]});
    }
  }
  double top = top_of_plot(chart.title);
  const std::string legend_svg = legend(entries, chart.width, &top);

  int height = chart.height;
  if (height == 0) {
    constexpr double kBar = 18;
    const double bars = static_cast<double>(chart.categories.size()) *
                        static_cast<double>(std::max<std::size_t>(chart.series.size(), 1));
    height = chart.horizontal
                 ? static_cast<int>(top + kSvgGap + 52 + std::max(1.0, bars) * kBar / 0.72)
                 : 360;
    height = std::max(height, kMinHeight);
  }
  check_size("A bar chart", chart.width, height);

  const Extent extent = value_extent(chart);
  const int ticks = std::max(2, (chart.horizontal ? chart.width / 110 : height / 60));
  const SvgAxis values = SvgAxis::linear(extent.range({0, 1}), ticks, true);
  std::string svg = svg_opening(chart.title, chart.width, height) + legend_svg;
  svg += chart.horizontal ? draw_rows(chart, values, top, height)
                          : draw_columns(chart, values, top, height);
  if (extent.empty()) svg += svg_text(chart.width / 2.0, height / 2.0, "middle", "no data");
  return svg + "</svg>\n";
}

}  // namespace pandagpt
