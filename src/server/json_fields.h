// Reading the JSON of requests: every fault is an ApiError that names the field.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

/// Parses a request's body, with limits for its depth and its number of values. Throws ApiError
/// 400: no JSON, not UTF-8, too deep, or no object.
nlohmann::json parse_json_object(std::string_view body);

/// One object of a request. null counts as absent, as OpenAI's clients send it.
class JsonFields {
 public:
  /// `path` is the object's own name ("messages[0]"), empty for the body. `value` must outlive
  /// this. Throws ApiError if it is no object.
  explicit JsonFields(const nlohmann::json& value, std::string path = {});

  /// Null if absent.
  const nlohmann::json* find(const std::string& key) const;
  const nlohmann::json& require(const std::string& key) const;

  std::optional<double> number(const std::string& key, double least, double most) const;
  std::optional<std::int64_t> integer(const std::string& key, std::int64_t least,
                                      std::int64_t most) const;
  std::optional<std::string> text(const std::string& key) const;
  std::string require_text(const std::string& key) const;
  bool boolean(const std::string& key, bool otherwise = false) const;
  std::optional<JsonFields> object(const std::string& key) const;
  /// An array of at most `most` values; empty if absent.
  std::vector<const nlohmann::json*> list(const std::string& key, std::size_t most) const;

  /// Keys that nobody has looked at so far, in the object's order; null counts as absent.
  std::vector<std::string> unread_keys() const;

  /// "messages[0].content"
  std::string name_of(const std::string& key) const;
  [[noreturn]] void fail(const std::string& key, const std::string& what) const;

 private:
  const nlohmann::json& value_;
  std::string path_;
  mutable std::set<std::string, std::less<>> read_;
};

}  // namespace pandagpt
