// The kinds of encoders that an encoders file can hold.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace pandagpt {

/// One encoder for one kind of input. The order is that of ImageBind's model file.
enum class Tower { kVision, kText, kAudio, kDepth, kThermal, kImu };

inline constexpr std::array<Tower, 6> kAllTowers{Tower::kVision, Tower::kText,    Tower::kAudio,
                                                 Tower::kDepth,  Tower::kThermal, Tower::kImu};

/// "vision", "text", ..: as in names of tensors, metadata and options.
constexpr const char* tower_name(Tower tower) {
  constexpr std::array<const char*, kAllTowers.size()> kNames{"vision", "text",    "audio",
                                                              "depth",  "thermal", "imu"};
  return kNames[static_cast<std::size_t>(tower)];
}

/// The inverse; nothing for a name that no tower has.
constexpr std::optional<Tower> tower_from_name(std::string_view name) {
  for (const Tower tower : kAllTowers)
    if (name == tower_name(tower)) return tower;
  return std::nullopt;
}

/// Name of a metadata key: "pandagpt.audio.block_count".
inline std::string tower_key(Tower tower, std::string_view part) {
  return std::string("pandagpt.") + tower_name(tower) + "." + std::string(part);
}

}  // namespace pandagpt
