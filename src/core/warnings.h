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

 private:
  friend void warn(const std::string& message);

  std::vector<std::string> messages_;
  WarningCollector* outer_;
};

/// One plain sentence, "NAME: what; what to do". Without a collector it goes to the log.
void warn(const std::string& message);

}  // namespace pandagpt
