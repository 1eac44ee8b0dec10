// Standard output: answers and results, nothing else.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "pandagpt/panda.h"

namespace pandagpt {

/// Nobody reads standard output any more, as behind `| head -1`: no fault to report.
class OutputClosed : public Error {
 public:
  OutputClosed() : Error(ErrorKind::kInternal, "nobody reads standard output any more") {}
};
/// The exit code then: what a shell shows for a program that SIGPIPE has ended.
inline constexpr int kClosedOutputCode = 141;

/// Writes and flushes. False if nobody reads any more, or the disk is full.
bool try_write_output(std::string_view text);
/// The same; throws OutputClosed or another Error(kInternal) instead.
void write_output(std::string_view text);
/// One line of JSON. Bytes that are no UTF-8 (in a path) become U+FFFD.
void write_json(const nlohmann::ordered_json& value);

nlohmann::ordered_json to_json(const Timings& timings);
nlohmann::ordered_json to_json(const Inputs& inputs);
/// {answer, model, inputs, finish, warnings, unsure, seed, timings}
nlohmann::ordered_json answer_report(const Answer& answer, const Panda& panda,
                                     const Inputs& inputs);
/// For people, on standard error.
void log_timings(const Timings& timings);

}  // namespace pandagpt
