// What kind of input a file is: by the ending of its name, by its first bytes, by its content.
//
// The one table of endings, for search indexes, lists of inputs and the web page alike. It has all
// endings of files that the decoders read, and those of pictures that are refused by name, so that
// these are reported and not overlooked.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// The kind that the ending of a file's name says: pictures, films and sounds. Thermal and depth
/// pictures and IMU tables look like others and have to be named as such.
std::optional<Modality> modality_of_extension(const std::filesystem::path& path);

/// All endings of a kind, without the dot, in lower case.
std::vector<std::string> endings_of(Modality kind);

/// Whether the ending is that of a camera's raw files. Many of them are TIFF files whose first
/// picture is a thumbnail.
bool has_raw_ending(const std::filesystem::path& path);

/// The kind that the beginning of a file shows (kTellingBytes of it are enough); nothing for no
/// known media.
std::optional<Modality> kind_of_beginning(ByteView beginning);
/// The same of a file; nothing if it can't be read.
std::optional<Modality> kind_of_beginning(const std::filesystem::path& path);

/// Detects image, video or audio by the whole content. Thermal pictures, depth maps and motion
/// can't be told from these and are never returned. `name` stands for the buffer in messages.
/// Throws Error(kInput) if it is none of the three.
Modality media_kind(ByteView bytes, const std::string& name);

}  // namespace pandagpt
