#include "media/logs/log_inputs.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/ascii.h"
#include "core/warnings.h"
#include "core/what_is_this.h"
#include "media/compressed_depth.h"
#include "media/logs/ros_messages.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr double kNanosecondsPerSecond = 1e9;
// A message that is farther from the wanted time than this is named.
constexpr double kFarSeconds = 1;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Which topic ---------------------------------------------------------------------------------

bool is_picture_type(const std::string& type) {
  return type == kRosImage || type == kRosCompressedImage;
}

bool holds_compressed_depth(const std::string& format) {
  return ascii_lower(format).find("compresseddepth") != std::string::npos;
}

/// For lists in messages: "/camera/depth (sensor_msgs/Image, 16UC1)".
std::string describe(RecordedLog& log, const LogTopic& topic) {
  std::string text = topic.name + " (" + topic.type;
  if (!is_ros_encoding(topic.encoding)) return text + " as " + topic.encoding + ")";
  if (const auto content = topic_content(log, topic)) text += ", " + content->encoding;
  return text + ")";
}

std::string list_of(RecordedLog& log, const std::vector<LogTopic>& topics) {
  constexpr std::size_t kMostNamed = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(topics.size(), kMostNamed); ++i)
    text += (i == 0 ? "" : ", ") + describe(log, topics[i]);
  if (topics.size() > kMostNamed) text += fmt::format(" and {} more", topics.size() - kMostNamed);
  return text;
}

bool is_type_of(const LogTopic& topic, Modality wanted) {
  return wanted == Modality::kImu ? topic.type == kRosImu : is_picture_type(topic.type);
}

bool fits(LogInput& input, const LogTopic& topic, Modality wanted) {
  if (!is_ros_encoding(topic.encoding) || !is_type_of(topic, wanted)) return false;
  if (wanted == Modality::kImu) return nearest_message(*input.log, topic, 0).has_value();
  const std::optional<TopicContent> content = topic_content(*input.log, topic);
  if (!content) return false;
  return wanted == Modality::kImage ? content->is_picture && !content->is_map : content->is_map;
}

std::string hint(const LogInput& input, const LogTopic& topic) {
  return fmt::format("{}#{}", input.address.file, topic.name);
}

LogTopic only_topic(LogInput& input, Modality wanted) {
  const std::vector<LogTopic> fitting = log_topics_of(input, wanted);
  if (fitting.size() == 1) return fitting.front();
  const std::string kind = to_string(wanted);
  if (fitting.size() > 1)
    fail(input.name, fmt::format("{} topics fit --{}: {}; name one: {}", fitting.size(), kind,
                                 list_of(*input.log, fitting), hint(input, fitting.front())));
  const std::vector<LogTopic> all = topics_of(*input.log);
  if (all.empty()) fail(input.name, "the log has no topics");
  fail(input.name,
       fmt::format("no topic fits --{}; the log has {}", kind, list_of(*input.log, all)));
}

LogTopic named_topic(LogInput& input, Modality wanted) {
  const std::vector<LogTopic> all = topics_of(*input.log);
  std::vector<LogTopic> named;
  const std::string& name = input.address.topic;
  std::ranges::copy_if(all, std::back_inserter(named), [&](const LogTopic& topic) {
    return topic.name == name || topic.name == "/" + name || "/" + topic.name == name;
  });
  if (all.empty()) fail(input.name, "the log has no topics");
  if (named.empty())
    fail(input.name,
         fmt::format("the log has no topic {}; it has {}", name, list_of(*input.log, all)));
  if (named.size() > 1)
    fail(input.name,
         "messages of several types were written to the topic: " + list_of(*input.log, named));
  const LogTopic& topic = named.front();
  const std::string what = fmt::format("{} holds {}", topic.name, topic.type);
  if (!is_type_of(topic, wanted))
    fail(input.name,
         fmt::format("{}, {} was expected; 'pandagpt inspect {}' lists the topics", what,
                     wanted == Modality::kImu ? kRosImu : kRosImage, input.address.file));
  if (!is_ros_encoding(topic.encoding))
    fail(input.name,
         fmt::format("{} as {}; messages of ROS 1 and ROS 2 (cdr) are read", what, topic.encoding));
  return topic;
}

// --- Pictures ------------------------------------------------------------------------------------

FoundMessage choose_message(LogInput& input, const LogTopic& topic) {
  RecordedLog& log = *input.log;
  if (input.address.is_span) fail(input.name, "a span of time is no picture; give one time: @12.5");
  const std::optional<double>& wanted = input.address.from;
  std::optional<FoundMessage> found =
      nearest_message(log, topic, wanted ? log_time_of(input, *wanted) : 0);
  if (!found) fail(input.name, topic.name + " has no messages");
  const double time = seconds_from_start(log, found->time_ns);
  if (wanted && std::abs(time - *wanted) > kFarSeconds)
    warn(fmt::format("{}: the nearest message of {} is that of {:.3f} s", input.name, topic.name,
                     time));
  return std::move(*found);
}

void report_message(InputReport& report, const LogInput& input, const LogTopic& topic,
                    const FoundMessage& message, const std::string& content) {
  if (report.format.empty()) report.format = input.log->format();
  report.add("topic", topic.name, input.address.topic.empty() ? "the only one that fits" : "");
  report.add("message", topic.type + ", " + content);
  report.add("time", fmt::format("{:.3f} s", seconds_from_start(*input.log, message.time_ns)),
             "from the log's beginning");
}

std::variant<Image, ScalarMap> decode_raw(const RosImage& image, Modality wanted,
                                          const std::string& name, const ImageLimits& limits) {
  const bool wants_map =
      wanted == Modality::kDepth || (wanted == Modality::kThermal && is_ros_map(image.encoding));
  if (wants_map) return decode_ros_map(image, name, limits);
  return decode_ros_picture(image, name, limits);
}

std::variant<Image, ScalarMap> decode_compressed(const RosCompressedImage& image, Modality wanted,
                                                 const std::string& name,
                                                 const ImageLimits& limits) {
  if (image.data.empty() || RecordedLog::begins_as_log(image.data))
    fail(name, "the message has no picture");
  if (holds_compressed_depth(image.format)) {
    if (wanted == Modality::kImage)
      fail(name, "\"" + image.format + "\" is depth, not colours; give it as depth");
    return decode_compressed_depth(image.data, image.format, name, limits);
  }
  const bool wants_map =
      wanted == Modality::kDepth || (wanted == Modality::kThermal && is_scalar_map(image.data));
  if (wants_map) return decode_scalar_map(image.data, name, limits);
  return decode_image(image.data, name, limits);
}

}  // namespace

std::optional<LogInput> open_log(const std::string& path) {
  const std::string place = place_of(path, /*is_buffer=*/false);
  const std::string file = path.substr(0, path.size() - place.size());
  std::error_code code;
  if (!fs::is_regular_file(file, code) || fs::file_size(file, code) == 0) return std::nullopt;
  ByteSource source{fs::path(file)};
  const std::size_t telling = std::min<std::uint64_t>(source.size(), kTellingBytes);
  const ByteView beginning = source.peek(0, telling);
  if (!RecordedLog::begins_as_log(beginning)) {
    if (place.empty()) return std::nullopt;
    const std::string what = what_is_this(beginning);
    // ROS 2's older bags.
    const char* advice = what.find("SQLite") == std::string::npos
                             ? ""
                             : "; 'ros2 bag convert' makes MCAP of a ROS 2 bag";
    fail(path, "behind '#' stands a place in a robot's log (MCAP, ROS 1 bag), and " + file +
                   " is none" + but_it_is(what, "") + advice);
  }
  return LogInput{path, parse_log_address(path, /*is_buffer=*/false),
                  RecordedLog::open(std::move(source))};
}

std::optional<LogInput> open_log(ByteView bytes, const std::string& name) {
  if (!RecordedLog::begins_as_log(bytes)) return std::nullopt;
  LogAddress address = parse_log_address(name, /*is_buffer=*/true);
  ByteSource source(bytes, address.file);
  return LogInput{name, std::move(address), RecordedLog::open(std::move(source))};
}

double seconds_from_start(const RecordedLog& log, std::uint64_t time_ns) {
  return static_cast<double>(time_ns - log.first_ns()) / kNanosecondsPerSecond;
}

std::uint64_t log_time_of(const LogInput& input, double seconds) {
  const RecordedLog& log = *input.log;
  const double length = seconds_from_start(log, log.last_ns());
  if (seconds > length + kFarSeconds)
    fail(input.name,
         fmt::format("the log ends {:.3f} s after its beginning; give an earlier time", length));
  return log.first_ns() + static_cast<std::uint64_t>(std::llround(seconds * kNanosecondsPerSecond));
}

std::vector<LogTopic> log_topics_of(LogInput& input, Modality wanted) {
  std::vector<LogTopic> fitting;
  for (const LogTopic& topic : topics_of(*input.log))
    if (fits(input, topic, wanted)) fitting.push_back(topic);
  return fitting;
}

LogTopic choose_log_topic(LogInput& input, Modality wanted) {
  if (input.address.step)
    fail(input.name,
         "a time step stands for many inputs; lists (--manifest) and 'search index' take it");
  return input.address.topic.empty() ? only_topic(input, wanted) : named_topic(input, wanted);
}

std::optional<TopicContent> topic_content(RecordedLog& log, const LogTopic& topic) {
  if (!is_picture_type(topic.type) || !is_ros_encoding(topic.encoding)) return std::nullopt;
  const std::optional<FoundMessage> first = nearest_message(log, topic, 0);
  if (!first) return std::nullopt;
  const std::string name = log.name() + "#" + topic.name;
  if (topic.type == kRosImage) {
    const RosImage image = read_ros_image(first->data, topic.encoding, name);
    return TopicContent{image.encoding, is_ros_map(image.encoding), is_ros_picture(image.encoding),
                        image.width, image.height};
  }
  const RosCompressedImage image = read_ros_compressed_image(first->data, topic.encoding, name);
  const bool is_map = holds_compressed_depth(image.format) || is_scalar_map(image.data);
  return TopicContent{image.format, is_map, !is_map};
}

std::variant<Image, ScalarMap> read_log_picture(LogInput& input, Modality wanted,
                                                const ImageLimits& limits) {
  const LogTopic topic = choose_log_topic(input, wanted);
  const FoundMessage message = choose_message(input, topic);
  std::variant<Image, ScalarMap> result;
  std::string content;
  if (topic.type == kRosImage) {
    const RosImage image = read_ros_image(message.data, topic.encoding, input.name);
    content = image.encoding;
    result = decode_raw(image, wanted, input.name, limits);
  } else {
    const auto image = read_ros_compressed_image(message.data, topic.encoding, input.name);
    content = image.format;
    result = decode_compressed(image, wanted, input.name, limits);
  }
  if (auto* map = std::get_if<ScalarMap>(&result)) {
    if (wanted == Modality::kDepth && map->unit == MapUnit::kUnknown)
      map->unit = map->integer ? MapUnit::kMillimetres : MapUnit::kMetres;  // REP 118
    report_message(map->report, input, topic, message, content);
  }
  return result;
}

Image read_log_image(LogInput& input, const ImageLimits& limits) {
  return std::get<Image>(read_log_picture(input, Modality::kImage, limits));
}

ScalarMap read_log_map(LogInput& input, const ImageLimits& limits) {
  return std::get<ScalarMap>(read_log_picture(input, Modality::kDepth, limits));
}

}  // namespace pandagpt
