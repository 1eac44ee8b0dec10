// Lists of pairs of inputs of two senses: what binding learns from, and evaluation measures on.
//
// A list is JSON, one object a line (.jsonl), or a table with a header (.tsv, tab-separated). Each
// row names two senses of: image, audio, depth, thermal, imu, text.
//
//   {"imu": "imu.npz#a1_s1_t1", "label": "swipe left", "imu_rate_hz": 50}
//   {"image": "1.jpg", "text": ["a dog runs", "a brown dog on grass"]}
//   {"depth": "a.png", "imu": "a.csv", "group": "a1"}
//
// Paths are relative to the list's folder; "#name" after an .npz file is an array in it. "text" may
// be a list of alternatives, of which a step draws one. "label" stands for a text: it is put into
// the templates of the other sense. Pairs of the same input, text, label or "group" aren't each
// other's negatives. What sensors don't say themselves: imu_rate_hz, acceleration_unit ("m/s2",
// "g", "mg"), rotation_unit ("rad/s", "deg/s"), depth_encoding ("mm", "tum", ..),
// depth_metres_per_unit, depth_focal_length, depth_baseline, thermal_coldest, thermal_warmest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "embed/media_item.h"

namespace pandagpt {

/// Alternatives that mean the same: captions of one picture, a label in all templates.
using TextItem = std::vector<std::string>;

/// Distinct inputs of all lists: each is decoded and encoded once.
struct InputTable {
  std::vector<MediaItem> media;
  std::vector<TextItem> texts;

  std::int64_t add(const MediaItem& item);
  std::int64_t add(const TextItem& texts);

 private:
  std::map<MediaItem, std::int64_t> media_index_;
  std::map<TextItem, std::int64_t> text_index_;
};

/// Identity of a pair: two pairs of the same thing aren't each other's negatives.
struct PairIdentity {
  std::int64_t a = 0;      ///< number of the first side's input
  std::int64_t b = 0;      ///< of the second side's; one for each kind of thing, e.g. a label
  std::int64_t group = 0;  ///< the data set's own; negative: none

  bool same_as(const PairIdentity& other) const {
    return a == other.a || b == other.b || (group >= 0 && group == other.group);
  }
};

struct Pair {
  std::int64_t a = 0;       ///< index into InputTable::media
  std::int64_t b = 0;       ///< index into InputTable::media, or ::texts if b's sense is text
  std::int64_t group = -1;  ///< number of the row's group, counted over all lists
  std::int64_t label = -1;  ///< index into PairList::labels

  PairIdentity identity() const { return {a, b, group}; }
};

/// The pairs of one list. All are of the same two senses; text is always the second.
struct PairList {
  std::string name;  ///< of the file, without folder and extension
  TowerKind a = TowerKind::kVision;
  TowerKind b = TowerKind::kText;
  std::vector<Pair> pairs = {};
  std::vector<std::string> labels = {};        ///< distinct ones, in order of appearance
  std::vector<std::int64_t> label_texts = {};  ///< index into InputTable::texts of each

  bool has_labels() const { return !labels.empty(); }
};

/// Texts with "{}" for the label, by the sense that is labelled. A sense without any has the label
/// itself.
using Templates = std::map<TowerKind, std::vector<std::string>>;

/// "audio=the sound of a {}" added to `templates`. Throws Error(kUsage) for another form.
void add_template(const std::string& text, Templates& templates);

/// Reads lists into one table of inputs.
class PairReader {
 public:
  PairReader(InputTable& inputs, Templates templates);

  /// Throws Error(kInput) naming the line: not JSON, not two senses, an unknown key or unit, a
  /// wrong type, or other senses than the rows before. Files are not opened.
  PairList read(const std::filesystem::path& path);

 private:
  void add_row(const nlohmann::json& json, const std::filesystem::path& path, std::int64_t line,
               PairList& list);

  InputTable& inputs_;
  Templates templates_;
  std::map<std::string, std::int64_t> groups_;
};

/// A list in which every row has a label: what classification is measured on. Throws Error(kInput)
/// as PairReader::read, and for a row without a label.
PairList read_labelled_list(const std::filesystem::path& path, InputTable& inputs);

/// Inputs of several senses that are to be understood together, one row of a list:
///   {"image": "dog.jpg", "audio": "rain.wav", "names": ["dog", "rain"]}
struct Composition {
  std::vector<MediaItem> media = {};    ///< in the order of kSenses, a sense at most once
  std::vector<std::string> names = {};  ///< [media] what each of them holds
};
/// Reads a list of compositions, in the same two forms without texts, labels and groups (in a table
/// a row's names stand in one cell, "dog|rain"). Throws Error(kInput) as PairReader::read, also for
/// fewer than two inputs or another number of names.
std::vector<Composition> read_compositions(const std::filesystem::path& path);

}  // namespace pandagpt
