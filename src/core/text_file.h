// Opening text files that people and other programs wrote: lists, labels, keys, tables, JSON.
//
// All readers of text go through here, so that all take the same files: UTF-8 with or without a
// byte order mark, with line ends of Unix, Windows or old Macs. Anything else is refused by name:
// UTF-16 and UTF-32, bytes that are no UTF-8, NUL bytes, and what failed downloads leave.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"

namespace pandagpt {

/// A file's content as UTF-8, without a byte order mark, lines ending with '\n' alone; "-" is the
/// standard input. Throws Error(kInput), "PATH: what; what to do": as read_file, or no such text.
std::string read_text_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// The same of bytes that are in memory; `name` stands for them in messages.
std::string text_of(ByteView bytes, const std::string& name);

/// Both of a file that belongs to a model: what is wrong with it is an Error(kModel).
std::string read_model_text(const std::filesystem::path& path, std::uint64_t max_bytes);
std::string model_text_of(ByteView bytes, const std::string& name);

/// The lines of read_text_file, without their ends; the last one need not have one.
std::vector<std::string> read_text_lines(const std::filesystem::path& path,
                                         std::uint64_t max_bytes);

/// Bytes of the byte order mark at the beginning of a text (0 or 3). Throws Error(kInput) if the
/// beginning shows that the file is no UTF-8 text, but UTF-16, an archive, a picture, ..
std::size_t check_text_beginning(ByteView beginning, const std::string& name);

/// The lines of a file of any size, or of standard input ("-"), one after another.
class TextLines {
 public:
  /// Throws Error(kInput) as check_text_beginning, and if the file can't be opened.
  explicit TextLines(const std::filesystem::path& path);

  /// The next line without its end in `line`; false after the last one. Whether its bytes are UTF-8
  /// is for the caller to judge (find_bad_utf8). Throws Error(kInput) if reading fails.
  bool next(std::string& line);

  std::int64_t line_number() const { return line_number_; }  ///< of the last line, from 1
  std::int64_t bytes_read() const { return bytes_read_; }
  std::int64_t total_bytes() const { return total_bytes_; }  ///< 0 if unknown

 private:
  bool read_line(std::string& line);

  std::string name_;
  std::filebuf file_;
  std::streambuf* in_;
  std::string first_;  // read ahead, to see what the file is
  bool has_first_ = false;
  std::int64_t line_number_ = 0;
  std::int64_t bytes_read_ = 0;
  std::int64_t total_bytes_ = 0;
};

/// What is no text in `text`, for a message: "byte 0xE9 is no UTF-8; save the file as UTF-8", or ""
/// if all of it is UTF-8 without NUL bytes.
std::string find_bad_utf8(std::string_view text);

}  // namespace pandagpt
