#include "encoders/tower_registry.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include "encoders/encoder_keys.h"
#include "pandagpt/error.h"

// The architectures of the library, a line each: NAME_architecture() is in NAME_tower.cpp.
#define PANDAGPT_ARCHITECTURES(ADD) \
  ADD(efficientnet)                 \
  ADD(imagebind)                    \
  ADD(shared_trunk)

namespace pandagpt {

#define PANDAGPT_DECLARE(NAME) TowerArchitecture NAME##_architecture();
PANDAGPT_ARCHITECTURES(PANDAGPT_DECLARE)
#undef PANDAGPT_DECLARE

namespace {

class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  void add(const TowerArchitecture& architecture) {
    const std::lock_guard lock(mutex_);
    if (find_unlocked(architecture.name) != nullptr)
      throw Error(ErrorKind::kUsage,
                  "there is an architecture \"" + architecture.name + "\" of towers already");
    known_.push_back(architecture);
  }

  const TowerArchitecture* find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return find_unlocked(name);
  }

  std::string names() const {
    const std::lock_guard lock(mutex_);
    std::string names;
    for (const TowerArchitecture& one : known_)
      names += (names.empty() ? "" : ", ") + one.name;
    return names;
  }

 private:
#define PANDAGPT_MAKE(NAME) NAME##_architecture(),
  Registry() : known_{PANDAGPT_ARCHITECTURES(PANDAGPT_MAKE)} {}
#undef PANDAGPT_MAKE

  const TowerArchitecture* find_unlocked(const std::string& name) const {
    const auto found = std::ranges::find(known_, name, &TowerArchitecture::name);
    return found == known_.end() ? nullptr : &*found;
  }

  mutable std::mutex mutex_;
  std::deque<TowerArchitecture> known_;  // stay where they are when more are added
};

}  // namespace

void register_architecture(const TowerArchitecture& architecture) {
  Registry::instance().add(architecture);
}

const TowerArchitecture* find_architecture(const std::string& name) {
  return Registry::instance().find(name);
}

bool has_tower(const GgufFile& file, TowerKind kind) {
  return file.has(tower_key(kind, encoder_keys::kTowerArchitecture));
}

std::string tower_architecture(const GgufFile& file, TowerKind kind) {
  return file.get_str(tower_key(kind, encoder_keys::kTowerArchitecture));
}

const TowerArchitecture& architecture_of(const GgufFile& file, TowerKind kind) {
  const TowerArchitecture* found = find_architecture(tower_architecture(file, kind));
  if (found == nullptr)
    fail_architecture(file, kind,
                      "which is unknown; this program knows " + Registry::instance().names());
  return *found;
}

void fail_architecture(const GgufFile& file, TowerKind kind, const std::string& what) {
  throw Error(ErrorKind::kModel, file.path().string() + ": " +
                                     tower_key(kind, encoder_keys::kTowerArchitecture) + " is \"" +
                                     tower_architecture(file, kind) + "\", " + what);
}

}  // namespace pandagpt
