// Failures as an OpenAI client expects them.
#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace pandagpt {

/// What a request is answered with instead of a result. `what()` is one line: what is wrong, where,
/// what to do.
class ApiError : public std::runtime_error {
 public:
  /// `param`: the request's field that is at fault, if one is.
  static ApiError invalid(const std::string& message, std::string param = {}) {
    return {400, "invalid_request_error", message, std::move(param)};
  }
  static ApiError context_size(const std::string& message, std::size_t n_positions, int n_ctx) {
    ApiError error(400, "exceed_context_size_error", message, "messages");
    error.code_ = "context_length_exceeded";
    error.details_ = {{"n_prompt_tokens", n_positions}, {"n_ctx", n_ctx}};
    return error;
  }
  static ApiError unauthorized() {
    ApiError error(
        401, "authentication_error",
        "the API key is missing or wrong; send it as 'Authorization: Bearer KEY' or 'X-Api-Key'");
    error.code_ = "invalid_api_key";
    return error;
  }
  static ApiError model_not_found(const std::string& message) {
    ApiError error(404, "not_found_error", message, "model");
    error.code_ = "model_not_found";
    return error;
  }
  static ApiError forbidden(const std::string& message) {
    return {403, "permission_error", message};
  }
  static ApiError not_found(const std::string& message) {
    return {404, "not_found_error", message};
  }
  static ApiError too_large(const std::string& message) {
    return {413, "invalid_request_error", message};
  }
  static ApiError not_supported(const std::string& message, std::string param = {}) {
    return {501, "not_supported_error", message, std::move(param)};
  }
  /// The client may try again after a while.
  static ApiError unavailable(const std::string& message, int retry_after_seconds = 1) {
    ApiError error(503, "unavailable_error", message);
    error.retry_after_ = retry_after_seconds;
    error.code_ = "rate_limit_exceeded";
    return error;
  }

  ApiError(int status, std::string type, const std::string& message, std::string param = {})
      : std::runtime_error(message),
        status_(status),
        type_(std::move(type)),
        param_(std::move(param)) {}

  int status() const { return status_; }
  const std::string& type() const { return type_; }
  /// Seconds; 0: none.
  int retry_after() const { return retry_after_; }
  /// {"error": {"message", "type", "param", "code"}}. The code is one of OpenAI's words, or null.
  nlohmann::ordered_json to_json() const;

 private:
  int status_;
  std::string type_;
  std::string param_;
  std::string code_;                          // empty: none
  nlohmann::ordered_json details_ = nullptr;  // further members of the error
  int retry_after_ = 0;
};

/// What any exception of the library means for a client. What is our own fault is told in general
/// words only, and goes to the log.
ApiError api_error_of(const std::exception_ptr& failure);

/// Bytes that are no UTF-8 become U+FFFD.
std::string dump_json(const nlohmann::ordered_json& value);

}  // namespace pandagpt
