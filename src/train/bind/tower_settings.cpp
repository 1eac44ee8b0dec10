#include "train/bind/tower_settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/text_file.h"
#include "embed/pairs.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/encoder_keys.h"
#include "encoders/shared_trunk.h"
#include "encoders/tower_registry.h"
#include "pandagpt/error.h"

namespace pandagpt::train {
namespace {

using Json = nlohmann::json;
namespace keys = encoder_keys;

constexpr int kDefaultWidth = 256;  // of the joint space
constexpr int kMaxSize = 1 << 16;
constexpr std::uint64_t kMaxSizesBytes = 1 << 20;
constexpr char kHidden[] = "hidden";
constexpr char kPrincipal[] = "principal";
constexpr char kTrunk[] = "trunk";
constexpr char kInput[] = "input";
constexpr int kTrunkSide = 224;  // what a trunk sees of depth maps and thermal pictures, pixels

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorKind::kUsage, "--sizes: " + what);
}

Json parse(const std::string& sizes) {
  if (sizes.empty()) return Json::object();
  std::string text = sizes;
  if (sizes.find('{') == std::string::npos) {
    text = read_text_file(sizes, kMaxSizesBytes);
  }
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) fail("is no JSON object");
  return json;
}

int size_of(const Json& value, const std::string& key, int least = 1) {
  if (!value.is_number_integer() || value < least || value > kMaxSize)
    fail("\"" + key + "\" must be a whole number from " + std::to_string(least) + " to " +
         std::to_string(kMaxSize));
  return value;
}

std::vector<int> sizes_of(const Json& value, const std::string& key, std::size_t length) {
  if (!value.is_array() || value.size() != length)
    fail("\"" + key + "\" must be a list of " + std::to_string(length) + " numbers");
  std::vector<int> sizes;
  for (const Json& one : value)
    sizes.push_back(size_of(one, key));
  return sizes;
}

PatchBox box_of(const Json& value, const std::string& key) {
  const std::vector<int> sizes = sizes_of(value, key, 3);
  return {sizes[0], sizes[1], sizes[2]};
}

void check(const TowerConfig& config) {
  const std::string name = sense_name(config.tower);
  if (config.width % config.n_heads != 0)
    fail(name + ": the width " + std::to_string(config.width) + " is no multiple of " +
         std::to_string(config.n_heads) + " heads");
  const StemConfig& stem = config.stem;
  if (!config.is_text() &&
      (stem.kernel.frames > stem.input.frames || stem.kernel.height > stem.input.height ||
       stem.kernel.width > stem.input.width))
    fail(name + ": the kernel is larger than the input");
}

TowerConfig with_sizes(TowerConfig config, const Json& sizes) {
  if (!sizes.is_object()) fail("a tower's sizes are no JSON object");
  bool has_ff = false;
  for (const auto& [key, value] : sizes.items()) {
    if (key == "width") {
      config.width = size_of(value, key);
    } else if (key == "block_count") {
      config.n_blocks = size_of(value, key);
    } else if (key == "head_count") {
      config.n_heads = size_of(value, key);
    } else if (key == "feed_forward_length") {
      config.n_ff = size_of(value, key);
      has_ff = true;
    } else if (key == "context_length" && config.is_text()) {
      config.context_length = size_of(value, key, 4);
    } else if (key == "vocab_size" && config.is_text()) {
      config.vocab_size = size_of(value, key);
    } else if (key == kInput && !config.is_text()) {
      const std::vector<int> input = sizes_of(value, key, 4);
      config.stem.channels = input[0];
      config.stem.input = {input[1], input[2], input[3]};
    } else if (key == "kernel" && !config.is_text()) {
      config.stem.kernel = box_of(value, key);
    } else if (key == "stride" && !config.is_text()) {
      config.stem.stride = box_of(value, key);
    } else {
      fail("the key \"" + key + "\" of " + sense_name(config.tower) + " is unknown");
    }
  }
  if (!has_ff) config.n_ff = 4 * config.width;
  check(config);
  return config;
}

int joint_width(const Json& json, const std::vector<TowerKind>& trained, const GgufFile* base) {
  std::optional<int> width;
  if (json.contains("embedding_length"))
    width = size_of(json["embedding_length"], "embedding_length");
  if (base == nullptr) return width.value_or(kDefaultWidth);
  const int of_file = static_cast<int>(base->get_u32(keys::kEmbeddingLength));
  for (const TowerKind tower : kTowerKinds)
    if (width.value_or(of_file) != of_file && has_tower(*base, tower) &&
        std::ranges::find(trained, tower) == trained.end())
      fail("\"embedding_length\" is " + std::to_string(*width) + ", but the " + tower_name(tower) +
           " tower of " + base->path().string() + ", which stays, gives " +
           std::to_string(of_file));
  return width.value_or(of_file);
}

/// Sizes that are given for a sense, or nothing.
const Json* given_for(const Json& json, TowerKind tower) {
  const auto towers = json.find("towers");
  if (towers == json.end()) return nullptr;
  const auto found = towers->find(sense_name(tower));
  return found == towers->end() ? nullptr : &*found;
}

bool flag_of(const Json& given, const char* key) {
  if (!given.contains(key)) return false;
  if (!given[key].is_boolean()) fail(std::string("\"") + key + "\" must be true or false");
  return given[key];
}

/// Whether a tower is to be a head on the base's trunk.
bool is_for_head(TowerKind tower, const Json* given, const GgufFile* base) {
  if (given != nullptr && !given->is_object()) fail("a tower's sizes are no JSON object");
  const bool asked = given != nullptr && flag_of(*given, kTrunk);
  if (base == nullptr || !has_trunk(*base)) {
    if (asked) fail(sense_name(tower) + ": there is no convolutional trunk to share");
    return false;
  }
  if (tower != TowerKind::kVision)
    return asked || (given == nullptr && is_shared_trunk(*base, tower));
  if (given == nullptr) return true;
  return std::ranges::all_of(given->items(), [](const auto& item) {
    return item.key() == kHidden || item.key() == kPrincipal;
  });
}

/// Height and width of what a head's trunk sees.
PatchBox head_view(TowerKind tower, const Json* given) {
  if (tower == TowerKind::kVision) return {};
  if (tower != TowerKind::kAudio && tower != TowerKind::kDepth && tower != TowerKind::kThermal)
    fail(sense_name(tower) + " has no picture for a trunk");
  PatchBox view{1, kTrunkSide, kTrunkSide};
  if (tower == TowerKind::kAudio) view = small_tower_config(tower).stem.input;
  if (given == nullptr || !given->contains(kInput)) return view;
  const std::vector<int> input = sizes_of((*given)[kInput], kInput, 4);
  if (input[0] != 1 || input[1] != 1)
    fail(sense_name(tower) + ": a trunk's \"input\" is [1, 1, height, width]");
  return {1, input[2], input[3]};
}

TrunkHeadConfig head_config(TowerKind tower, const Json* given, const GgufFile& base, int n_embd,
                            bool& continued) {
  TrunkHeadConfig config{.tower = tower,
                         .view = head_view(tower, given),
                         .n_features = base.get_u32(keys::kHeadChannels),
                         .n_embd = n_embd};
  const auto* hidden = base.find_tensor(keys::weight_name(keys::embedding_hidden(tower)));
  continued = given == nullptr &&
              base.find_tensor(keys::weight_name(keys::embedding_head(tower))) &&
              n_embd == static_cast<int>(base.get_u32(keys::kEmbeddingLength));
  if (continued && tower != TowerKind::kVision) {
    const SharedTrunkConfig shared = read_shared_trunk_config(base, tower);
    config.view = {1, shared.height, shared.width};
  }
  if (continued && hidden != nullptr) config.n_hidden = hidden->shape.back();
  if (given == nullptr) return config;
  for (const auto& [key, value] : given->items())
    if (key != kHidden && key != kPrincipal && key != kTrunk && key != kInput)
      fail("the key \"" + key + "\" of " + sense_name(tower) + "'s head is unknown");
  if (given->contains(kHidden)) config.n_hidden = size_of((*given)[kHidden], kHidden, 0);
  config.is_principal = flag_of(*given, kPrincipal);
  if (config.is_principal && config.n_hidden > 0)
    fail("a head of principal components has one layer, so no \"hidden\"");
  return config;
}

void check_keys(const Json& json, const std::vector<TowerKind>& trained) {
  for (const auto& [key, value] : json.items())
    if (key != "embedding_length" && key != "towers") fail("the key \"" + key + "\" is unknown");
  if (!json.contains("towers")) return;
  if (!json["towers"].is_object()) fail("\"towers\" is no JSON object");
  for (const auto& [sense, value] : json["towers"].items())
    if (std::ranges::none_of(trained, [&s = sense](TowerKind t) { return sense_name(t) == s; }))
      fail("\"" + sense + "\" isn't among the senses that are trained");
}

}  // namespace

std::vector<TowerKind> parse_senses(const std::string& list) {
  std::vector<TowerKind> towers;
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) {
    const auto found = std::ranges::find(kSenses, name, sense_name);
    if (found == kSenses.end() || std::ranges::find(towers, *found) != towers.end())
      throw Error(ErrorKind::kUsage, "\"" + name + "\" in \"" + list +
                                         "\" is no sense, or there twice; the senses are image, " +
                                         "text, audio, depth, thermal, imu");
    towers.push_back(*found);
  }
  if (towers.empty()) throw Error(ErrorKind::kUsage, "no sense is given to train");
  return towers;
}

TowerConfig small_tower_config(TowerKind tower) {
  TowerConfig config{.tower = tower, .width = 192, .n_blocks = 4, .n_heads = 6, .n_ff = 768};
  config.n_embd = kDefaultWidth;
  switch (tower) {
    case TowerKind::kText:
      config.context_length = 48;
      config.vocab_size = 4096;
      break;
    case TowerKind::kAudio:
      config.stem = {1, {1, 128, 204}, {1, 16, 16}, {1, 16, 10}};
      break;
    case TowerKind::kImu:
      config.stem = {6, {1, 1, 250}, {1, 1, 10}, {1, 1, 5}};
      break;
    case TowerKind::kDepth:
    case TowerKind::kThermal:
      config.stem = {1, {1, 96, 96}, {1, 12, 12}, {1, 12, 12}};
      break;
    case TowerKind::kVideo:
    case TowerKind::kVision:
      config.stem = {3, {2, 96, 96}, {2, 12, 12}, {2, 12, 12}};
      break;
  }
  return config;
}

TowerSettings tower_settings(const std::vector<TowerKind>& trained, const std::string& sizes,
                             const GgufFile* base) {
  const Json json = parse(sizes);
  check_keys(json, trained);
  TowerSettings settings{.n_embd = joint_width(json, trained, base)};
  for (const TowerKind tower : trained) {
    const Json* given = given_for(json, tower);
    if (is_for_head(tower, given, base)) {
      bool continued = false;
      settings.heads[tower] = head_config(tower, given, *base, settings.n_embd, continued);
      if (continued) settings.continued.push_back(tower);
      continue;
    }
    TowerConfig config;
    if (given == nullptr && base != nullptr && has_tower(*base, tower)) {
      config = read_tower_config(*base, tower);
      if (config.n_embd == settings.n_embd) settings.continued.push_back(tower);
    } else {
      config = with_sizes(small_tower_config(tower), given == nullptr ? Json::object() : *given);
    }
    config.n_embd = settings.n_embd;
    settings.towers[tower] = config;
  }
  return settings;
}

}  // namespace pandagpt::train
