// What was found about an input that the user should know, although it can be used: said deep in a
// decoder, shown where the answer goes.
#pragma once

#include <string>
#include <vector>

namespace pandagpt {

/// Takes what `warn` says on this thread while the object lives; of nested ones the innermost.
class WarningCollector {
 public:
  WarningCollector();
  ~WarningCollector();
  WarningCollector(const WarningCollector&) = delete;
  WarningCollector& operator=(const WarningCollector&) = delete;

  const std::vector<std::string>& messages() const { return messages_; }
  /// Whether one of them was that there is nothing in the input.
  bool has_no_content() const { return has_no_content_; }

 private:
  friend void warn(const std::string& message);
  friend void warn_no_content(const std::string& message);

  std::vector<std::string> messages_;
  bool has_no_content_ = false;
  WarningCollector* outer_;
};

/// One plain sentence, "NAME: what; what to do". Without a collector it goes to the log.
void warn(const std::string& message);
/// The same of an input that carries nothing: black, silent, never changing. What is answered about
/// it is a guess.
void warn_no_content(const std::string& message);

}  // namespace pandagpt
