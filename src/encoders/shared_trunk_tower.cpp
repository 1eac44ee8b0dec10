// The architecture "shared-trunk": sounds, depth maps and thermal pictures as grey pictures for the
// vision tower's trunk (shared_trunk.h).
#include <optional>
#include <string>

#include "encoders/encoder_keys.h"
#include "encoders/shared_trunk.h"
#include "encoders/tower_registry.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

class SharedTrunkTower : public Tower {
 public:
  SharedTrunkTower(TowerKind kind, const TowerSource& source)
      : source_(source), config_(read_shared_trunk_config(source.file, kind)) {
    if (kind != TowerKind::kAudio && config_.height != config_.width)
      throw Error(ErrorKind::kModel, source.file.path().string() + ": " +
                                         tower_key(kind, encoder_keys::kTowerInput) +
                                         " is no square picture");
    Tower* vision = source.other(TowerKind::kVision);
    trunk_ = vision != nullptr ? vision->trunk() : nullptr;
    if (trunk_ == nullptr)
      fail_architecture(source.file, kind, "but the vision tower has no trunk to share");
  }

  void set_transforms(MediaTransforms& transforms) const override {
    if (config_.tower == TowerKind::kAudio) {
      transforms.audio.n_mel_bins = config_.height;
      transforms.audio.n_frames = config_.width;
    } else if (config_.tower == TowerKind::kDepth) {
      transforms.depth.size = config_.height;
    } else {
      transforms.thermal_picture.size = config_.height;
      transforms.thermal_picture.resize_short_side = config_.height;
    }
  }

  std::size_t view_length() const override { return config_.view_length(); }

  std::vector<float> encode(std::span<const float> values, int n) override {
    if (values.size() != n * view_length())
      throw Error(ErrorKind::kUsage, std::string("the ") + tower_name(config_.tower) +
                                         " tower got " + std::to_string(values.size()) +
                                         " values for " + std::to_string(n) +
                                         " views, each takes " + std::to_string(view_length()));
    if (!head_) head_.emplace(source_.file, config_, source_.backend, source_.is_portable);
    return head_->run(
        plane_features(*trunk_, values, n, config_.height, config_.width, source_.max_batch), n);
  }

 private:
  TowerSource source_;
  SharedTrunkConfig config_;
  ImageTrunk* trunk_ = nullptr;
  std::optional<SharedTrunkHead> head_;  // once used
};

std::unique_ptr<Tower> open_tower(TowerKind kind, const TowerSource& source) {
  if (kind != TowerKind::kAudio && kind != TowerKind::kDepth && kind != TowerKind::kThermal)
    fail_architecture(source.file, kind, "which is for audio, depth and thermal alone");
  return std::make_unique<SharedTrunkTower>(kind, source);
}

}  // namespace

TowerArchitecture shared_trunk_architecture() {
  return {.name = kSharedTrunkArchitecture, .open = open_tower};
}

}  // namespace pandagpt
