#include "encoders/efficientnet_lite.h"

#include <map>
#include <utility>

#include "encoders/conv_layers.h"
#include "encoders/encoder_keys.h"
#include "encoders/tower_registry.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace {

constexpr int kColourChannels = 3;
// Bounds of what a file may ask for; far above EfficientNet-Lite4.
constexpr std::uint32_t kMaxSide = 4096;
constexpr std::uint32_t kMaxChannels = 1 << 16;
constexpr std::size_t kMaxBlocks = 256;

int bounded(const GgufFile& file, const char* key, std::uint32_t value, std::uint32_t limit) {
  if (value < 1 || value > limit)
    throw Error(ErrorKind::kModel, file.path().string() + ": " + key + " is " +
                                       std::to_string(value) + ", not 1 to " +
                                       std::to_string(limit));
  return static_cast<int>(value);
}

int bounded_key(const GgufFile& file, const char* key, std::uint32_t limit) {
  return bounded(file, key, file.get_u32(key), limit);
}

}  // namespace

bool has_trunk(const GgufFile& file) {
  return has_tower(file, TowerKind::kVision) &&
         tower_architecture(file, TowerKind::kVision) == keys::kEfficientNetLite;
}

EfficientNetConfig read_efficientnet_config(const GgufFile& file) {
  EfficientNetConfig config;
  config.image_size = bounded_key(file, keys::kImageSize, kMaxSide);
  config.stem_channels = bounded_key(file, keys::kStemChannels, kMaxChannels);
  config.stem_kernel = bounded_key(file, keys::kStemKernel, kMaxSide);
  config.stem_stride = bounded_key(file, keys::kStemStride, kMaxSide);
  config.head_channels = bounded_key(file, keys::kHeadChannels, kMaxChannels);

  const auto kernels = file.get_u32_array(keys::kBlockKernels);
  const auto strides = file.get_u32_array(keys::kBlockStrides);
  const auto expansions = file.get_u32_array(keys::kBlockExpansions);
  const auto channels = file.get_u32_array(keys::kBlockChannels);
  if (kernels.empty() || kernels.size() > kMaxBlocks || strides.size() != kernels.size() ||
      expansions.size() != kernels.size() || channels.size() != kernels.size())
    throw Error(ErrorKind::kModel, file.path().string() +
                                       ": the arrays pandagpt.vision.block.* are empty, too long " +
                                       "or of different lengths");
  int in_channels = config.stem_channels;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    BottleneckConfig block;
    block.kernel = bounded(file, keys::kBlockKernels, kernels[i], kMaxSide);
    block.stride = bounded(file, keys::kBlockStrides, strides[i], kMaxSide);
    block.in_channels = in_channels;
    block.out_channels = bounded(file, keys::kBlockChannels, channels[i], kMaxChannels);
    block.expand = bounded(file, keys::kBlockExpansions, expansions[i],
                           kMaxChannels / static_cast<std::uint32_t>(in_channels));
    in_channels = block.out_channels;
    config.blocks.push_back(block);
  }
  const GgufTensor* classifier = file.find_tensor(keys::weight_name(keys::kClassifier));
  if (classifier) config.n_classes = static_cast<int>(classifier->shape.back());
  if (const GgufTensor* layer =
          file.find_tensor(keys::weight_name(keys::embedding_hidden(TowerKind::kVision))))
    config.embedding_hidden = static_cast<int>(layer->shape.back());
  if (const GgufTensor* layer =
          file.find_tensor(keys::weight_name(keys::embedding_head(TowerKind::kVision))))
    config.embedding_width = static_cast<int>(layer->shape.back());
  return config;
}

class EfficientNetLite::Impl {
 public:
  Impl(const GgufFile& file, const ComputeBackend& backend, bool portable)
      : config_(read_efficientnet_config(file)),
        backend_(backend),
        factory_(make_conv_layers(file, backend, portable)) {
    stem_ = factory_->conv(keys::kStem, config_.stem_kernel, config_.stem_stride, kColourChannels,
                           config_.stem_channels);
    for (std::size_t i = 0; i < config_.blocks.size(); ++i)
      blocks_.push_back(make_block(static_cast<int>(i), config_.blocks[i]));
    head_ = factory_->pointwise(keys::kHead, config_.blocks.back().out_channels,
                                config_.head_channels, /*clamped=*/true);
    if (config_.n_classes > 0)
      classifier_ = factory_->pointwise(keys::kClassifier, config_.head_channels, config_.n_classes,
                                        /*clamped=*/false);
    make_embedding_layers();
    factory_->finish();
  }

  const EfficientNetConfig& config() const { return config_; }

  EfficientNetFeatures run(const float* pixels, int n, const EfficientNetRequest& request) {
    if (n < 1) return {};
    if (request.logits && !classifier_)
      throw Error(ErrorKind::kUsage, "this encoder file has no classifier");
    ComputeGraph& graph = graph_for(n, request);
    const std::size_t side = config_.image_size;
    graph.set_input("pixels", {pixels, n * side * side * kColourChannels});
    graph.compute();
    EfficientNetFeatures features;
    features.pooled = graph.output("pooled");
    if (request.grid) features.grid = graph.output("grid");
    if (request.logits) features.logits = graph.output("logits");
    if (request.embeddings)
      features.embeddings = embedding_ ? graph.output("embeddings") : features.pooled;
    return features;
  }

 private:
  struct Block {
    std::unique_ptr<ConvLayer> expand;  // nullptr without one
    std::unique_ptr<ConvLayer> depthwise;
    std::unique_ptr<ConvLayer> project;
    bool shortcut = false;
  };

  Block make_block(int index, const BottleneckConfig& config) {
    const int inner = config.inner_channels();
    Block block;
    if (config.expand > 1)
      block.expand = factory_->pointwise(keys::block_name(index, "expand"), config.in_channels,
                                         inner, /*clamped=*/true);
    block.depthwise = factory_->depthwise(keys::block_name(index, "depthwise"), config.kernel,
                                          config.stride, inner);
    block.project = factory_->pointwise(keys::block_name(index, "project"), inner,
                                        config.out_channels, /*clamped=*/false);
    block.shortcut = config.has_shortcut();
    return block;
  }

  void make_embedding_layers() {
    if (config_.embedding_width == 0) return;
    int width = config_.head_channels;
    if (config_.embedding_hidden > 0) {
      embedding_hidden_ = factory_->pointwise(keys::embedding_hidden(TowerKind::kVision), width,
                                              config_.embedding_hidden, /*clamped=*/true);
      width = config_.embedding_hidden;
    }
    embedding_ = factory_->pointwise(keys::embedding_head(TowerKind::kVision), width,
                                     config_.embedding_width,
                                     /*clamped=*/false);
  }

  ComputeGraph& graph_for(int n, const EfficientNetRequest& request) {
    const int outputs =
        (request.grid ? 1 : 0) | (request.logits ? 2 : 0) | (request.embeddings ? 4 : 0);
    std::unique_ptr<ComputeGraph>& graph = graphs_[{n, outputs}];
    if (!graph)
      graph = std::make_unique<ComputeGraph>(
          backend_, [&](GraphBuilder& builder) { build(builder, n, request); });
    return *graph;
  }

  void build(GraphBuilder& builder, int n, const EfficientNetRequest& request) {
    const int side = config_.image_size;
    ggml_tensor* x = builder.input("pixels", {kColourChannels, side, side, n});
    x = stem_->apply(builder, x);  // [stem_channels, W/2, H/2, N]
    for (Block& block : blocks_) {
      ggml_tensor* shortcut = block.shortcut ? x : nullptr;
      if (block.expand) x = block.expand->apply(builder, x);
      x = block.depthwise->apply(builder, x);
      x = block.project->apply(builder, x, shortcut);
    }
    x = head_->apply(builder, x);  // [head_channels, cells, cells, N]
    if (request.grid) builder.output("grid", x);
    ggml_tensor* pooled = factory_->pool(builder, x);  // [head_channels, N]
    builder.output("pooled", pooled);
    if (request.logits) builder.output("logits", classifier_->apply(builder, pooled));
    if (!request.embeddings || !embedding_) return;
    if (embedding_hidden_) pooled = embedding_hidden_->apply(builder, pooled);
    builder.output("embeddings", embedding_->apply(builder, pooled));
  }

  EfficientNetConfig config_;
  const ComputeBackend& backend_;
  std::unique_ptr<ConvLayerFactory> factory_;
  std::unique_ptr<ConvLayer> stem_;
  std::vector<Block> blocks_;
  std::unique_ptr<ConvLayer> head_;
  std::unique_ptr<ConvLayer> classifier_;
  std::unique_ptr<ConvLayer> embedding_hidden_;  // nullptr without one
  std::unique_ptr<ConvLayer> embedding_;         // nullptr: the pooled features are the embedding
  std::map<std::pair<int, int>, std::unique_ptr<ComputeGraph>> graphs_;  // by batch and outputs
};

EfficientNetLite::EfficientNetLite(const GgufFile& file, const ComputeBackend& backend,
                                   bool portable)
    : impl_(std::make_unique<Impl>(file, backend, portable)) {}
EfficientNetLite::~EfficientNetLite() = default;

const EfficientNetConfig& EfficientNetLite::config() const {
  return impl_->config();
}

EfficientNetFeatures EfficientNetLite::run(const float* pixels, int n,
                                           const EfficientNetRequest& request) {
  return impl_->run(pixels, n, request);
}

}  // namespace pandagpt
