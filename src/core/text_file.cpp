#include "core/text_file.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "core/utf8.h"
#include "core/what_is_this.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr const char* kSaveAsUtf8 = "save it as UTF-8";

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

std::string_view view_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// "UTF-16" or "UTF-32", by a byte order mark or by the zeros beside Latin letters; else nullptr.
const char* wide_encoding(std::string_view text) {
  if (text.starts_with("\xFF\xFE\0\0"sv) || text.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  if (text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv)) return "UTF-16";
  const bool is_wide = text.size() >= 4 && (text[0] == '\0') != (text[1] == '\0') &&
                       (text[0] == '\0') == (text[2] == '\0') &&
                       (text[1] == '\0') == (text[3] == '\0');
  return is_wide ? "UTF-16" : nullptr;
}

template <typename Read>
std::string model_text(const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(ErrorKind::kModel, error.what());
  }
}

}  // namespace

std::size_t check_text_beginning(ByteView beginning, const std::string& name) {
  const std::string_view text = view_of(beginning);
  if (const char* encoding = wide_encoding(text))
    fail(name, std::string("the text is ") + encoding + ", not UTF-8; " + kSaveAsUtf8);
  const std::string what = text.empty() ? "" : what_is_this(beginning);
  const bool is_binary = text.find('\0') < kTellingBytes && !what.empty();
  if (is_binary || is_text_by_mistake(what))
    fail(name, "not the text that it should be" + but_it_is(what, ""));
  return text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
}

std::string find_bad_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (text[i] == '\0') return "has a NUL byte, which no text has; give a text file";
    if (length == 0)
      return fmt::format("byte 0x{:02X} is no UTF-8; {}", static_cast<std::uint8_t>(text[i]),
                         kSaveAsUtf8);
    i += length;
  }
  return "";
}

std::string text_of(ByteView bytes, const std::string& name) {
  const std::size_t mark = check_text_beginning(bytes, name);
  std::string_view rest = view_of(bytes).substr(mark);
  std::string text;
  text.reserve(rest.size());
  for (std::int64_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    if (const std::string bad = find_bad_utf8(rest.substr(0, end)); !bad.empty())
      fail(name, fmt::format("line {}: {}", line, bad));
    text += rest.substr(0, end);
    if (end < rest.size()) text += '\n';
    rest.remove_prefix(std::min(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1), rest.size()));
  }
  return text;
}

std::string read_text_file(const fs::path& path, std::uint64_t max_bytes) {
  return text_of(read_file(path, max_bytes), path == "-" ? "standard input" : path.string());
}

std::string read_model_text(const fs::path& path, std::uint64_t max_bytes) {
  return model_text([&] { return read_text_file(path, max_bytes); });
}

std::string model_text_of(ByteView bytes, const std::string& name) {
  return model_text([&] { return text_of(bytes, name); });
}

std::vector<std::string> read_text_lines(const fs::path& path, std::uint64_t max_bytes) {
  const std::string text = read_text_file(path, max_bytes);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

TextLines::TextLines(const fs::path& path)
    : name_(path == "-" ? "standard input" : path.string()), in_(std::cin.rdbuf()) {
  if (path != "-") {
    std::error_code code;
    if (fs::is_directory(path, code)) fail(name_, "is a folder, a text file was expected");
    if (file_.open(path, std::ios::in | std::ios::binary) == nullptr)
      fail(name_, std::string("can't be opened: ") + std::strerror(errno));
    in_ = &file_;
    const std::uintmax_t size = fs::file_size(path, code);
    if (!code) total_bytes_ = static_cast<std::int64_t>(size);
  }
  // No more than a line: what comes through a pipe is used as it comes.
  has_first_ = read_line(first_);
  const std::size_t mark = check_text_beginning(
      {reinterpret_cast<const std::uint8_t*>(first_.data()), first_.size()}, name_);
  first_.erase(0, mark);
  if (bytes_read_ == static_cast<std::int64_t>(mark)) has_first_ = false;  // nothing but a mark
}

bool TextLines::read_line(std::string& line) {
  constexpr int kEnd = std::char_traits<char>::eof();
  line.clear();
  try {
    if (in_->sgetc() == kEnd) return false;
    for (int c = in_->sbumpc(); c != kEnd; c = in_->sbumpc()) {
      ++bytes_read_;
      if (c == '\r' && in_->sgetc() == '\n') continue;
      if (c == '\n' || c == '\r') break;
      line += static_cast<char>(c);
    }
  } catch (const std::ios::failure&) {
    fail(name_, "reading failed");
  }
  return true;
}

bool TextLines::next(std::string& line) {
  const bool has_line = line_number_ == 0 ? has_first_ : read_line(line);
  if (line_number_ == 0) line = std::move(first_);
  if (has_line) ++line_number_;
  return has_line;
}

}  // namespace pandagpt
