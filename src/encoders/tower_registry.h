// The architectures of towers that can be opened.
#pragma once

#include <memory>
#include <string>

#include "encoders/tower.h"

namespace pandagpt {

/// How towers of one architecture are opened. A function that is missing: the architecture has no
/// such towers.
struct TowerArchitecture {
  std::string name;  ///< pandagpt.TOWER.architecture in the file
  /// Of any kind but kText. Checks metadata and the shapes of the tensors; weights may be loaded
  /// when they are first needed. Throws Error(kModel), also for a kind that the architecture
  /// doesn't have.
  std::unique_ptr<Tower> (*open)(TowerKind kind, const TowerSource& source) = nullptr;
  std::unique_ptr<TextTower> (*open_text)(const TowerSource& source) = nullptr;
  /// A tower's sizes in a few words, for `pandagpt inspect`. Throws as open().
  std::string (*sizes)(const GgufFile& file, TowerKind kind) = nullptr;
};

/// Adds an architecture to those of the library, for all files that are opened afterwards. Threads
/// may call it. Throws Error(kUsage) if there is one of this name.
void register_architecture(const TowerArchitecture& architecture);

/// nullptr if there is none of this name. Valid until the program ends.
const TowerArchitecture* find_architecture(const std::string& name);

/// Whether the file holds this tower, of whichever architecture.
bool has_tower(const GgufFile& file, TowerKind kind);
/// pandagpt.TOWER.architecture. Throws Error(kModel) if there is no such tower.
std::string tower_architecture(const GgufFile& file, TowerKind kind);
/// The architecture of the file's tower. Throws Error(kModel) if it is unknown.
const TowerArchitecture& architecture_of(const GgufFile& file, TowerKind kind);
/// "FILE: pandagpt.TOWER.architecture is "NAME", WHAT": Error(kModel).
[[noreturn]] void fail_architecture(const GgufFile& file, TowerKind kind, const std::string& what);

}  // namespace pandagpt
