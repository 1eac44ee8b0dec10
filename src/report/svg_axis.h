// One axis of a chart: range, tick values, their labels, and the way from a value to a pixel.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pandagpt {

/// Maps [low, high] linearly or logarithmically to [from, to] pixels.
class SvgAxis {
 public:
  struct Range {
    double low;
    double high;
  };

  /// Fits an axis to the data. `nice` widens the range to whole ticks; a given end stays as it is.
  /// An empty or degenerate range becomes one around it. `ticks` is the number wished for.
  static SvgAxis linear(Range data, int ticks, bool nice, std::optional<double> low = {},
                        std::optional<double> high = {});
  /// The same for positive data, with ticks at 1, (2, 5,) 10, ...
  static SvgAxis logarithmic(Range data, std::optional<double> low = {},
                             std::optional<double> high = {});

  void place(double from, double to) {
    from_ = from;
    to_ = to;
  }
  /// Pixel of a value; values outside the range lie outside [from, to].
  double position(double value) const;
  bool drawable(double value) const;

  const std::vector<double>& ticks() const { return ticks_; }
  const std::vector<std::string>& labels() const { return labels_; }

 private:
  double low_ = 0;
  double high_ = 1;
  bool log_ = false;
  double from_ = 0;
  double to_ = 1;
  std::vector<double> ticks_;
  std::vector<std::string> labels_;
};

/// A number for a reader: "0", "0.25", "1500", "20k", "3.5M", "2e-05". `step` is the smallest
/// difference that must show.
std::string chart_number(double value, double step);

}  // namespace pandagpt
