// What a run measures, step by step: metrics.jsonl, and the same for TensorBoard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "train/tensorboard.h"

namespace pandagpt::train {

/// Names of files in a run's folder.
inline constexpr const char* kMetricsFile = "metrics.jsonl";
inline constexpr const char* kTensorBoardFolder = "tensorboard";

/// A key with this beginning is the validation's value of the rest: "validation_loss".
inline constexpr std::string_view kValidationPrefix = "validation_";

/// Appends lines of numbers to OUT/metrics.jsonl and OUT/tensorboard.
class MetricsLog {
 public:
  /// Goes on behind `last_step`; what is there about later steps is dropped, since a resumed run
  /// does them again, as is a line that a kill left unfinished. Throws Error(kInternal) if a file
  /// can't be written, as write() does.
  MetricsLog(const std::filesystem::path& out, std::int64_t last_step);

  /// One line. It has a "step"; its other numbers are points of the curves "train/KEY", or
  /// "validation/REST" where KEY begins with kValidationPrefix.
  void write(const nlohmann::json& line);
  void text(std::int64_t step, const std::string& tag, const std::string& markdown) {
    tensorboard_.text(step, tag, markdown);
  }

 private:
  std::filesystem::path path_;
  std::ofstream out_;
  TensorBoardWriter tensorboard_;
};

/// Drops the lines of a file of JSON objects whose "step" is after `last_step`, and lines that are
/// not whole. Does nothing if the file is not there.
void keep_steps(const std::filesystem::path& lines, std::int64_t last_step);

}  // namespace pandagpt::train
