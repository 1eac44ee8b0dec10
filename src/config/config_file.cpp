#include "config/config_file.h"

#include <spdlog/fmt/fmt.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "config/option_values.h"
#include "core/text_file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kOption = "config";
constexpr std::uint64_t kMaxBytes = 1 << 20;

using Values = OptionValues;
using Entries = std::vector<std::pair<std::string, Values>>;

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kUsage, path.string() + ": " + what);
}

[[noreturn]] void fail_type(const fs::path& path, const std::string& key) {
  fail(path, "'" + key + "': a value or a list of values was expected");
}

Values json_values(const nlohmann::json& value, const fs::path& path, const std::string& key) {
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_number() || value.is_boolean()) return {value.dump()};
  if (!value.is_array()) fail_type(path, key);
  Values values;
  for (const auto& item : value) {
    if (item.is_structured() || item.is_null()) fail_type(path, key);
    values.push_back(json_values(item, path, key).front());
  }
  return values;
}

Entries read_json(const std::string& text, const fs::path& path) {
  const auto json = nlohmann::json::parse(text, nullptr, false, true);
  if (!json.is_object()) fail(path, "a JSON object of options was expected");
  Entries entries;
  for (const auto& [key, value] : json.items())
    entries.emplace_back(key, json_values(value, path, key));
  return entries;
}

Entries read_yaml(const std::string& text, const fs::path& path) {
  Entries entries;
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) fail(path, "a YAML map of options was expected");
    for (const auto& item : root) {
      const auto key = item.first.as<std::string>();
      if (item.second.IsScalar())
        entries.emplace_back(key, Values{item.second.as<std::string>()});
      else if (item.second.IsSequence())
        entries.emplace_back(key, item.second.as<Values>());
      else
        fail_type(path, key);
    }
  } catch (const YAML::Exception& error) {
    fail(path, fmt::format("not valid YAML, line {}: {}", error.mark.line + 1, error.msg));
  }
  return entries;
}

}  // namespace

void add_config_option(CLI::App& app) {
  app.add_option(std::string("--") + kOption,
                 "JSON or YAML file of options, by their long names; what the command line gives "
                 "goes before it")
      ->type_name("FILE");
}

void apply_config(CLI::App& app) {
  const CLI::Option* given = app.get_option(std::string("--") + kOption);
  if (given->count() == 0) return;
  const fs::path path = given->results().back();
  const std::string text = read_text_file(path, kMaxBytes);
  const Entries entries =
      path.extension() == ".json" ? read_json(text, path) : read_yaml(text, path);
  std::set<const CLI::Option*> seen;
  for (const auto& [key, values] : entries) {
    std::string name = key;
    std::ranges::replace(name, '_', '-');
    CLI::Option* option = app.get_option_no_throw("--" + name);
    if (option == nullptr || option == given || name == "help")
      fail(path, "unknown option '" + key + "'" + suggested_option(app, name));
    if (!seen.insert(option).second) fail(path, "'" + key + "' is given twice");
    if (option->count() > 0) continue;  // the command line goes first
    try {
      set_option(*option, name, values);
    } catch (const CLI::Error& error) {
      fail(path, error.what());
    }
  }
}

void require_option(const CLI::App& app, const std::string& name) {
  if (app.get_option(name)->count() == 0)
    throw Error(ErrorKind::kUsage,
                name + " is required: on the command line or in the --config file");
}

nlohmann::json effective_config(const CLI::App& app, const std::set<std::string>& without) {
  nlohmann::json config = nlohmann::json::object();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (name == "help" || name == kOption || without.contains(name)) continue;
    Values values = option->reduced_results();
    if (option->count() == 0) {
      if (option->get_default_str().empty()) continue;
      values = {option->get_default_str()};
    }
    auto typed = nlohmann::json::array();
    for (const std::string& value : values) {
      const auto parsed = nlohmann::json::parse(value, nullptr, false);
      const bool is_plain = (parsed.is_number() || parsed.is_boolean()) &&
                            !option->get_type_name().starts_with("TEXT");
      typed.push_back(is_plain ? parsed : nlohmann::json(value));
    }
    config[name] = typed.size() == 1 ? typed.front() : typed;
  }
  return config;
}

}  // namespace pandagpt
