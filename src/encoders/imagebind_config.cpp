#include "encoders/imagebind_config.h"

#include <algorithm>
#include <array>
#include <vector>

#include "encoders/encoder_keys.h"
#include "encoders/picture_keys.h"
#include "encoders/tower_registry.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr char kWidth[] = "width";
constexpr char kBlockCount[] = "block_count";
constexpr char kHeadCount[] = "head_count";
constexpr char kFeedForwardLength[] = "feed_forward_length";
constexpr char kKernel[] = "kernel";
constexpr char kStride[] = "stride";
constexpr char kContextLength[] = "context_length";
constexpr char kVocabSize[] = "vocab_size";

// Bounds of what a file may ask for; far above ImageBind-Huge.
constexpr std::uint32_t kMaxWidth = 1 << 14;
constexpr std::uint32_t kMaxHidden = 1 << 16;
constexpr std::uint32_t kMaxBlocks = 64;
constexpr std::uint32_t kMaxSide = 1 << 14;
constexpr std::uint32_t kMaxVocabulary = 1 << 20;
constexpr std::int64_t kMaxTokens = 1 << 13;
constexpr std::int64_t kMaxInputLength = 1 << 25;

constexpr int kJointWidth = 1024;  // imagebind_huge's out_embed_dim

/// Reads one tower's values; every complaint names file and key.
class TowerKeys {
 public:
  TowerKeys(const GgufFile& file, TowerKind tower) : file_(file), tower_(tower) {}

  [[noreturn]] void fail(const char* part, const std::string& what) const {
    throw Error(ErrorKind::kModel,
                file_.path().string() + ": " + tower_key(tower_, part) + " " + what);
  }

  int bounded(const char* part, std::uint32_t limit) const {
    return checked(part, file_.get_u32(tower_key(tower_, part)), limit);
  }

  std::vector<int> bounded_array(const char* part, std::size_t length) const {
    const std::vector<std::uint32_t> values = file_.get_u32_array(tower_key(tower_, part));
    if (values.size() != length)
      fail(part, "has " + std::to_string(values.size()) + " values, not " + std::to_string(length));
    std::vector<int> result;
    for (const std::uint32_t value : values)
      result.push_back(checked(part, value, kMaxSide));
    return result;
  }

 private:
  int checked(const char* part, std::uint32_t value, std::uint32_t limit) const {
    if (value < 1 || value > limit)
      fail(part, "is " + std::to_string(value) + ", not 1 to " + std::to_string(limit));
    return static_cast<int>(value);
  }

  const GgufFile& file_;
  TowerKind tower_;
};

PatchBox box(const std::vector<int>& values) {
  return {values[0], values[1], values[2]};
}

std::array<std::uint32_t, 3> box_values(const PatchBox& box) {
  return {static_cast<std::uint32_t>(box.frames), static_cast<std::uint32_t>(box.height),
          static_cast<std::uint32_t>(box.width)};
}

StemConfig read_stem(const TowerKeys& keys) {
  const std::vector<int> input = keys.bounded_array(encoder_keys::kTowerInput, 4);
  const StemConfig stem{.channels = input[0],
                        .input = {input[1], input[2], input[3]},
                        .kernel = box(keys.bounded_array(kKernel, 3)),
                        .stride = box(keys.bounded_array(kStride, 3))};
  if (stem.kernel.frames > stem.input.frames || stem.kernel.height > stem.input.height ||
      stem.kernel.width > stem.input.width)
    keys.fail(kKernel, "is larger than the input");
  if (stem.input_length() > kMaxInputLength)
    keys.fail(encoder_keys::kTowerInput, "has " + std::to_string(stem.input_length()) +
                                             " values, at most " + std::to_string(kMaxInputLength) +
                                             " are possible");
  return stem;
}

/// Inputs and patches of the towers, from imagebind_model.py's defaults.
StemConfig huge_stem(TowerKind tower) {
  switch (tower) {
    case TowerKind::kVision:
      return {3, {2, 224, 224}, {2, 14, 14}, {2, 14, 14}};
    case TowerKind::kAudio:
      return {1, {1, 128, 204}, {1, 16, 16}, {1, 10, 10}};
    case TowerKind::kDepth:
    case TowerKind::kThermal:
      return {1, {1, 224, 224}, {1, 16, 16}, {1, 16, 16}};
    case TowerKind::kImu:
      return {6, {1, 1, 2000}, {1, 1, 8}, {1, 1, 8}};
    case TowerKind::kText:
    case TowerKind::kVideo:
      break;
  }
  return {};
}

}  // namespace

std::optional<TowerKind> imagebind_tower_from_name(std::string_view name) {
  const std::optional<TowerKind> kind = tower_from_name(name);
  return kind && std::ranges::find(kImageBindTowers, *kind) != kImageBindTowers.end()
             ? kind
             : std::nullopt;
}

PatchBox StemConfig::grid() const {
  return {(input.frames - kernel.frames) / stride.frames + 1,
          (input.height - kernel.height) / stride.height + 1,
          (input.width - kernel.width) / stride.width + 1};
}

std::int64_t StemConfig::n_patches() const {
  const PatchBox cells = grid();
  return std::int64_t{cells.frames} * cells.height * cells.width;
}

std::int64_t StemConfig::patch_length() const {
  return std::int64_t{channels} * kernel.frames * kernel.height * kernel.width;
}

std::int64_t StemConfig::input_length() const {
  return std::int64_t{channels} * input.frames * input.height * input.width;
}

std::int64_t TowerConfig::n_tokens() const {
  return is_text() ? context_length : stem.n_patches() + 1;
}

TowerConfig imagebind_huge_config(TowerKind tower) {
  TowerConfig config{.tower = tower, .n_embd = kJointWidth, .stem = huge_stem(tower)};
  const auto trunk = [&config](int width, int n_blocks, int n_heads) {
    config.width = width;
    config.n_blocks = n_blocks;
    config.n_heads = n_heads;
    config.n_ff = 4 * width;  // transformer.py, mlp_ratio
  };
  switch (tower) {
    case TowerKind::kVision:
      trunk(1280, 32, 16);
      break;
    case TowerKind::kText:
      trunk(1024, 24, 16);
      config.context_length = 77;
      config.vocab_size = 49408;
      break;
    case TowerKind::kAudio:
    case TowerKind::kThermal:
      trunk(768, 12, 12);
      break;
    case TowerKind::kDepth:
      trunk(384, 12, 8);
      break;
    case TowerKind::kImu:
      trunk(512, 6, 8);
      break;
    case TowerKind::kVideo:
      throw Error(ErrorKind::kInternal, "ImageBind has no video tower");
  }
  return config;
}

TowerConfig read_tower_config(const GgufFile& file, TowerKind tower) {
  const TowerKeys keys(file, tower);
  const std::string architecture = tower_architecture(file, tower);
  if (architecture != kImageBindArchitecture)
    fail_architecture(file, tower, std::string("not \"") + kImageBindArchitecture + "\"");
  if (std::ranges::find(kImageBindTowers, tower) == kImageBindTowers.end())
    fail_architecture(file, tower, "which has no such tower");
  TowerConfig config{.tower = tower};
  config.width = keys.bounded(kWidth, kMaxWidth);
  config.n_blocks = keys.bounded(kBlockCount, kMaxBlocks);
  config.n_heads = keys.bounded(kHeadCount, kMaxWidth);
  config.n_ff = keys.bounded(kFeedForwardLength, kMaxHidden);
  const std::uint32_t n_embd = file.get_u32(encoder_keys::kEmbeddingLength);
  if (n_embd < 1 || n_embd > kMaxWidth)
    throw Error(ErrorKind::kModel, file.path().string() + ": " + encoder_keys::kEmbeddingLength +
                                       " is " + std::to_string(n_embd) + ", not 1 to " +
                                       std::to_string(kMaxWidth));
  config.n_embd = static_cast<int>(n_embd);
  if (config.width % config.n_heads != 0)
    keys.fail(kHeadCount, "is " + std::to_string(config.n_heads) + ", no divisor of the width " +
                              std::to_string(config.width));
  if (config.is_text()) {
    config.context_length = keys.bounded(kContextLength, kMaxTokens);
    config.vocab_size = keys.bounded(kVocabSize, kMaxVocabulary);
  } else {
    config.stem = read_stem(keys);
    if (config.n_tokens() > kMaxTokens)
      keys.fail(kStride, "gives " + std::to_string(config.n_tokens()) + " tokens, at most " +
                             std::to_string(kMaxTokens) + " are possible");
  }
  return config;
}

void write_tower_config(GgufWriter& writer, const TowerConfig& config) {
  const auto key = [&config](const char* part) { return tower_key(config.tower, part); };
  writer.set_str(key(encoder_keys::kTowerArchitecture), kImageBindArchitecture);
  writer.set_u32(key(kWidth), config.width);
  writer.set_u32(key(kBlockCount), config.n_blocks);
  writer.set_u32(key(kHeadCount), config.n_heads);
  writer.set_u32(key(kFeedForwardLength), config.n_ff);
  if (config.is_text()) {
    writer.set_u32(key(kContextLength), config.context_length);
    writer.set_u32(key(kVocabSize), config.vocab_size);
    return;
  }
  const StemConfig& stem = config.stem;
  const auto input = box_values(stem.input);
  writer.set_u32_array(
      key(encoder_keys::kTowerInput),
      std::array{static_cast<std::uint32_t>(stem.channels), input[0], input[1], input[2]});
  writer.set_u32_array(key(kKernel), box_values(stem.kernel));
  writer.set_u32_array(key(kStride), box_values(stem.stride));
  if (config.tower != TowerKind::kVision) return;
  write_image_transform(writer, config.tower,
                        {.size = stem.input.height, .resize_short_side = stem.input.height});
}

}  // namespace pandagpt
