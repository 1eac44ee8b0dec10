// How a call of the C interface begins and ends: arguments are judged, and whatever is thrown
// becomes a status and a text.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "pandagpt/error.h"
#include "pandagpt/pandagpt.h"

namespace pandagpt::c_api {

/// Keeps `text` for pandagpt_last_error(), and returns `status`.
pandagpt_status failure(pandagpt_status status, const char* text) noexcept;
/// The same for the exception that is being handled.
pandagpt_status failure_of_exception() noexcept;

pandagpt_status status_of(ErrorKind kind);

/// Runs `work`, out of which no exception comes.
template <typename Work>
pandagpt_status guarded(Work&& work) noexcept {
  try {
    std::forward<Work>(work)();
    return PANDAGPT_OK;
  } catch (...) {
    return failure_of_exception();
  }
}

[[noreturn]] void fail_usage(const std::string& text);

/// Throws Error(kUsage) if `pointer`, the argument `name`, is null.
template <typename T>
T& required(T* pointer, const char* name) {
  if (pointer == nullptr) fail_usage(std::string("'") + name + "' is NULL");
  return *pointer;
}
const char* required_text(const char* text, const char* name);
inline std::string text_or(const char* text, const char* otherwise) {
  return text != nullptr ? text : otherwise;
}

/// A handle for the caller: `make` gives the object. `*result` is null if it throws.
template <typename Handle, typename Make>
pandagpt_status create(Handle** result, const char* name, Make&& make) noexcept {
  if (result != nullptr) *result = nullptr;
  return guarded([&] {
    required(result, name);
    *result = new Handle{std::forward<Make>(make)()};
  });
}

/// Throws Error(kUsage) unless `size`, which the struct `name` says of itself, is one that this
/// version of the library knows. Fields that are added later make kFirstSize differ from the
/// struct's own.
void require_struct_size(std::size_t size, std::size_t known, const char* name);

/// The caller's struct.
template <typename T>
const T& read_struct(const T& given, const char* name) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::size_t size = 0;
  std::memcpy(&size, &given, sizeof(size));
  require_struct_size(size, sizeof(T), name);
  return given;
}

/// Writes `value` over the caller's struct of `size` bytes, which may be of a later version: what
/// it has beyond is zero.
template <typename T>
void write_struct(T value, T* target, std::size_t size, const char* name) {
  static_assert(std::is_trivially_copyable_v<T>);
  required(target, name);
  if (size < sizeof(T)) require_struct_size(size, sizeof(T), name);
  value.struct_size = size;
  std::memcpy(target, &value, sizeof(T));
  std::memset(reinterpret_cast<char*>(target) + sizeof(T), 0, size - sizeof(T));
}

/// Throws Error(kUsage) unless the caller's array `target` has room for `needed` of its `room`
/// numbers.
void require_room(const float* target, std::size_t room, std::size_t needed, const char* name);

}  // namespace pandagpt::c_api
