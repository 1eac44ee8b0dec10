// Accelerometer and gyroscope of GoPro cameras: GPMF in a track of MP4 films, and by itself.
#pragma once

#include <string>

#include "core/file.h"
#include "media/imu_raw.h"
#include "media/media_input.h"

namespace pandagpt {

/// Of a film. The gyroscope's values are brought to the accelerometer's times; axes are X, Y, Z of
/// the camera. Throws Error(kInput), "NAME: what; what to do": no such track, no accelerometer.
RawImu read_gopro_film(MediaInput film);

/// Of GPMF alone, payload by payload. Without times of its own each payload is taken as GoPro's
/// usual 1.001 s, with a warning.
RawImu read_gpmf(ByteView bytes, const std::string& name);

}  // namespace pandagpt
