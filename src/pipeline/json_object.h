// Strict reading of JSON objects written by people: every fault names its key.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "pandagpt/error.h"

namespace pandagpt {

/// One object of a document. Remembers which keys were asked for, so that the others can be
/// reported: a misspelt optional key would otherwise be ignored in silence.
class JsonObject {
 public:
  /// `where` names the document in messages; `path` is the object's own key ("files.llm"), empty at
  /// the top. Faults are Errors of the kind `fault`, also if `value` is not an object. `value` must
  /// outlive this.
  JsonObject(const nlohmann::json& value, std::string where, std::string path = {},
             ErrorKind fault = ErrorKind::kModel);

  bool has(const std::string& key) const { return value_.contains(key); }

  /// Each throws an Error that names the key if it is missing or of another type.
  std::string text(const std::string& key);
  double number(const std::string& key);
  std::int64_t integer(const std::string& key);
  bool boolean(const std::string& key);
  std::vector<std::string> texts(const std::string& key);
  JsonObject object(const std::string& key);
  /// A list of objects: "key[0]", "key[1]", ..
  std::vector<JsonObject> objects(const std::string& key);

  /// Logs a warning for each key that was not asked for.
  void warn_about_unknown_keys() const;

  /// Throws Error("WHERE: 'PATH.key' <what>").
  [[noreturn]] void fail(const std::string& key, const std::string& what) const;

 private:
  const nlohmann::json& require(const std::string& key);
  std::string full_name(const std::string& key) const;

  const nlohmann::json& value_;
  std::string where_;
  std::string path_;
  ErrorKind fault_;
  std::set<std::string> known_;
};

}  // namespace pandagpt
