// Encoder features on disk: the frozen encoder sees each picture once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace pandagpt {
class Encoders;
}

namespace pandagpt::train {

/// An append-only file of feature vectors. A record's key is the SHA-256 of the picture's bytes and
/// the view (image_views.h), and the file's name carries the encoder's fingerprint: a
/// changed picture or encoder is never answered with old features. A record that was cut off by a
/// kill, or damaged, fails its checksum and is computed again.
///
/// Processes that run at the same time each append to a file of their own (`writer`), and read
/// those of all.
class FeatureCache {
 public:
  /// Reads `folder`/features-FINGERPRINT*.bin, and opens or creates features-FINGERPRINT.bin, or
  /// features-FINGERPRINT-WRITER.bin where `writer` isn't 0. Throws Error(kInternal) if it can't be
  /// written.
  FeatureCache(const std::filesystem::path& folder, const std::string& fingerprint, int n_features,
               int writer = 0);

  /// Null if absent. The pointer holds until the next add().
  const float* find(const std::string& sha256, int view) const;
  void add(const std::string& sha256, int view, const float* features);

  std::size_t size() const { return index_.size(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  /// Takes the sound records of a file; returns how many bytes of it they are, 0 for another
  /// format.
  std::uintmax_t read_records(const std::filesystem::path& path);

  std::filesystem::path path_;
  int n_features_;
  std::vector<float> values_;
  std::unordered_map<std::string, std::size_t> index_;  // "sha256/view" -> first value
  std::ofstream out_;
};

/// Features of a list of pictures.
struct FeatureTable {
  std::int64_t n_features = 0;
  int n_views = 1;
  std::vector<float> values;          ///< (n_images, n_views, n_features)
  std::vector<std::uint8_t> present;  ///< (n_images): 0 where the picture could not be read
  std::vector<std::string> failures;  ///< one line for each such picture

  const float* row(std::int64_t image, int view) const {
    return values.data() + static_cast<std::size_t>((image * n_views + view) * n_features);
  }
};

/// Looks every picture up in the cache and runs the encoder on those that are missing, with a
/// progress line on stderr. Unreadable pictures are listed; above `max_failures` of all (a share)
/// Error(kInput) is thrown.
FeatureTable load_features(const std::vector<std::string>& images,
                           const std::filesystem::path& root, Encoders& encoders,
                           FeatureCache& cache, int n_views, double max_failures = 0.01);

}  // namespace pandagpt::train
