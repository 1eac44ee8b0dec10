#include "media/heif.h"

#ifdef PANDAGPT_HAVE_LIBHEIF

#include <libheif/heif.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "core/threads.h"
#include "media/heif_stream.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

struct Deleter {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(const heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(const heif_image* image) const { heif_image_release(image); }
  void operator()(heif_decoding_options* options) const { heif_decoding_options_free(options); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

// Loads decoders that are files of their own (libheif 1.17 and later); needed once in a process.
void start_libheif() {
  [[maybe_unused]] static const heif_error started = heif_init(nullptr);
}

// libheif's words, which are to stand in one line.
std::string text_of(const heif_error& error) {
  std::string text = error.message;
  std::ranges::replace(text, '\n', ' ');
  while (text.ends_with(' ') || text.ends_with('.'))
    text.pop_back();
  return text;
}

void throw_if_out_of_memory(const heif_error& error) {
  // What exceeds libheif's own limits has this code too.
  if (error.code == heif_error_Memory_allocation_error &&
      error.subcode != heif_suberror_Security_limit_exceeded)
    throw std::bad_alloc();
}

// A parsed file; `bytes` must outlive it.
class HeifFile {
 public:
  explicit HeifFile(ByteView bytes) {
    start_libheif();
    context_.reset(heif_context_alloc());
    if (!context_) throw std::bad_alloc();
    heif_context_set_max_decoding_threads(context_.get(), default_thread_count());
    error_ = heif_context_read_from_memory_without_copy(context_.get(), bytes.data(), bytes.size(),
                                                        nullptr);
    heif_image_handle* handle = nullptr;
    if (error_.code == heif_error_Ok)
      error_ = heif_context_get_primary_image_handle(context_.get(), &handle);
    throw_if_out_of_memory(error_);
    main_.reset(handle);
  }

  /// Null if the file can't be read; error() has the reason.
  const heif_image_handle* main() const { return main_.get(); }
  const heif_error& error() const { return error_; }

 private:
  Owned<heif_context> context_;
  Owned<const heif_image_handle> main_;
  heif_error error_{};
};

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

[[noreturn]] void fail_unreadable(const std::string& name, ImageFormat format,
                                  const heif_error& error) {
  const std::string what = std::string("the ") + format_name(format) + " file ";
  if (error.subcode == heif_suberror_Security_limit_exceeded)
    fail(name, what + "is too large to be read (" + text_of(error) + "); make it smaller first");
  if (error.code == heif_error_Unsupported_feature)
    fail(name, what + "holds what this libheif can't read (" + text_of(error) +
                   "); save it as JPEG or PNG first");
  fail(name, what + "is truncated or damaged, or holds no still picture (" + text_of(error) +
                 "); get a complete copy of it");
}

std::uint32_t positive(int value) {
  return static_cast<std::uint32_t>(std::max(value, 0));
}

Image image_of(const heif_image* decoded) {
  int stride = 0;
  const std::uint8_t* rows =
      heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
  Image image{heif_image_get_width(decoded, heif_channel_interleaved),
              heif_image_get_height(decoded, heif_channel_interleaved),
              {}};
  const std::size_t row_bytes = std::size_t{3} * positive(image.width);
  image.rgb.resize(row_bytes * positive(image.height));
  for (int y = 0; y < image.height; ++y)
    std::memcpy(&image.rgb[row_bytes * static_cast<std::size_t>(y)],
                rows + static_cast<std::ptrdiff_t>(y) * stride, row_bytes);
  return image;
}

}  // namespace

bool has_libheif() {
  return true;
}

void read_heif_size(ByteView bytes, const std::string& name, ImageInfo& info) {
  const HeifFile file(bytes);
  if (file.main() == nullptr) fail_unreadable(name, info.format, file.error());
  info.width = positive(heif_image_handle_get_width(file.main()));
  info.height = positive(heif_image_handle_get_height(file.main()));
  const std::uint64_t canvas =
      std::uint64_t{positive(heif_image_handle_get_ispe_width(file.main()))} *
      positive(heif_image_handle_get_ispe_height(file.main()));
  info.coded_pixels = std::max(canvas, largest_coded_picture(bytes));
}

std::optional<Image> decode_with_libheif(ByteView bytes, const ImageInfo& info,
                                         std::string& complaint) {
  const HeifFile file(bytes);
  const Owned<heif_decoding_options> options(heif_decoding_options_alloc());
  if (!options) throw std::bad_alloc();
  options->convert_hdr_to_8bit = 1;
  heif_image* result = nullptr;
  heif_error error = file.error();
  if (file.main() != nullptr)
    error = heif_decode_image(file.main(), &result, heif_colorspace_RGB,
                              heif_chroma_interleaved_RGB, options.get());
  throw_if_out_of_memory(error);
  const Owned<heif_image> decoded(result);
  if (error.code != heif_error_Ok) {
    complaint = text_of(error);
    return std::nullopt;
  }
  heif_error warning{};
  if (heif_image_get_decoding_warnings(decoded.get(), 0, &warning, 1) > 0)
    complaint = text_of(warning);
  Image image = image_of(decoded.get());
  // A coded picture of another size than its header says is not the one that was judged.
  if (positive(image.width) == info.width && positive(image.height) == info.height) return image;
  complaint = "its pixels are " + std::to_string(image.width) + " x " +
              std::to_string(image.height) + ", its header says " + std::to_string(info.width) +
              " x " + std::to_string(info.height);
  return std::nullopt;
}

}  // namespace pandagpt

#else

namespace pandagpt {

bool has_libheif() {
  return false;
}
void read_heif_size(ByteView, const std::string&, ImageInfo&) {}
std::optional<Image> decode_with_libheif(ByteView, const ImageInfo&, std::string&) {
  return std::nullopt;
}

}  // namespace pandagpt

#endif
