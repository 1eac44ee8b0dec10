#include "server/json_fields.h"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <utility>

#include "server/api_error.h"

namespace pandagpt {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxValues = 500'000;  // ten minutes of motion at 100 Hz are 360,000 numbers

}  // namespace

json parse_json_object(std::string_view body) {
  std::size_t n_values = 0;
  const auto limit = [&](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth)
      throw ApiError::invalid("the JSON is nested more than " + std::to_string(kMaxDepth) +
                              " levels deep");
    if (++n_values > kMaxValues)
      throw ApiError::invalid("the JSON has more than " + std::to_string(kMaxValues) +
                              " values; send long recordings as a file");
    return true;
  };
  try {
    json value = json::parse(body, limit);
    if (!value.is_object()) throw ApiError::invalid("the body must be a JSON object {..}");
    return value;
  } catch (const json::exception& error) {
    std::string why = error.what();  // "[json.exception.parse_error.101] parse error at ..: .."
    if (const std::size_t end = why.find("] "); end != std::string::npos) why.erase(0, end + 2);
    throw ApiError::invalid("the body is no valid JSON: " + why);
  }
}

JsonFields::JsonFields(const json& value, std::string path)
    : value_(value), path_(std::move(path)) {
  if (!value_.is_object()) throw ApiError::invalid("'" + path_ + "' must be an object {..}", path_);
}

std::vector<std::string> JsonFields::unread_keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : value_.items())
    if (!value.is_null() && !read_.contains(key)) keys.push_back(key);
  return keys;
}

std::string JsonFields::name_of(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

void JsonFields::fail(const std::string& key, const std::string& what) const {
  throw ApiError::invalid("'" + name_of(key) + "' " + what, name_of(key));
}

const json* JsonFields::find(const std::string& key) const {
  read_.insert(key);
  const auto found = value_.find(key);
  return found == value_.end() || found->is_null() ? nullptr : &*found;
}

const json& JsonFields::require(const std::string& key) const {
  const json* found = find(key);
  if (found == nullptr) fail(key, "is missing");
  return *found;
}

std::optional<double> JsonFields::number(const std::string& key, double least, double most) const {
  const json* found = find(key);
  if (found == nullptr) return std::nullopt;
  if (!found->is_number()) fail(key, "must be a number");
  const auto value = found->get<double>();
  if (!std::isfinite(value) || value < least || value > most)
    fail(key, fmt::format("must be between {:g} and {:g}", least, most));
  return value;
}

std::optional<std::int64_t> JsonFields::integer(const std::string& key, std::int64_t least,
                                                std::int64_t most) const {
  const json* found = find(key);
  if (found == nullptr) return std::nullopt;
  const bool is_whole =
      found->is_number_integer() ||
      (found->is_number_float() && std::trunc(found->get<double>()) == found->get<double>());
  if (!is_whole) fail(key, "must be a whole number");
  // Compared as a double first: the conversion of what doesn't fit is undefined.
  const auto rough = found->get<double>();
  if (rough < static_cast<double>(least) || rough > static_cast<double>(most))
    fail(key, fmt::format("must be between {} and {}", least, most));
  return found->get<std::int64_t>();
}

std::optional<std::string> JsonFields::text(const std::string& key) const {
  const json* found = find(key);
  if (found == nullptr) return std::nullopt;
  if (!found->is_string()) fail(key, "must be a text");
  return found->get<std::string>();
}

std::string JsonFields::require_text(const std::string& key) const {
  require(key);
  return *text(key);
}

bool JsonFields::boolean(const std::string& key, bool otherwise) const {
  const json* found = find(key);
  if (found == nullptr) return otherwise;
  if (!found->is_boolean()) fail(key, "must be true or false");
  return found->get<bool>();
}

std::optional<JsonFields> JsonFields::object(const std::string& key) const {
  const json* found = find(key);
  if (found == nullptr) return std::nullopt;
  return JsonFields(*found, name_of(key));
}

std::vector<const json*> JsonFields::list(const std::string& key, std::size_t most) const {
  const json* found = find(key);
  if (found == nullptr) return {};
  if (!found->is_array()) fail(key, "must be a list [..]");
  if (found->size() > most)
    fail(key, "has " + std::to_string(found->size()) + " entries; at most " + std::to_string(most) +
                  " are taken");
  std::vector<const json*> items;
  for (const json& item : *found)
    items.push_back(&item);
  return items;
}

}  // namespace pandagpt
