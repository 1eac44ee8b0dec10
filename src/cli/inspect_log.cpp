#include "cli/inspect_log.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/output.h"

namespace pandagpt {
namespace {

void print_json(const std::string& path, const LogSummary& log) {
  nlohmann::ordered_json report{{"file", path},
                                {"format", log.format},
                                {"start", log.start},
                                {"seconds", log.duration},
                                {"messages", log.n_messages}};
  report["topics"] = nlohmann::ordered_json::array();
  for (const LogSummary::Topic& topic : log.topics) {
    nlohmann::ordered_json entry{{"topic", topic.name},
                                 {"type", topic.type},
                                 {"encoding", topic.encoding},
                                 {"messages", topic.n_messages}};
    if (topic.n_messages > 0) {
      entry["first"] = topic.first;
      entry["last"] = topic.last;
    }
    if (!topic.content.empty()) entry["content"] = topic.content;
    if (!topic.inputs.empty()) entry["inputs"] = topic.inputs;
    report["topics"].push_back(std::move(entry));
  }
  write_json(report);
}

std::string line_of(const LogSummary::Topic& topic, std::size_t name_width,
                    std::size_t type_width) {
  std::string line = fmt::format("  {:<{}}  {:<{}}  {:<4}  {:>7}", topic.name, name_width,
                                 topic.type, type_width, topic.encoding, topic.n_messages);
  if (topic.n_messages > 0) line += fmt::format("  {:9.3f}  {:9.3f}", topic.first, topic.last);
  if (!topic.inputs.empty()) line += "  " + topic.inputs;
  if (!topic.content.empty()) line += " (" + topic.content + ")";
  return line + "\n";
}

}  // namespace

void print_log(const std::string& path, const LogSummary& log, bool as_json) {
  if (as_json) return print_json(path, log);
  std::string text =
      fmt::format("{}: {} from {}, {:.3f} s, {} messages of {} topics\n", path, log.format,
                  log.start, log.duration, log.n_messages, log.topics.size());
  std::size_t name_width = 5, type_width = 4;
  for (const LogSummary::Topic& topic : log.topics) {
    name_width = std::max(name_width, topic.name.size());
    type_width = std::max(type_width, topic.type.size());
  }
  text += fmt::format("  {:<{}}  {:<{}}  as    messages    first s     last s  input\n", "topic",
                      name_width, "type", type_width);
  for (const LogSummary::Topic& topic : log.topics)
    text += line_of(topic, name_width, type_width);
  write_output(text);
}

}  // namespace pandagpt
