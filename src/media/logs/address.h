// Places in the log of a robot: "run.mcap#/camera/depth@12.5".
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace pandagpt {

/// FILE, or FILE#TOPIC@TIME. Times are seconds from the log's first message: "12.5"; "2-8" from 2 s
/// to 8 s, "2-" from 2 s on; ":0.5" behind them each half second.
struct LogAddress {
  std::string file;                  ///< path, or the name of a buffer
  std::string topic;                 ///< "": the only one that fits
  std::optional<double> from = {};   ///< seconds
  std::optional<double> until = {};  ///< seconds; only where is_span
  bool is_span = false;
  std::optional<double> step = {};  ///< seconds between messages: stands for many inputs

  /// Whether it names more than the file.
  bool has_place() const { return !topic.empty() || from || is_span || step; }
};

/// The name of the file without the place in it: a path with a file is taken as it is, of others
/// what stands before the last '#', if that is a file's path.
std::string file_of(const std::string& name);
/// The rest of the name, "" or with its '#'. `is_buffer`: what stands before it needn't be a path,
/// and the topic begins with a slash.
std::string place_of(const std::string& name, bool is_buffer);

/// Takes a name apart. Throws Error(kInput), "NAME: ..", for times that are none.
LogAddress parse_log_address(const std::string& name, bool is_buffer);

}  // namespace pandagpt
