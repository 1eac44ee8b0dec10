#include "embed/pairs.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <sstream>

#include "core/text_file.h"
#include "embed/zero_shot.h"
#include "media/sensor_units.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxListBytes = std::uint64_t{1} << 30;
constexpr char kText[] = "text";
constexpr char kLabel[] = "label";
constexpr char kGroup[] = "group";
constexpr char kNames[] = "names";
constexpr char kNameSeparator = '|';  // of names in a table's cell
constexpr const char* kPairKeys[] = {kText, kLabel, kGroup};
constexpr const char* kCompositionKeys[] = {kNames};

constexpr const char* kSensorNames[] = {"acceleration_unit", "rotation_unit", "imu_gravity",
                                        "imu_columns", "depth_encoding"};
constexpr std::pair<const char*, std::optional<double> SensorOptions::*> kSensorNumbers[] = {
    {"imu_rate_hz", &SensorOptions::imu_rate_hz},
    {"depth_metres_per_unit", &SensorOptions::depth_metres_per_unit},
    {"depth_focal_length", &SensorOptions::depth_focal_length},
    {"depth_baseline", &SensorOptions::depth_baseline},
    {"thermal_coldest", &SensorOptions::thermal_coldest},
    {"thermal_warmest", &SensorOptions::thermal_warmest}};

/// One row; every complaint names file and line.
class Row {
 public:
  Row(const Json& json, const fs::path& list, std::int64_t line)
      : json_(json),
        where_(list.string() + ":" + std::to_string(line)),
        folder_(list.parent_path()) {
    if (!json.is_object()) fail("not a JSON object; give one object a line");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kInput, where_ + ": " + what);
  }

  /// The senses other than text, in the row's order.
  std::vector<MediaItem> media() const {
    const SensorOptions sensor = sensor_options();
    std::vector<MediaItem> items;
    for (const TowerKind tower : kSenses) {
      const std::string key = sense_name(tower);
      if (tower == TowerKind::kText || !json_.contains(key)) continue;
      MediaItem item{tower, (folder_ / text_of(key)).lexically_normal(), {}, sensor};
      const std::string path = item.path.string();
      if (const std::size_t mark = path.rfind(".npz#"); mark != std::string::npos) {
        item.path = path.substr(0, mark + 4);
        item.member = path.substr(mark + 5);
      }
      items.push_back(std::move(item));
    }
    return items;
  }

  /// Alternatives, or nothing.
  TextItem texts() const {
    const auto found = json_.find(kText);
    if (found == json_.end()) return {};
    if (!found->is_array()) return {text_of(kText)};
    TextItem texts;
    for (const Json& one : *found) {
      if (!one.is_string() || one.get_ref<const std::string&>().empty())
        fail("\"text\" holds something else than texts");
      texts.push_back(one);
    }
    if (texts.empty()) fail("\"text\" is empty");
    return texts;
  }

  /// What the inputs hold, of a composition.
  std::vector<std::string> names() const {
    const auto found = json_.find(kNames);
    if (found == json_.end()) fail("\"names\" is missing");
    std::vector<std::string> names;
    if (found->is_string()) {  // in a table
      std::istringstream cell(found->get<std::string>());
      for (std::string name; std::getline(cell, name, kNameSeparator);)
        names.push_back(name);
      return names;
    }
    if (!found->is_array() ||
        !std::ranges::all_of(*found, [](const Json& name) { return name.is_string(); }))
      fail("\"names\" must be a list of texts");
    return *found;
  }

  std::optional<std::string> optional_text(const char* key) const {
    if (!json_.contains(key)) return std::nullopt;
    return text_of(key);
  }

  /// `own`: the keys of this kind of row beside those of senses and sensors.
  void check_keys(std::span<const char* const> own) const {
    for (const auto& [key, value] : json_.items()) {
      const auto is_key = [&key = key](const auto& entry) { return key == entry.first; };
      const bool known = std::ranges::find(own, key) != own.end() ||
                         std::ranges::find(kSensorNames, key) != std::end(kSensorNames) ||
                         std::ranges::any_of(kSensorNumbers, is_key) ||
                         std::ranges::any_of(kSenses, [&key = key](TowerKind tower) {
                           return tower != TowerKind::kText && key == sense_name(tower);
                         });
      if (known) continue;
      std::string names;
      for (const char* name : own)
        names.append(", ").append(name);
      fail("the key \"" + key + "\" is unknown; it should be a sense (" +
           "image, audio, depth, thermal, imu)" + names + " or about a sensor");
    }
  }

 private:
  std::string text_of(const std::string& key) const {
    const Json& value = json_.at(key);
    if (!value.is_string() || value.get_ref<const std::string&>().empty())
      fail("\"" + key + "\" must be a text that isn't empty");
    return value;
  }

  /// Numbers are texts in a table.
  double number_of(const char* key) const {
    const Json& value = json_.at(key);
    if (value.is_number()) return value;
    char* end = nullptr;
    const std::string text = value.is_string() ? value.get<std::string>() : "";
    const double number = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0') fail(std::string("\"") + key + "\" must be a number");
    return number;
  }

  template <typename Unit>
  std::optional<Unit> unit_of(const char* key, const std::map<std::string, Unit>& units) const {
    if (!json_.contains(key)) return std::nullopt;
    const std::string text = text_of(key);
    std::string names;
    for (const auto& [name, unit] : units) {
      if (text == name) return unit;
      names += (names.empty() ? "" : ", ") + name;
    }
    fail(std::string("\"") + key + "\" is \"" + text + "\", not one of " + names);
  }

  SensorOptions sensor_options() const {
    SensorOptions options;
    for (const auto& [key, field] : kSensorNumbers)
      if (json_.contains(key)) options.*field = number_of(key);
    options.acceleration_unit = unit_of("acceleration_unit", acceleration_units());
    options.rotation_unit = unit_of("rotation_unit", rotation_units());
    options.imu_gravity = unit_of("imu_gravity", imu_gravities());
    options.imu_columns = optional_text("imu_columns").value_or("");
    options.depth_encoding = unit_of("depth_encoding", depth_encodings());
    return options;
  }

  const Json& json_;
  std::string where_;
  fs::path folder_;
};

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, '\t');)
    cells.push_back(cell);
  return cells;
}

std::int64_t add_label(const std::string& label, std::int64_t text, PairList& list) {
  const auto known = std::ranges::find(list.labels, label);
  if (known != list.labels.end()) return known - list.labels.begin();
  list.labels.push_back(label);
  list.label_texts.push_back(text);
  return static_cast<std::int64_t>(list.labels.size()) - 1;
}

/// A table's line as the object that JSON would have; empty cells are left out.
Json object_of(const std::vector<std::string>& header, const std::string& line,
               const fs::path& path, std::int64_t number) {
  const std::vector<std::string> cells = cells_of(line);
  if (cells.size() > header.size())
    throw Error(ErrorKind::kInput, path.string() + ":" + std::to_string(number) + ": has " +
                                       std::to_string(cells.size()) + " cells, the header has " +
                                       std::to_string(header.size()));
  Json object = Json::object();
  for (std::size_t i = 0; i < cells.size(); ++i)
    if (!cells[i].empty()) object[header[i]] = cells[i];
  return object;
}

/// Calls `take(row, line number)` for each row of a list of either form.
void for_each_row(const fs::path& path,
                  const std::function<void(const Json& row, std::int64_t line)>& take) {
  const bool is_table = path.extension() == ".tsv";
  std::vector<std::string> header;
  std::int64_t number = 0;
  for (const std::string& line : read_text_lines(path, kMaxListBytes)) {
    ++number;
    if (line.empty()) continue;
    if (is_table && header.empty()) {
      header = cells_of(line);
      continue;
    }
    const Json json =
        is_table ? object_of(header, line, path, number) : Json::parse(line, nullptr, false);
    if (json.is_discarded())
      throw Error(ErrorKind::kInput,
                  path.string() + ":" + std::to_string(number) + ": not valid JSON");
    take(json, number);
  }
}

}  // namespace

std::int64_t InputTable::add(const MediaItem& item) {
  const auto [found, is_new] =
      media_index_.try_emplace(item, static_cast<std::int64_t>(media.size()));
  if (is_new) media.push_back(item);
  return found->second;
}

std::int64_t InputTable::add(const TextItem& item) {
  const auto [found, is_new] =
      text_index_.try_emplace(item, static_cast<std::int64_t>(texts.size()));
  if (is_new) texts.push_back(item);
  return found->second;
}

void add_template(const std::string& text, Templates& templates) {
  const std::size_t equals = text.find('=');
  const std::string sense = text.substr(0, equals);
  for (const TowerKind tower : kSenses)
    if (equals != std::string::npos && sense == sense_name(tower) &&
        text.find(kLabelMark, equals) != std::string::npos) {
      templates[tower].push_back(text.substr(equals + 1));
      return;
    }
  throw Error(ErrorKind::kUsage,
              "the template \"" + text + "\" is not of the form \"audio=the sound of a {}\"");
}

PairReader::PairReader(InputTable& inputs, Templates templates)
    : inputs_(inputs), templates_(std::move(templates)) {}

void PairReader::add_row(const Json& json, const fs::path& path, std::int64_t line,
                         PairList& list) {
  const Row row(json, path, line);
  row.check_keys(kPairKeys);
  const std::vector<MediaItem> media = row.media();
  TextItem texts = row.texts();
  const std::optional<std::string> label = row.optional_text(kLabel);
  if (label && !texts.empty()) row.fail("has both \"text\" and \"label\"");
  if (media.empty() || media.size() + (texts.empty() && !label ? 0 : 1) != 2)
    row.fail("does not name two senses, of which at most one is text");
  const TowerKind b = media.size() == 2 ? media[1].tower : TowerKind::kText;
  if (list.pairs.empty()) {
    list.a = media[0].tower;
    list.b = b;
  } else if (list.a != media[0].tower || list.b != b) {
    row.fail("pairs " + sense_name(media[0].tower) + " with " + sense_name(b) +
             ", the rows before " + sense_name(list.a) + " with " + sense_name(list.b) +
             "; make a list for each");
  }
  if (label) texts = filled_templates(templates_[list.a], *label);
  Pair pair{.a = inputs_.add(media[0])};
  pair.b = media.size() == 2 ? inputs_.add(media[1]) : inputs_.add(texts);
  if (label) pair.label = add_label(*label, pair.b, list);
  if (const auto group = row.optional_text(kGroup))
    pair.group =
        groups_.try_emplace(*group, static_cast<std::int64_t>(groups_.size())).first->second;
  list.pairs.push_back(pair);
}

PairList PairReader::read(const fs::path& path) {
  PairList list{.name = path.stem().string()};
  for_each_row(path, [&](const Json& json, std::int64_t line) { add_row(json, path, line, list); });
  if (list.pairs.empty()) throw Error(ErrorKind::kInput, path.string() + ": holds no pairs");
  return list;
}

PairList read_labelled_list(const fs::path& path, InputTable& inputs) {
  PairList list = PairReader(inputs, {}).read(path);
  const bool all =
      std::ranges::all_of(list.pairs, [](const Pair& pair) { return pair.label >= 0; });
  if (!all) throw Error(ErrorKind::kInput, path.string() + ": every row needs a \"label\"");
  return list;
}

std::vector<Composition> read_compositions(const fs::path& path) {
  std::vector<Composition> list;
  for_each_row(path, [&](const Json& json, std::int64_t line) {
    const Row row(json, path, line);
    row.check_keys(kCompositionKeys);
    list.push_back({row.media(), row.names()});
    if (list.back().media.size() < 2) row.fail("needs inputs of two senses or more");
    if (list.back().names.size() != list.back().media.size())
      row.fail("\"names\" must have as many entries as there are inputs");
  });
  if (list.empty()) throw Error(ErrorKind::kInput, path.string() + ": holds no compositions");
  return list;
}

}  // namespace pandagpt
