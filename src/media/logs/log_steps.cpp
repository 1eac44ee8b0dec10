#include "media/logs/log_steps.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "media/logs/log_inputs.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr double kMostSteps = 1e6;
constexpr double kMicrosecond = 1e-6;  // to which times are written
// Of motion: a clip of the model's, and the shortest recording that it takes.
constexpr double kMotionSeconds = 5;
constexpr double kLeastMotionSeconds = 1;

/// Up to a microsecond, without zeros that say nothing.
std::string seconds_text(double seconds) {
  std::string text = fmt::format("{:.6f}", seconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// Of a topic's messages, in seconds from the log's beginning.
struct TopicSpan {
  double first = 0;
  double last = 0;
};

std::optional<TopicSpan> span_of(RecordedLog& log, const LogTopic& topic) {
  const auto first = nearest_message(log, topic, 0);
  const auto last = nearest_message(log, topic, UINT64_MAX);
  if (!first || !last) return std::nullopt;
  return TopicSpan{seconds_from_start(log, first->time_ns), seconds_from_start(log, last->time_ns)};
}

std::vector<std::string> names_of(LogInput& input, const LogTopic& topic, Modality kind,
                                  double step) {
  const std::optional<TopicSpan> span = span_of(*input.log, topic);
  if (!span) return {};
  const double from = std::max(input.address.from.value_or(0), 0.0);
  const double until = std::min(input.address.until.value_or(span->last + step), span->last + step);
  if ((until - from) / step > kMostSteps)
    throw Error(ErrorKind::kInput, fmt::format("{}: stands for more than a million inputs; give a "
                                               "larger step",
                                               input.name));
  const bool is_motion = kind == Modality::kImu;
  const double length = is_motion ? std::max(step, kMotionSeconds) : 0;
  const double last = is_motion ? span->last - kLeastMotionSeconds : span->last;
  std::vector<std::string> names;
  for (std::size_t i = 0;; ++i) {
    const double time = from + step * static_cast<double>(i);
    if (!(time < until) || time > last + kMicrosecond) break;
    if (time + std::max(step, length) <= span->first) continue;
    std::string name = fmt::format("{}#{}@{}", input.address.file, topic.name, seconds_text(time));
    if (is_motion) name += fmt::format("-{}", seconds_text(time + length));
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

bool has_log_step(const std::string& path) {
  const std::string place = place_of(path, /*is_buffer=*/false);
  const std::size_t at = place.rfind('@');
  return at != std::string::npos && place.find(':', at) != std::string::npos;
}

std::vector<std::string> expand_log_steps(const std::string& path, Modality kind) {
  std::optional<LogInput> input = open_log(path);
  if (!input || !input->address.step)
    throw Error(ErrorKind::kInput, path + ": is no robot's log with a step of time");
  const double step = *input->address.step;
  input->address.step.reset();
  const LogTopic topic = choose_log_topic(*input, kind);
  std::vector<std::string> names = names_of(*input, topic, kind, step);
  if (names.empty())
    throw Error(ErrorKind::kInput, path + ": " + topic.name + " has no messages at that time");
  return names;
}

std::vector<LogTopicKind> log_topic_kinds(const std::string& file) {
  std::optional<LogInput> input = open_log(file);
  if (!input) return {};
  std::vector<LogTopicKind> kinds;
  for (const Modality kind : {Modality::kImage, Modality::kDepth, Modality::kImu})
    for (const LogTopic& topic : log_topics_of(*input, kind))
      kinds.push_back({topic.name, kind});
  return kinds;
}

std::vector<std::string> log_steps(const std::string& file, const LogTopicKind& topic,
                                   double step) {
  return expand_log_steps(file + "#" + topic.topic + "@:" + seconds_text(step), topic.kind);
}

}  // namespace pandagpt
