#include "search/media_facts.h"

extern "C" {
#include <libavformat/avformat.h>
}

#include <spdlog/fmt/fmt.h>

#include "media/image.h"
#include "media/image_info.h"
#include "media/media_input.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::uint64_t kMaxBufferBytes = std::uint64_t{1} << 30;

}  // namespace

MediaFacts picture_facts(ByteView bytes, const std::string& name) {
  try {
    const ImageInfo info = read_image_info(bytes, name);
    MediaFacts facts;
    const auto [width, height] = upright_size(info);
    facts.width = static_cast<int>(width);
    facts.height = static_cast<int>(height);
    return facts;
  } catch (const Error&) {  // no picture
    return {};
  }
}

ContainerFacts container_facts(const std::filesystem::path& path) {
  MediaInput input(path, kMaxBufferBytes);
  ContainerFacts result;
  MediaFacts& facts = result.facts;
  if (const AVStream* film = input.find_stream(AVMEDIA_TYPE_VIDEO)) {
    result.has_pictures = true;
    facts.width = film->codecpar->width;
    facts.height = film->codecpar->height;
    if (film->avg_frame_rate.den > 0) facts.frames_per_second = av_q2d(film->avg_frame_rate);
  }
  if (const AVStream* sound = input.find_stream(AVMEDIA_TYPE_AUDIO)) {
    result.has_sound = true;
    facts.sample_rate = sound->codecpar->sample_rate;
    facts.channels = sound->codecpar->ch_layout.nb_channels;
  }
  if (input.format().duration > 0)  // not AV_NOPTS_VALUE
    facts.seconds = static_cast<double>(input.format().duration) / AV_TIME_BASE;
  return result;
}

std::string to_string(const MediaFacts& facts) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (facts.width > 0) add(fmt::format("{} × {}", facts.width, facts.height));
  if (facts.seconds > 0) add(fmt::format("{:.{}f} s", facts.seconds, facts.seconds < 1 ? 2 : 1));
  if (facts.frames_per_second > 0) add(fmt::format("{:.4g} frames/s", facts.frames_per_second));
  if (facts.sample_rate > 0) add(fmt::format("{} Hz", facts.sample_rate));
  if (facts.channels > 0)
    add(fmt::format("{} channel{}", facts.channels, facts.channels == 1 ? "" : "s"));
  return text;
}

}  // namespace pandagpt
