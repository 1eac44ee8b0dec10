// The encodings in which programs for spreadsheets and instruments save tables.
#pragma once

#include <string>

#include "core/file.h"

namespace pandagpt {

/// A table's text as UTF-8, lines ending with '\n' alone: UTF-8 with or without a byte order mark,
/// UTF-16 with one, or, where neither fits, Latin-1, in which units have their degree signs and
/// squares. Throws Error(kInput) for what is no text.
std::string table_text(ByteView bytes, const std::string& name);

}  // namespace pandagpt
