#include "media/jpeg.h"

#ifdef PANDAGPT_HAVE_LIBJPEG

#include <jpeglib.h>

#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE

#include "core/time_limit.h"

namespace pandagpt {
namespace {

// More scans than any encoder writes: a small file of very many scans would cost hours.
constexpr int kMaxScans = 500;

// libjpeg reports through C callbacks and expects a fatal one not to return.
struct Reporter {
  jpeg_error_mgr base;  // first, so that cinfo->err points to the whole
  std::jmp_buf escape;
  std::array<char, JMSG_LENGTH_MAX> first_message;
};

Reporter& reporter_of(j_common_ptr info) {
  return *reinterpret_cast<Reporter*>(info->err);
}

void keep_message(j_common_ptr info) {
  Reporter& reporter = reporter_of(info);
  if (reporter.first_message[0] == '\0')
    reporter.base.format_message(info, reporter.first_message.data());
}

[[noreturn]] void on_fatal(j_common_ptr info) {
  keep_message(info);
  std::longjmp(reporter_of(info).escape, 1);
}

void on_message(j_common_ptr info, int level) {
  constexpr int kWarning = -1;
  if (level == kWarning) keep_message(info);
}

void on_progress(j_common_ptr info) {
  const bool is_late = TimeLimit::passed();
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans && !is_late) return;
  Reporter& reporter = reporter_of(info);
  std::snprintf(reporter.first_message.data(), reporter.first_message.size(),
                is_late ? "decoding takes too long" : "more than %d scans", kMaxScans);
  std::longjmp(reporter.escape, 1);
}

class Decompressor {
 public:
  Decompressor() {
    info_.err = jpeg_std_error(&reporter_.base);
    reporter_.base.error_exit = on_fatal;
    reporter_.base.emit_message = on_message;
    reporter_.first_message[0] = '\0';
    progress_.progress_monitor = on_progress;
  }
  ~Decompressor() { jpeg_destroy_decompress(&info_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // The functions that set the escape keep no object with a destructor in their own frame.
  bool start(const ImagePacket& packet) {
    if (setjmp(reporter_.escape) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, packet.bytes.data(), packet.size);
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = info_.num_components == 1   ? JCS_GRAYSCALE
                            : info_.num_components == 4 ? JCS_CMYK
                                                        : JCS_RGB;
    jpeg_start_decompress(&info_);
    return true;
  }

  bool read_rows(std::uint8_t* rows) {
    if (setjmp(reporter_.escape) != 0) return false;
    const std::size_t stride = std::size_t{info_.output_width} * info_.output_components;
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = rows + stride * info_.output_scanline;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  int width() const { return static_cast<int>(info_.output_width); }
  int height() const { return static_cast<int>(info_.output_height); }
  int components() const { return info_.output_components; }
  std::string message() const { return reporter_.first_message.data(); }

 private:
  jpeg_decompress_struct info_{};
  jpeg_progress_mgr progress_{};
  Reporter reporter_{};
};

Bytes grey_to_rgb(const Bytes& grey) {
  Bytes rgb(3 * grey.size());
  for (std::size_t i = 0; i < grey.size(); ++i)
    rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = grey[i];
  return rgb;
}

}  // namespace

bool has_libjpeg() {
  return true;
}

std::optional<Image> decode_with_libjpeg(const ImagePacket& packet, std::string& complaint) {
  Decompressor decompressor;
  std::optional<Image> image;
  if (decompressor.start(packet)) {
    Image decoded{decompressor.width(), decompressor.height(), {}};
    decoded.rgb.resize(static_cast<std::size_t>(decompressor.components()) * decoded.width *
                       decoded.height);
    if (decompressor.read_rows(decoded.rgb.data())) {
      if (decompressor.components() == 1) decoded.rgb = grey_to_rgb(decoded.rgb);
      if (decompressor.components() == 4) decoded.rgb = inverted_cmyk_to_rgb(decoded.rgb);
      image = std::move(decoded);
    }
  }
  complaint = decompressor.message();
  return image;
}

}  // namespace pandagpt

#else

namespace pandagpt {

bool has_libjpeg() {
  return false;
}
std::optional<Image> decode_with_libjpeg(const ImagePacket&, std::string&) {
  return std::nullopt;
}

}  // namespace pandagpt

#endif
