// What pictures and films say: size, length, frames, camera and time.
#pragma once

#include "media/exif.h"
#include "media/video.h"
#include "pandagpt/facts.h"

namespace pandagpt {

/// Facts "size", "format" and, where the file says them, "camera" and "time".
InputFacts picture_facts(int width, int height, const std::string& format,
                         const CaptureInfo& capture);

/// Facts "length", "frames", "frames_per_second", "size", "codec", "rotation" (if it is turned),
/// "sound" ("yes" or "no") and, where the file says them, "camera" and "time".
InputFacts film_facts(const VideoInfo& film, const CaptureInfo& capture);

}  // namespace pandagpt
