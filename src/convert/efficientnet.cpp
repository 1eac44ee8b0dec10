#include "convert/efficientnet.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "convert/imagenet_labels.h"
#include "convert/tensor_check.h"
#include "convert/tensor_source.h"
#include "core/text_file.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/encoder_keys.h"
#include "encoders/picture_keys.h"
#include "pandagpt/error.h"
#include "preprocess/image.h"
#include "tensor/gguf_file.h"
#include "tensor/transpose.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace fs = std::filesystem;
namespace {

// efficientnet_lite_builder.py: batch_norm_epsilon, and the strides of the seven stages.
constexpr double kBatchNormEpsilon = 1e-3;
constexpr std::array<int, 7> kStageStrides = {1, 2, 2, 2, 1, 2, 1};
constexpr std::uint64_t kMaxLabelBytes = 16 << 20;

void add_batch_norm(ExpectedTensors* registry, const std::string& name, std::int64_t channels) {
  for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
    (*registry)[name + part] = {channels};
}

std::string block_prefix(std::size_t block) {
  return "_blocks." + std::to_string(block) + ".";
}

/// What a checkpoint of these sizes must have.
ExpectedTensors expected_tensors(const EfficientNetConfig& config) {
  ExpectedTensors registry;
  registry["_conv_stem.weight"] = {config.stem_channels, 3, config.stem_kernel, config.stem_kernel};
  add_batch_norm(&registry, "_bn0", config.stem_channels);
  for (std::size_t i = 0; i < config.blocks.size(); ++i) {
    const BottleneckConfig& block = config.blocks[i];
    const std::string prefix = block_prefix(i);
    const int inner = block.inner_channels();
    if (block.expand > 1) {
      registry[prefix + "_expand_conv.weight"] = {inner, block.in_channels, 1, 1};
      add_batch_norm(&registry, prefix + "_bn0", inner);
    }
    registry[prefix + "_depthwise_conv.weight"] = {inner, 1, block.kernel, block.kernel};
    add_batch_norm(&registry, prefix + "_bn1", inner);
    registry[prefix + "_project_conv.weight"] = {block.out_channels, inner, 1, 1};
    add_batch_norm(&registry, prefix + "_bn2", block.out_channels);
  }
  registry["_conv_head.weight"] = {config.head_channels, config.blocks.back().out_channels, 1, 1};
  add_batch_norm(&registry, "_bn1", config.head_channels);
  registry["_fc.weight"] = {config.n_classes, config.head_channels};
  registry["_fc.bias"] = {config.n_classes};
  return registry;
}

std::int64_t dimension(const TensorSource& file, const std::string& name, std::size_t dim) {
  const SourceTensor& tensor = file.tensor(name);
  if (dim >= tensor.shape.size() || tensor.shape[dim] < 1 || tensor.shape[dim] > 1 << 16)
    throw Error(ErrorKind::kModel, file.path().string() + ": " + name + " has the shape " +
                                       shape_text(tensor.shape) +
                                       ", which is not that of an EfficientNet-Lite");
  return tensor.shape[dim];
}

/// Reads the sizes off the tensors. Strides leave no trace in the weights; they follow from the
/// stages, each of which has its own number of channels.
EfficientNetConfig config_of(const TensorSource& file, int image_size) {
  EfficientNetConfig config;
  config.image_size = image_size;
  config.stem_channels = static_cast<int>(dimension(file, "_conv_stem.weight", 0));
  config.stem_kernel = static_cast<int>(dimension(file, "_conv_stem.weight", 2));
  config.head_channels = static_cast<int>(dimension(file, "_conv_head.weight", 0));
  config.n_classes = static_cast<int>(dimension(file, "_fc.weight", 0));
  int channels = config.stem_channels;
  int stage_channels = 0;
  std::size_t stage = 0;
  for (std::size_t i = 0; file.tensors().contains(block_prefix(i) + "_project_conv.weight"); ++i) {
    BottleneckConfig block;
    block.in_channels = channels;
    block.out_channels =
        static_cast<int>(dimension(file, block_prefix(i) + "_project_conv.weight", 0));
    block.kernel = static_cast<int>(dimension(file, block_prefix(i) + "_depthwise_conv.weight", 2));
    block.expand =
        static_cast<int>(dimension(file, block_prefix(i) + "_depthwise_conv.weight", 0) / channels);
    block.stride = 1;
    if (block.out_channels != stage_channels) {
      if (stage == kStageStrides.size())
        throw Error(ErrorKind::kModel, file.path().string() + ": has more than seven stages, so " +
                                           "it is not an EfficientNet-Lite");
      block.stride = kStageStrides[stage++];
    }
    stage_channels = channels = block.out_channels;
    config.blocks.push_back(block);
  }
  if (config.blocks.empty())
    throw Error(ErrorKind::kModel, file.path().string() + ": holds no _blocks.0._project_conv." +
                                       "weight, so it is not an EfficientNet-Lite");
  return config;
}

/// A convolution with its batch normalisation folded in, in torch's order.
struct Folded {
  std::vector<float> weight;  ///< (out, in, height, width)
  std::vector<float> bias;    ///< (out)
};

Folded fold(const TensorSource& file, const std::string& conv, const std::string& norm) {
  Folded result;
  result.weight = file.tensor(conv + ".weight").to_f32();
  const std::vector<float> gamma = file.tensor(norm + ".weight").to_f32();
  const std::vector<float> beta = file.tensor(norm + ".bias").to_f32();
  const std::vector<float> mean = file.tensor(norm + ".running_mean").to_f32();
  const std::vector<float> variance = file.tensor(norm + ".running_var").to_f32();
  const std::size_t per_filter = result.weight.size() / gamma.size();
  for (std::size_t o = 0; o < gamma.size(); ++o) {
    const double scale = gamma[o] / std::sqrt(variance[o] + kBatchNormEpsilon);
    for (std::size_t i = 0; i < per_filter; ++i) {
      float& weight = result.weight[o * per_filter + i];
      weight = static_cast<float>(weight * scale);
    }
    result.bias.push_back(static_cast<float>(beta[o] - mean[o] * scale));
  }
  return result;
}

void add_layer(GgufWriter* writer, const std::string& name, const TensorShape& shape,
               const std::vector<float>& weight, const std::vector<float>& bias) {
  writer->add_f32(keys::weight_name(name), shape, weight);
  writer->add_f32(keys::bias_name(name), {static_cast<std::int64_t>(bias.size())}, bias);
}

void add_pointwise(GgufWriter* writer, const TensorSource& file, const std::string& name,
                   const std::string& conv, const std::string& norm, int in, int out) {
  const Folded folded = fold(file, conv, norm);
  add_layer(writer, name, {in, out}, folded.weight, folded.bias);
}

void add_weights(GgufWriter* writer, const TensorSource& file, const EfficientNetConfig& config) {
  const Folded stem = fold(file, "_conv_stem", "_bn0");
  const int kernel = config.stem_kernel;
  add_layer(writer, keys::kStem, {3, kernel, kernel, config.stem_channels},
            transpose_each(stem.weight, config.stem_channels, 3, std::size_t(kernel) * kernel),
            stem.bias);
  for (std::size_t i = 0; i < config.blocks.size(); ++i) {
    const BottleneckConfig& block = config.blocks[i];
    const int index = static_cast<int>(i);
    const int inner = block.inner_channels();
    const std::string prefix = block_prefix(i);
    if (block.expand > 1)
      add_pointwise(writer, file, keys::block_name(index, "expand"), prefix + "_expand_conv",
                    prefix + "_bn0", block.in_channels, inner);
    const Folded depthwise = fold(file, prefix + "_depthwise_conv", prefix + "_bn1");
    add_layer(writer, keys::block_name(index, "depthwise"), {inner, block.kernel, block.kernel},
              transpose_each(depthwise.weight, 1, inner, std::size_t(block.kernel) * block.kernel),
              depthwise.bias);
    add_pointwise(writer, file, keys::block_name(index, "project"), prefix + "_project_conv",
                  prefix + "_bn2", inner, block.out_channels);
  }
  add_pointwise(writer, file, keys::kHead, "_conv_head", "_bn1", config.blocks.back().out_channels,
                config.head_channels);
  add_layer(writer, keys::kClassifier, {config.head_channels, config.n_classes},
            file.tensor("_fc.weight").to_f32(), file.tensor("_fc.bias").to_f32());
}

void add_sizes(GgufWriter* writer, const EfficientNetConfig& config) {
  std::vector<std::uint32_t> kernels;
  std::vector<std::uint32_t> strides;
  std::vector<std::uint32_t> expansions;
  std::vector<std::uint32_t> channels;
  for (const BottleneckConfig& block : config.blocks) {
    kernels.push_back(block.kernel);
    strides.push_back(block.stride);
    expansions.push_back(block.expand);
    channels.push_back(block.out_channels);
  }
  writer->set_u32(keys::kStemChannels, config.stem_channels);
  writer->set_u32(keys::kStemKernel, config.stem_kernel);
  writer->set_u32(keys::kStemStride, config.stem_stride);
  writer->set_u32_array(keys::kBlockKernels, kernels);
  writer->set_u32_array(keys::kBlockStrides, strides);
  writer->set_u32_array(keys::kBlockExpansions, expansions);
  writer->set_u32_array(keys::kBlockChannels, channels);
  writer->set_u32(keys::kHeadChannels, config.head_channels);
  writer->set_f32(keys::kFoldedEpsilon, static_cast<float>(kBatchNormEpsilon));
}

/// How pictures come in and features go out. Features of length sqrt(width) have a mean square of
/// one, the scale that a projector's initial weights expect.
void add_processing(GgufWriter* writer, const EfficientNetConfig& config) {
  writer->set_u32(keys::kImageSize, config.image_size);
  write_image_transform(*writer, TowerKind::kVision,
                        {.size = config.image_size,
                         .resize_short_side = config.image_size,
                         .mean = kEfficientNetLiteStats.mean,
                         .std = kEfficientNetLiteStats.std});
  writer->set_bool(keys::kNormalize, true);
  writer->set_f32(keys::kOutputScale, std::sqrt(static_cast<float>(config.head_channels)));
}

std::vector<std::string> labels_for(const EfficientNetConfig& config,
                                    std::vector<std::string> labels) {
  const auto n_classes = static_cast<std::size_t>(config.n_classes);
  if (labels.empty() && n_classes == kImageNetLabels.size())
    labels.assign(kImageNetLabels.begin(), kImageNetLabels.end());
  if (labels.empty())
    for (std::size_t i = 0; i < n_classes; ++i)
      labels.push_back("class " + std::to_string(i));
  if (labels.size() != n_classes)
    throw Error(ErrorKind::kUsage, std::to_string(labels.size()) + " labels for a classifier of " +
                                       std::to_string(n_classes) + " classes");
  return labels;
}

}  // namespace

void convert_efficientnet_lite(const fs::path& checkpoint, const fs::path& output,
                               const EfficientNetConversion& conversion) {
  const TensorSource file = open_tensor_source(checkpoint);
  const EfficientNetConfig config = config_of(file, conversion.image_size);
  check_tensors(
      file, expected_tensors(config),
      [](const std::string& name) { return name.ends_with(".num_batches_tracked"); },
      "an EfficientNet-Lite");

  GgufWriter writer;
  writer.set_str(keys::kArchitecture, keys::kEncodersArchitecture);
  writer.set_str("general.name", conversion.name);
  writer.set_str("general.license", conversion.license);
  if (!conversion.source.empty()) writer.set_str("general.source.url", conversion.source);
  writer.set_u32(keys::kFormatVersion, keys::kEncoderFormatVersion);
  writer.set_u32(keys::kEmbeddingLength, config.head_channels);
  writer.set_str(tower_key(TowerKind::kVision, keys::kTowerArchitecture), keys::kEfficientNetLite);
  add_processing(&writer, config);
  add_sizes(&writer, config);
  writer.set_str_array(keys::kClassLabels, labels_for(config, conversion.labels));
  add_weights(&writer, file, config);
  writer.write(output);
}

std::vector<std::string> read_labels(const fs::path& path) {
  return read_text_lines(path, kMaxLabelBytes);
}

}  // namespace pandagpt
