#include "c_api/call.h"

#include <new>

#include "pandagpt/process.h"

namespace pandagpt::c_api {
namespace {

thread_local std::string last_error;

}  // namespace

pandagpt_status failure(pandagpt_status status, const char* text) noexcept {
  try {
    last_error = text;
  } catch (...) {  // no memory left for the text: what fits without any
    last_error.clear();
    last_error = "out of memory";
  }
  return status;
}

pandagpt_status status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return PANDAGPT_ERROR_USAGE;
    case ErrorKind::kInput:
      return PANDAGPT_ERROR_INPUT;
    case ErrorKind::kModel:
      return PANDAGPT_ERROR_MODEL;
    case ErrorKind::kInternal:
      break;
  }
  return PANDAGPT_ERROR_INTERNAL;
}

pandagpt_status failure_of_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return failure(status_of(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return failure(PANDAGPT_ERROR_INTERNAL, "out of memory");
  } catch (const std::exception& error) {
    return failure(PANDAGPT_ERROR_INTERNAL, error.what());
  } catch (...) {
    return failure(PANDAGPT_ERROR_INTERNAL, "an unknown exception");
  }
}

void fail_usage(const std::string& text) {
  throw Error(ErrorKind::kUsage, text);
}

const char* required_text(const char* text, const char* name) {
  required(text, name);
  return text;
}

void require_struct_size(std::size_t size, std::size_t known, const char* name) {
  if (size == known) return;
  fail_usage(std::string("the size of '") + name + "' is " + std::to_string(size) +
             " bytes, which this version of the library (" + pandagpt_version() + ") takes as " +
             std::to_string(known) +
             "; fill it with the function that ends with _init, and build with the header of the "
             "library that is loaded");
}

void require_room(const float* target, std::size_t room, std::size_t needed, const char* name) {
  if (needed == 0) return;
  required(target, name);
  if (needed > room)
    fail_usage(std::string("'") + name + "' has room for " + std::to_string(room) +
               " numbers, and there are " + std::to_string(needed));
}

}  // namespace pandagpt::c_api

const char* pandagpt_last_error(void) {
  return pandagpt::c_api::last_error.c_str();
}

const char* pandagpt_version(void) {
  return PANDAGPT_VERSION;
}

pandagpt_status pandagpt_allow_process_changes(unsigned changes) {
  return pandagpt::c_api::guarded([&] {
    constexpr unsigned kAll = PANDAGPT_ALLOW_GGML_KERNELS | PANDAGPT_ALLOW_HUGE_PAGES;
    if ((changes & ~kAll) != 0)
      pandagpt::c_api::fail_usage("'changes' is " + std::to_string(changes) +
                                  ", which isn't a sum of PANDAGPT_ALLOW_..");
    pandagpt::allow_process_changes({.ggml_kernels = (changes & PANDAGPT_ALLOW_GGML_KERNELS) != 0,
                                     .huge_pages = (changes & PANDAGPT_ALLOW_HUGE_PAGES) != 0});
  });
}
