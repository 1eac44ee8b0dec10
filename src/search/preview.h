// Small pictures of files for pages of results.
#pragma once

#include <filesystem>
#include <string>

#include "core/file.h"
#include "media/audio.h"
#include "media/image.h"
#include "pandagpt/panda.h"

namespace pandagpt {

inline constexpr int kPreviewWidth = 200;   ///< pixels at most
inline constexpr int kPreviewHeight = 150;  ///< likewise

/// HTML for a file: an <img> of the picture or of a film's middle frame, an <svg> of a sound's
/// waveform, else a box with the kind's name. Never throws for a file that can't be read.
std::string preview_html(const std::filesystem::path& path, Modality kind);

/// A baseline JPEG. Throws Error(kInternal) if this FFmpeg can't write one.
Bytes to_jpeg(const Image& image);

/// The loudest sample up and down of each of kPreviewWidth parts, as a path.
std::string waveform_svg(const Audio& audio);

}  // namespace pandagpt
