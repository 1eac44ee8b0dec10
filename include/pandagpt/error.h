// The one error type that crosses the library's edge.
#pragma once

#include <stdexcept>
#include <string>

#include "pandagpt/export.h"

namespace pandagpt {

/// What kind of fault it is. The values are the exit codes of the command line contract.
enum class ErrorKind {
  kInternal = 1,  ///< a fault of ours or of the machine (out of memory, full disk)
  kUsage = 2,     ///< the call itself is wrong (unknown option, value out of range)
  kInput = 3,     ///< a file or buffer given by the user can't be used
  kModel = 4,     ///< a model folder or weight file is missing, damaged or of the wrong shape
};

/// Thrown by every function of the library that fails. `what()` is one line that says what is
/// wrong, where (file, tensor, field), and what to do about it.
class PANDAGPT_API Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace pandagpt
