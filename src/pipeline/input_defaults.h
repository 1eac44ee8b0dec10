// What a model folder says about inputs, where they don't say it themselves.
#pragma once

namespace pandagpt {

struct InputDefaults {
  int audio_channel = 1;  ///< see SensorOptions
  /// Whether the IMU tower was trained with recordings that have no gyroscope.
  bool takes_accelerometer_alone = false;
};

}  // namespace pandagpt
