#ifdef PANDAGPT_HAVE_LIBHEIF

#include "media/heif_file.h"

#include <algorithm>
#include <new>

#include "core/threads.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// Loads decoders that are files of their own (libheif 1.17 and later); needed once in a process.
void start_libheif() {
  [[maybe_unused]] static const heif_error started = heif_init(nullptr);
}

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

}  // namespace

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

void fail_unreadable_heif(const std::string& name, ImageFormat format, const heif_error& error) {
  const std::string what = std::string("the ") + format_name(format) + " file ";
  if (error.subcode == heif_suberror_Security_limit_exceeded)
    fail(name, what + "is too large to be read (" + text_of(error) + "); make it smaller first");
  if (error.code == heif_error_Unsupported_feature)
    fail(name, what + "holds what this libheif can't read (" + text_of(error) +
                   "); save it as JPEG or PNG first");
  fail(name, what + "is truncated or damaged, or holds no still picture (" + text_of(error) +
                 "); get a complete copy of it");
}

HeifFile::HeifFile(ByteView bytes) {
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

}  // namespace pandagpt

#endif
