#include "eval/caption_set.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string_view>
#include <unordered_map>

#include "core/text_file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{512} << 20;

[[noreturn]] void bad_entry(const std::filesystem::path& path, std::size_t index,
                            const std::string& what) {
  throw Error(ErrorKind::kInput, fmt::format("{}: entry {}: {}", path.string(), index, what));
}

/// The captions that one entry of a test or training set holds.
std::vector<std::string> captions_of(const json& entry, const std::filesystem::path& path,
                                     std::size_t index) {
  std::vector<std::string> captions;
  if (const auto list = entry.find("captions"); list != entry.end()) {
    if (!list->is_array()) bad_entry(path, index, "'captions' is not a list");
    for (const json& caption : *list) {
      if (!caption.is_string()) bad_entry(path, index, "a caption is not a text");
      captions.push_back(caption.get<std::string>());
    }
  } else if (const auto turns = entry.find("conversation");
             turns != entry.end() && turns->is_array()) {
    for (const json& turn : *turns) {
      if (!turn.is_object() || turn.value("from", "") != "gpt") continue;
      const auto value = turn.find("value");
      if (value == turn.end() || !value->is_string())
        bad_entry(path, index, "a turn has no 'value'");
      captions.push_back(value->get<std::string>());
    }
  } else {
    bad_entry(path, index, "neither 'captions' nor 'conversation'");
  }
  if (captions.empty()) bad_entry(path, index, "no captions");
  return captions;
}

std::vector<std::string> split_tabs(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, '\t');)
    cells.push_back(cell);
  return cells;
}

struct LabelRow {
  std::string image;
  std::string key;  // class_index or wnid
};

}  // namespace

std::vector<CaptionPhoto> read_caption_set(const std::filesystem::path& path) {
  const json document =
      json::parse(read_text_file(path, kMaxBytes), nullptr, /*allow_exceptions=*/false);
  if (!document.is_array()) {
    throw Error(ErrorKind::kInput, fmt::format("{}: not a JSON list of photos", path.string()));
  }
  std::vector<CaptionPhoto> photos;
  std::unordered_map<std::string, std::size_t> index_of;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const json& entry = document[i];
    if (!entry.is_object()) bad_entry(path, i, "not an object");
    const auto name = entry.find("image_name");
    if (name == entry.end() || !name->is_string()) bad_entry(path, i, "'image_name' is missing");
    const auto [at, is_new] = index_of.emplace(name->get<std::string>(), photos.size());
    if (is_new) photos.push_back({at->first, {}});
    for (std::string& caption : captions_of(entry, path, i)) {
      photos[at->second].captions.push_back(std::move(caption));
    }
  }
  if (photos.empty()) {
    throw Error(ErrorKind::kInput, fmt::format("{}: the list of photos is empty", path.string()));
  }
  return photos;
}

std::vector<LabelledPhoto> read_labels(const std::filesystem::path& path, int n_classes) {
  std::istringstream lines(read_text_file(path, kMaxBytes));
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> header = split_tabs(line);
  const auto column = [&](std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(header, name) - header.begin());
  };
  const bool by_index = column("class_index") < header.size();
  const std::size_t image = column("image"), key = column(by_index ? "class_index" : "wnid");
  if (image >= header.size() || key >= header.size()) {
    throw Error(
        ErrorKind::kInput,
        fmt::format("{}: the header needs 'image' and 'class_index' or 'wnid'", path.string()));
  }
  std::vector<LabelRow> rows;
  std::set<std::string> keys;
  while (std::getline(lines, line)) {
    const std::vector<std::string> cells = split_tabs(line);
    if (cells.empty()) continue;
    if (cells.size() <= std::max(image, key)) {
      throw Error(ErrorKind::kInput, fmt::format("{}: line {} has only {} columns", path.string(),
                                                 rows.size() + 2, cells.size()));
    }
    rows.push_back({cells[image], cells[key]});
    keys.insert(cells[key]);
  }
  if (!by_index && keys.size() != static_cast<std::size_t>(n_classes)) {
    throw Error(
        ErrorKind::kInput,
        fmt::format("{}: {} WordNet ids for a model of {} classes; add a class_index column",
                    path.string(), keys.size(), n_classes));
  }
  std::map<std::string, int> rank;
  for (const std::string& wnid : keys)
    rank.emplace(wnid, static_cast<int>(rank.size()));
  std::vector<LabelledPhoto> photos;
  for (const LabelRow& row : rows) {
    int label = by_index ? -1 : rank.at(row.key);
    if (by_index) std::from_chars(row.key.data(), row.key.data() + row.key.size(), label);
    if (label < 0 || label >= n_classes) {
      throw Error(ErrorKind::kInput, fmt::format("{}: '{}' of {} is not a class index below {}",
                                                 path.string(), row.key, row.image, n_classes));
    }
    photos.push_back({row.image, label});
  }
  if (photos.empty())
    throw Error(ErrorKind::kInput, path.string() + ": no photos under the header");
  return photos;
}

}  // namespace pandagpt
