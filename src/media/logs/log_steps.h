// Many inputs out of one log: a message of a topic at each step of time.
#pragma once

#include <string>
#include <vector>

#include "media/logs/recorded_log.h"
#include "media/logs/topics.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// Whether a name has a step: "run.mcap#/camera/depth@0-60:0.5", "run.mcap#@:0.5".
bool has_log_step(const std::string& path);

/// The names of the inputs that it stands for, each with its topic and time. Pictures and maps:
/// "run.mcap#/camera/depth@0.5"; motion: five seconds from each step on, or as long as the step,
/// "run.mcap#/imu@2-7". They end with the topic's messages. Throws Error(kInput), "NAME: what; what
/// to do": no log, no such topic, more than a million inputs.
std::vector<std::string> expand_log_steps(const std::string& path, Modality kind);

/// A topic, and what its messages are given as where nobody says it: kImage, kDepth or kImu.
struct LogTopicKind {
  std::string topic;
  Modality kind = Modality::kImage;
};
/// Those of a log; nothing for other files. Throws Error(kInput) for a damaged one.
std::vector<LogTopicKind> log_topic_kinds(const std::string& file);

/// The steps of a topic, as expand_log_steps. `step`: seconds.
std::vector<std::string> log_steps(const std::string& file, const LogTopicKind& topic, double step);

}  // namespace pandagpt
