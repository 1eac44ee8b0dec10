#include "embed/item_reader.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "pandagpt/error.h"
#include "pipeline/input_json.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kText = "text";
constexpr std::string_view kId = "id";
constexpr std::size_t kMaxLineBytes = 1 << 20;

struct Extensions {
  Modality modality;
  std::string_view list;  // each between spaces
};
constexpr std::array<Extensions, 3> kExtensions{{
    {Modality::kImage, " jpg jpeg jpe png webp bmp gif tif tiff "},
    {Modality::kVideo, " mp4 m4v mov mkv webm avi mpg mpeg wmv flv ts 3gp ogv "},
    {Modality::kAudio, " wav flac mp3 ogg oga opus m4a aac wma aif aiff "},
}};

std::string text_of(const Json& value, std::string_view key) {
  if (!value.is_string()) throw BadObject("'" + std::string(key) + "' must be a string");
  return value.get<std::string>();
}

void parse_object(const std::string& line, const fs::path& root, EmbedItem& item) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) throw BadObject("not a JSON object");
  item.inputs = inputs_of_json(object, root);
  for (const auto& [key, value] : object.items()) {
    if (key == kId) {
      item.id = text_of(value, key);
    } else if (key == kText) {
      item.text = text_of(value, key);
    } else if (!modality_from_name(key) && key != kWeightsKey) {
      throw BadObject("unknown key '" + key + "'");
    }
  }
  if (item.text.empty() == item.inputs.empty())
    throw BadObject("needs either 'text' or inputs such as 'image'");
}

void parse_plain(const std::string& line, const fs::path& root, EmbedItem& item) {
  const std::size_t tab = line.find('\t');
  if (tab == std::string::npos) {
    const auto modality = modality_of_extension(line);
    if (!modality)
      throw BadObject("the kind of '" + line +
                      "' doesn't follow from its extension; write KIND, "
                      "a tab and the path");
    item.inputs.add_file(*modality, resolved_path(root, line));
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

std::optional<Modality> modality_of_extension(const fs::path& path) {
  std::string wanted = path.extension().string();
  if (wanted.size() < 2) return std::nullopt;
  std::ranges::transform(wanted, wanted.begin(), [](unsigned char c) {
    return static_cast<char>(c < 0x80 ? std::tolower(c) : c);
  });
  wanted.front() = ' ';  // instead of the dot
  wanted += ' ';
  for (const Extensions& one : kExtensions)
    if (one.list.find(wanted) != std::string_view::npos) return one.modality;
  return std::nullopt;
}

ItemReader::ItemReader(const fs::path& path, fs::path root, SensorOptions sensor)
    : path_(path), root_(std::move(root)), sensor_(sensor), standard_input_(path == "-") {
  if (standard_input_) return;
  std::error_code code;
  if (fs::is_directory(path, code))
    throw Error(ErrorKind::kInput, path.string() + ": is a folder, not a list of files");
  file_.open(path, std::ios::binary);
  if (!file_)
    throw Error(ErrorKind::kInput, path.string() +
                                       ": can't be read; check the path and its "
                                       "permissions");
  const std::uintmax_t size = fs::file_size(path, code);
  if (!code) total_bytes_ = static_cast<std::int64_t>(size);
}

std::istream& ItemReader::stream() {
  return standard_input_ ? std::cin : file_;
}

std::optional<EmbedItem> ItemReader::next() {
  for (std::string line; std::getline(stream(), line);) {
    ++line_;
    bytes_read_ += static_cast<std::int64_t>(line.size()) + 1;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    EmbedItem item;
    item.line = line_;
    try {
      if (line.size() > kMaxLineBytes) throw BadObject("the line is longer than 1 MiB");
      if (line.front() == '{') {
        parse_object(line, root_, item);
      } else {
        parse_plain(line, root_, item);
      }
    } catch (const BadObject& bad) {
      item.fault = "line " + std::to_string(line_) + ": " + bad.what();
    }
    item.inputs.set_sensor(sensor_);
    if (item.id.empty()) item.id = default_id(item);
    return item;
  }
  if (stream().bad()) throw Error(ErrorKind::kInput, path_.string() + ": reading failed");
  return std::nullopt;
}

}  // namespace pandagpt
