// A line that can be edited: arrow keys, history, Ctrl-R, Tab, and pasted text as one line.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/history_file.h"
#include "cli/line_reader.h"

namespace pandagpt {

/// What may stand in place of a line's bytes from `begin` to the cursor.
struct Completion {
  struct Candidate {
    std::string text;   ///< the replacement, whole
    std::string shown;  ///< in the list of several
  };
  std::size_t begin = 0;
  std::vector<Candidate> candidates;
};

/// Completes a line, given up to the cursor.
using Completer = std::function<Completion(std::string_view line)>;

/// Reads from the terminal that is standard input; writes to standard error. Null where that isn't
/// possible: no terminal, one without cursor movement, or a build without libedit.
std::unique_ptr<LineReader> open_line_editor(Completer complete, HistoryFile history);

}  // namespace pandagpt
