#include "media/video.h"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <iterator>
#include <new>
#include <set>
#include <utility>
#include <vector>

#include "core/threads.h"
#include "core/time_limit.h"
#include "core/warnings.h"
#include "media/media_input.h"
#include "media/pixels.h"
#include "media/video_frame.h"
#include "media/video_rotation.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

double frame_rate_of(const AVStream& stream, std::int64_t frames, double span_seconds) {
  for (const AVRational& rate : {stream.avg_frame_rate, stream.r_frame_rate})
    if (rate.num > 0 && rate.den > 0) return av_q2d(rate);
  return frames > 1 && span_seconds > 0 ? static_cast<double>(frames - 1) / span_seconds : 1;
}

// Grey of more than 8 bits; nothing for other frames.
std::optional<ScalarMap> read_grey_values(const AVFrame& frame) {
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  constexpr std::uint64_t kOther =
      AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER;
  if (format == nullptr || format->nb_components != 1 || format->comp[0].depth <= 8 ||
      (format->flags & kOther) != 0)
    return std::nullopt;
  return ScalarMap{frame.width, frame.height, true, read_component(frame)};
}

}  // namespace

class VideoReader::Decoder {
 public:
  Decoder(MediaInput input, const VideoLimits& limits, int threads, const VideoOptions& options)
      : input_(std::move(input)),
        limits_(limits),
        options_(options),
        threads_(threads > 0 ? threads : default_thread_count()),
        packet_(av_packet_alloc()),
        picture_(av_frame_alloc()),
        last_(av_frame_alloc()) {
    if (!packet_ || !picture_ || !last_) throw std::bad_alloc();
    FfmpegMessages messages;
    find_stream();
    list_frames();
    fill_info();
    const bool turned = info_.rotation % 180 != 0;
    converter_ = std::make_unique<VideoFrameConverter>(
        turned ? info_.height : info_.width, turned ? info_.width : info_.height, info_.orientation,
        input_.name(), options_.map_tones);
  }

  const std::string& name() const { return input_.name(); }
  const VideoInfo& info() const { return info_; }

  double time_of(std::int64_t frame) const {
    if (by_count_) return -1;
    return static_cast<double>(times_[static_cast<std::size_t>(frame)] - times_.front()) *
           av_q2d(time_base_);
  }

  void read_frames(std::span<const std::int64_t> frames,
                   const std::function<void(std::int64_t, const Image&)>& visit) {
    decode_frames(frames, [&](std::int64_t frame, const AVFrame& decoded) {
      visit(frame, converter_->convert(decoded));
    });
  }

  std::optional<ScalarMap> measurement(std::int64_t frame) {
    std::optional<ScalarMap> map;
    decode_frames({&frame, 1},
                  [&](std::int64_t, const AVFrame& decoded) { map = read_grey_values(decoded); });
    if (map) turn_upright(*map, info_.orientation, "the film's rotation");
    return map;
  }

 private:
  void decode_frames(std::span<const std::int64_t> frames,
                     const std::function<void(std::int64_t, const AVFrame&)>& visit) {
    const std::set<std::int64_t> wanted(frames.begin(), frames.end());
    for (const std::int64_t frame : wanted)
      if (frame < 0 || frame >= info_.frames)
        throw Error(ErrorKind::kUsage, name() + ": frame " + std::to_string(frame) +
                                           " is not one of the video's " +
                                           std::to_string(info_.frames) + " frames");
    FfmpegMessages messages;
    wanted_times_.clear();
    if (!by_count_)
      for (const std::int64_t frame : wanted)
        wanted_times_.insert(times_[static_cast<std::size_t>(frame)]);
    bool first = true;
    for (const std::int64_t frame : wanted) {
      find(frame, std::exchange(first, false));
      if (last_->buf[0] == nullptr) {
        const std::string& detail = messages.first_error();
        input_.fail("no picture of the video can be decoded" +
                    (detail.empty() ? "" : " (" + detail + ")") + "; get a complete copy of it");
      }
      if (last_number_ != frame)
        warn(name() + ": frame " + std::to_string(frame) + " is damaged; frame " +
             std::to_string(last_number_) + " stands in for it");
      visit(frame, *last_);
    }
  }

  struct KeyFrame {
    std::int64_t time;       // presentation
    std::int64_t seek_time;  // what FFmpeg's index goes by
  };

  // --- Opening -------------------------------------------------------------------------------

  void find_stream() {
    const AVStream* stream = input_.find_stream(AVMEDIA_TYPE_VIDEO);
    if (stream == nullptr) input_.fail("there is no video in the file; give one with pictures");
    check_size(stream->codecpar->width, stream->codecpar->height);
    info_.has_sound = input_.find_stream(AVMEDIA_TYPE_AUDIO) != nullptr;
    input_.read_only(*stream);
    stream_ = stream->index;
    time_base_ = stream->time_base;
    context_ = input_.open_decoder(*stream, threads_);
  }

  void check_size(int width, int height) const {
    const std::string size = std::to_string(width) + " x " + std::to_string(height);
    if (width < 1 || height < 1)
      input_.fail("the size of the video is not known (" + size + "); get a complete copy of it");
    if (static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) > limits_.max_pixels)
      input_.fail("the video of " + size + " pixels is larger than the limit of " +
                  std::to_string(limits_.max_pixels / 1'000'000) +
                  " million pixels; make it smaller first");
  }

  void list_frames() {
    while (input_.read(*packet_)) {
      // Cut away by the container's edit list: decoded for the sake of others, never shown.
      const bool hidden = (packet_->flags & AV_PKT_FLAG_DISCARD) != 0;
      if (!hidden) times_.push_back(packet_->pts);
      if (packet_->pts == AV_NOPTS_VALUE) by_count_ = true;
      if ((packet_->flags & AV_PKT_FLAG_KEY) != 0)
        keys_.push_back(
            {packet_->pts, packet_->dts == AV_NOPTS_VALUE ? packet_->pts : packet_->dts});
      if (static_cast<std::int64_t>(times_.size()) > limits_.max_frames)
        input_.fail("the video has more than " + std::to_string(limits_.max_frames) +
                    " frames, the limit; cut it into pieces");
    }
    if (times_.empty()) input_.fail("the video has no frames; get a complete copy of it");
    std::ranges::sort(times_);
    std::ranges::sort(keys_, {}, &KeyFrame::time);
    if (std::ranges::adjacent_find(times_) != times_.end()) by_count_ = true;
  }

  void fill_info() {
    const AVStream& stream = *input_.format().streams[stream_];
    const AVCodecParameters& header = *stream.codecpar;
    info_.orientation =
        options_.mirror ? orientation_of(stream) : orientation_of_rotation(rotation_of(stream));
    info_.rotation = rotation_of_orientation(info_.orientation);
    info_.width = header.width;
    info_.height = header.height;
    info_.is_hdr =
        header.color_trc == AVCOL_TRC_SMPTE2084 || header.color_trc == AVCOL_TRC_ARIB_STD_B67;
    if (options_.square_pixels) square_pixels();
    if (info_.rotation % 180 != 0) std::swap(info_.width, info_.height);
    info_.frames = static_cast<std::int64_t>(times_.size());
    info_.codec = avcodec_get_name(header.codec_id);
    info_.frames_per_second =
        frame_rate_of(stream, info_.frames, by_count_ ? 0 : time_of(info_.frames - 1));
    info_.duration = static_cast<double>(info_.frames) / info_.frames_per_second;
  }

  // The width changes, as players do it. What can't be a pixel's shape is left alone.
  void square_pixels() {
    constexpr double kMostAspect = 8;
    AVFormatContext& format = input_.format();
    const AVRational ratio =
        av_guess_sample_aspect_ratio(&format, format.streams[stream_], nullptr);
    if (ratio.num <= 0 || ratio.den <= 0) return;
    const double aspect = av_q2d(ratio);
    const double width = std::round(info_.width * aspect);
    if (aspect > kMostAspect || aspect < 1 / kMostAspect || width < 1 ||
        width * info_.height > static_cast<double>(limits_.max_pixels))
      return;
    info_.width = static_cast<int>(width);
    info_.pixel_aspect = aspect;
  }

  // --- Finding a frame -----------------------------------------------------------------------

  // Decodes until `last_` is the frame, or the nearest that can be had.
  void find(std::int64_t frame, bool first) {
    if (current_ == frame) return;
    // The search for the frame before has come past this one, which doesn't come out then.
    if (current_ > frame && !first) return;
    go_to(frame);
    while (current_ < frame && next_picture()) {
    }
  }

  void go_to(std::int64_t frame) {
    const bool ahead = !finished_ && current_ < frame;
    if (by_count_) {
      if (!ahead) restart();
      return;
    }
    const std::int64_t time = times_[static_cast<std::size_t>(frame)];
    auto key = std::ranges::upper_bound(keys_, time, {}, &KeyFrame::time);
    if (key == keys_.begin()) {
      if (!ahead) restart();
      return;
    }
    --key;
    if (ahead && current_ >= 0 && times_[static_cast<std::size_t>(current_)] >= key->time) return;
    while (!seek(*key)) {
      if (key == keys_.begin()) {
        restart();
        return;
      }
      --key;
    }
  }

  // False if the file can't be read from that key frame or an earlier place on.
  bool seek(const KeyFrame& key) {
    if (av_seek_frame(&input_.format(), stream_, key.seek_time, AVSEEK_FLAG_BACKWARD) < 0)
      return false;
    begin();
    if (!input_.read(*packet_) || packet_->pts > key.time) return false;
    pending_ = true;
    return true;
  }

  void restart() {
    input_.reopen();
    find_stream();
    begin();
  }

  void begin() {
    avcodec_flush_buffers(context_.get());
    current_ = -1;
    pending_ = false;
    draining_ = false;
    finished_ = false;
  }

  // --- Decoding ------------------------------------------------------------------------------

  // The next packet into the decoder. A damaged one is left out.
  void feed() {
    if (!std::exchange(pending_, false) && !input_.read(*packet_)) {
      draining_ = true;
      avcodec_send_packet(context_.get(), nullptr);
      return;
    }
    const bool whole = by_count_ || wanted_times_.contains(packet_->pts);
    context_->skip_frame = whole ? AVDISCARD_DEFAULT : AVDISCARD_NONREF;
    if (avcodec_send_packet(context_.get(), packet_.get()) == AVERROR(ENOMEM))
      throw std::bad_alloc();
  }

  // The next picture into `last_`; false at the end.
  bool next_picture() {
    while (true) {
      TimeLimit::check(name());
      const int code = avcodec_receive_frame(context_.get(), picture_.get());
      if (code == AVERROR(ENOMEM)) throw std::bad_alloc();
      if (code >= 0) break;
      if (code == AVERROR_EOF || (draining_ && code == AVERROR(EAGAIN))) {
        finished_ = true;
        return false;
      }
      if (!draining_) feed();
    }
    check_size(picture_->width, picture_->height);
    last_number_ = current_ = number_of(*picture_);
    av_frame_unref(last_.get());
    av_frame_move_ref(last_.get(), picture_.get());
    return true;
  }

  std::int64_t number_of(const AVFrame& picture) const {
    const std::int64_t time =
        picture.pts == AV_NOPTS_VALUE ? picture.best_effort_timestamp : picture.pts;
    if (by_count_ || time == AV_NOPTS_VALUE) return std::min(current_ + 1, info_.frames - 1);
    const auto at = std::ranges::lower_bound(times_, time);
    return std::min<std::int64_t>(std::distance(times_.begin(), at), info_.frames - 1);
  }

  MediaInput input_;
  VideoLimits limits_;
  VideoOptions options_;
  int threads_;
  VideoInfo info_;
  int stream_ = -1;
  AVRational time_base_{};
  AvCodecContextPtr context_;
  AvPacketPtr packet_;
  AvFramePtr picture_;
  AvFramePtr last_;  // the picture that was decoded last, if there is one
  std::unique_ptr<VideoFrameConverter> converter_;

  std::vector<std::int64_t> times_;  // [frames] sorted, in units of time_base_
  std::vector<KeyFrame> keys_;       // sorted by time
  bool by_count_ = false;            // no usable times: frames are counted from the start
  std::set<std::int64_t> wanted_times_;

  std::int64_t current_ = -1;      // number of the last picture since the last jump
  std::int64_t last_number_ = -1;  // number of the picture in `last_`
  bool pending_ = false;           // `packet_` has not been decoded yet
  bool draining_ = false;          // the decoder has all packets
  bool finished_ = true;           // a jump is needed before anything can be decoded
};

VideoReader::VideoReader(const std::filesystem::path& path, const VideoLimits& limits, int threads,
                         const VideoOptions& options)
    : decoder_(std::make_unique<Decoder>(MediaInput(path, limits.max_buffer_bytes), limits, threads,
                                         options)) {}

VideoReader::VideoReader(ByteView bytes, const std::string& name, const VideoLimits& limits,
                         int threads, const VideoOptions& options)
    : decoder_(std::make_unique<Decoder>(MediaInput(bytes, name), limits, threads, options)) {}

VideoReader::~VideoReader() = default;
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;

const std::string& VideoReader::name() const {
  return decoder_->name();
}

const VideoInfo& VideoReader::info() const {
  return decoder_->info();
}

double VideoReader::time_of(std::int64_t frame) const {
  return decoder_->time_of(frame);
}

void VideoReader::read_frames(
    std::span<const std::int64_t> frames,
    const std::function<void(std::int64_t frame, const Image& picture)>& visit) {
  decoder_->read_frames(frames, visit);
}

std::optional<ScalarMap> VideoReader::measurement(std::int64_t frame) {
  return decoder_->measurement(frame);
}

Image VideoReader::frame(std::int64_t frame) {
  Image result;
  read_frames({&frame, 1}, [&](std::int64_t, const Image& picture) { result = picture; });
  return result;
}

}  // namespace pandagpt
