#include "encoders/encoders.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>

#include "core/file.h"
#include "encoders/bpe_tokenizer.h"
#include "encoders/efficientnet_encoder.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/embedding.h"
#include "encoders/encoder_keys.h"
#include "encoders/imagebind_tower.h"
#include "encoders/shared_trunk.h"
#include "pandagpt/error.h"
#include "tensor/transpose.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace {

// Raised when decoding or preprocessing changes what a picture's tensor looks like, so that cached
// features of older versions are not used.
constexpr char kPreprocessingVersion[] = "1";
constexpr std::size_t kColours = 3;

[[noreturn]] void fail(const GgufFile& file, const std::string& what) {
  throw Error(ErrorKind::kModel, file.path().string() + ": " + what);
}

std::array<float, 3> channel_values(const GgufFile& file, const char* key) {
  const std::vector<float> values = file.get_f32_array(key);
  if (values.size() != 3)
    fail(file, std::string(key) + " has " + std::to_string(values.size()) + " values, not 3");
  return {values[0], values[1], values[2]};
}

ImageTransform read_image_transform(const GgufFile& file, int size) {
  ImageTransform transform;
  transform.size = size;
  transform.resize_short_side = static_cast<int>(file.get_u32(keys::kResizeShortSide));
  transform.mean = channel_values(file, keys::kImageMean);
  transform.std = channel_values(file, keys::kImageStd);
  if (transform.resize_short_side < size || transform.resize_short_side > 16 * size)
    fail(file, std::string(keys::kResizeShortSide) + " is " +
                   std::to_string(transform.resize_short_side) + ", not " + std::to_string(size) +
                   " to " + std::to_string(16 * size));
  if (std::any_of(transform.std.begin(), transform.std.end(), [](float s) { return !(s > 0); }))
    fail(file, std::string(keys::kImageStd) + " must be positive");
  return transform;
}

/// Refuses files of other programs and of later versions.
void check_architecture(const GgufFile& file) {
  const std::string architecture = file.get_str(keys::kArchitecture);
  if (architecture != keys::kEncodersArchitecture)
    fail(file, "holds a " + architecture + " model, not encoders; make an encoder file with " +
                   "`pandagpt convert`");
  const std::uint32_t version = file.get_u32(keys::kFormatVersion);
  if (version != keys::kEncoderFormatVersion)
    fail(file, "has the format version " + std::to_string(version) + ", this program reads " +
                   std::to_string(keys::kEncoderFormatVersion) + "; convert the weights again");
}

/// ImageBind's pictures are square, with three colours.
void check_vision(const GgufFile& file, const TowerConfig& config) {
  const StemConfig& stem = config.stem;
  if (stem.channels != static_cast<int>(kColours) || stem.input.height != stem.input.width)
    fail(file, tower_key(TowerKind::kVision, "input") + " is no square picture of three colours");
}

void check_finite(TowerKind tower, std::span<const float> values) {
  if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); }))
    throw Error(ErrorKind::kInput, std::string("the ") + tower_name(tower) +
                                       " input has values that are not finite numbers");
}

}  // namespace

class Encoders::Impl {
 public:
  Impl(const std::filesystem::path& path, const EncoderOptions& options)
      : file_(path), options_(options), backend_(options.n_threads, options.device) {
    if (options.max_batch < 1) throw Error(ErrorKind::kUsage, "max_batch must be at least 1");
    check_architecture(file_);
    n_embd_ = static_cast<int>(file_.get_u32(keys::kEmbeddingLength));
    for (const TowerKind tower : kImageBindTowers)
      if (is_wanted(tower) && has_tower(file_, tower)) open(tower);
    for (const TowerKind tower : options.towers)
      require(tower);
    if (towers().empty()) fail(file_, "holds no encoder");
  }

  int n_embd() const { return n_embd_; }
  int max_batch() const { return options_.max_batch; }

  bool has(TowerKind tower) const {
    return config_of(tower).has_value() || shared_of(tower).has_value() ||
           (tower == TowerKind::kVision && efficientnet_ && is_wanted(tower));
  }

  std::vector<TowerKind> towers() const {
    std::vector<TowerKind> result;
    std::ranges::copy_if(kImageBindTowers, std::back_inserter(result),
                         [this](TowerKind tower) { return has(tower); });
    return result;
  }

  void require(TowerKind tower) const {
    if (has(tower)) return;
    std::string names;
    for (const TowerKind other : towers())
      names += (names.empty() ? "" : ", ") + std::string(tower_name(other));
    fail(file_, std::string("has no ") + tower_name(tower) + " tower" +
                    (names.empty() ? "" : "; it has: " + names));
  }

  std::size_t view_length(TowerKind tower) const {
    require(tower);
    if (tower == TowerKind::kVision) return kColours * transform_.size * transform_.size;
    if (shared_of(tower)) return shared_of(tower)->view_length();
    return tower == TowerKind::kText ? 0 : config_of(tower)->stem.input_length();
  }

  std::vector<float> encode(TowerKind tower, std::span<const float> values, int n_inputs,
                            int n_views) {
    require(tower);
    if (n_inputs < 0 || n_views < 1 || tower == TowerKind::kText)
      throw Error(ErrorKind::kUsage, std::string("the ") + tower_name(tower) +
                                         " tower can't encode " + std::to_string(n_inputs) +
                                         " inputs of " + std::to_string(n_views) + " views");
    if (n_inputs == 0) return {};
    check_finite(tower, values);
    const int n = n_inputs * n_views;
    const std::vector<float> rows = encode_views(tower, values, n);
    return n_views == 1 ? rows : mean_over_views(rows, n_inputs, n_views, n_embd_);
  }

  std::vector<float> encode_text(std::span<const std::int32_t> tokens, int n) {
    ImageBindTower& text = loaded(TowerKind::kText);
    const std::size_t length = context_length();
    if (n < 0 || tokens.size() != n * length)
      throw Error(ErrorKind::kUsage, "encode_text got " + std::to_string(tokens.size()) +
                                         " tokens for " + std::to_string(n) + " texts of " +
                                         std::to_string(length));
    return in_batches(n, [&](int begin, int count) {
      return text.run_text(tokens.subspan(begin * length, count * length), count).embeddings;
    });
  }

  std::vector<float> encode_texts(std::span<const std::string> texts) {
    require(TowerKind::kText);
    std::vector<std::int32_t> all;
    for (const std::string& text : texts) {
      const std::vector<std::int32_t> more = tokens(text);
      all.insert(all.end(), more.begin(), more.end());
    }
    return encode_text(all, static_cast<int>(texts.size()));
  }

  std::vector<std::int32_t> tokens(const std::string& text) {
    require(TowerKind::kText);
    return tokenizer().context(text);
  }

  int context_length() const {
    require(TowerKind::kText);
    return config_of(TowerKind::kText)->context_length;
  }

  const ImageTransform& transform() const {
    require(TowerKind::kVision);
    return transform_;
  }

  TensorLayout layout() const {
    require(TowerKind::kVision);
    return efficientnet_ ? TensorLayout::kHwc : TensorLayout::kChw;
  }

  /// `pixels` is (n, size, size, 3) or (n, 3, size, size), as layout() says.
  std::vector<float> encode_pictures(const float* pixels, int n) {
    require(TowerKind::kVision);
    if (efficientnet_) return efficientnet_->embed(pixels, n);
    return encode(TowerKind::kVision, {pixels, n * view_length(TowerKind::kVision)}, n, 1);
  }

  /// `pixels` is (n, size, size, 3).
  std::vector<float> encode_image_tensors(const float* pixels, int n) {
    if (layout() == TensorLayout::kHwc) return encode_pictures(pixels, n);
    const std::size_t length = view_length(TowerKind::kVision);
    return encode_pictures(
        transpose_each({pixels, n * length}, n, length / kColours, kColours).data(), n);
  }

  EfficientNetEncoder& efficientnet(const char* what) {
    if (!efficientnet_) require(TowerKind::kVision);
    if (!efficientnet_)
      throw Error(ErrorKind::kUsage, file_.path().string() + ": the vision tower has no " + what);
    return *efficientnet_;
  }

  const std::vector<std::string>& labels() const {
    static const std::vector<std::string> kNone;
    return efficientnet_ ? efficientnet_->labels() : kNone;
  }

  /// Applies `compute` to the pictures' tensors, as many at a time as fit into a batch.
  std::vector<float> from_images(
      std::span<const Image> images,
      const std::function<std::vector<float>(const float*, int)>& compute) {
    const ImageTransform& how = transform();
    const std::size_t length = view_length(TowerKind::kVision);
    std::vector<float> pixels;
    return in_batches(static_cast<int>(images.size()), [&](int begin, int count) {
      pixels.resize(count * length);
      for (int i = 0; i < count; ++i)
        to_tensor(resize_and_crop(images[begin + i], how), how, pixels.data() + i * length,
                  layout());
      return compute(pixels.data(), count);
    });
  }

  std::vector<float> plane_features(std::span<const float> values, int n, int height, int width) {
    EfficientNetEncoder& trunk = efficientnet("pooled features");
    const std::size_t length = static_cast<std::size_t>(height) * width;
    const std::size_t n_pixels = kColours * transform_.size * transform_.size;
    std::vector<float> pixels;
    return in_batches(n, [&](int begin, int count) {
      pixels.resize(count * n_pixels);
      for (int i = 0; i < count; ++i)
        trunk_picture(values.subspan((begin + i) * length, length), height, width, transform_.size,
                      pixels.data() + i * n_pixels);
      return trunk.pooled(pixels.data(), count);
    });
  }

  const std::string& fingerprint() const {
    if (fingerprint_.empty()) {
      const std::string hash =
          options_.file_sha256 ? options_.file_sha256(file_.path()) : sha256_file(file_.path());
      const std::string text = hash + " " + kPreprocessingVersion;
      fingerprint_ = sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    return fingerprint_;
  }

  std::string arithmetic() const {
    const bool portable = options_.portable || !backend_.is_cpu();
    return std::string(ggml_backend_name(backend_.get())) + (portable ? ", portable, " : ", ") +
           compute_type_name(options_.compute_type) + ", " + cpu_support().instruction_set;
  }

 private:
  bool is_wanted(TowerKind tower) const {
    return options_.towers.empty() || std::ranges::count(options_.towers, tower) > 0;
  }

  const std::optional<TowerConfig>& config_of(TowerKind tower) const {
    return configs_[static_cast<std::size_t>(tower)];
  }

  const std::optional<SharedTrunkConfig>& shared_of(TowerKind tower) const {
    return shared_[static_cast<std::size_t>(tower)];
  }

  /// Reads a tower's metadata; of EfficientNet, which is small, the weights too.
  void open(TowerKind tower) {
    if (is_shared_trunk(file_, tower)) {
      shared_[static_cast<std::size_t>(tower)] = read_shared_trunk_config(file_, tower);
      if (!efficientnet_) open(TowerKind::kVision);
      return;
    }
    if (tower == TowerKind::kVision && has_trunk(file_)) {
      efficientnet_ = std::make_unique<EfficientNetEncoder>(
          file_, backend_, options_.portable || !backend_.is_cpu(), options_.max_batch);
      transform_ = read_image_transform(file_, efficientnet_->image_size());
      return;
    }
    const TowerConfig config = read_tower_config(file_, tower);
    check_tower_tensors(file_, config);
    if (tower == TowerKind::kVision) {
      check_vision(file_, config);
      transform_ = read_image_transform(file_, config.stem.input.height);
    }
    configs_[static_cast<std::size_t>(tower)] = config;
  }

  std::unique_ptr<TransformerLayerFactory> layers() const {
    return options_.portable || !backend_.is_cpu()
               ? make_portable_transformer_layers(file_, backend_)
               : make_cpu_transformer_layers(file_, backend_, options_.compute_type);
  }

  /// An ImageBind tower with its weights.
  ImageBindTower& loaded(TowerKind tower) {
    require(tower);
    std::unique_ptr<ImageBindTower>& slot = towers_[static_cast<std::size_t>(tower)];
    if (!slot)
      slot = std::make_unique<ImageBindTower>(file_, *config_of(tower), backend_, layers());
    return *slot;
  }

  const BpeTokenizer& tokenizer() {
    if (tokenizer_) return *tokenizer_;
    const int vocab_size = config_of(TowerKind::kText)->vocab_size;
    auto made = std::make_unique<BpeTokenizer>(file_.get_str_array(keys::kTokenizerMerges),
                                               context_length());
    if (made->vocab_size() != vocab_size)
      fail(file_, std::string(keys::kTokenizerMerges) + " makes a vocabulary of " +
                      std::to_string(made->vocab_size()) + " tokens, the text tower has " +
                      std::to_string(vocab_size));
    tokenizer_ = std::move(made);
    return *tokenizer_;
  }

  /// Joins what `compute` gives for (first, count) of n inputs.
  std::vector<float> in_batches(int n,
                                const std::function<std::vector<float>(int, int)>& compute) const {
    std::vector<float> result;
    for (int begin = 0; begin < n; begin += options_.max_batch) {
      const std::vector<float> rows = compute(begin, std::min(options_.max_batch, n - begin));
      result.insert(result.end(), rows.begin(), rows.end());
    }
    return result;
  }

  std::vector<float> encode_views(TowerKind tower, std::span<const float> values, int n) {
    if (tower == TowerKind::kVision && efficientnet_) return encode_efficientnet(values, n);
    if (shared_of(tower)) return encode_shared(tower, values, n);
    return encode_imagebind(tower, values, n);
  }

  std::vector<float> encode_shared(TowerKind tower, std::span<const float> values, int n) {
    const SharedTrunkConfig& config = *shared_of(tower);
    if (values.size() != n * config.view_length()) fail_length(tower, values.size(), n);
    std::unique_ptr<SharedTrunkHead>& head = heads_[static_cast<std::size_t>(tower)];
    if (!head)
      head = std::make_unique<SharedTrunkHead>(file_, config, backend_,
                                               options_.portable || !backend_.is_cpu());
    return head->run(plane_features(values, n, config.height, config.width), n);
  }

  std::vector<float> encode_imagebind(TowerKind tower, std::span<const float> values, int n) {
    const std::size_t length = values.size() / n;
    if (values.size() % n != 0) fail_length(tower, values.size(), n);
    ImageBindTower& encoder = loaded(tower);
    return in_batches(n, [&](int begin, int count) {
      return encoder.run(values.subspan(begin * length, count * length), count).embeddings;
    });
  }

  /// Pictures and films of (3, frames, H, W); a film's frames are averaged.
  std::vector<float> encode_efficientnet(std::span<const float> values, int n) {
    const std::size_t frame_length = view_length(TowerKind::kVision);
    const std::size_t n_frames = values.size() / (n * frame_length);
    if (n_frames < 1 || values.size() != n * n_frames * frame_length)
      fail_length(TowerKind::kVision, values.size(), n);
    // (n, 3, frames, H * W) -> (n, frames, H * W, 3)
    const std::vector<float> pixels =
        transpose_each(values, n, kColours, values.size() / (n * kColours));
    const std::vector<float> rows =
        efficientnet_->embed(pixels.data(), static_cast<int>(n * n_frames));
    return n_frames == 1 ? rows : mean_over_views(rows, n, static_cast<int>(n_frames), n_embd_);
  }

  [[noreturn]] void fail_length(TowerKind tower, std::size_t length, int n) const {
    throw Error(ErrorKind::kUsage, std::string("the ") + tower_name(tower) + " tower got " +
                                       std::to_string(length) + " values for " + std::to_string(n) +
                                       " views, each takes " + std::to_string(view_length(tower)));
  }

  GgufFile file_;
  EncoderOptions options_;
  ComputeBackend backend_;
  int n_embd_ = 0;
  std::array<std::optional<TowerConfig>, kImageBindTowers.size()> configs_;  // of ImageBind's
  std::array<std::unique_ptr<ImageBindTower>, kImageBindTowers.size()>
      towers_;  // those used so far
  std::array<std::optional<SharedTrunkConfig>, kImageBindTowers.size()> shared_;
  std::array<std::unique_ptr<SharedTrunkHead>, kImageBindTowers.size()>
      heads_;  // those used so far
  std::unique_ptr<EfficientNetEncoder> efficientnet_;
  std::unique_ptr<BpeTokenizer> tokenizer_;  // if a text was encoded
  ImageTransform transform_;                 // if there is a vision tower
  mutable std::string fingerprint_;
};

Encoders::Encoders(const std::filesystem::path& path, const EncoderOptions& options)
    : impl_(std::make_unique<Impl>(path, options)) {}
Encoders::~Encoders() = default;
Encoders::Encoders(Encoders&&) noexcept = default;
Encoders& Encoders::operator=(Encoders&&) noexcept = default;

int Encoders::n_embd() const {
  return impl_->n_embd();
}
bool Encoders::has(TowerKind tower) const {
  return impl_->has(tower);
}
std::vector<TowerKind> Encoders::towers() const {
  return impl_->towers();
}
std::size_t Encoders::view_length(TowerKind tower) const {
  return impl_->view_length(tower);
}
int Encoders::max_batch() const {
  return impl_->max_batch();
}
int Encoders::context_length() const {
  return impl_->context_length();
}
const ImageTransform& Encoders::image_transform() const {
  return impl_->transform();
}
TensorLayout Encoders::picture_layout() const {
  return impl_->layout();
}
const std::vector<std::string>& Encoders::labels() const {
  return impl_->labels();
}
int Encoders::grid_cells() const {
  return impl_->efficientnet("grid").grid_cells();
}
const std::string& Encoders::fingerprint() const {
  return impl_->fingerprint();
}
std::string Encoders::arithmetic() const {
  return impl_->arithmetic();
}

std::vector<float> Encoders::encode(TowerKind tower, std::span<const float> values, int n_inputs,
                                    int n_views) {
  return impl_->encode(tower, values, n_inputs, n_views);
}
std::vector<float> Encoders::encode_text(std::span<const std::int32_t> tokens, int n) {
  return impl_->encode_text(tokens, n);
}
std::vector<float> Encoders::encode_texts(std::span<const std::string> texts) {
  return impl_->encode_texts(texts);
}
std::vector<std::int32_t> Encoders::tokens(const std::string& text) {
  return impl_->tokens(text);
}
std::vector<float> Encoders::encode_pictures(const float* pixels, int n) {
  return impl_->encode_pictures(pixels, n);
}
std::vector<float> Encoders::image_grid(const float* pixels, int n) {
  return impl_->efficientnet("grid").grid(pixels, n);
}
std::vector<float> Encoders::image_tensor_logits(const float* pixels, int n) {
  return impl_->efficientnet("classifier").logits(pixels, n);
}
std::vector<float> Encoders::encode_images(std::span<const Image> images) {
  return impl_->from_images(images,
                            [this](const float* p, int n) { return impl_->encode_pictures(p, n); });
}
std::vector<float> Encoders::image_logits(std::span<const Image> images) {
  EfficientNetEncoder& encoder = impl_->efficientnet("classifier");
  return impl_->from_images(images, [&](const float* p, int n) { return encoder.logits(p, n); });
}
std::vector<float> Encoders::image_features(std::span<const Image> images) {
  EfficientNetEncoder& encoder = impl_->efficientnet("pooled features");
  return impl_->from_images(images, [&](const float* p, int n) { return encoder.pooled(p, n); });
}
std::vector<float> Encoders::plane_features(std::span<const float> values, int n, int height,
                                            int width) {
  return impl_->plane_features(values, n, height, width);
}
int Encoders::n_image_features() const {
  return impl_->efficientnet("pooled features").n_features();
}
std::vector<float> Encoders::encode_image_tensors(const float* pixels, int n) {
  return impl_->encode_image_tensors(pixels, n);
}

}  // namespace pandagpt
