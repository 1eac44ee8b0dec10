// The architecture "imagebind": metadata, preprocessing and graph of ImageBind's towers together.
#include <spdlog/fmt/fmt.h>

#include <optional>
#include <string>

#include "encoders/batches.h"
#include "encoders/bpe_tokenizer.h"
#include "encoders/encoder_keys.h"
#include "encoders/imagebind_config.h"
#include "encoders/imagebind_graph.h"
#include "encoders/picture_keys.h"
#include "encoders/tower_registry.h"
#include "media/imu.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace {

constexpr int kColours = 3;

/// A tower's graph with its weights, which are loaded when it is first used.
class LazyGraph {
 public:
  LazyGraph(TowerKind kind, const TowerSource& source)
      : source_(source), config_(read_tower_config(source.file, kind)) {
    check_tower_tensors(source_.file, config_);
  }

  const TowerConfig& config() const { return config_; }
  const TowerSource& source() const { return source_; }

  ImageBindGraph& get() {
    if (!graph_)
      graph_.emplace(source_.file, config_, source_.backend,
                     make_transformer_layers(source_.file, source_.backend, source_.is_portable,
                                             source_.compute_type));
    return *graph_;
  }

 private:
  TowerSource source_;
  TowerConfig config_;
  std::optional<ImageBindGraph> graph_;
};

/// Refuses inputs that no step of preprocessing makes.
void check_input(const GgufFile& file, const TowerConfig& config) {
  const StemConfig& stem = config.stem;
  const bool is_square = stem.input.height == stem.input.width;
  const bool is_flat = stem.channels == 1 && stem.input.frames == 1;
  const auto require = [&](bool fits, const char* what) {
    if (!fits)
      throw Error(
          ErrorKind::kModel,
          file.path().string() + ": " + tower_key(config.tower, keys::kTowerInput) + " is " + what);
  };
  switch (config.tower) {
    case TowerKind::kVision:
      return require(stem.channels == kColours && is_square, "no square picture of three colours");
    case TowerKind::kAudio:
      return require(is_flat, "not 1, 1, mel bins, frames");
    case TowerKind::kDepth:
    case TowerKind::kThermal:
      return require(is_flat && is_square, "no square picture of one channel");
    case TowerKind::kImu:
      return require(
          stem.channels == kImuChannels && stem.input.frames == 1 && stem.input.height == 1,
          "not 6, 1, 1, samples");
    case TowerKind::kText:
    case TowerKind::kVideo:
      break;
  }
}

class ImageBindTower : public Tower {
 public:
  ImageBindTower(TowerKind kind, const TowerSource& source) : graph_(kind, source) {
    check_input(source.file, graph_.config());
    if (kind == TowerKind::kVision)
      picture_ = read_image_transform(source.file, kind, graph_.config().stem.input.height);
  }

  void set_transforms(MediaTransforms& transforms) const override {
    const PatchBox& input = graph_.config().stem.input;
    switch (graph_.config().tower) {
      case TowerKind::kVision:
        transforms.picture = picture_;
        transforms.picture_layout = TensorLayout::kChw;
        transforms.video.layout = TensorLayout::kChw;
        transforms.video.frames_per_clip = input.frames;
        transforms.video.match(picture_);
        break;
      case TowerKind::kAudio:
        transforms.audio.n_mel_bins = input.height;
        transforms.audio.n_frames = input.width;
        break;
      case TowerKind::kDepth:
        transforms.depth.size = input.height;
        break;
      case TowerKind::kThermal:
        transforms.thermal_picture.size = input.height;
        transforms.thermal_picture.resize_short_side = input.height;
        break;
      case TowerKind::kImu:
        transforms.imu_clips.n_steps = input.width;
        break;
      case TowerKind::kText:
      case TowerKind::kVideo:
        break;
    }
  }

  std::size_t view_length() const override {
    const StemConfig& stem = graph_.config().stem;
    const std::int64_t n_stills =
        graph_.config().tower == TowerKind::kVision ? stem.input.frames : 1;
    return static_cast<std::size_t>(stem.input_length() / n_stills);
  }

  std::vector<float> encode(std::span<const float> values, int n) override {
    const std::size_t length = values.size() / n;
    if (values.size() % n != 0)
      throw Error(ErrorKind::kUsage,
                  fmt::format("the {} tower got {} values for {} views, each takes {}",
                              tower_name(graph_.config().tower), values.size(), n, view_length()));
    ImageBindGraph& graph = graph_.get();
    return in_batches(n, graph_.source().max_batch, [&](int begin, int count) {
      return graph.run(values.subspan(begin * length, count * length), count).embeddings;
    });
  }

 private:
  LazyGraph graph_;
  ImageTransform picture_;  // vision
};

class ImageBindTextTower : public TextTower {
 public:
  explicit ImageBindTextTower(const TowerSource& source) : graph_(TowerKind::kText, source) {}

  int context_length() const override { return graph_.config().context_length; }

  std::vector<std::int32_t> tokens(const std::string& text) override {
    return tokenizer().context(text);
  }

  std::vector<float> encode(std::span<const std::int32_t> tokens, int n) override {
    ImageBindGraph& graph = graph_.get();
    const auto length = static_cast<std::size_t>(context_length());
    return in_batches(n, graph_.source().max_batch, [&](int begin, int count) {
      return graph.run_text(tokens.subspan(begin * length, count * length), count).embeddings;
    });
  }

 private:
  const BpeTokenizer& tokenizer() {
    if (tokenizer_) return *tokenizer_;
    const GgufFile& file = graph_.source().file;
    const int vocab_size = graph_.config().vocab_size;
    BpeTokenizer made(file.get_str_array(keys::kTokenizerMerges), context_length());
    if (made.vocab_size() != vocab_size)
      throw Error(
          ErrorKind::kModel,
          fmt::format("{}: {} makes a vocabulary of {} tokens, the text tower has {}",
                      file.path().string(), keys::kTokenizerMerges, made.vocab_size(), vocab_size));
    return tokenizer_.emplace(std::move(made));
  }

  LazyGraph graph_;
  std::optional<BpeTokenizer> tokenizer_;  // if a text was encoded
};

std::unique_ptr<Tower> open_tower(TowerKind kind, const TowerSource& source) {
  return std::make_unique<ImageBindTower>(kind, source);
}

std::unique_ptr<TextTower> open_text_tower(const TowerSource& source) {
  return std::make_unique<ImageBindTextTower>(source);
}

std::string sizes_text(const GgufFile& file, TowerKind kind) {
  const TowerConfig config = read_tower_config(file, kind);
  const std::string trunk = fmt::format("{} wide, {} blocks, {} heads, {} tokens", config.width,
                                        config.n_blocks, config.n_heads, config.n_tokens());
  if (config.is_text()) return trunk + fmt::format(", vocabulary of {}", config.vocab_size);
  const auto box = [](const PatchBox& b) {
    return fmt::format("{}x{}x{}", b.frames, b.height, b.width);
  };
  return trunk + fmt::format(", input {}x{} in patches of {}", config.stem.channels,
                             box(config.stem.input), box(config.stem.kernel));
}

}  // namespace

TowerArchitecture imagebind_architecture() {
  return {.name = kImageBindArchitecture,
          .open = open_tower,
          .open_text = open_text_tower,
          .sizes = sizes_text};
}

}  // namespace pandagpt
