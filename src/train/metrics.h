// metrics.jsonl of a run: one line a step, one a validation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace pandagpt::train {

/// Drops the lines of steps after `last_step`, and a line that a kill left unfinished: a resumed
/// run does those steps again. Does nothing if the file is not there.
void keep_steps(const std::filesystem::path& metrics, std::int64_t last_step);

struct LossCurveText {
  std::string title = "Loss on answer tokens";
  std::string y_label = "loss (nats per token)";
};

/// Draws training and validation loss over the steps as an SVG.
void draw_loss_curve(const std::filesystem::path& metrics, const std::filesystem::path& svg_path,
                     const LossCurveText& text = {});

}  // namespace pandagpt::train
