// Caption metrics as pycocoevalcap 1.2 computes them: BLEU-1..4, ROUGE-L, CIDEr-D.
//
//   const CaptionReport report = score_captions(cases);          // figures of set and of each
//   image const auto ranges = bootstrap_intervals(report, 1000, 1);    // 95 % over images
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/interval.h"

namespace pandagpt {

/// The metrics, in this order wherever they are listed.
enum CaptionMetric { kBleu1, kBleu2, kBleu3, kBleu4, kRougeL, kCiderD, kCaptionMetricCount };
/// "BLEU-1" .. "CIDEr-D".
const char* caption_metric_name(int metric);

/// Indexed by CaptionMetric. BLEU and ROUGE-L lie in [0, 1], CIDEr-D in [0, 10].
using CaptionScores = std::array<double, kCaptionMetricCount>;

/// One image: the answer to judge and what people wrote.
struct CaptionCase {
  std::string answer;
  std::vector<std::string> references;
};

/// What BLEU adds up over images, n = 1..4 at index n - 1.
struct BleuCounts {
  std::array<double, 4> correct{};  ///< n-grams of the answer found in a reference, clipped
  std::array<double, 4> guessed{};  ///< n-grams of the answer
  double answer_length = 0;         ///< words
  double reference_length = 0;      ///< words of the reference nearest in length
};

struct CaptionReport {
  CaptionScores scores{};                ///< of the whole set
  std::vector<CaptionScores> per_image;  ///< [cases]
  std::vector<BleuCounts> bleu;          ///< [cases]; BLEU of a set is not the mean of its images'
};

/// Tokenizes and scores. CIDEr-D weighs n-grams by how many images' references hold them, so its
/// value belongs to the set; it is 0 for a set of one image. Throws Error(kInput) for an empty set
/// or an image without references.
CaptionReport score_captions(std::span<const CaptionCase> cases);

/// 95 % percentile intervals from `rounds` resamplings of the images (the n-gram weights of CIDEr-D
/// stay those of the whole set). The same seed gives the same intervals.
std::array<Interval, kCaptionMetricCount> bootstrap_intervals(const CaptionReport& report,
                                                              int rounds, std::uint64_t seed);

}  // namespace pandagpt
