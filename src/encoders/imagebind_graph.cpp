#include "encoders/imagebind_graph.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <string>
#include <utility>

#include "encoders/embedding.h"
#include "encoders/imagebind_tensors.h"
#include "encoders/patches.h"
#include "encoders/transformer_block.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace names = imagebind_names;

// Of the layer norms: in the transformer and the head (imagebind/models/transformer.py,
// _LAYER_NORM), and torch's default in the stems.
constexpr float kNormEpsilon = 1e-6F;
constexpr float kStemNormEpsilon = 1e-5F;

// Texts are cut after the last end token of their batch, rounded up to a multiple of this: the
// causal mask hides what follows. Few different lengths, because each has its own graph.
constexpr std::int64_t kTextStep = 16;
// Graphs that are kept, the latest used; each holds its activations.
constexpr std::size_t kMaxGraphs = 4;

constexpr char kTokensInput[] = "tokens";
constexpr char kSelectedInput[] = "selected";
constexpr char kEmbeddingOutput[] = "embedding";

std::string block_output(std::size_t index) {
  return "block" + std::to_string(index);
}

/// min(exp(learned), kMaxLogitScale); 1 for a tower without scale.
float read_scale(const GgufFile& file, const TowerConfig& config) {
  if (!config.has_logit_scale()) return 1.0F;
  const std::string name = names::logit_scale(config.tower);
  const float learned = file.read_f32(name, {1})[0];
  if (!std::isfinite(learned))
    throw Error(ErrorKind::kModel, file.path().string() + ": " + name + " is not a number");
  return std::min(std::exp(learned), kMaxLogitScale);
}

}  // namespace

void check_tower_tensors(const GgufFile& file, const TowerConfig& config) {
  for (const ImageBindTensor& tensor : imagebind_tensors(config))
    file.require_tensor(tensor.name, tensor.shape);
}

class ImageBindGraph::Impl {
 public:
  Impl(const GgufFile& file, const TowerConfig& config, const ComputeBackend& backend,
       std::unique_ptr<TransformerLayerFactory> layers)
      : file_(file),
        config_(config),
        backend_(backend),
        layers_(std::move(layers)),
        scale_(read_scale(file, config)) {
    make_stem();
    for (int i = 0; i < config_.n_blocks; ++i)
      blocks_.emplace_back(*layers_, block_spec(),
                           [&](const char* part) { return names::block(config_.tower, i, part); });
    head_norm_ = layers_->norm(names::head_norm(config_.tower), config_.width, kNormEpsilon);
    head_ = layers_->linear({.name = names::head(config_.tower),
                             .n_in = config_.width,
                             .n_out = config_.n_embd,
                             .has_bias = false});
    layers_->finish();
  }

  const TowerConfig& config() const { return config_; }

  TowerFeatures run(std::span<const float> values, int n, bool with_blocks) {
    if (n < 1) return {};
    const StemConfig& stem = config_.stem;
    const std::int64_t still_length = stem.input_length() / stem.input.frames;
    const auto length = static_cast<std::int64_t>(values.size());
    const bool still = length == n * still_length;
    if (config_.is_text() || (!still && length != n * stem.input_length()))
      throw Error(ErrorKind::kUsage, std::string("the ") + tower_name(config_.tower) +
                                         " tower got " + std::to_string(length) + " values for " +
                                         std::to_string(n) + " inputs, each takes " +
                                         std::to_string(stem.input_length()));
    const std::int64_t patches_length = stem.n_patches() * stem.patch_length();
    std::vector<float> patches(n * patches_length);
    for (int i = 0; i < n; ++i)
      cut_patches(stem, values.data() + i * (length / n), still ? 1 : stem.input.frames,
                  patches.data() + i * patches_length);
    // The class token stands first.
    std::vector<std::int32_t> selected(n);
    for (int i = 0; i < n; ++i)
      selected[i] = static_cast<std::int32_t>(i * config_.n_tokens());
    return compute({n, config_.n_tokens(), with_blocks}, patches, selected);
  }

  TowerFeatures run_text(std::span<const std::int32_t> tokens, int n, bool with_blocks) {
    if (n < 1) return {};
    const std::int64_t context = config_.context_length;
    if (!config_.is_text() || static_cast<std::int64_t>(tokens.size()) != n * context)
      throw Error(ErrorKind::kUsage, std::string("the ") + tower_name(config_.tower) +
                                         " tower got " + std::to_string(tokens.size()) +
                                         " tokens for " + std::to_string(n) + " texts of " +
                                         std::to_string(context));
    std::vector<std::int32_t> ends(n);
    for (int i = 0; i < n; ++i) {
      const auto text = tokens.subspan(i * context, context);
      ends[i] = static_cast<std::int32_t>(std::ranges::max_element(text) - text.begin());
    }
    const std::int64_t used = *std::ranges::max_element(ends) + 1;
    const std::int64_t length =
        with_blocks ? context : std::min(context, (used + kTextStep - 1) / kTextStep * kTextStep);
    std::vector<float> embedded(n * length * config_.width);
    for (int i = 0; i < n; ++i) {
      embed_tokens(tokens.subspan(i * context, length),
                   embedded.data() + i * length * config_.width);
      ends[i] += static_cast<std::int32_t>(i * length);
    }
    return compute({n, length, with_blocks}, embedded, ends);
  }

 private:
  struct GraphShape {
    int n = 0;                  ///< N
    std::int64_t n_tokens = 0;  ///< T
    bool with_blocks = false;

    bool operator==(const GraphShape&) const = default;
  };

  TransformerBlockSpec block_spec() const {
    return {.width = config_.width,
            .n_heads = config_.n_heads,
            .n_ff = config_.n_ff,
            .is_causal = config_.is_causal(),
            .has_bias_kv = config_.has_bias_kv(),
            .activation = LayerActivation::kGelu,
            .norm_epsilon = kNormEpsilon};
  }

  void make_stem() {
    const TowerKind tower = config_.tower;
    const std::int64_t width = config_.width;
    positions_ = layers_->constant(names::positions(tower), {width, config_.n_tokens()});
    if (config_.has_pre_norm())
      pre_norm_ = layers_->norm(names::pre_norm(tower), width, kNormEpsilon);
    if (config_.is_text()) {
      token_rows_ =
          &file_.require_tensor(names::token_embedding(tower), {width, config_.vocab_size});
      return;
    }
    stem_ = layers_->linear({.name = names::stem(tower),
                             .n_in = config_.stem.patch_length(),
                             .n_out = width,
                             .has_bias = false});
    class_token_ = layers_->constant(names::class_token(tower), {width});
    if (config_.has_stem_norm())
      stem_norm_ = layers_->norm(names::stem_norm(tower), width, kStemNormEpsilon);
  }

  /// The embeddings of some tokens, (tokens, E). They are looked up on the CPU, straight from the
  /// file: its largest matrix need not be in memory.
  void embed_tokens(std::span<const std::int32_t> tokens, float* out) const {
    for (const std::int32_t token : tokens) {
      if (token < 0 || token >= config_.vocab_size)
        throw Error(ErrorKind::kUsage, "the text tower got the token " + std::to_string(token) +
                                           ", its vocabulary has " +
                                           std::to_string(config_.vocab_size));
      file_.read_row_f32(*token_rows_, token, {out, static_cast<std::size_t>(config_.width)});
      out += config_.width;
    }
  }

  TowerFeatures compute(const GraphShape& shape, std::span<const float> tokens,
                        std::span<const std::int32_t> selected) {
    ComputeGraph& graph = graph_for(shape);
    graph.set_input(kTokensInput, tokens);
    graph.set_input(kSelectedInput, selected);
    graph.compute();
    TowerFeatures features;
    features.embeddings = graph.output(kEmbeddingOutput);
    for (int i = 0; i < shape.n; ++i)
      scale_to_length({features.embeddings.data() + std::size_t(i) * config_.n_embd,
                       static_cast<std::size_t>(config_.n_embd)},
                      scale_);
    for (std::size_t i = 0; shape.with_blocks && i < blocks_.size(); ++i)
      features.blocks.push_back(graph.output(block_output(i)));
    return features;
  }

  ComputeGraph& graph_for(const GraphShape& shape) {
    auto found = std::ranges::find(graphs_, shape, &KeptGraph::shape);
    if (found == graphs_.end()) {
      if (graphs_.size() == kMaxGraphs) graphs_.pop_back();
      auto graph = std::make_unique<ComputeGraph>(
          backend_, [&](GraphBuilder& builder) { build(builder, shape); });
      found = graphs_.insert(graphs_.end(), {shape, std::move(graph)});
    }
    graphs_.splice(graphs_.begin(), graphs_, found);
    return *graphs_.front().graph;
  }

  void build(GraphBuilder& builder, const GraphShape& shape) {
    ggml_tensor* x = build_stem(builder, shape);  // [E, T, N]
    ggml_tensor* selected = builder.index_input(kSelectedInput, shape.n);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      // Only the class or end token's output is wanted, so only its row goes through the rest of
      // the last block.
      const bool last = i + 1 == blocks_.size() && !shape.with_blocks;
      x = blocks_[i].apply(builder, x, last ? selected : nullptr);
      if (shape.with_blocks) builder.output(block_output(i), x);
    }
    if (shape.with_blocks) x = select_tokens(builder, x, selected);
    x = head_->apply(builder, head_norm_->apply(builder, x));
    builder.output(kEmbeddingOutput, x);  // [J, 1, N]
  }

  /// The tokens that enter the first block, with their positions.
  ggml_tensor* build_stem(GraphBuilder& builder, const GraphShape& shape) {
    ggml_context* context = builder.context();
    const std::int64_t width = config_.width;
    ggml_tensor* x = nullptr;
    ggml_tensor* positions = positions_;
    if (config_.is_text()) {
      x = builder.input(kTokensInput, {width, shape.n_tokens, shape.n});
      positions = ggml_view_2d(context, positions, width, shape.n_tokens, positions->nb[1], 0);
    } else {
      const StemConfig& stem = config_.stem;
      x = builder.input(kTokensInput, {stem.patch_length(), stem.n_patches(), shape.n});
      x = stem_->apply(builder, x);
      if (stem_norm_) x = stem_norm_->apply(builder, x);
      x = ggml_concat(context, ggml_repeat_4d(context, class_token_, width, 1, shape.n, 1), x, 1);
    }
    x = ggml_add(context, x, positions);
    return pre_norm_ ? pre_norm_->apply(builder, x) : x;
  }

  struct KeptGraph {
    GraphShape shape;
    std::unique_ptr<ComputeGraph> graph;
  };

  const GgufFile& file_;
  TowerConfig config_;
  const ComputeBackend& backend_;
  std::unique_ptr<TransformerLayerFactory> layers_;
  float scale_;
  std::unique_ptr<LinearLayer> stem_;       // all but text
  std::unique_ptr<NormLayer> stem_norm_;    // if has_stem_norm
  std::unique_ptr<NormLayer> pre_norm_;     // if has_pre_norm
  ggml_tensor* class_token_ = nullptr;      // [E]; all but text
  ggml_tensor* positions_ = nullptr;        // [E, T]
  const GgufTensor* token_rows_ = nullptr;  // [E, vocabulary]; text
  std::vector<TransformerBlock> blocks_;
  std::unique_ptr<NormLayer> head_norm_;
  std::unique_ptr<LinearLayer> head_;
  std::list<KeptGraph> graphs_;  // the latest used first
};

ImageBindGraph::ImageBindGraph(const GgufFile& file, const TowerConfig& config,
                               const ComputeBackend& backend,
                               std::unique_ptr<TransformerLayerFactory> layers)
    : impl_(std::make_unique<Impl>(file, config, backend, std::move(layers))) {}
ImageBindGraph::~ImageBindGraph() = default;

const TowerConfig& ImageBindGraph::config() const {
  return impl_->config();
}

TowerFeatures ImageBindGraph::run(std::span<const float> values, int n, bool with_blocks) {
  return impl_->run(values, n, with_blocks);
}

TowerFeatures ImageBindGraph::run_text(std::span<const std::int32_t> tokens, int n,
                                       bool with_blocks) {
  return impl_->run_text(tokens, n, with_blocks);
}

}  // namespace pandagpt
