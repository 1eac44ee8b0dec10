#include "server/request_log.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/formatter.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string_view>

#include "server/api_error.h"
#include "server/random_id.h"

namespace pandagpt {
namespace {

using Json = nlohmann::ordered_json;
using SystemClock = std::chrono::system_clock;

constexpr std::size_t kMaxIdBytes = 128;
constexpr std::size_t kMaxContentBytes = 8 << 10;  // of each piece

/// ISO 8601, UTC, milliseconds.
std::string time_text(SystemClock::time_point time) {
  const std::time_t seconds = SystemClock::to_time_t(time);
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     ms);
}

double rounded(double ms) {
  return std::round(ms * 10) / 10;
}

/// What not every request has.
Json details(const RequestFacts& facts) {
  Json json = Json::object();
  if (facts.n_inputs > 0) {
    json["inputs"] = facts.n_inputs;
    json["encode_ms"] = rounded(facts.encode_ms);
  }
  if (facts.has_answer) {
    json["prompt_tokens"] = facts.prompt_tokens;
    json["cached_tokens"] = facts.cached_tokens;
    json["completion_tokens"] = facts.generated_tokens;
    json["queue_ms"] = rounded(facts.queue_ms);
  }
  if (!facts.error_type.empty()) json["error"] = facts.error_type;
  if (facts.client_gone) json["client_gone"] = true;
  for (const auto& [name, text] : facts.content)
    json[name].push_back(text.size() > kMaxContentBytes ? text.substr(0, kMaxContentBytes) + ".."
                                                        : text);
  return json;
}

/// As it is, or quoted and escaped where a reader could take it for something else.
std::string shown(const std::string& text) {
  const bool is_plain =
      std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '"'; });
  return is_plain ? text : dump_json(text);
}

std::string text_line(const RequestRecord& record, const RequestFacts& facts) {
  std::string line =
      fmt::format("{} {} {} {} {} {:.0f} ms", time_text(SystemClock::now()), facts.id,
                  record.method, shown(record.path), record.status, record.ms);
  const Json more = details(facts);
  for (const auto& [name, value] : more.items())
    line += " " + name + "=" + dump_json(value);
  return line + "\n";
}

std::string json_line(const RequestRecord& record, const RequestFacts& facts) {
  Json json{{"time", time_text(SystemClock::now())},
            {"id", facts.id},
            {"method", record.method},
            {"path", record.path},
            {"status", record.status},
            {"ms", rounded(record.ms)}};
  json.update(details(facts));
  return dump_json(json) + "\n";
}

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto level = spdlog::level::to_string_view(message.level);
    const std::string line =
        json_log_line(std::string(level.data(), level.size()),
                      std::string(message.payload.data(), message.payload.size()));
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

}  // namespace

void RequestFacts::count(const Answer& answer) {
  const Timings& times = answer.timings;
  prompt_tokens = std::max(prompt_tokens, times.prompt_tokens + times.reused_tokens);
  cached_tokens = has_answer ? std::min(cached_tokens, times.reused_tokens) : times.reused_tokens;
  generated_tokens += times.generated_tokens;
  queue_ms = std::max(queue_ms, times.queue_ms);
  has_answer = true;
  if (keeps_content) content.emplace_back("answer", answer.text);
}

void RequestLog::add(const RequestRecord& record, const RequestFacts& facts) {
  if (options_.format == LogFormat::kNone) return;
  const std::string line =
      options_.format == LogFormat::kJson ? json_line(record, facts) : text_line(record, facts);
  const std::lock_guard lock(mutex_);
  if (options_.write) return options_.write(line);
  std::fwrite(line.data(), 1, line.size(), stderr);  // not buffered: one write
}

std::string request_id(const std::string& wanted) {
  const auto is_fit = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view(".:_-").find(c) != std::string_view::npos;
  };
  const bool usable =
      !wanted.empty() && wanted.size() <= kMaxIdBytes && std::ranges::all_of(wanted, is_fit);
  return usable ? wanted : random_id("req-");
}

std::string json_log_line(const std::string& level, const std::string& message) {
  return dump_json(
             {{"time", time_text(SystemClock::now())}, {"level", level}, {"message", message}}) +
         "\n";
}

void log_messages_as_json() {
  spdlog::set_formatter(std::make_unique<JsonFormatter>());
}

}  // namespace pandagpt
