// One evaluation of a model on a caption test set, and how it is written down.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "eval/caption_metrics.h"
#include "pandagpt/generation.h"

namespace pandagpt {

struct CaptionAnswer {
  std::string image_name;
  Answer answer;
  std::vector<std::string> references;
};

struct CaptionRun {
  std::string model_name;
  std::vector<std::pair<std::string, std::string>> model_files;  ///< role, SHA-256
  std::string data_name;  ///< the test set's file name, without its folder
  std::string data_sha256;
  std::string question;
  int max_tokens = 0;
  int n_beams = 1;  ///< 1: greedy
  int bootstrap_rounds = 0;
  std::uint64_t bootstrap_seed = 0;
  double seconds = 0;  ///< of answering, loading the model not included

  std::vector<CaptionAnswer> answers;
  CaptionReport report;  ///< [answers]
  std::array<Interval, kCaptionMetricCount> intervals{};
};

/// Scores run.answers: fills `report` and `intervals`.
void score(CaptionRun& run);

/// The figures as aligned text, one metric a line.
std::string to_text(const CaptionRun& run);
/// Settings, figures, and each photo's answer, references and scores.
nlohmann::ordered_json report_of(const CaptionRun& run);
/// The same with the model's files, as text.
std::string to_json(const CaptionRun& run);
/// The bars of the metrics with their intervals, as SVG.
std::string metric_chart(const CaptionRun& run);
/// A page of its own: figures, charts, the photos of highest and lowest CIDEr-D. It holds no
/// pictures, unless `image_root` is given: then those of the photos that it lists.
std::string to_html(const CaptionRun& run, const std::filesystem::path& image_root = {});
/// The same as a part of another page, without a heading.
std::string caption_section(const CaptionRun& run, const std::filesystem::path& image_root);

}  // namespace pandagpt
