#include "pipeline/json_object.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace pandagpt {

JsonObject::JsonObject(const nlohmann::json& value, std::string where, std::string path,
                       ErrorKind fault)
    : value_(value), where_(std::move(where)), path_(std::move(path)), fault_(fault) {
  if (value_.is_object()) return;
  const std::string name = path_.empty() ? "the document" : "'" + path_ + "'";
  throw Error(fault_, where_ + ": " + name + " must be an object {..}");
}

std::string JsonObject::full_name(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

void JsonObject::fail(const std::string& key, const std::string& what) const {
  throw Error(fault_, where_ + ": '" + full_name(key) + "' " + what);
}

const nlohmann::json& JsonObject::require(const std::string& key) {
  known_.insert(key);
  const auto found = value_.find(key);
  if (found == value_.end()) fail(key, "is missing");
  return *found;
}

std::string JsonObject::text(const std::string& key) {
  const nlohmann::json& value = require(key);
  if (!value.is_string()) fail(key, "must be a text");
  return value.get<std::string>();
}

double JsonObject::number(const std::string& key) {
  const nlohmann::json& value = require(key);
  if (!value.is_number()) fail(key, "must be a number");
  return value.get<double>();
}

std::int64_t JsonObject::integer(const std::string& key) {
  const nlohmann::json& value = require(key);
  if (!value.is_number_integer()) fail(key, "must be a whole number");
  return value.get<std::int64_t>();
}

bool JsonObject::boolean(const std::string& key) {
  const nlohmann::json& value = require(key);
  if (!value.is_boolean()) fail(key, "must be true or false");
  return value.get<bool>();
}

std::vector<std::string> JsonObject::texts(const std::string& key) {
  const nlohmann::json& value = require(key);
  if (!value.is_array()) fail(key, "must be a list of texts");
  std::vector<std::string> list;
  for (const nlohmann::json& item : value) {
    if (!item.is_string()) fail(key, "must be a list of texts");
    list.push_back(item.get<std::string>());
  }
  return list;
}

JsonObject JsonObject::object(const std::string& key) {
  return {require(key), where_, full_name(key), fault_};
}

std::vector<JsonObject> JsonObject::objects(const std::string& key) {
  const nlohmann::json& value = require(key);
  if (!value.is_array()) fail(key, "must be a list of objects {..}");
  std::vector<JsonObject> list;
  for (std::size_t i = 0; i < value.size(); ++i)
    list.emplace_back(value[i], where_, full_name(key) + "[" + std::to_string(i) + "]", fault_);
  return list;
}

void JsonObject::warn_about_unknown_keys() const {
  for (const auto& item : value_.items()) {
    if (!known_.contains(item.key()))
      spdlog::warn("{}: unknown key '{}' is ignored", where_, full_name(item.key()));
  }
}

}  // namespace pandagpt
