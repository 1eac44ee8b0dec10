#include "cli/inspect_inputs.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cli/guessed_input.h"
#include "cli/output.h"
#include "core/warnings.h"
#include "core/what_is_this.h"
#include "pandagpt/error.h"
#include "pipeline/inspected_input.h"
#include "pipeline/media_tensor.h"

namespace pandagpt {
namespace {

struct Inspected {
  const Input* input;
  InputReport report;
  std::vector<std::string> warnings;
};

const char* noun_of(Modality modality) {
  switch (modality) {
    case Modality::kImage:
      return "a picture";
    case Modality::kVideo:
      return "a film";
    case Modality::kAudio:
      return "a sound";
    case Modality::kThermal:
      return "a thermal picture";
    case Modality::kDepth:
      return "a depth map";
    case Modality::kImu:
      return "a recording of motion";
  }
  return "";
}

std::string text_of(const Inspected& one) {
  const InputReport& report = one.report;
  std::vector<InputReport::Line> lines = report.lines;
  if (!report.device.empty()) lines.insert(lines.begin(), {"device", report.device, ""});
  std::size_t width = 0;
  for (const InputReport::Line& line : lines)
    width = std::max(width, line.name.size());
  std::string text = fmt::format("{}: {}{}taken as {}\n", shown_name(*one.input), report.format,
                                 report.format.empty() ? "" : ", ", noun_of(one.input->modality));
  for (const InputReport::Line& line : lines)
    text += fmt::format("  {:<{}}  {}{}\n", line.name, width, line.value,
                        line.why.empty() ? "" : " (" + line.why + ")");
  for (const std::string& warning : one.warnings)
    text += "  warning: " + warning + '\n';
  return text;
}

nlohmann::ordered_json json_of(const Inspected& one) {
  nlohmann::ordered_json json{{"file", shown_name(*one.input)},
                              {"modality", to_string(one.input->modality)},
                              {"format", one.report.format}};
  if (!one.report.device.empty()) json["device"] = one.report.device;
  json["properties"] = nlohmann::ordered_json::array();
  for (const InputReport::Line& line : one.report.lines) {
    nlohmann::ordered_json property{{"name", line.name}, {"value", line.value}};
    if (!line.why.empty()) property["why"] = line.why;
    json["properties"].push_back(std::move(property));
  }
  json["warnings"] = one.warnings;
  return json;
}

Inspected inspect_one(const Input& input) {
  const WarningCollector collector;
  InputReport report = inspect_input(input);
  return {&input, std::move(report), collector.messages()};
}

}  // namespace

void inspect_inputs(const Inputs& inputs, bool json) {
  std::vector<Inspected> all;
  for (const Input& input : inputs.items())
    all.push_back(inspect_one(input));
  if (json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Inspected& one : all)
      list.push_back(json_of(one));
    return write_json(list.size() == 1 ? list.front() : list);
  }
  std::string text;
  for (const Inspected& one : all)
    text += text_of(one);
  write_output(text);
}

Inputs inputs_to_inspect(const std::string& path) {
  Inputs inputs;
  for (const Modality kind : possible_kinds(path))
    inputs.add_file(kind, path);
  if (inputs.empty())
    throw Error(ErrorKind::kInput,
                path + ": no file of weights or of media that is known" +
                    but_it_is(what_is_this(std::filesystem::path(path)),
                              "; say what it is: --imu FILE, --thermal FILE, --depth FILE .."));
  return inputs;
}

}  // namespace pandagpt
