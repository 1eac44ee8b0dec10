#include "media/media_input.h"

extern "C" {
#include <libavformat/avformat.h>
}

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "core/time_limit.h"
#include "core/warnings.h"
#include "core/what_is_this.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr int kIoBufferBytes = 1 << 16;

// Demuxers that read one file with sound or moving pictures in it.
constexpr char kFormats[] =
    "wav,w64,aiff,au,caf,flac,mp3,aac,ogg,ac3,eac3,amr,ape,tta,wv,asf,"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,h264,hevc,m4v,ivf,gif,"
    "dv,mxf,rm";

class FileDescriptor {
 public:
  explicit FileDescriptor(int value) : value_(value) {}
  ~FileDescriptor() {
    if (value_ >= 0) close(value_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

struct FormatContextDeleter {
  void operator()(AVFormatContext* context) const { avformat_close_input(&context); }
};
struct IoContextDeleter {
  void operator()(AVIOContext* context) const {
    av_freep(&context->buffer);  // FFmpeg may have replaced the one that it was given
    avio_context_free(&context);
  }
};

constexpr const char* kReadable = "; WAV, FLAC, MP3, OGG, M4A, MP4, MKV, WebM, AVI and such are";

[[noreturn]] void fail_unknown(const std::string& name, ByteView beginning) {
  std::string what = what_is_this(beginning);
  if (what.starts_with("a sound") || what.starts_with("a video"))
    throw Error(ErrorKind::kInput, name + ": begins as " + what +
                                       " does, and can't be read; get a complete copy of it");
  const bool says_what_to_do = what.find(';') != std::string::npos;
  if (!what.empty() && !says_what_to_do)
    what += what.ends_with("picture") ? "; give it as a picture" : kReadable;
  throw Error(ErrorKind::kInput,
              name + ": not an audio or video file that can be read" + but_it_is(what, kReadable));
}

int refuse_to_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EPERM);
}

int time_has_passed(void*) {
  return TimeLimit::passed() ? 1 : 0;
}

}  // namespace

// What stays where it is while a MediaInput moves: FFmpeg holds pointers to it.
struct MediaInput::Opened {
  std::string name;
  Bytes memory;                          // of standard input and pipes
  ByteView view;                         // the content, unless it is read from `file`
  std::unique_ptr<FileDescriptor> file;  // a regular file
  std::int64_t size = 0;
  std::int64_t position = 0;
  int stream = -1;  // that read_only() has chosen
  std::unique_ptr<AVIOContext, IoContextDeleter> io;
  std::unique_ptr<AVFormatContext, FormatContextDeleter> format;  // goes before its io

  void open();
  Bytes beginning();
  static int read(void* opaque, std::uint8_t* out, int length);
  static std::int64_t seek(void* opaque, std::int64_t offset, int whence);
};

int MediaInput::Opened::read(void* opaque, std::uint8_t* out, int length) {
  auto& self = *static_cast<Opened*>(opaque);
  if (TimeLimit::passed()) return AVERROR_EXIT;
  const std::int64_t left = self.size - self.position;
  const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(left, length));
  if (left <= 0) return AVERROR_EOF;
  ssize_t got = static_cast<ssize_t>(wanted);
  if (self.file) {
    got = pread(self.file->get(), out, wanted, self.position);
    if (got < 0) return AVERROR(errno);
    if (got == 0) return AVERROR_EOF;  // the file has become shorter
  } else {
    std::memcpy(out, self.view.data() + self.position, wanted);
  }
  self.position += got;
  return static_cast<int>(got);
}

std::int64_t MediaInput::Opened::seek(void* opaque, std::int64_t offset, int whence) {
  auto& self = *static_cast<Opened*>(opaque);
  if (whence == AVSEEK_SIZE) return self.size;
  if (whence == SEEK_CUR) offset += self.position;
  if (whence == SEEK_END) offset += self.size;
  if (offset < 0) return AVERROR(EINVAL);
  return self.position = offset;
}

Bytes MediaInput::Opened::beginning() {
  Bytes bytes(kTellingBytes);
  position = 0;
  const int n = read(this, bytes.data(), static_cast<int>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max(n, 0)));
  return bytes;
}

void MediaInput::Opened::open() {
  FfmpegMessages messages;
  format.reset();
  position = 0;
  auto* buffer = static_cast<std::uint8_t*>(av_malloc(kIoBufferBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  io.reset(avio_alloc_context(buffer, kIoBufferBytes, 0, this, read, nullptr, seek));
  if (!io) {
    av_free(buffer);
    throw std::bad_alloc();
  }
  AVFormatContext* context = avformat_alloc_context();
  if (context == nullptr) throw std::bad_alloc();
  context->pb = io.get();
  context->io_open = refuse_to_open;
  context->interrupt_callback = {time_has_passed, nullptr};
  context->format_whitelist = av_strdup(kFormats);
  // On failure the context is freed by FFmpeg.
  int code = avformat_open_input(&context, nullptr, nullptr, nullptr);
  if (code >= 0) {
    format.reset(context);
    code = avformat_find_stream_info(context, nullptr);
  }
  TimeLimit::check(name);
  if (code == AVERROR(ENOMEM)) throw std::bad_alloc();
  if (code >= 0) return;
  const std::string& detail = messages.first_error();
  const bool unknown = !format && (detail.empty() || detail.find("whitelist") != std::string::npos);
  if (unknown) fail_unknown(name, beginning());
  throw Error(ErrorKind::kInput, name + ": the file is damaged (" +
                                     (detail.empty() ? ffmpeg_error(code) : detail) +
                                     "); get a complete copy of it");
}

MediaInput::MediaInput(const fs::path& path, std::uint64_t max_buffer_bytes)
    : opened_(std::make_unique<Opened>()) {
  opened_->name = path == "-" ? "standard input" : path.string();
  struct stat info {};
  if (path != "-" && stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
    opened_->file = std::make_unique<FileDescriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (opened_->file->get() < 0) fail(std::string("can't be opened: ") + std::strerror(errno));
    opened_->size = info.st_size;
    if (opened_->size == 0) fail("the file is empty");
  } else {
    opened_->memory = read_file(path, max_buffer_bytes);
    opened_->view = opened_->memory;
    opened_->size = static_cast<std::int64_t>(opened_->view.size());
  }
  opened_->open();
}

MediaInput::MediaInput(ByteView bytes, const std::string& name)
    : opened_(std::make_unique<Opened>()) {
  opened_->name = name;
  opened_->view = bytes;
  opened_->size = static_cast<std::int64_t>(bytes.size());
  if (bytes.empty()) fail("the file is empty");
  opened_->open();
}

MediaInput::~MediaInput() = default;
MediaInput::MediaInput(MediaInput&&) noexcept = default;
MediaInput& MediaInput::operator=(MediaInput&&) noexcept = default;

const std::string& MediaInput::name() const {
  return opened_->name;
}

AVFormatContext& MediaInput::format() {
  return *opened_->format;
}

AVStream* MediaInput::find_stream(AVMediaType kind) {
  AVFormatContext& context = format();
  const int index = av_find_best_stream(&context, kind, -1, -1, nullptr, 0);
  if (index < 0) return nullptr;
  AVStream* stream = context.streams[index];
  return (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0 ? nullptr : stream;
}

void MediaInput::read_only(const AVStream& stream) {
  opened_->stream = stream.index;
  AVFormatContext& context = format();
  for (unsigned int i = 0; i < context.nb_streams; ++i)
    if (context.streams[i]->index != stream.index) context.streams[i]->discard = AVDISCARD_ALL;
}

bool MediaInput::read(AVPacket& packet) {
  int code = 0;
  do {
    TimeLimit::check(name());
    av_packet_unref(&packet);
    code = av_read_frame(&format(), &packet);
    // Those that were read when the streams were looked for come in spite of AVDISCARD_ALL.
  } while (code >= 0 && packet.stream_index != opened_->stream);
  if (code == AVERROR(ENOMEM)) throw std::bad_alloc();
  if (code < 0 && code != AVERROR_EOF)
    warn(name() + ": reading stopped early (" + ffmpeg_error(code) + "); what came before is used");
  return code >= 0;
}

void MediaInput::reopen() {
  opened_->open();
}

AvCodecContextPtr MediaInput::open_decoder(const AVStream& stream, int threads) const {
  const AVCodec* codec = avcodec_find_decoder(stream.codecpar->codec_id);
  if (codec == nullptr)
    fail(std::string("this FFmpeg has no decoder for ") +
         avcodec_get_name(stream.codecpar->codec_id) + "; convert the file to another format");
  AvCodecContextPtr context(avcodec_alloc_context3(codec));
  if (!context) throw std::bad_alloc();
  int code = avcodec_parameters_to_context(context.get(), stream.codecpar);
  context->pkt_timebase = stream.time_base;
  context->thread_count = threads;
  if (code >= 0) code = avcodec_open2(context.get(), codec, nullptr);
  if (code == AVERROR(ENOMEM)) throw std::bad_alloc();
  if (code < 0)
    fail(std::string("the decoder for ") + codec->name + " can't start (" + ffmpeg_error(code) +
         "); get a complete copy of the file");
  return context;
}

void MediaInput::fail(const std::string& why) const {
  throw Error(ErrorKind::kInput, name() + ": " + why);
}

}  // namespace pandagpt
