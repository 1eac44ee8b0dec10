// What the server counts, in Prometheus' text format.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "llm/batch_scheduler.h"
#include "pandagpt/generation.h"

namespace pandagpt {

/// Counts values by upper bounds, as Prometheus' histograms do.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds)
      : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  void add(double value);
  /// "NAME_bucket{LABELS,le="0.1"} 3" and so on. `labels` is empty or 'key="value"'.
  void write(std::string& out, const std::string& name, const std::string& labels) const;

 private:
  std::vector<double> bounds_;
  std::vector<std::int64_t> counts_;  // of each bucket alone; the last one is beyond all bounds
  double sum_ = 0;
};

/// May be used by several threads at once.
class Metrics {
 public:
  Metrics();

  void count_request(const std::string& route, int status, double seconds);
  void count_answer(const Answer& answer);
  void count_encoding(double seconds, int n_inputs, int n_cached);

  /// Gauges are given, the rest has been counted.
  struct Gauges {
    SchedulerCounters scheduler;
    int n_slots = 0;
    int n_in_flight = 0;
    int n_connections = 0;
    int n_encoder_jobs = 0;
    std::uint64_t stored_bytes = 0;
  };
  std::string text(const Gauges& gauges) const;

 private:
  mutable std::mutex mutex_;                                      // guards all below
  std::map<std::pair<std::string, int>, std::int64_t> requests_;  // by route and status
  std::map<std::string, Histogram> request_seconds_;              // by route
  Histogram first_text_seconds_, queue_seconds_, token_seconds_, encode_seconds_;
  std::int64_t inputs_ = 0;
  std::int64_t cached_inputs_ = 0;
};

}  // namespace pandagpt
