// Inputs, what their sensors' files don't say, and where models are.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "media/sensor_units.h"
#include "pandagpt/error.h"
#include "pandagpt/facts.h"
#include "pandagpt/input.h"
#include "pipeline/manifest.h"
#include "preprocess/depth.h"
#include "python/bindings.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace pandagpt::python {
namespace {

/// Throws Error(kUsage) that lists the names.
template <typename Value>
Value value_of(const std::map<std::string, Value>& names, const std::string& what,
               const std::string& name) {
  if (const auto found = names.find(name); found != names.end()) return found->second;
  std::string known;
  for (const auto& [one, value] : names)
    known += (known.empty() ? "" : ", ") + one;
  throw Error(ErrorKind::kUsage, what + " '" + name + "' is unknown; there are " + known);
}

Modality modality_of(const std::string& name) {
  if (const std::optional<Modality> modality = modality_from_name(name)) return *modality;
  throw Error(ErrorKind::kUsage, "the modality '" + name +
                                     "' is unknown; there are image, video, audio, thermal, depth, "
                                     "imu");
}

/// A path as the system has it, which may be no UTF-8.
std::string path_of(const nb::bytes& path) {
  return {path.c_str(), path.size()};
}

std::vector<std::uint8_t> content_of(const nb::bytes& content) {
  const auto* begin = static_cast<const std::uint8_t*>(content.data());
  return {begin, begin + content.size()};
}

void bind_sensor_options(nb::module_& m) {
  nb::class_<SensorOptions>(m, "SensorOptions")
      .def(nb::init<>())
      .def_rw("imu_rate_hz", &SensorOptions::imu_rate_hz)
      .def_rw("depth_metres_per_unit", &SensorOptions::depth_metres_per_unit)
      .def_rw("thermal_coldest", &SensorOptions::thermal_coldest)
      .def_rw("thermal_warmest", &SensorOptions::thermal_warmest)
      .def("set_acceleration_unit",
           [](SensorOptions& sensor, const std::string& name) {
             sensor.acceleration_unit =
                 value_of(acceleration_units(), "the unit of acceleration", name);
           })
      .def("set_rotation_unit",
           [](SensorOptions& sensor, const std::string& name) {
             sensor.rotation_unit = value_of(rotation_units(), "the unit of rotation", name);
           })
      .def("set_imu_gravity",
           [](SensorOptions& sensor, const std::string& name) {
             sensor.imu_gravity = imu_gravity_from_name(name);
             if (!sensor.imu_gravity)
               throw Error(ErrorKind::kUsage,
                           "gravity is 'present' or 'absent', not '" + name + "'");
           })
      .def_rw("imu_columns", &SensorOptions::imu_columns)
      .def("set_depth_camera",
           [](SensorOptions& sensor, const std::string& name) {
             const DepthCamera camera = value_of(depth_cameras(), "the depth camera", name);
             sensor.depth_focal_length = camera.focal_length;
             sensor.depth_baseline = camera.baseline;
           })
      .def("set_depth_optics",
           [](SensorOptions& sensor, double focal_length, double baseline) {
             sensor.depth_focal_length = focal_length;
             sensor.depth_baseline = baseline;
           })
      .def("set_video_frames",
           [](SensorOptions& sensor, const std::string& name) {
             sensor.video_frames = video_frames_from_name(name);
             if (!sensor.video_frames)
               throw Error(ErrorKind::kUsage,
                           "the frames of a film are 'shown' or 'stored', not '" + name + "'");
           })
      .def("set_depth_encoding",
           [](SensorOptions& sensor, const std::string& name) {
             sensor.depth_encoding = value_of(depth_encodings(), "the depth encoding", name);
           })
      .def("set_audio_channel", [](SensorOptions& sensor, const std::string& name) {
        sensor.audio_channel = audio_channel_from_name(name);
        if (!sensor.audio_channel)
          throw Error(ErrorKind::kUsage,
                      "the audio channel is 'auto', 'mix' or a number from 1 to " +
                          std::to_string(kMaxAudioChannel) + ", not '" + name + "'");
      });
}

}  // namespace

void bind_inputs(nb::module_& m) {
  bind_sensor_options(m);
  nb::class_<Inputs>(m, "Inputs")
      .def(nb::init<>())
      .def(
          "add_file",
          [](Inputs& inputs, const std::string& modality, const nb::bytes& path, float weight,
             const SensorOptions& sensor) {
            inputs.add({modality_of(modality), path_of(path), {}, weight, sensor});
          },
          "modality"_a, "path"_a, "weight"_a, "sensor"_a)
      .def(
          "add_buffer",
          [](Inputs& inputs, const std::string& modality, const nb::bytes& content,
             const std::string& name, float weight, const SensorOptions& sensor) {
            if (content.size() == 0)  // an Input without bytes would be read from its name
              throw Error(ErrorKind::kInput, name + ": there are no bytes in it");
            inputs.add({modality_of(modality), name, content_of(content), weight, sensor});
          },
          "modality"_a, "content"_a, "name"_a, "weight"_a, "sensor"_a)
      .def(
          "add_recording",
          [](Inputs& inputs,
             const std::vector<std::pair<nb::bytes, std::optional<nb::bytes>>>& files, float weight,
             const SensorOptions& sensor) {
            Input input;
            input.modality = Modality::kImu;
            input.weight = weight;
            input.sensor = sensor;
            for (const auto& [name, content] : files) {
              InputPart part{path_of(name)};
              if (content) part.bytes = content_of(*content);
              if (content && part.bytes.empty())
                throw Error(ErrorKind::kInput, part.name + ": there are no bytes in it");
              if (input.name.empty()) {
                input.name = std::move(part.name);
                input.bytes = std::move(part.bytes);
              } else {
                input.parts.push_back(std::move(part));
              }
            }
            inputs.add(std::move(input));
          },
          "files"_a, "weight"_a, "sensor"_a)
      .def("add_sound_of_videos", [](Inputs& inputs) { inputs.add_sound_of_videos(); })
      .def("__len__", [](const Inputs& inputs) { return inputs.items().size(); });

  m.def(
      "facts", [](const Inputs& inputs) { return to_json(measure(inputs)); }, "inputs"_a,
      nb::call_guard<nb::gil_scoped_release>(), "JSON, see facts.h.");
  m.def(
      "list_models",
      [] {
        std::vector<std::string> folders;
        for (const auto& folder : list_models())
          folders.push_back(folder.string());
        return folders;
      },
      "Folders of the models that are found by name.");
  m.def(
      "find_model", [](const std::string& model) { return find_model(model).string(); }, "model"_a,
      "The folder of a model. Raises ModelError if there is none.");
}

}  // namespace pandagpt::python
