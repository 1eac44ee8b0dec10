#include "embed/item_reader.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "media/logs/address.h"
#include "media/logs/log_steps.h"
#include "media/media_kind.h"
#include "pandagpt/error.h"
#include "pipeline/input_json.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kText = "text";
constexpr std::string_view kId = "id";
constexpr std::size_t kMaxLineBytes = 1 << 20;

std::string string_of(const Json& value, std::string_view key) {
  if (!value.is_string()) throw BadObject("'" + std::string(key) + "' must be a string");
  return value.get<std::string>();
}

void parse_object(const std::string& line, const fs::path& root, EmbedItem& item) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw BadObject("not a JSON object");
  item.inputs = inputs_of_json(object, root);
  for (const auto& [key, value] : object.items()) {
    if (key == kId) {
      item.id = string_of(value, key);
    } else if (key == kText) {
      item.text = string_of(value, key);
    } else if (!modality_from_name(key) && key != kWeightsKey) {
      throw BadObject("unknown key '" + key + "'");
    }
  }
  if (item.text.empty() == item.inputs.empty())
    throw BadObject("needs either 'text' or inputs such as 'image'");
}

// Names of files may be any bytes; what else stands in a list is text.
void require_text(const std::string& line, const fs::path& root) {
  const std::string bad = find_bad_utf8(line);
  if (bad.empty()) return;
  std::error_code ignored;
  const bool is_file =
      line.find('\0') == std::string::npos &&
      fs::exists(file_of(resolved_path(root, line.substr(line.find('\t') + 1))), ignored);
  if (!is_file) throw BadObject(bad);
}

Modality kind_of_path(const std::string& path) {
  std::optional<Modality> kind = modality_of_extension(path);
  if (!kind) kind = kind_of_beginning(fs::path(path));
  std::error_code ignored;
  if (!kind && !fs::exists(path, ignored)) throw BadObject(path + ": no such file");
  if (!kind)
    throw BadObject("the kind of '" + path +
                    "' follows neither from its ending nor from its content; write KIND, a tab and "
                    "the path");
  return *kind;
}

void parse_plain(const std::string& line, const fs::path& root, EmbedItem& item) {
  const std::size_t tab = line.find('\t');
  if (tab == std::string::npos) {
    item.inputs.add_file(kind_of_path(resolved_path(root, line)), resolved_path(root, line));
    return;
  }
  const std::string kind = line.substr(0, tab);
  const std::string rest = line.substr(tab + 1);
  if (kind == kText) {
    if (rest.empty()) throw BadObject("the text is empty");
    item.text = rest;
    return;
  }
  const auto modality = modality_from_name(kind);
  if (!modality) throw BadObject("unknown kind '" + kind + "'");
  item.inputs.add_file(*modality, resolved_path(root, rest));
}

std::string default_id(const EmbedItem& item) {
  return item.inputs.empty() ? item.text : item.inputs.items().front().name;
}

}  // namespace

ItemReader::ItemReader(const fs::path& path, fs::path root, SensorOptions sensor)
    : lines_(path), root_(std::move(root)), sensor_(sensor) {}

EmbedItem ItemReader::read_line(const std::string& line) const {
  EmbedItem item;
  item.line = lines_.line_number();
  try {
    if (line.size() > kMaxLineBytes) throw BadObject("the line is longer than 1 MiB");
    require_text(line, root_);
    if (line.front() == '{') {
      parse_object(line, root_, item);
    } else {
      parse_plain(line, root_, item);
    }
  } catch (const BadObject& bad) {
    item.fault = "line " + std::to_string(item.line) + ": " + bad.what();
  }
  item.inputs.set_sensor(sensor_);
  return item;
}

void ItemReader::add_items(EmbedItem item) {
  const std::vector<Input>& inputs = item.inputs.items();
  if (!item.fault.empty() || inputs.size() != 1 || !has_log_step(inputs.front().name)) {
    if (item.id.empty()) item.id = default_id(item);
    waiting_.push_back(std::move(item));
    return;
  }
  try {
    const std::vector<std::string> names =
        expand_log_steps(inputs.front().name, inputs.front().modality);
    for (const std::string& name : names) {
      EmbedItem one;
      one.line = item.line;
      one.part = std::ssize(waiting_);
      // The place behind a line's own id tells its items apart.
      one.id = item.id.empty() ? name : item.id + name.substr(name.rfind('@'));
      Input input = inputs.front();
      input.name = name;
      one.inputs.add(std::move(input));
      waiting_.push_back(std::move(one));
    }
  } catch (const Error& error) {
    if (item.id.empty()) item.id = default_id(item);
    item.fault = "line " + std::to_string(item.line) + ": " + error.what();
    waiting_.push_back(std::move(item));
  }
}

std::optional<EmbedItem> ItemReader::next() {
  for (std::string line; waiting_.empty() && lines_.next(line);)
    if (!line.empty() && line.front() != '#') add_items(read_line(line));
  if (waiting_.empty()) return std::nullopt;
  EmbedItem item = std::move(waiting_.front());
  waiting_.pop_front();
  return item;
}

}  // namespace pandagpt
