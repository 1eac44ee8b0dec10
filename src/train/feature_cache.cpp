#include "train/feature_cache.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "core/file.h"
#include "core/progress.h"
#include "encoders/encoders.h"
#include "media/image.h"
#include "pandagpt/error.h"
#include "train/fnv1a.h"
#include "train/image_views.h"

namespace pandagpt::train {
namespace {

constexpr char kMagic[8] = {'P', 'A', 'N', 'D', 'A', 'F', 'C', '1'};
constexpr std::size_t kKeyBytes = 64;  // SHA-256 in hexadecimal
constexpr std::int64_t kEncodeBatch = 16;

struct RecordHead {
  char key[kKeyBytes];
  std::uint32_t view;
  std::uint32_t checksum;
};

std::string index_key(const std::string& sha256, int view) {
  return sha256 + "/" + std::to_string(view);
}

std::uint32_t checksum(const RecordHead& head, const float* features, int n) {
  return fnv1a(features, static_cast<std::size_t>(n) * sizeof(float),
               fnv1a(&head, offsetof(RecordHead, checksum)));
}

}  // namespace

FeatureCache::FeatureCache(const std::filesystem::path& folder, const std::string& fingerprint,
                           int n_features, int writer)
    : n_features_(n_features) {
  const std::string stem = "features-" + fingerprint.substr(0, 16);
  path_ = folder / (writer == 0 ? stem + ".bin" : fmt::format("{}-{}.bin", stem, writer));
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  for (const auto& entry : std::filesystem::directory_iterator(folder, code))
    if (entry.path() != path_ && entry.path().extension() == ".bin" &&
        entry.path().filename().string().starts_with(stem))
      read_records(entry.path());
  const std::uintmax_t valid_bytes = read_records(path_);
  // what follows the last sound record is cut off, so that appending starts on a record's border
  if (valid_bytes > 0) {
    std::filesystem::resize_file(path_, valid_bytes, code);
    out_.open(path_, std::ios::binary | std::ios::app);
  } else {
    out_.open(path_, std::ios::binary | std::ios::trunc);
    const std::int32_t width = n_features;
    out_.write(kMagic, sizeof(kMagic)).write(reinterpret_cast<const char*>(&width), sizeof(width));
  }
  if (!out_)
    throw Error(ErrorKind::kInternal, path_.string() + ": the feature cache can't be written");
}

std::uintmax_t FeatureCache::read_records(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  char magic[sizeof(kMagic)] = {};
  std::int32_t width = 0;
  in.read(magic, sizeof(magic)).read(reinterpret_cast<char*>(&width), sizeof(width));
  if (!in || std::memcmp(magic, kMagic, sizeof(kMagic)) != 0 || width != n_features_) return 0;
  std::uintmax_t valid_bytes = sizeof(kMagic) + sizeof(width);
  const auto n = static_cast<std::size_t>(width);
  RecordHead head{};
  std::vector<float> row(n);
  while (in.read(reinterpret_cast<char*>(&head), sizeof(head)) &&
         in.read(reinterpret_cast<char*>(row.data()),
                 static_cast<std::streamsize>(n * sizeof(float)))) {
    if (checksum(head, row.data(), n_features_) != head.checksum) break;
    index_[index_key(std::string(head.key, kKeyBytes), static_cast<int>(head.view))] =
        values_.size();
    values_.insert(values_.end(), row.begin(), row.end());
    valid_bytes += sizeof(head) + n * sizeof(float);
  }
  return valid_bytes;
}

const float* FeatureCache::find(const std::string& sha256, int view) const {
  const auto found = index_.find(index_key(sha256, view));
  return found == index_.end() ? nullptr : values_.data() + found->second;
}

void FeatureCache::add(const std::string& sha256, int view, const float* features) {
  RecordHead head{};
  std::memcpy(head.key, sha256.data(), std::min(sha256.size(), kKeyBytes));
  head.view = static_cast<std::uint32_t>(view);
  head.checksum = checksum(head, features, n_features_);
  out_.write(reinterpret_cast<const char*>(&head), sizeof(head))
      .write(reinterpret_cast<const char*>(features),
             n_features_ * static_cast<std::streamsize>(sizeof(float)));
  out_.flush();
  if (!out_)
    throw Error(ErrorKind::kInternal, path_.string() + ": writing failed; is the disk full?");
  index_[index_key(sha256, view)] = values_.size();
  values_.insert(values_.end(), features, features + n_features_);
}

FeatureTable load_features(const std::vector<std::string>& images,
                           const std::filesystem::path& root, Encoders& encoders,
                           FeatureCache& cache, int n_views, double max_failures) {
  FeatureTable table;
  table.n_features = encoders.n_embd();
  table.n_views = n_views;
  table.values.resize(images.size() * static_cast<std::size_t>(n_views * table.n_features));
  table.present.assign(images.size(), 1);
  Progress progress("features", static_cast<std::int64_t>(images.size()));

  struct Missing {
    std::size_t image;
    int view;
    std::string sha256;
  };
  std::vector<Missing> missing;
  std::vector<Image> decoded;
  const auto encode_pending = [&] {
    const std::vector<float> features = encoders.encode_images(std::span<const Image>(decoded));
    for (std::size_t i = 0; i < missing.size(); ++i) {
      const float* row = features.data() + i * static_cast<std::size_t>(table.n_features);
      cache.add(missing[i].sha256, missing[i].view, row);
      std::copy_n(row, table.n_features,
                  const_cast<float*>(
                      table.row(static_cast<std::int64_t>(missing[i].image), missing[i].view)));
    }
    missing.clear();
    decoded.clear();
  };

  for (std::size_t i = 0; i < images.size(); ++i) {
    progress.update(static_cast<std::int64_t>(i));
    try {
      const std::filesystem::path path = root / images[i];
      const Bytes bytes = read_file(path, ImageLimits{}.max_file_bytes);
      const std::string sha256 = sha256_hex(bytes);
      Image image;
      for (int view = 0; view < n_views; ++view) {
        if (const float* known = cache.find(sha256, view)) {
          std::copy_n(known, table.n_features,
                      const_cast<float*>(table.row(static_cast<std::int64_t>(i), view)));
          continue;
        }
        if (image.width == 0) image = decode_image(bytes, path.string());
        missing.push_back({i, view, sha256});
        decoded.push_back(image_view(image, sha256, view));
      }
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      table.present[i] = 0;
      table.failures.emplace_back(error.what());
      if (static_cast<double>(table.failures.size()) >
          1 + max_failures * static_cast<double>(images.size()))
        throw Error(ErrorKind::kInput, std::to_string(table.failures.size()) +
                                           " pictures can't be read, e.g. " + error.what() +
                                           "; check the image root");
    }
    if (static_cast<std::int64_t>(decoded.size()) >= kEncodeBatch) encode_pending();
  }
  if (!decoded.empty()) encode_pending();
  progress.finish();
  return table;
}

}  // namespace pandagpt::train
