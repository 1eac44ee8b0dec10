// The statistics of inputs (preprocess/statistics.h), which tools/train/unsure.py fits.
//
//   input_statistics ENCODERS LIST ROOT [HZ ACCELERATION_UNIT ROTATION_UNIT] > STATISTICS.jsonl
//
// LIST: as `pandagpt embed --manifest` takes it, one input a line, relative to ROOT; the last three
// are those of motion sensors ("50 g deg/s"). Prints one JSON array a line; null for an input
// without statistics and for what can't be read.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "core/warnings.h"
#include "embed/item_reader.h"
#include "pandagpt/error.h"
#include "pipeline/media_tensor.h"

namespace pandagpt {
namespace {

SensorOptions sensor_of(std::span<char*> arguments) {
  if (arguments.empty()) return {};
  const std::string acceleration = arguments[1];
  SensorOptions sensor;
  sensor.imu_rate_hz = std::atof(arguments[0]);
  sensor.acceleration_unit = acceleration == "g"    ? AccelerationUnit::kG
                             : acceleration == "mg" ? AccelerationUnit::kMilliG
                                                    : AccelerationUnit::kMetresPerSecondSquared;
  sensor.rotation_unit = std::string(arguments[2]) == "deg/s" ? RotationUnit::kDegreesPerSecond
                                                              : RotationUnit::kRadiansPerSecond;
  return sensor;
}

nlohmann::json statistics_of(const EmbedItem& item, const MediaTransforms& transforms) {
  try {
    const WarningCollector warnings;  // strange inputs are made to be warned of
    if (!item.fault.empty()) throw Error(ErrorKind::kInput, item.fault);
    const MediaTensor tensor = prepare(item.inputs.items().at(0), transforms);
    if (!tensor.statistics.empty()) return tensor.statistics;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return nullptr;
}

}  // namespace
}  // namespace pandagpt

int main(int argc, char** argv) {
  using namespace pandagpt;
  if (argc != 4 && argc != 7) {
    std::fprintf(stderr,
                 "input_statistics: give ENCODERS LIST ROOT, and for motion sensors "
                 "HZ ACCELERATION_UNIT ROTATION_UNIT\n");
    return 2;
  }
  try {
    const MediaTransforms transforms = Encoders(argv[1]).transforms();
    ItemReader reader(argv[2], argv[3], sensor_of(std::span(argv, argc).subspan(4)));
    while (const auto item = reader.next())
      std::cout << statistics_of(*item, transforms) << '\n';
  } catch (const std::exception& error) {
    std::fprintf(stderr, "input_statistics: %s\n", error.what());
    return 1;
  }
  return 0;
}
