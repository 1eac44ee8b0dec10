// What a file is that isn't what was expected.
#pragma once

#include <filesystem>
#include <string>

#include "core/file.h"

namespace pandagpt {

/// So many first bytes of a file are enough for what_is_this.
inline constexpr std::size_t kTellingBytes = 512;

/// What the first bytes of a file show, and what to do about it, for the end of a message: "a Git
/// LFS pointer instead of the file; run 'git lfs pull' in its folder". Knows what lies in a file's
/// place after a failed download, archives, formats of models and of media. "" for what it doesn't
/// know; text that is nothing special is "text", "a JSON text" or "an XML text".
std::string what_is_this(ByteView beginning);

/// The same of a file; "an empty file; ..", and "" if it can't be opened.
std::string what_is_this(const std::filesystem::path& path);

/// Whether text that what_is_this has found is what nobody means to give as a text: a Git LFS
/// pointer, a web page, a PDF document.
bool is_text_by_mistake(const std::string& what);

/// ", but WHAT; WHAT TO DO" for the end of "FILE: not the expected", or `otherwise` if nothing is
/// known about the file.
std::string but_it_is(const std::string& what, const std::string& otherwise);

}  // namespace pandagpt
