// libheif's objects with their owners, for what reads HEIC and AVIF files. Only included where the
// build has libheif.
#pragma once

#include <libheif/heif.h>

#include <memory>
#include <string>

#include "media/image_info.h"

namespace pandagpt {

struct HeifDeleter {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(const heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(const heif_image* image) const { heif_image_release(image); }
  void operator()(heif_decoding_options* options) const { heif_decoding_options_free(options); }
};
template <typename T>
using HeifOwned = std::unique_ptr<T, HeifDeleter>;

/// libheif's words, in one line.
std::string text_of(const heif_error& error);

/// Throws std::bad_alloc if that is what went wrong.
void throw_if_out_of_memory(const heif_error& error);

/// Throws Error(kInput), starting with `name`: too large, damaged, or what this libheif can't read.
[[noreturn]] void fail_unreadable_heif(const std::string& name, ImageFormat format,
                                       const heif_error& error);

/// A parsed file; `bytes` must outlive it.
class HeifFile {
 public:
  explicit HeifFile(ByteView bytes);

  /// The main picture; null if the file can't be read, and error() has the reason.
  const heif_image_handle* main() const { return main_.get(); }
  const heif_error& error() const { return error_; }

 private:
  HeifOwned<heif_context> context_;
  HeifOwned<const heif_image_handle> main_;
  heif_error error_{};
};

}  // namespace pandagpt
