// Encoder features of training inputs: the frozen encoders see each file once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/digest.h"
#include "encoders/encoders.h"
#include "pandagpt/input.h"
#include "pipeline/media_tensor.h"
#include "train/dataset.h"
#include "train/embedding_rows.h"
#include "train/processes.h"
#include "train/record_store.h"

namespace pandagpt::train {

/// Distinct inputs of a training run, numbered, and their features on disk.
///
/// A feature's key is the SHA-256 of the file's content with everything else that it depends on:
/// kind of input, what is known about the sensor, version of the picture (image_views.h). The
/// store's name carries the encoders' fingerprint, which covers preprocessing, and their
/// arithmetic. So a changed file or encoder is never answered with old features. Hashes of files
/// are kept by path and stamp, so that a file which nobody touched isn't read again.
class MediaFeatures {
 public:
  struct Files {
    std::filesystem::path encoders;  ///< GGUF
    std::filesystem::path cache;     ///< folder
  };

  /// Throws Error(kModel) if the encoders can't be used.
  MediaFeatures(const Files& files, EncoderOptions options);

  /// The input's number; equal inputs (weights aside) have one; it may be an embedding itself
  /// (embedding_rows.h). `n_views`: versions of a picture that are wanted. Throws Error(kModel) for
  /// a kind that the encoders have no tower for.
  std::int64_t add(const Input& input, int n_views = 1);
  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }

  /// Encodes what isn't in the cache, each process a share, with a progress line. Inputs that can't
  /// be read have a failure() then.
  void encode(Processes& processes);

  int n_features() const { return n_features_; }
  /// Versions that copy() has of this input.
  int n_views(std::int64_t input) const {
    return entries_[static_cast<std::size_t>(input)].n_views;
  }
  /// Why an input has no features; empty if it has.
  const std::string& failure(std::int64_t input) const;
  /// Its features, (n_features). Throws Error(kInternal) if the cache has lost them.
  void copy(std::int64_t input, int view, std::span<float> features) const;
  /// The same behind `rows`.
  void append(std::int64_t input, int view, float weight, FeatureRows& rows) const;

  /// Mean and standard deviation of each feature over the readable ones of the first `n_inputs`, in
  /// all their versions.
  struct Moments {
    std::vector<double> mean;
    std::vector<double> deviation;
  };
  Moments moments(std::int64_t n_inputs) const;

  const std::string& encoder_fingerprint() const { return fingerprint_; }
  /// Changes with the content of any input.
  std::string content_digest() const;

 private:
  struct Entry {
    Modality modality;
    std::uint32_t sensor;  // index into sensors_
    int n_views;
    std::string path;
    std::int64_t row;                    // of a file of embeddings; -1: the file is to be encoded
    std::optional<Sha256> content;       // none until the file has been read
    std::vector<RecordStore::Key> keys;  // of the versions; made once, with the content
    std::string failure;                 // why there are no features
  };
  /// A version of an input that the cache lacks.
  struct Missing {
    RecordStore::Key key;
    Modality modality;
    MediaTensor tensor;
  };

  Input input_of(const Entry& entry) const;
  RecordStore::Key make_key(const Entry& entry, int view) const;
  void look_up_content(Entry& entry);
  /// Decodes the versions that the cache lacks.
  void prepare_missing(Entry& entry, std::vector<Missing>& missing);
  /// An embedding that is given goes into the cache as it is.
  void copy_row(const Entry& entry);
  void encode_missing(std::vector<Missing>& missing);
  /// Of every `n_shares`-th input from `share` on.
  void encode_share(int share, int n_shares);

  std::unique_ptr<RecordStore> hashes_;
  std::unique_ptr<Encoders> encoders_;  // gone after encode()
  MediaTransforms transforms_;
  EmbeddingRows embeddings_;
  std::unique_ptr<RecordStore> store_;
  std::string fingerprint_;
  int n_features_ = 0;
  std::vector<bool> has_tower_;  // by Modality
  std::vector<SensorOptions> sensors_;
  std::vector<Entry> entries_;
  std::unordered_multimap<std::size_t, std::int64_t> by_hash_;
};

}  // namespace pandagpt::train
