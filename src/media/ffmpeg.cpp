#include "media/ffmpeg.h"

extern "C" {
#include <libavutil/error.h>
#include <libavutil/log.h>
}

#include <spdlog/spdlog.h>

#include <array>
#include <mutex>

namespace pandagpt {
namespace {

thread_local FfmpegMessages* current_messages = nullptr;

void receive_message(void* object, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING) return;
  std::array<char, 512> line{};
  int print_prefix = 1;
  av_log_format_line2(object, level, format, arguments, line.data(), static_cast<int>(line.size()),
                      &print_prefix);
  std::string text = line.data();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  if (text.empty()) return;
  spdlog::debug("FFmpeg: {}", text);
  // "[mjpeg @ 0x55d0c0ffee00] what": the address says nothing to a user.
  for (auto end = text.find("] "); text.starts_with('[') && end != std::string::npos;
       end = text.find("] "))
    text.erase(0, end + 2);
  if (current_messages != nullptr && level <= AV_LOG_ERROR) current_messages->add_error(text);
}

}  // namespace

FfmpegMessages::FfmpegMessages() : outer_(current_messages) {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(receive_message); });
  current_messages = this;
}

FfmpegMessages::~FfmpegMessages() {
  current_messages = outer_;
}

void FfmpegMessages::add_error(const std::string& message) {
  if (first_error_.empty()) first_error_ = message;
}

std::string ffmpeg_error(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  return text.data();
}

}  // namespace pandagpt
