#include "encoders/encoders.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/file.h"
#include "encoders/embedding.h"
#include "encoders/encoder_keys.h"
#include "encoders/tower_registry.h"
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

void check_finite(TowerKind tower, std::span<const float> values) {
  // As whole numbers, because compilers vectorise their maximum.
  constexpr std::uint32_t kMagnitude = 0x7fffffff;
  constexpr std::uint32_t kInfinity = 0x7f800000;
  std::uint32_t largest = 0;
  for (const float value : values)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(value) & kMagnitude);
  if (largest >= kInfinity)
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
    for (const TowerKind kind : kTowerKinds) {
      if (!is_wanted(kind) || !has_tower(file_, kind)) continue;
      if (kind == TowerKind::kText)
        open_text();
      else
        open(kind)->set_transforms(transforms_);
    }
    for (const TowerKind kind : options.towers)
      require(kind);
    if (towers().empty()) fail(file_, "holds no encoder");
  }

  const GgufFile& file() const { return file_; }
  int n_embd() const { return n_embd_; }
  int max_batch() const { return options_.max_batch; }
  const MediaTransforms& transforms() const { return transforms_; }

  bool has(TowerKind kind) const { return is_wanted(kind) && has_tower(file_, kind); }

  std::vector<TowerKind> towers() const {
    std::vector<TowerKind> result;
    std::ranges::copy_if(kTowerKinds, std::back_inserter(result),
                         [this](TowerKind kind) { return has(kind); });
    return result;
  }

  void require(TowerKind kind) const {
    if (has(kind)) return;
    std::string names;
    for (const TowerKind other : towers())
      names += (names.empty() ? "" : ", ") + std::string(tower_name(other));
    fail(file_, std::string("has no ") + tower_name(kind) + " tower" +
                    (names.empty() ? "" : "; it has: " + names));
  }

  Tower& tower(TowerKind kind) const {
    require(kind);
    return *towers_[static_cast<std::size_t>(kind)];
  }

  TextTower& text() const {
    require(TowerKind::kText);
    return *text_;
  }

  std::vector<float> encode(TowerKind kind, std::span<const float> values, int n_inputs,
                            int n_views) {
    require(kind);
    if (n_inputs < 0 || n_views < 1 || kind == TowerKind::kText)
      throw Error(ErrorKind::kUsage, std::string("the ") + tower_name(kind) +
                                         " tower can't encode " + std::to_string(n_inputs) +
                                         " inputs of " + std::to_string(n_views) + " views");
    if (n_inputs == 0) return {};
    check_finite(kind, values);
    const int n = n_inputs * n_views;
    std::vector<float> rows = tower(kind).encode(values, n);
    check_rows(kind, rows, n);
    return n_views == 1 ? rows : mean_over_views(rows, n_inputs, n_views, n_embd_);
  }

  std::vector<float> encode_text(std::span<const std::int32_t> tokens, int n) {
    const auto length = static_cast<std::size_t>(text().context_length());
    if (n < 0 || tokens.size() != n * length)
      throw Error(ErrorKind::kUsage, "encode_text got " + std::to_string(tokens.size()) +
                                         " tokens for " + std::to_string(n) + " texts of " +
                                         std::to_string(length));
    if (n == 0) return {};
    std::vector<float> rows = text().encode(tokens, n);
    check_rows(TowerKind::kText, rows, n);
    return rows;
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

  std::string numerics() const {
    const bool portable = options_.portable || !backend_.is_cpu();
    return std::string(ggml_backend_name(backend_.get())) + (portable ? ", portable, " : ", ") +
           compute_type_name(options_.compute_type) + ", " + cpu_support().instruction_set;
  }

 private:
  bool is_wanted(TowerKind kind) const {
    return options_.towers.empty() || std::ranges::count(options_.towers, kind) > 0;
  }

  TowerSource source() {
    return {.file = file_,
            .backend = backend_,
            .is_portable = options_.portable || !backend_.is_cpu(),
            .compute_type = options_.compute_type,
            .max_batch = options_.max_batch,
            .other = [this](TowerKind kind) {
              return has_tower(file_, kind) && kind != TowerKind::kText ? open(kind) : nullptr;
            }};
  }

  /// Also those that aren't wanted, if another tower needs them.
  Tower* open(TowerKind kind) {
    std::unique_ptr<Tower>& slot = towers_[static_cast<std::size_t>(kind)];
    if (slot) return slot.get();
    const TowerArchitecture& architecture = architecture_of(file_, kind);
    if (architecture.open == nullptr) fail_architecture(file_, kind, "which has text towers alone");
    slot = architecture.open(kind, source());
    return slot.get();
  }

  void open_text() {
    const TowerArchitecture& architecture = architecture_of(file_, TowerKind::kText);
    if (architecture.open_text == nullptr)
      fail_architecture(file_, TowerKind::kText, "which has no text towers");
    text_ = architecture.open_text(source());
  }

  void check_rows(TowerKind kind, const std::vector<float>& rows, int n) const {
    if (rows.size() != static_cast<std::size_t>(n) * n_embd_)
      throw Error(ErrorKind::kInternal, std::string("the ") + tower_name(kind) + " tower gave " +
                                            std::to_string(rows.size()) + " values for " +
                                            std::to_string(n) + " embeddings of " +
                                            std::to_string(n_embd_));
  }

  GgufFile file_;
  EncoderOptions options_;
  ComputeBackend backend_;
  int n_embd_ = 0;
  std::array<std::unique_ptr<Tower>, kTowerKinds.size()> towers_;
  std::unique_ptr<TextTower> text_;
  MediaTransforms transforms_;
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
int Encoders::max_batch() const {
  return impl_->max_batch();
}
bool Encoders::has(TowerKind tower) const {
  return impl_->has(tower);
}
std::vector<TowerKind> Encoders::towers() const {
  return impl_->towers();
}
const MediaTransforms& Encoders::transforms() const {
  return impl_->transforms();
}
const std::string& Encoders::fingerprint() const {
  return impl_->fingerprint();
}
std::string Encoders::numerics() const {
  return impl_->numerics();
}

TowerKind Encoders::tower_of(Modality modality) const {
  switch (modality) {
    case Modality::kImage:
      return TowerKind::kVision;
    case Modality::kVideo:
      return has(TowerKind::kVideo) ? TowerKind::kVideo : TowerKind::kVision;
    case Modality::kAudio:
      return TowerKind::kAudio;
    case Modality::kThermal:
      return TowerKind::kThermal;
    case Modality::kDepth:
      return TowerKind::kDepth;
    case Modality::kImu:
      return TowerKind::kImu;
  }
  throw Error(ErrorKind::kInternal, "an input of an unknown kind");
}

std::size_t Encoders::view_length(TowerKind tower) const {
  impl_->require(tower);
  return tower == TowerKind::kText ? 0 : impl_->tower(tower).view_length();
}

std::vector<float> Encoders::encode(TowerKind tower, std::span<const float> values, int n_inputs,
                                    int n_views) {
  return impl_->encode(tower, values, n_inputs, n_views);
}
std::vector<float> Encoders::encode_text(std::span<const std::int32_t> tokens, int n) {
  return impl_->encode_text(tokens, n);
}
std::vector<float> Encoders::encode_texts(std::span<const std::string> texts) {
  std::vector<std::int32_t> all;
  for (const std::string& text : texts) {
    const std::vector<std::int32_t> more = tokens(text);
    all.insert(all.end(), more.begin(), more.end());
  }
  return encode_text(all, static_cast<int>(texts.size()));
}
std::vector<std::int32_t> Encoders::tokens(const std::string& text) {
  return impl_->text().tokens(text);
}
int Encoders::context_length() const {
  return impl_->text().context_length();
}

ImageTrunk& Encoders::trunk() {
  ImageTrunk* trunk = impl_->tower(TowerKind::kVision).trunk();
  if (trunk == nullptr)
    throw Error(ErrorKind::kUsage,
                impl_->file().path().string() + ": the vision tower has no convolutional trunk");
  return *trunk;
}

}  // namespace pandagpt
