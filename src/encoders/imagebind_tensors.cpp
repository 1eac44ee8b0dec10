#include "encoders/imagebind_tensors.h"

#include <algorithm>

#include "encoders/encoder_keys.h"

namespace pandagpt {
namespace imagebind_names {
namespace {

std::string part(TowerKind tower, const char* name) {
  return std::string(tower_name(tower)) + "." + name;
}

}  // namespace

std::string stem(TowerKind tower) {
  return part(tower, "patch_embd");
}
std::string stem_norm(TowerKind tower) {
  return part(tower, "patch_norm");
}
std::string token_embedding(TowerKind tower) {
  return part(tower, "token_embd");
}
std::string class_token(TowerKind tower) {
  return part(tower, "cls");
}
std::string positions(TowerKind tower) {
  return part(tower, "position_embd");
}
std::string pre_norm(TowerKind tower) {
  return part(tower, "pre_norm");
}
std::string block(TowerKind tower, int index, const char* name) {
  return std::string(tower_name(tower)) + ".blk." + std::to_string(index) + "." + name;
}
std::string head_norm(TowerKind tower) {
  return part(tower, "head_norm");
}
std::string head(TowerKind tower) {
  return part(tower, "head");
}
std::string logit_scale(TowerKind tower) {
  return part(tower, "log_logit_scale");
}

}  // namespace imagebind_names

namespace {

namespace names = imagebind_names;
using SourceShape = std::vector<std::int64_t>;

/// "modality_trunks.audio." and the like.
std::string group(const char* kind, TowerKind tower) {
  return std::string("modality_") + kind + "." + tower_name(tower) + ".";
}

class TensorList {
 public:
  explicit TensorList(const TowerConfig& config) : config_(config), width_(config.width) {}

  std::vector<ImageBindTensor> take() {
    add_stem();
    for (int i = 0; i < config_.n_blocks; ++i)
      add_block(i);
    add_head();
    return std::move(tensors_);
  }

 private:
  /// A vector, stored as it is: its leading ones do not count.
  void vector(const std::string& name, std::int64_t length, const std::string& source,
              const SourceShape& source_shape) {
    tensors_.push_back({name, {length}, source, source_shape, /*is_matrix=*/false});
  }

  void norm(const std::string& name, const std::string& source) {
    vector(encoder_keys::weight_name(name), width_, source + ".weight", {width_});
    vector(encoder_keys::bias_name(name), width_, source + ".bias", {width_});
  }

  void matrix(const std::string& name, std::int64_t n_in, std::int64_t n_out,
              const std::string& source, const SourceShape& source_shape) {
    tensors_.push_back({name, {n_in, n_out}, source, source_shape, /*is_matrix=*/true});
  }

  /// Linear(n_in, n_out) with its bias. `suffix` is "." or, for in_proj_weight, "_".
  void linear(const std::string& name, std::int64_t n_in, std::int64_t n_out,
              const std::string& source, const char* suffix = ".") {
    matrix(encoder_keys::weight_name(name), n_in, n_out, source + suffix + "weight", {n_out, n_in});
    vector(encoder_keys::bias_name(name), n_out, source + suffix + "bias", {n_out});
  }

  void add_stem() {
    const TowerKind tower = config_.tower;
    const std::string from = group("preprocessors", tower);
    const std::int64_t n_tokens = config_.n_tokens();
    if (config_.is_text()) {
      matrix(names::token_embedding(tower), width_, config_.vocab_size,
             from + "token_embedding.weight", {config_.vocab_size, width_});
    } else {
      const std::string stem = from + stem_module();
      matrix(encoder_keys::weight_name(names::stem(tower)), config_.stem.patch_length(), width_,
             stem + (tower == TowerKind::kVision ? "proj.1.weight" : "proj.weight"),
             kernel_shape());
      if (config_.has_stem_norm()) norm(names::stem_norm(tower), stem + "norm_layer");
      vector(names::class_token(tower), width_, from + "cls_token", {1, 1, width_});
    }
    const bool has_helper = !config_.is_text() && tower != TowerKind::kImu;
    tensors_.push_back({names::positions(tower),
                        {width_, n_tokens},
                        from + (has_helper ? "pos_embedding_helper.pos_embed" : "pos_embed"),
                        {1, n_tokens, width_},
                        /*is_matrix=*/false});
    if (config_.has_pre_norm())
      norm(names::pre_norm(tower), group("trunks", tower) + "pre_transformer_layer.0");
  }

  std::string stem_module() const {
    if (config_.tower == TowerKind::kDepth) return "depth_stem.";
    if (config_.tower == TowerKind::kImu) return "imu_stem.";
    return "rgbt_stem.";
  }

  /// Conv3d for vision, Linear for the IMU, Conv2d for the others.
  SourceShape kernel_shape() const {
    const StemConfig& stem = config_.stem;
    if (config_.tower == TowerKind::kImu) return {width_, stem.patch_length()};
    if (config_.tower == TowerKind::kVision)
      return {width_, stem.channels, stem.kernel.frames, stem.kernel.height, stem.kernel.width};
    return {width_, stem.channels, stem.kernel.height, stem.kernel.width};
  }

  void add_block(int index) {
    const TowerKind tower = config_.tower;
    const std::string from = group("trunks", tower) + "blocks." + std::to_string(index) + ".";
    const auto name = [&](const char* part) { return names::block(tower, index, part); };
    norm(name("attn_norm"), from + "norm_1");
    linear(name("attn_qkv"), width_, 3 * width_, from + "attn.in_proj", "_");
    if (config_.has_bias_kv()) {
      vector(name("attn_bias_k"), width_, from + "attn.bias_k", {1, 1, width_});
      vector(name("attn_bias_v"), width_, from + "attn.bias_v", {1, 1, width_});
    }
    linear(name("attn_out"), width_, width_, from + "attn.out_proj");
    norm(name("ffn_norm"), from + "norm_2");
    linear(name("ffn_up"), width_, config_.n_ff, from + "mlp.fc1");
    linear(name("ffn_down"), config_.n_ff, width_, from + "mlp.fc2");
  }

  void add_head() {
    const TowerKind tower = config_.tower;
    const std::string from = group("heads", tower) + (config_.is_text() ? "proj." : "");
    norm(names::head_norm(tower), from + "0");
    // Between norm and projection: the choice of the class token; the IMU has a dropout, too.
    const char* projection = config_.is_text() ? "1" : tower == TowerKind::kImu ? "3" : "2";
    matrix(encoder_keys::weight_name(names::head(tower)), width_, config_.n_embd,
           from + projection + ".weight", {config_.n_embd, width_});
    if (config_.has_logit_scale())
      vector(names::logit_scale(tower), 1, group("postprocessors", tower) + "1.log_logit_scale",
             {});
  }

  const TowerConfig& config_;
  std::int64_t width_;
  std::vector<ImageBindTensor> tensors_;
};

}  // namespace

std::vector<ImageBindTensor> imagebind_tensors(const TowerConfig& config) {
  return TensorList(config).take();
}

std::vector<std::string> imagebind_unused_tensors(TowerKind tower) {
  if (tower != TowerKind::kText) return {};
  return {group("preprocessors", tower) + "mask"};
}

}  // namespace pandagpt
