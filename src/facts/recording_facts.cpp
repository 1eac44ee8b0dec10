#include "facts/recording_facts.h"

#include <spdlog/fmt/fmt.h>

#include "facts/fact_list.h"

namespace pandagpt {
namespace {

void add_capture(FactList& list, const CaptureInfo& capture) {
  if (!capture.time.empty()) {
    list.add("time", capture.time);
    list.say("taken " + capture.time);
  }
  if (!capture.camera.empty()) {
    list.add("camera", capture.camera);
    list.say("camera " + capture.camera);
  }
}

std::string size_text(int width, int height) {
  return fmt::format("{} x {} pixels", width, height);
}

}  // namespace

InputFacts picture_facts(int width, int height, const std::string& format,
                         const CaptureInfo& capture) {
  FactList list;
  add_size(list, width, height);
  list.say(size_text(width, height));
  list.add("format", format);
  add_capture(list, capture);
  return list.finish(Modality::kImage);
}

InputFacts film_facts(const VideoInfo& film, const CaptureInfo& capture) {
  FactList list;
  list.add("length", film.duration, "s", 2);
  list.add("frames", double(film.frames), "", 0);
  list.add("frames_per_second", film.frames_per_second, "", 2);
  list.say(fixed(film.duration, 1) + " s");
  list.say(counted(long(film.frames), "frame"));
  list.say(fmt::format("{:.3g} a second", film.frames_per_second));
  add_size(list, film.width, film.height);
  list.say(size_text(film.width, film.height));
  list.add("codec", film.codec);
  if (film.rotation != 0) list.add("rotation", film.rotation, "°", 0);
  list.add("sound", film.has_sound ? "yes" : "no");
  add_capture(list, capture);
  return list.finish(Modality::kVideo);
}

}  // namespace pandagpt
