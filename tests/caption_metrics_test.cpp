// The expected values come from pycocoevalcap (tools/reference/make_caption_metric_fixtures.py).
#include "eval/caption_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/utf8.h"
#include "eval/caption_tokenizer.h"
#include "eval/unicode_text.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using nlohmann::json;
using testing::ElementsAre;

json fixture(const std::string& name) {
  std::ifstream file(std::string(PANDAGPT_FIXTURES) + "/caption_metrics/" + name);
  EXPECT_TRUE(file) << name;
  return json::parse(file);
}

std::string joined(const std::vector<std::string>& tokens) {
  std::string line;
  for (const std::string& token : tokens)
    line += (line.empty() ? "" : " ") + token;
  return line;
}

std::vector<CaptionCase> cases_of(const json& captions) {
  std::vector<CaptionCase> cases;
  for (const json& one : captions["cases"]) {
    cases.push_back({one["answer"], one["references"].get<std::vector<std::string>>()});
  }
  return cases;
}

TEST(CaptionTokenizerTest, MatchesTheStanfordTokenizer) {
  for (const json& one : fixture("tokens.json")) {
    EXPECT_EQ(joined(tokenize_caption(one["text"].get<std::string>())),
              one["tokens"].get<std::string>())
        << one["text"];
  }
}

TEST(CaptionTokenizerTest, BytesThatAreNotUtf8AreDropped) {
  EXPECT_THAT(tokenize_caption("a \xff\xfe dog\xc3"), ElementsAre("a", "dog"));
  EXPECT_THAT(tokenize_caption(""), ElementsAre());
}

TEST(UnicodeTextTest, RoundTripAndClasses) {
  const std::string text = "aé€日😀";
  EXPECT_EQ(encode_utf8(decode_utf8(text)), text);
  EXPECT_EQ(decode_utf8(text).size(), 5u);
  EXPECT_EQ(decode_utf8("\xe2\x82"), U"\uFFFD");
  for (const char32_t letter : {U'a', U'Z', U'é', U'ß', U'Ж', U'日', U'한'}) {
    EXPECT_TRUE(is_letter(letter)) << static_cast<unsigned>(letter);
  }
  for (const char32_t other : {U'1', U'@', U'[', U'{', U'×', U'—', U'€', U'→', U'。', U'😀'}) {
    EXPECT_FALSE(is_letter(other)) << static_cast<unsigned>(other);
  }
  EXPECT_EQ(to_lower(U'Ÿ'), U'ÿ');
  EXPECT_EQ(to_lower(U'Č'), U'č');
  EXPECT_EQ(to_lower(U'Ž'), U'ž');
  EXPECT_EQ(to_lower(U'М'), U'м');
}

TEST(CaptionMetricsTest, MatchesPycocoevalcap) {
  constexpr double kTolerance = 1e-9;
  const json captions = fixture("captions.json");
  const std::vector<CaptionCase> cases = cases_of(captions);
  ASSERT_EQ(cases.size(), 40u);
  const CaptionReport report = score_captions(cases);
  for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
    EXPECT_NEAR(report.scores[metric], captions["scores"][metric].get<double>(), kTolerance)
        << caption_metric_name(metric);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      EXPECT_NEAR(report.per_image[i][metric], captions["cases"][i]["scores"][metric].get<double>(),
                  kTolerance)
          << caption_metric_name(metric) << " of: " << cases[i].answer;
    }
  }
}

TEST(CaptionMetricsTest, PerfectAndEmptyAnswers) {
  const std::vector<CaptionCase> cases = {
      {"a red fox runs over the hill", {"A red fox runs over the hill."}},
      {"two boats lie in the old harbour", {"Two boats lie in the old harbour."}},
      {"", {"Nothing to see here."}}};
  const CaptionReport report = score_captions(cases);
  EXPECT_NEAR(report.per_image[0][kBleu4], 1, 1e-6);
  EXPECT_NEAR(report.per_image[0][kRougeL], 1, 1e-12);
  EXPECT_NEAR(report.per_image[1][kCiderD], 10, 1e-9);
  EXPECT_NEAR(report.per_image[2][kBleu1], 0, 1e-6);
  EXPECT_EQ(report.per_image[2][kRougeL], 0);
  EXPECT_EQ(report.per_image[2][kCiderD], 0);
}

TEST(CaptionMetricsTest, RefusesWhatCannotBeScored) {
  EXPECT_THROW(score_captions({}), Error);
  const std::vector<CaptionCase> no_reference = {{"a dog", {}}};
  EXPECT_THROW(score_captions(no_reference), Error);
}

TEST(BootstrapTest, IntervalsHoldTheValueAndShrinkWithTheSet) {
  const json captions = fixture("captions.json");
  std::vector<CaptionCase> cases = cases_of(captions);
  const CaptionReport report = score_captions(cases);
  const auto intervals = bootstrap_intervals(report, 500, 1);
  CaptionReport larger = report;
  for (int copies = 0; copies < 3; ++copies) {
    larger.per_image.insert(larger.per_image.end(), report.per_image.begin(),
                            report.per_image.end());
    larger.bleu.insert(larger.bleu.end(), report.bleu.begin(), report.bleu.end());
  }
  const auto narrower = bootstrap_intervals(larger, 500, 1);
  for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
    EXPECT_LT(intervals[metric].low, report.scores[metric]) << caption_metric_name(metric);
    EXPECT_GT(intervals[metric].high, report.scores[metric]) << caption_metric_name(metric);
    // Four times the images: half the width, within the noise of 500 rounds.
    const double ratio = (narrower[metric].high - narrower[metric].low) /
                         (intervals[metric].high - intervals[metric].low);
    EXPECT_NEAR(ratio, 0.5, 0.15) << caption_metric_name(metric);
  }
  EXPECT_EQ(bootstrap_intervals(report, 50, 7)[kCiderD].low,
            bootstrap_intervals(report, 50, 7)[kCiderD].low);
  EXPECT_THROW(bootstrap_intervals(report, 0, 1), Error);
}

}  // namespace
}  // namespace pandagpt
