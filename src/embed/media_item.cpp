#include "embed/media_item.h"

#include <tuple>
#include <utility>

#include "media/npy.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::uint64_t kMaxContentBytes = std::uint64_t{256} << 20;

}  // namespace

std::string sense_name(TowerKind tower) {
  return tower == TowerKind::kVision ? "image" : tower_name(tower);
}

bool MediaItem::operator<(const MediaItem& other) const {
  const auto key = [](const MediaItem& item) {
    return std::tuple(item.tower, item.path.native(), item.member, to_string(item.sensor));
  };
  return key(*this) < key(other);
}

Input input_of(const MediaItem& item, Bytes content) {
  return {.modality = modality_from_name(sense_name(item.tower)).value(),
          .name = item.name(),
          .bytes = std::move(content),
          .sensor = item.sensor};
}

Bytes MediaItemReader::read(const MediaItem& item) {
  if (item.member.empty()) return read_file(item.path, kMaxContentBytes);
  try {
    return read_member(item);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInput, error.what());  // for us the archive is data, not a model
  }
}

Bytes MediaItemReader::read_member(const MediaItem& item) {
  if (archive_ != item.path) {
    archive_.clear();
    bytes_ = read_file(item.path, kMaxContentBytes);
    members_ = read_zip_table(bytes_, item.path.string());
    archive_ = item.path;
  }
  const auto found = members_.find(item.member + ".npy");
  if (found == members_.end())
    throw Error(ErrorKind::kInput, item.path.string() + ": has no array \"" + item.member + "\"");
  return unpack(found->second, kMaxNpyBytes, item.name());
}

}  // namespace pandagpt
