// One line a request, for people or for machines. What users send and get stands in it only if that
// is asked for.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "pandagpt/generation.h"

namespace pandagpt {

enum class LogFormat { kNone, kText, kJson };

struct LogOptions {
  LogFormat format = LogFormat::kNone;
  bool with_content = false;  ///< prompts, answers, names of files, paths as they were sent
  /// Takes a line with its line break, from one thread at a time. Empty: standard error.
  std::function<void(const std::string&)> write = {};
};

/// What a request comes to, gathered on its way by the thread that answers it.
struct RequestFacts {
  std::string id;  ///< of the request, for clients and log alike
  bool keeps_content = false;

  int n_inputs = 0;
  double encode_ms = 0;
  int prompt_tokens = 0;  ///< with those taken from a cache
  int cached_tokens = 0;
  int generated_tokens = 0;
  double queue_ms = 0;  ///< waiting for a slot: the answer that waited longest
  bool has_answer = false;
  std::string error_type;  ///< of the error that was sent, also behind a status of 200
  bool client_gone = false;
  /// By name, "prompt" and so on; only if keeps_content.
  std::vector<std::pair<std::string, std::string>> content;

  /// Tokens of several answers to one prompt: it counts once.
  void count(const Answer& answer);
};

struct RequestRecord {
  std::string method;
  std::string path;
  int status = 0;
  double ms = 0;  ///< until the end of the answer
};

/// May be used by several threads at once.
class RequestLog {
 public:
  explicit RequestLog(LogOptions options) : options_(std::move(options)) {}

  bool with_content() const { return options_.with_content; }
  void add(const RequestRecord& record, const RequestFacts& facts);

 private:
  const LogOptions options_;
  std::mutex mutex_;  // lines come one by one
};

/// `wanted` if it is fit for an id (1 to 128 letters, digits and ".:_-"), else a new one.
std::string request_id(const std::string& wanted);

/// What isn't about a request, as a line of its own: {"time": .., "level": .., "message": ..}.
std::string json_log_line(const std::string& level, const std::string& message);
/// From now on the program's own messages (spdlog's default logger) have that form.
void log_messages_as_json();

}  // namespace pandagpt
