#include "convert/imagebind_sizes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string_view>

#include "encoders/encoder_keys.h"
#include "encoders/imagebind_tensors.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace names = imagebind_names;

constexpr std::int64_t kMaxSize = 1 << 20;
constexpr int kMaxBlocks = 256;

class SizeReader {
 public:
  SizeReader(const TensorSource& source, TowerKind tower)
      : source_(source),
        config_(imagebind_huge_config(tower)),
        registry_(imagebind_tensors(config_)) {}

  TowerConfig read() {
    const TowerKind tower = config_.tower;
    read_size(encoder_keys::weight_name(names::head_norm(tower)), 0, &config_.width);
    read_size(encoder_keys::weight_name(names::head(tower)), 0, &config_.n_embd);
    read_size(encoder_keys::weight_name(names::block(tower, 0, "ffn_up")), 0, &config_.n_ff);
    config_.n_blocks = count_blocks();
    if (config_.is_text()) {
      read_size(names::token_embedding(tower), 0, &config_.vocab_size);
      read_size(names::positions(tower), 1, &config_.context_length);
    } else {
      read_kernel();
      read_input();
    }
    return config_;
  }

 private:
  /// The checkpoint's name for a tensor of encoders.gguf.
  const std::string& source_name(const std::string& name) const {
    const auto found = std::find_if(registry_.begin(), registry_.end(),
                                    [&](const ImageBindTensor& t) { return t.name == name; });
    if (found == registry_.end()) throw Error(ErrorKind::kInternal, name + " is no tensor's name");
    return found->source;
  }

  /// One size of a tensor of encoders.gguf, in the checkpoint's order.
  void read_size(const std::string& name, std::size_t dim, int* size) const {
    const auto found = source_.tensors().find(source_name(name));
    if (found == source_.tensors().end() || dim >= found->second.shape.size()) return;
    const std::int64_t value = found->second.shape[dim];
    if (value >= 1 && value <= kMaxSize) *size = static_cast<int>(value);
  }

  /// One more than the highest number of a block.
  int count_blocks() const {
    const std::string first =
        source_name(encoder_keys::weight_name(names::block(config_.tower, 0, "attn_norm")));
    const std::string prefix = first.substr(0, first.find(".0.") + 1);
    int count = 0;
    for (auto at = source_.tensors().lower_bound(prefix);
         at != source_.tensors().end() && at->first.starts_with(prefix); ++at) {
      const std::string_view rest = std::string_view(at->first).substr(prefix.size());
      int block = 0;
      const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), block);
      if (code == std::errc() && block >= 0 && block < kMaxBlocks)
        count = std::max(count, block + 1);
    }
    return count > 0 ? count : config_.n_blocks;
  }

  void read_kernel() {
    StemConfig& stem = config_.stem;
    const std::string kernel = encoder_keys::weight_name(names::stem(config_.tower));
    const PatchBox before = stem.kernel;
    if (config_.tower == TowerKind::kImu) {
      int length = static_cast<int>(stem.patch_length());
      read_size(kernel, 1, &length);
      if (length % stem.channels == 0) stem.kernel.width = length / stem.channels;
    } else if (config_.tower == TowerKind::kVision) {
      read_size(kernel, 2, &stem.kernel.frames);
      read_size(kernel, 3, &stem.kernel.height);
      read_size(kernel, 4, &stem.kernel.width);
      stem.input.frames = stem.kernel.frames;
    } else {
      read_size(kernel, 2, &stem.kernel.height);
      read_size(kernel, 3, &stem.kernel.width);
    }
    if (stem.stride == before) stem.stride = stem.kernel;  // patches side by side
  }

  /// Other patches than ImageBind-Huge's number mean another size of the input, which is known if
  /// the patches lie side by side, in a square or a line.
  void read_input() {
    StemConfig& stem = config_.stem;
    int n_tokens = static_cast<int>(config_.n_tokens());
    read_size(names::positions(config_.tower), 1, &n_tokens);
    if (n_tokens == config_.n_tokens() || stem.stride != stem.kernel) return;
    const int n_patches = n_tokens - 1;
    if (config_.tower == TowerKind::kImu) {
      stem.input.width = n_patches * stem.kernel.width;
      return;
    }
    const int side = static_cast<int>(std::lround(std::sqrt(n_patches)));
    if (side < 1 || side * side != n_patches) return;
    stem.input.height = side * stem.kernel.height;
    stem.input.width = side * stem.kernel.width;
  }

  const TensorSource& source_;
  TowerConfig config_;
  std::vector<ImageBindTensor> registry_;
};

int head_count(const TowerConfig& config, const std::map<TowerKind, int>& n_heads) {
  const std::string name = tower_name(config.tower);
  const TowerConfig huge = imagebind_huge_config(config.tower);
  const auto given = n_heads.find(config.tower);
  if (given == n_heads.end() && config.width != huge.width)
    throw Error(ErrorKind::kUsage,
                "the " + name + " tower is " + std::to_string(config.width) +
                    " wide, which is not ImageBind-Huge's width, so its number of heads is not " +
                    "known; give it with --heads " + name + "=N");
  const int count = given == n_heads.end() ? huge.n_heads : given->second;
  if (count < 1 || config.width % count != 0)
    throw Error(ErrorKind::kUsage, std::to_string(count) + " heads do not divide the " + name +
                                       " tower's width of " + std::to_string(config.width));
  return count;
}

}  // namespace

std::optional<TowerKind> tower_of_tensor(const std::string& name) {
  constexpr std::string_view kStart = "modality_";
  const std::string_view text = name;
  if (!text.starts_with(kStart)) return std::nullopt;
  const std::size_t first = text.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return imagebind_tower_from_name(text.substr(first + 1, second - first - 1));
}

std::vector<TowerKind> towers_of(const TensorSource& source) {
  std::set<TowerKind> towers;
  for (const auto& [name, tensor] : source.tensors())
    if (const std::optional<TowerKind> tower = tower_of_tensor(name)) towers.insert(*tower);
  return {towers.begin(), towers.end()};
}

TowerConfig infer_tower_config(const TensorSource& source, TowerKind tower,
                               const std::map<TowerKind, int>& n_heads) {
  TowerConfig config = SizeReader(source, tower).read();
  config.n_heads = head_count(config, n_heads);
  return config;
}

}  // namespace pandagpt
