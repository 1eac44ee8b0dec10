// What a media file says about itself, for lists of results.
#pragma once

#include <filesystem>
#include <string>

#include "core/file.h"
#include "pandagpt/panda.h"

namespace pandagpt {

/// 0: not known, or of no meaning for the kind.
struct MediaFacts {
  int width = 0;   ///< pixels, of the upright picture or the film
  int height = 0;  ///< likewise
  double seconds = 0;
  double frames_per_second = 0;
  int sample_rate = 0;  ///< Hz
  int channels = 0;

  bool operator==(const MediaFacts&) const = default;
};

/// Calls tell(name, value) with each that is known, in the order of the struct.
template <typename Tell>
void for_known(const MediaFacts& facts, const Tell& tell) {
  const auto tell_known = [&](const char* name, auto value) {
    if (value > 0) tell(name, value);
  };
  tell_known("width", facts.width);
  tell_known("height", facts.height);
  tell_known("seconds", facts.seconds);
  tell_known("frames_per_second", facts.frames_per_second);
  tell_known("sample_rate", facts.sample_rate);
  tell_known("channels", facts.channels);
}

/// Of a picture's bytes; nothing of formats that are no pictures (tables, float maps).
MediaFacts picture_facts(ByteView bytes, const std::string& name);

struct ContainerFacts {
  MediaFacts facts;
  bool has_pictures = false;  ///< moving ones: the cover of a song isn't counted
  bool has_sound = false;
};
/// Of a film or sound, from its header. Throws Error(kInput) as MediaInput does.
ContainerFacts container_facts(const std::filesystem::path& path);

/// "640 x 480", "12.4 s, 16000 Hz, 2 channels"
std::string to_string(const MediaFacts& facts);

}  // namespace pandagpt
