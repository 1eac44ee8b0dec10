#include "encoders/encoders.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "encoders/efficientnet_lite.h"
#include "encoders/encoder_keys.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace {

// Raised when decoding or preprocessing changes what a picture's tensor looks like, so that cached
// features of older versions are not used.
constexpr char kPreprocessingVersion[] = "1";

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
  const std::string vision = file.get_str(keys::kVisionArchitecture);
  if (vision != keys::kEfficientNetLite)
    fail(file, "has an unknown vision tower, \"" + vision + "\"");
}

}  // namespace

class Encoders::Impl {
 public:
  Impl(const std::filesystem::path& path, const EncoderOptions& options)
      : file_(path), options_(options), backend_(options.n_threads) {
    if (options.max_batch < 1) throw Error(ErrorKind::kUsage, "max_batch must be at least 1");
    check_architecture(file_);
    vision_ = std::make_unique<EfficientNetLite>(file_, backend_, options.portable);
    transform_ = read_image_transform(file_, vision_->config().image_size);
    n_embd_ = static_cast<int>(file_.get_u32(keys::kEmbeddingLength));
    if (n_embd_ != vision_->config().head_channels)
      fail(file_, std::string(keys::kEmbeddingLength) + " is " + std::to_string(n_embd_) +
                      ", but the vision tower gives " +
                      std::to_string(vision_->config().head_channels) + " features");
    normalize_ = file_.get_bool(keys::kNormalize);
    scale_ = file_.get_f32(keys::kOutputScale);
    if (file_.has(keys::kClassLabels)) labels_ = file_.get_str_array(keys::kClassLabels);
    if (static_cast<int>(labels_.size()) != vision_->config().n_classes)
      fail(file_, std::string(keys::kClassLabels) + " has " + std::to_string(labels_.size()) +
                      " names for " + std::to_string(vision_->config().n_classes) + " classes");
  }

  int n_embd() const { return n_embd_; }
  const ImageTransform& transform() const { return transform_; }
  const std::vector<std::string>& labels() const { return labels_; }
  int grid_cells() const { return vision_->config().grid_cells(); }

  std::vector<float> embed(const float* pixels, int n) {
    std::vector<float> rows = in_batches(pixels, n, {}, &EfficientNetFeatures::pooled);
    for (int i = 0; i < n; ++i)
      post_process({rows.data() + std::size_t(i) * n_embd_, static_cast<std::size_t>(n_embd_)});
    return rows;
  }
  std::vector<float> grid(const float* pixels, int n) {
    return in_batches(pixels, n, {.grid = true}, &EfficientNetFeatures::grid);
  }
  std::vector<float> logits(const float* pixels, int n) {
    return in_batches(pixels, n, {.logits = true}, &EfficientNetFeatures::logits);
  }

  /// Applies `compute` to the pictures' tensors, as many at a time as fit into a batch.
  std::vector<float> from_images(
      std::span<const Image> images,
      const std::function<std::vector<float>(const float*, int)>& compute) const {
    const std::size_t length = std::size_t{3} * transform_.size * transform_.size;
    std::vector<float> result;
    std::vector<float> pixels;
    for (std::size_t begin = 0; begin < images.size(); begin += options_.max_batch) {
      const std::size_t n = std::min<std::size_t>(options_.max_batch, images.size() - begin);
      pixels.resize(n * length);
      for (std::size_t i = 0; i < n; ++i)
        to_tensor(resize_and_crop(images[begin + i], transform_), transform_,
                  pixels.data() + i * length, TensorLayout::kHwc);
      const std::vector<float> rows = compute(pixels.data(), static_cast<int>(n));
      result.insert(result.end(), rows.begin(), rows.end());
    }
    return result;
  }

  const std::string& fingerprint() const {
    if (fingerprint_.empty()) {
      const std::string text = sha256_hex(file_.bytes()) + " " + kPreprocessingVersion;
      fingerprint_ = sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    return fingerprint_;
  }

 private:
  std::vector<float> in_batches(const float* pixels, int n, const EfficientNetRequest& request,
                                std::vector<float> EfficientNetFeatures::*wanted) {
    const std::size_t length = std::size_t{3} * transform_.size * transform_.size;
    std::vector<float> result;
    for (int begin = 0; begin < n; begin += options_.max_batch) {
      const int count = std::min(options_.max_batch, n - begin);
      const EfficientNetFeatures features = vision_->run(pixels + begin * length, count, request);
      const std::vector<float>& rows = features.*wanted;
      result.insert(result.end(), rows.begin(), rows.end());
    }
    return result;
  }

  void post_process(std::span<float> row) const {
    double length = 1.0;
    if (normalize_) {
      double squares = 0;
      for (const float value : row)
        squares += double{value} * value;
      length = std::max(std::sqrt(squares), 1e-12);  // torch.nn.functional.normalize
    }
    const float factor = static_cast<float>(scale_ / length);
    for (float& value : row)
      value *= factor;
  }

  GgufFile file_;
  EncoderOptions options_;
  ComputeBackend backend_;
  std::unique_ptr<EfficientNetLite> vision_;
  ImageTransform transform_;
  std::vector<std::string> labels_;
  int n_embd_ = 0;
  bool normalize_ = true;
  float scale_ = 1.0F;
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
const ImageTransform& Encoders::image_transform() const {
  return impl_->transform();
}
const std::vector<std::string>& Encoders::labels() const {
  return impl_->labels();
}
int Encoders::grid_cells() const {
  return impl_->grid_cells();
}
const std::string& Encoders::fingerprint() const {
  return impl_->fingerprint();
}

std::vector<float> Encoders::encode_image_tensors(const float* pixels, int n) {
  return impl_->embed(pixels, n);
}
std::vector<float> Encoders::image_grid(const float* pixels, int n) {
  return impl_->grid(pixels, n);
}
std::vector<float> Encoders::image_tensor_logits(const float* pixels, int n) {
  return impl_->logits(pixels, n);
}
std::vector<float> Encoders::encode_images(std::span<const Image> images) {
  return impl_->from_images(images, [this](const float* p, int n) { return impl_->embed(p, n); });
}
std::vector<float> Encoders::image_logits(std::span<const Image> images) {
  return impl_->from_images(images, [this](const float* p, int n) { return impl_->logits(p, n); });
}

}  // namespace pandagpt
