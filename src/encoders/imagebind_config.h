// Sizes of ImageBind's towers (Girdhar et al., "ImageBind", arXiv:2305.05665): six transformers
// that differ in their stems and in a few traits, one row of numbers each.
//
// An encoders file holds for each tower (letters as in imagebind_graph.h)
//   pandagpt.TOWER.architecture         "imagebind"
//   pandagpt.TOWER.width                u32, E
//   pandagpt.TOWER.block_count          u32
//   pandagpt.TOWER.head_count           u32
//   pandagpt.TOWER.feed_forward_length  u32
//   pandagpt.TOWER.input                u32[4]: channels, frames, height, width     (all but text)
//   pandagpt.TOWER.kernel               u32[3]: frames, height, width of a patch    (all but text)
//   pandagpt.TOWER.stride               u32[3]: from one patch to the next          (all but text)
//   pandagpt.TOWER.context_length       u32, tokens of an input                     (text)
//   pandagpt.TOWER.vocab_size           u32                                         (text)
// the preprocessing of pictures (encoder_keys.h; vision), and the tensors of imagebind_tensors.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "encoders/tower_kind.h"
#include "tensor/gguf_file.h"

namespace pandagpt {

inline constexpr char kImageBindArchitecture[] = "imagebind";

/// ImageBind's towers. Its vision tower takes films, too.
inline constexpr std::array kImageBindTowers{TowerKind::kVision,  TowerKind::kText,
                                             TowerKind::kAudio,   TowerKind::kDepth,
                                             TowerKind::kThermal, TowerKind::kImu};
/// tower_from_name() among these.
std::optional<TowerKind> imagebind_tower_from_name(std::string_view name);

/// The factor of an embedding is min(exp(learned scale), this)
/// (imagebind/models/helpers.py, LearnableLogitScaling).
inline constexpr float kMaxLogitScale = 100.0F;

/// Three sizes of a box of input values.
struct PatchBox {
  int frames = 1;
  int height = 1;
  int width = 1;

  bool operator==(const PatchBox&) const = default;
};

/// How an input is cut into patches, each of which becomes one token: no padding.
struct StemConfig {
  int channels = 1;
  PatchBox input;   ///< pixels; audio: mel bins x frames of 10 ms; IMU: 1 x samples
  PatchBox kernel;  ///< of one patch
  PatchBox stride;  ///< from one patch to the next

  /// Patches along each side.
  PatchBox grid() const;
  std::int64_t n_patches() const;
  /// Values of a patch, ordered (channels, frames, height, width).
  std::int64_t patch_length() const;
  /// Values of an input, in the same order.
  std::int64_t input_length() const;

  bool operator==(const StemConfig&) const = default;
};

struct TowerConfig {
  TowerKind tower = TowerKind::kVision;
  int width = 0;           ///< E, of the tokens
  int n_blocks = 0;        ///< transformer blocks
  int n_heads = 0;         ///< of the attention; E is a multiple
  int n_ff = 0;            ///< hidden width of a block's perceptron
  int n_embd = 0;          ///< width of the joint space
  StemConfig stem = {};    ///< all but text
  int context_length = 0;  ///< text: tokens of an input
  int vocab_size = 0;      ///< text

  bool is_text() const { return tower == TowerKind::kText; }
  /// Tokens in the transformer: the patches and a class token, or the text.
  std::int64_t n_tokens() const;

  // What sets the kinds of towers apart (imagebind/models/imagebind_model.py).
  bool is_causal() const { return is_text(); }
  /// A layer norm between the stem and the first block.
  bool has_pre_norm() const { return tower == TowerKind::kVision; }
  /// A layer norm of the patches' tokens, before the class token and the positions join them.
  bool has_stem_norm() const { return !is_text() && tower != TowerKind::kVision; }
  /// A learned key and value beside those of the tokens, in every block's attention.
  bool has_bias_kv() const { return has_stem_norm(); }
  /// A factor after the embedding was brought to length 1.
  bool has_logit_scale() const { return tower != TowerKind::kVision; }

  bool operator==(const TowerConfig&) const = default;
};

/// The tower's row of ImageBind-Huge.
TowerConfig imagebind_huge_config(TowerKind tower);

/// Reads the sizes of an "imagebind" tower. Throws Error(kModel) on missing keys and impossible or
/// absurd values, naming the key.
TowerConfig read_tower_config(const GgufFile& file, TowerKind tower);

/// Writes all keys of the tower (see above), but not pandagpt.embedding_length.
void write_tower_config(GgufWriter& writer, const TowerConfig& config);

}  // namespace pandagpt
