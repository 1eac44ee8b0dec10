// What pictures, sounds and films say about themselves, for `pandagpt inspect` and the facts of an
// input: read from headers, without decoding.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/file.h"
#include "media/exif.h"
#include "media/input_report.h"

namespace pandagpt {

/// A picture: format, size, orientation, bits, colours, profile, camera and time. Throws
/// Error(kInput) as read_image_info.
InputReport report_picture(ByteView bytes, const std::string& name);

/// The samples of a WAV file by its own header, where FFmpeg takes them for others (media/wav.h):
/// "integers of 24 bits in 32, little-endian"; empty for all other files. `beginning`: some
/// kilobytes.
std::string misread_samples(ByteView beginning);

/// What a container says about how it was recorded, and its streams.
struct RecordingInfo {
  CaptureInfo capture;
  InputReport report;  ///< container, length, the main video's and the main sound's properties
};

/// Of a film or a sound; of standard input when `path` is "-". Throws Error(kInput) as MediaInput.
RecordingInfo read_recording_info(const std::filesystem::path& path);
/// The same of a buffer. `name` stands for it in messages.
RecordingInfo read_recording_info(ByteView bytes, const std::string& name);

}  // namespace pandagpt
