// What the towers of an encoders file are for.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace pandagpt {

/// A file holds at most one tower of each kind. The first six stand in the order of ImageBind's
/// checkpoint.
enum class TowerKind {
  kVision,  ///< pictures, and films where there is no kVideo
  kText,
  kAudio,
  kDepth,
  kThermal,
  kImu,
  kVideo,  ///< films alone
};

inline constexpr std::array kTowerKinds{TowerKind::kVision, TowerKind::kText,    TowerKind::kAudio,
                                        TowerKind::kDepth,  TowerKind::kThermal, TowerKind::kImu,
                                        TowerKind::kVideo};

/// "vision", "text", ..: as in names of tensors, metadata and options.
constexpr const char* tower_name(TowerKind tower) {
  constexpr std::array<const char*, kTowerKinds.size()> kNames{"vision",  "text", "audio", "depth",
                                                               "thermal", "imu",  "video"};
  return kNames[static_cast<std::size_t>(tower)];
}

/// The inverse; nothing for a name that no tower has.
constexpr std::optional<TowerKind> tower_from_name(std::string_view name) {
  for (const TowerKind tower : kTowerKinds)
    if (name == tower_name(tower)) return tower;
  return std::nullopt;
}

/// Name of a metadata key: "pandagpt.audio.block_count".
inline std::string tower_key(TowerKind tower, std::string_view part) {
  return std::string("pandagpt.") + tower_name(tower) + "." + std::string(part);
}

}  // namespace pandagpt
