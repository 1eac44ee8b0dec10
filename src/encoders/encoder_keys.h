// Names inside encoders.gguf: the contract between the converters and the encoders.
//
//   general.architecture             "pandagpt-encoders"
//   pandagpt.format_version          kEncoderFormatVersion
//   pandagpt.embedding_length        width of the joint space
//   pandagpt.TOWER.architecture      of each tower that the file holds, e.g. "efficientnet-lite"
//   pandagpt.TOWER.*                 its sizes, preprocessing and post-processing, as below, in
//                                    imagebind_config.h and in shared_trunk.h
//
// EfficientNet-Lite's tensors, shapes in ggml's order (fastest dimension first). Convolutions are
// stored channels-last, with their batch normalisations folded in:
//   vision.stem.weight               [3, kernel, kernel, stem_channels]     .bias [stem_channels]
//   vision.block.N.expand.weight     [in, in * expand]                      .bias   (expand > 1)
//   vision.block.N.depthwise.weight  [in * expand, kernel, kernel]          .bias
//   vision.block.N.project.weight    [in * expand, out]                     .bias
//   vision.head.weight               [last out, head_channels]              .bias
//   vision.classifier.weight         [head_channels, n_classes]             .bias
// The classifier is optional, and needs its labels. So is the way from the pooled features into a
// joint space of another width, one layer or two with ReLU6 between:
//   vision.embd_hidden.weight        [head_channels, hidden]                .bias   (two layers)
//   vision.embd.weight               [hidden or head_channels, embedding]   .bias
#pragma once

#include <string>

#include "encoders/tower_kind.h"

namespace pandagpt::encoder_keys {

inline constexpr char kArchitecture[] = "general.architecture";
inline constexpr char kEncodersArchitecture[] = "pandagpt-encoders";
inline constexpr char kFormatVersion[] = "pandagpt.format_version";
inline constexpr unsigned kEncoderFormatVersion = 1;
inline constexpr char kEmbeddingLength[] = "pandagpt.embedding_length";

// Parts of a tower's keys (tower_key): of all towers,
inline constexpr char kTowerArchitecture[] = "architecture";  // str, see tower_registry.h
// of those whose views have one shape,
inline constexpr char kTowerInput[] = "input";  // u32[4]: channels, frames, height, width
// and of those that take pictures (picture_keys.h).
inline constexpr char kResizeShortSide[] = "resize_short_side";  // u32, pixels
inline constexpr char kImageMean[] = "image_mean";               // f32[3] of [0, 1]
inline constexpr char kImageStd[] = "image_std";                 // f32[3]

inline constexpr char kEfficientNetLite[] = "efficientnet-lite";

// Size and post-processing of its vision tower.
inline constexpr char kImageSize[] = "pandagpt.vision.image_size";      // u32, pixels
inline constexpr char kNormalize[] = "pandagpt.vision.normalize";       // bool: to length 1
inline constexpr char kOutputScale[] = "pandagpt.vision.output_scale";  // f32, after that

// EfficientNet-Lite.
inline constexpr char kStemChannels[] = "pandagpt.vision.stem.channels";        // u32
inline constexpr char kStemKernel[] = "pandagpt.vision.stem.kernel";            // u32, pixels
inline constexpr char kStemStride[] = "pandagpt.vision.stem.stride";            // u32, pixels
inline constexpr char kBlockKernels[] = "pandagpt.vision.block.kernels";        // u32[n_blocks]
inline constexpr char kBlockStrides[] = "pandagpt.vision.block.strides";        // u32[n_blocks]
inline constexpr char kBlockExpansions[] = "pandagpt.vision.block.expansions";  // u32[n_blocks]
inline constexpr char kBlockChannels[] = "pandagpt.vision.block.channels";  // u32[n_blocks], out
inline constexpr char kHeadChannels[] = "pandagpt.vision.head.channels";    // u32
inline constexpr char kFoldedEpsilon[] =
    "pandagpt.vision.folded_batch_norm_epsilon";                             // f32, record
inline constexpr char kClassLabels[] = "pandagpt.vision.classifier.labels";  // str[n_classes]

// The text tower's byte-pair merges, "left right", in order (CLIP's bpe_simple_vocab_16e6.txt).
inline constexpr char kTokenizerMerges[] = "pandagpt.text.tokenizer.merges";  // str[]

inline constexpr char kStem[] = "vision.stem";
inline constexpr char kHead[] = "vision.head";
inline constexpr char kClassifier[] = "vision.classifier";

/// The layers from a trunk's pooled features into the joint space: "vision.embd_hidden",
/// "vision.embd".
inline std::string embedding_hidden(TowerKind tower) {
  return std::string(tower_name(tower)) + ".embd_hidden";
}
inline std::string embedding_head(TowerKind tower) {
  return std::string(tower_name(tower)) + ".embd";
}
/// "vision.block.3.depthwise".
inline std::string block_name(int block, const char* part) {
  return "vision.block." + std::to_string(block) + "." + part;
}
inline std::string weight_name(const std::string& layer) {
  return layer + ".weight";
}
inline std::string bias_name(const std::string& layer) {
  return layer + ".bias";
}

}  // namespace pandagpt::encoder_keys
