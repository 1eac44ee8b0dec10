// Curves of one or several runs, drawn from their metrics.jsonl.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace pandagpt::train {

struct PlotOptions {
  std::string x = "step";  ///< "step", "tokens" (seen so far) or "hours" (of training)
  /// Weight of the past in the smoothed line (TensorBoard's exponential mean), [0, 1). The raw
  /// values stand faint behind it; 0 draws them alone.
  double smoothing = 0.9;
  bool log_loss = false;  ///< logarithmic axis for the losses
};

/// One <svg> with a chart for each thing measured: loss and accuracy (training and validation),
/// learning rate, tokens a second, gradient norm, and whatever else the lines hold. Several runs
/// lie over each other in one colour each. `runs` are folders, or metrics.jsonl files themselves.
/// Throws Error(kInput) for one that has no readable lines.
std::string plot_runs(const std::vector<std::filesystem::path>& runs, const PlotOptions& options);

/// plot_runs() of one run -> `path`.
void plot_run(const std::filesystem::path& run, const std::filesystem::path& path);

/// Draws `svg` on white as a PNG with `scale` pixels for each of its own. Throws
/// Error(kInternal) if that fails.
void write_png(const std::string& svg, double scale, const std::filesystem::path& path);

}  // namespace pandagpt::train
