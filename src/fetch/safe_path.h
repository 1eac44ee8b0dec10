// Names that come from a server: what may become a path, and what may stand in a message.
#pragma once

#include <filesystem>
#include <string>

namespace pandagpt {

/// `name` as a relative path that stays below any folder it is put into. `where` is for messages.
/// Throws Error(kInput) if it is empty, absolute, too long, has a part that is empty, "." or "..",
/// a backslash or a control character (NUL too), or ends like the files of an unfinished download.
std::filesystem::path safe_relative_path(const std::string& name, const std::string& where);

/// One line of text for a terminal: control characters become "?", a long text is cut.
std::string printable(const std::string& text);

}  // namespace pandagpt
