#include "server/metrics.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>

namespace pandagpt {
namespace {

constexpr const char* kPrefix = "pandagpt_";
constexpr double kMsPerSecond = 1000;

const std::vector<double> kRequestBounds{0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1,
                                         2.5,   5,    10,   30,  60,   120};
const std::vector<double> kTokenBounds{0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1};

void describe(std::string& out, const std::string& name, const char* type, const char* help) {
  fmt::format_to(std::back_inserter(out), "# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", kPrefix, name,
                 help, type);
}

template <typename Value>
void write(std::string& out, const std::string& name, const char* type, const char* help,
           Value value) {
  describe(out, name, type, help);
  fmt::format_to(std::back_inserter(out), "{}{} {}\n", kPrefix, name, value);
}

}  // namespace

void Histogram::add(double value) {
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  ++counts_[static_cast<std::size_t>(bucket)];
  sum_ += value;
}

void Histogram::write(std::string& out, const std::string& name, const std::string& labels) const {
  const std::string more = labels.empty() ? "" : labels + ",";
  const std::string braces = labels.empty() ? "" : "{" + labels + "}";
  std::int64_t count = 0;
  const auto put = std::back_inserter(out);
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    count += counts_[i];
    const std::string bound = i < bounds_.size() ? fmt::format("{:g}", bounds_[i]) : "+Inf";
    fmt::format_to(put, "{}{}_bucket{{{}le=\"{}\"}} {}\n", kPrefix, name, more, bound, count);
  }
  fmt::format_to(put, "{0}{1}_sum{2} {3}\n{0}{1}_count{2} {4}\n", kPrefix, name, braces, sum_,
                 count);
}

Metrics::Metrics()
    : first_text_seconds_(kRequestBounds),
      queue_seconds_(kRequestBounds),
      token_seconds_(kTokenBounds),
      encode_seconds_(kRequestBounds) {}

void Metrics::count_request(const std::string& route, int status, double seconds) {
  const std::lock_guard lock(mutex_);
  ++requests_[{route, status}];
  request_seconds_.try_emplace(route, kRequestBounds).first->second.add(seconds);
}

void Metrics::count_answer(const Answer& answer) {
  const std::lock_guard lock(mutex_);
  const Timings& times = answer.timings;
  if (times.first_text_ms > 0) first_text_seconds_.add(times.first_text_ms / kMsPerSecond);
  queue_seconds_.add(times.queue_ms / kMsPerSecond);
  if (times.generated_tokens > 1)
    token_seconds_.add(times.generate_ms / (times.generated_tokens - 1) / kMsPerSecond);
}

void Metrics::count_encoding(double seconds, int n_inputs, int n_cached) {
  const std::lock_guard lock(mutex_);
  encode_seconds_.add(seconds);
  inputs_ += n_inputs;
  cached_inputs_ += n_cached;
}

std::string Metrics::text(const Gauges& gauges) const {
  const SchedulerCounters& llm = gauges.scheduler;
  std::string out;
  write(out, "prompt_tokens_total", "counter", "Positions of prompts evaluated.",
        llm.prompt_tokens);
  write(out, "prompt_tokens_cached_total", "counter", "Positions of prompts taken from caches.",
        llm.reused_tokens);
  write(out, "tokens_predicted_total", "counter", "Tokens generated.", llm.generated_tokens);
  write(out, "decode_steps_total", "counter", "Evaluations of the language model.", llm.steps);
  write(out, "decode_seconds_total", "counter", "Time in the language model.", llm.busy_seconds);
  write(out, "busy_slots_per_decode", "gauge", "Answers advanced by one evaluation, on average.",
        llm.steps > 0 ? static_cast<double>(llm.busy_slots) / static_cast<double>(llm.steps) : 0.0);
  write(out, "answers_finished_total", "counter", "Answers ended, cancelled ones included.",
        llm.finished);
  write(out, "answers_cancelled_total", "counter", "Answers whose client went away.",
        llm.cancelled);
  write(out, "slots", "gauge", "Answers that can be computed at once.", gauges.n_slots);
  write(out, "requests_processing", "gauge", "Answers being computed.", llm.n_running);
  write(out, "requests_deferred", "gauge", "Answers waiting for a slot.", llm.n_waiting);
  write(out, "answers_in_flight", "gauge", "Answers accepted and not finished.",
        gauges.n_in_flight);
  write(out, "encoder_jobs", "gauge", "Requests in the encoders' queue.", gauges.n_encoder_jobs);
  write(out, "connections", "gauge", "Open connections.", gauges.n_connections);
  write(out, "stored_bytes", "gauge", "Uploaded files.", gauges.stored_bytes);

  const std::lock_guard lock(mutex_);
  write(out, "inputs_total", "counter", "Pictures, sounds, .. that requests came with.", inputs_);
  write(out, "inputs_cached_total", "counter", "Of them, encoded before.", cached_inputs_);
  describe(out, "requests_total", "counter", "Requests by route and status.");
  for (const auto& [key, count] : requests_)
    fmt::format_to(std::back_inserter(out), "{}requests_total{{route=\"{}\",status=\"{}\"}} {}\n",
                   kPrefix, key.first, key.second, count);
  describe(out, "request_seconds", "histogram", "Time of requests, to the end of their answer.");
  for (const auto& [route, histogram] : request_seconds_)
    histogram.write(out, "request_seconds", "route=\"" + route + "\"");
  const auto histogram = [&](const char* name, const char* help, const Histogram& values) {
    describe(out, name, "histogram", help);
    values.write(out, name, "");
  };
  histogram("first_text_seconds", "From an answer's submission to its first text.",
            first_text_seconds_);
  histogram("queue_seconds", "Time that answers wait for a slot.", queue_seconds_);
  histogram("token_seconds", "Time between two tokens of an answer, on average over it.",
            token_seconds_);
  histogram("encode_seconds", "Decoding and encoding the inputs of a request.", encode_seconds_);
  return out;
}

}  // namespace pandagpt
