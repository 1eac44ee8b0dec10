// Towers that reuse the vision tower's convolutional trunk: spectrograms, depth maps and thermal
// pictures are shown to it as grey pictures, and a head of their own leads from its pooled features
// into the joint space.
//
// ImageNet's features serve sounds, too (Palanisamy et al., "Rethinking CNN Models for Audio
// Classification", arXiv:2007.11154), and a head of a layer or two can be learned from a few
// hundred recordings, which a transformer can't. An encoders file holds for each such tower
//   pandagpt.TOWER.architecture   "shared-trunk"; the vision tower is "efficientnet-lite"
//   pandagpt.TOWER.input          u32[4]: 1, 1, height, width of a view
//   pandagpt.TOWER.output_scale   f32, length of the embeddings
//   TOWER.embd_hidden.weight      [features, hidden]                .bias   (two layers)
//   TOWER.embd.weight             [hidden or features, embedding]   .bias
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "encoders/tower.h"
#include "tensor/gguf_file.h"
#include "tensor/graph.h"

namespace pandagpt {

inline constexpr char kSharedTrunkArchitecture[] = "shared-trunk";

struct SharedTrunkConfig {
  TowerKind tower = TowerKind::kAudio;
  int height = 0;  ///< of a view; audio: mel bins
  int width = 0;   ///< audio: frames of 10 ms
  int n_features = 0;
  int n_hidden = 0;  ///< 0: one layer
  int n_embd = 0;    ///< J, width of the joint space
  float output_scale = 1.0F;

  std::size_t view_length() const { return static_cast<std::size_t>(height) * width; }
};

/// Whether the file has the tower and it is one of these.
bool is_shared_trunk(const GgufFile& file, TowerKind tower);

/// Throws Error(kModel) on missing keys, impossible values, and if the vision tower is no
/// convolutional trunk.
SharedTrunkConfig read_shared_trunk_config(const GgufFile& file, TowerKind tower);

/// Writes a view (height, width) as a picture (size, size, 3) of the trunk: bilinear, brought to
/// the mean 0 and the deviation of photos, the same in all three colours.
void trunk_picture(std::span<const float> view, int height, int width, int size, float* pixels);

/// (n, trunk.n_features()) of n views (n, height, width), each shown as a picture. At most
/// `max_batch` pictures are in memory.
std::vector<float> plane_features(ImageTrunk& trunk, std::span<const float> views, int n,
                                  int height, int width, int max_batch);

/// The layers behind the trunk. Not thread-safe.
class SharedTrunkHead {
 public:
  /// `backend` must outlive the object; the file need not. Throws Error(kModel) if a tensor is
  /// missing or has the wrong shape.
  SharedTrunkHead(const GgufFile& file, const SharedTrunkConfig& config,
                  const ComputeBackend& backend, bool portable);
  ~SharedTrunkHead();

  /// (n, n_features) -> (n, n_embd) of length output_scale.
  std::vector<float> run(std::span<const float> features, int n);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pandagpt
