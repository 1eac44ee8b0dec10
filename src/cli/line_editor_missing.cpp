// Without libedit: the terminal's own line, which knows the delete key alone.
#include "cli/line_editor.h"

namespace pandagpt {

std::unique_ptr<LineReader> open_line_editor(Completer /*complete*/, HistoryFile /*history*/) {
  return nullptr;
}

}  // namespace pandagpt
