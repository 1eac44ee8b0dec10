#include "pipeline/inspected_input.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "core/file.h"
#include "facts/map_points.h"
#include "media/logs/log_inputs.h"
#include "media/media_report.h"
#include "pandagpt/error.h"
#include "pipeline/media_tensor.h"

namespace pandagpt {
namespace {

bool has_line(const InputReport& report, const std::string& name) {
  return std::ranges::find(report.lines, name, &InputReport::Line::name) != report.lines.end();
}

const char* unit_name(MapUnit unit) {
  switch (unit) {
    case MapUnit::kCelsius:
      return " °C";
    case MapUnit::kMetres:
      return " m";
    case MapUnit::kMillimetres:
      return " mm";
    case MapUnit::kPerMetre:
      return " 1/m";
    case MapUnit::kCounts:
      return " counts";
    case MapUnit::kUnknown:
      break;
  }
  return "";
}

/// With what every map has, where its reader hasn't said it.
InputReport report_of(const ScalarMap& map) {
  InputReport report = map.report;
  const auto add = [&](const char* name, std::string value) {
    if (!has_line(report, name)) report.add(name, std::move(value));
  };
  add("size", fmt::format("{} x {} pixels", map.width, map.height));
  const auto found = map_extremes(map.width, map.height, map.values);
  if (found)
    add("range", fmt::format("{:.5g} to {:.5g}{}", found->lowest.value, found->highest.value,
                             unit_name(map.unit)));
  constexpr double kPercent = 100;
  const std::size_t n_holes = map.values.size() - (found ? found->n_measured : 0);
  add("holes", n_holes == 0 ? "none"
                            : fmt::format("{:.1f} % of the pixels",
                                          kPercent * double(n_holes) / double(map.values.size())));
  return report;
}

InputReport of_picture(const Input& input, const InputLimits& limits) {
  if (input.bytes.empty() ? open_log(input.name) : open_log(input.bytes, input.name)) {
    const Image image = read_picture(input, limits);
    InputReport report;
    report.format = "message of a robot's log";
    report.add("size", fmt::format("{} x {} pixels", image.width, image.height));
    return report;
  }
  if (!input.bytes.empty()) return report_picture(input.bytes, shown_name(input));
  return report_picture(read_file(input.name, image_limits(limits).max_file_bytes),
                        shown_name(input));
}

Bytes beginning_of(const Input& input) {
  constexpr std::size_t kBytes = 4096;
  Bytes beginning(kBytes);
  std::size_t size = 0;
  if (input.bytes.empty() && input.name != "-") {
    std::ifstream in(input.name, std::ios::binary);
    in.read(reinterpret_cast<char*>(beginning.data()), kBytes);
    size = static_cast<std::size_t>(in.gcount());
  } else {
    size = std::min(kBytes, input.bytes.size());
    std::copy_n(input.bytes.begin(), size, beginning.begin());
  }
  beginning.resize(size);
  return beginning;
}

/// Of what FFmpeg doesn't read right, by what was decoded.
InputReport report_of(const Audio& audio, const std::string& samples) {
  InputReport report;
  report.format = "WAV";
  report.add("length", fmt::format("{:.2f} s", audio.seconds()));
  report.add("samples", samples, "its header");
  report.add("sample rate", fmt::format("{} Hz", audio.sample_rate));
  report.add("channels", std::to_string(audio.channels));
  return report;
}

InputReport of_recording(const Input& input, const InputLimits& limits) {
  if (const std::string samples = misread_samples(beginning_of(input)); !samples.empty())
    return report_of(read_sound(input, limits), samples);
  InputReport report = input.bytes.empty()
                           ? read_recording_info(input.name).report
                           : read_recording_info(ByteView(input.bytes), input.name).report;
  if (input.modality == Modality::kVideo) {
    const VideoInfo film = open_film(input, limits).info();
    if (!has_line(report, "frames")) report.add("frames", std::to_string(film.frames));
    report.add("size", fmt::format("{} x {} pixels", film.width, film.height), "as it is shown");
  }
  return report;
}

InputReport of_motion(const Input& input) {
  const ImuRecording recording = read_any_motion(input);
  InputReport report = recording.report;
  const auto add = [&](const char* name, std::string value) {
    if (!has_line(report, name)) report.add(name, std::move(value));
  };
  add("rate", fmt::format("{:.4g} Hz", 1 / recording.step_seconds));
  add("length", fmt::format("{:.2f} s", recording.duration()));
  add("samples", std::to_string(recording.samples.size()));
  return report;
}

}  // namespace

InputReport inspect_input(const Input& input, const InputLimits& limits) {
  switch (input.modality) {
    case Modality::kImage:
      return of_picture(input, limits);
    case Modality::kVideo:
    case Modality::kAudio:
      return of_recording(input, limits);
    case Modality::kThermal: {
      const ThermalFile file = read_thermal(input, image_limits(limits));
      return file.map ? report_of(*file.map) : file.report;
    }
    case Modality::kDepth:
      return report_of(read_depth(input, limits));
    case Modality::kImu:
      return of_motion(input);
  }
  throw Error(ErrorKind::kInternal, "an input of an unknown kind");
}

}  // namespace pandagpt
