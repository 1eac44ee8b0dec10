// Lists of things to embed, one a line, read as a stream.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>

#include "core/text_file.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// One line. Either `inputs` (several are combined into one embedding), or `text`, or `fault`.
struct EmbedItem {
  std::int64_t line = 0;  ///< from 1
  std::string id;         ///< the line's "id", else its path or text
  Inputs inputs;
  std::string text;
  std::string fault;      ///< why the line can't be used; empty if it can
  std::int64_t part = 0;  ///< from 0; a line with a step of time stands for several items
};

/// Reads the lines of a file, or of standard input for "-":
///   photos/dog.jpg                                     the kind follows from the ending, else
///                                                      from the file's first bytes
///   thermal<TAB>night/0001.png                         KIND and path
///   text<TAB>the sound of a dog                        a text
///   {"id": "a", "image": "a.jpg", "audio": "a.wav", "weights": {"audio": 0.5}}
///   depth<TAB>run.mcap#/camera/depth@0-60:0.5          of a robot's log each half second: an item
///                                                      for each (media/logs/log_steps.h)
/// Empty lines and lines that start with '#' are left out. Relative paths are relative to `root`.
class ItemReader {
 public:
  /// `sensor` is that of all inputs. Throws Error(kInput) if the file can't be opened or is no
  /// text.
  ItemReader(const std::filesystem::path& path, std::filesystem::path root,
             SensorOptions sensor = {});

  /// The next item; nothing at the end. A line that can't be used is returned with its fault.
  /// Throws Error(kInput) if reading fails.
  std::optional<EmbedItem> next();

  /// Bytes read so far and in all (0 if that is unknown), for a progress line.
  std::int64_t bytes_read() const { return lines_.bytes_read(); }
  std::int64_t total_bytes() const { return lines_.total_bytes(); }

 private:
  EmbedItem read_line(const std::string& line) const;
  /// Puts the items of a line among those that wait.
  void add_items(EmbedItem item);

  TextLines lines_;
  std::deque<EmbedItem> waiting_;
  std::filesystem::path root_;
  SensorOptions sensor_;
};

}  // namespace pandagpt
