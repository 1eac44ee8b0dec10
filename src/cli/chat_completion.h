// What Tab completes at the prompt of a chat: commands, kinds, and files.
#pragma once

#include <string_view>

#include "cli/line_editor.h"

namespace pandagpt {

/// `line`: what stands before the cursor. Files are written as they were begun: in quotes, with
/// backslashes, or (the argument of a command, which is a whole) as they are.
Completion complete_chat_line(std::string_view line);

}  // namespace pandagpt
