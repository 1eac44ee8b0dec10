#include "eval/caption_run.h"

#include <spdlog/fmt/fmt.h>

#include <nlohmann/json.hpp>

#include "report/svg_chart.h"

namespace pandagpt {
namespace {

using json = nlohmann::ordered_json;

json metrics_json(const CaptionRun& run) {
  json metrics;
  for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
    metrics[caption_metric_name(metric)] = {{"value", run.report.scores[metric]},
                                            {"low", run.intervals[metric].low},
                                            {"high", run.intervals[metric].high}};
  }
  return metrics;
}

json timing_json(const CaptionRun& run) {
  Timings sum;
  for (const CaptionAnswer& one : run.answers) {
    const Timings& timings = one.answer.timings;
    sum.encode_ms += timings.encode_ms;
    sum.prompt_ms += timings.prompt_ms;
    sum.generate_ms += timings.generate_ms;
    sum.generated_tokens += timings.generated_tokens;
  }
  const auto n = static_cast<double>(run.answers.size());
  return {{"seconds", run.seconds},
          {"photos_per_second", run.seconds > 0 ? n / run.seconds : 0},
          {"mean_encode_ms", sum.encode_ms / n},
          {"mean_prompt_ms", sum.prompt_ms / n},
          {"mean_generate_ms", sum.generate_ms / n},
          {"mean_generated_tokens", sum.generated_tokens / n}};
}

}  // namespace

void score(CaptionRun& run) {
  std::vector<CaptionCase> cases;
  for (const CaptionAnswer& one : run.answers) {
    cases.push_back({one.answer.text, one.references});
  }
  run.report = score_captions(cases);
  run.intervals = bootstrap_intervals(run.report, run.bootstrap_rounds, run.bootstrap_seed);
}

std::string to_text(const CaptionRun& run) {
  std::string text = fmt::format("{}, {} photos of {}, \"{}\"\n", run.model_name,
                                 run.answers.size(), run.data_name, run.question);
  text += fmt::format("{:<8} {:>8}  {}\n", "metric", "value", "95 % interval");
  for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
    text += fmt::format("{:<8} {:>8.4f}  [{:.4f}, {:.4f}]\n", caption_metric_name(metric),
                        run.report.scores[metric], run.intervals[metric].low,
                        run.intervals[metric].high);
  }
  return text;
}

json report_of(const CaptionRun& run) {
  json document;
  document["settings"] = {{"data", run.data_name},
                          {"data_sha256", run.data_sha256},
                          {"question", run.question},
                          {"n_beams", run.n_beams},
                          {"max_tokens", run.max_tokens},
                          {"bootstrap_rounds", run.bootstrap_rounds},
                          {"bootstrap_seed", run.bootstrap_seed}};
  document["metrics"] = metrics_json(run);
  document["timing"] = timing_json(run);
  json photos = json::array();
  for (std::size_t i = 0; i < run.answers.size(); ++i) {
    const CaptionAnswer& one = run.answers[i];
    json scores;
    for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
      scores[caption_metric_name(metric)] = run.report.per_image[i][metric];
    }
    photos.push_back({{"image_name", one.image_name},
                      {"answer", one.answer.text},
                      {"finish", to_string(one.answer.finish)},
                      {"references", one.references},
                      {"scores", std::move(scores)}});
  }
  document["photos"] = std::move(photos);
  return document;
}

std::string to_json(const CaptionRun& run) {
  json document;
  document["task"] = "caption";
  document["model"] = {{"name", run.model_name}, {"sha256", json::object()}};
  for (const auto& [role, sha256] : run.model_files)
    document["model"]["sha256"][role] = sha256;
  document.update(report_of(run));
  return document.dump(1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace) + "\n";
}

std::string metric_chart(const CaptionRun& run) {
  BarChart chart{.title = fmt::format("{}: {} photos of {}", run.model_name, run.answers.size(),
                                      run.data_name),
                 .value_label = "score, with 95 % interval (CIDEr-D reaches 10, the others 1)"};
  BarSeries bars;
  for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
    chart.categories.emplace_back(caption_metric_name(metric));
    bars.values.push_back(run.report.scores[metric]);
    bars.low.push_back(run.intervals[metric].low);
    bars.high.push_back(run.intervals[metric].high);
  }
  chart.series.push_back(std::move(bars));
  return to_svg(chart);
}

}  // namespace pandagpt
