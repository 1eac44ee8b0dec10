// One input of a list: a file, or an array of an archive.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/file.h"
#include "core/zip_reader.h"
#include "encoders/imagebind_config.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// What lists have inputs of.
inline constexpr auto& kSenses = kImageBindTowers;
/// "image" for vision, else the tower's name: what lists call a sense.
std::string sense_name(TowerKind tower);

/// One file of a sense, or an array of an .npz file.
struct MediaItem {
  TowerKind tower = TowerKind::kVision;  ///< any but kText
  std::filesystem::path path;
  std::string member = {};  ///< of an .npz file
  SensorOptions sensor = {};

  std::string name() const { return member.empty() ? path.string() : path.string() + "#" + member; }
  bool operator<(const MediaItem& other) const;
};

/// The item as an input with this content, without any to be read from its file.
Input input_of(const MediaItem& item, Bytes content = {});

/// Reads the content of items. The latest archive is kept open.
class MediaItemReader {
 public:
  /// The item's file, or the array in an .npz file that it names. Throws Error(kInput).
  Bytes read(const MediaItem& item);

 private:
  Bytes read_member(const MediaItem& item);

  std::filesystem::path archive_;
  Bytes bytes_;
  std::map<std::string, ZipMember> members_;  // of the archive, views into bytes_
};

}  // namespace pandagpt
