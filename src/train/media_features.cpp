#include "train/media_features.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/digest.h"
#include "core/file_stamp.h"
#include "core/progress.h"
#include "pandagpt/error.h"
#include "train/image_views.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

// Raised when a key means something else, or when code changes what a tensor of the same file is.
constexpr const char* kPictureKeyVersion = "1";
constexpr const char* kKeyVersion = "2";  // of all other kinds
constexpr std::size_t kEncodeBatch = 16;
constexpr std::size_t kHashDigits = 64;  // of a SHA-256, as the file of hashes holds it
constexpr std::size_t kNameDigits = 16;  // of a hash, in a file's name

/// SHA-256 of a file, from `known` if the file has not been touched since it was last asked for.
Sha256 file_hash(const fs::path& path, RecordStore& known) {
  const std::optional<FileStamp> stamp = file_stamp(path);
  if (!stamp) return sha256_of_file(path);  // which says what is wrong
  const RecordStore::Key key = sha256(fs::absolute(path).string() + '\n' + to_string(*stamp));
  std::string digits(kHashDigits, '\0');
  if (known.read(key, {reinterpret_cast<std::uint8_t*>(digits.data()), digits.size()}))
    if (const std::optional<Sha256> hash = sha256_from_hex(digits)) return *hash;
  const Sha256 hash = sha256_of_file(path);
  digits = to_hex(hash);
  // one that is being written to may change within the clock's tick
  if (stamp->is_settled() && file_stamp(path) == stamp)
    known.add(key, {reinterpret_cast<const std::uint8_t*>(digits.data()), digits.size()});
  return hash;
}

std::unique_ptr<Encoders> open_encoders(const fs::path& path, EncoderOptions options,
                                        RecordStore& hashes) {
  options.file_sha256 = [&hashes](const fs::path& file) { return to_hex(file_hash(file, hashes)); };
  return std::make_unique<Encoders>(path, options);
}

}  // namespace

MediaFeatures::MediaFeatures(const Files& files, EncoderOptions options)
    : hashes_(std::make_unique<RecordStore>(files.cache, "hashes", kHashDigits)),
      encoders_(open_encoders(files.encoders, std::move(options), *hashes_)),
      transforms_(encoders_->transforms()),
      fingerprint_(encoders_->fingerprint()),
      n_features_(encoders_->n_embd()) {
  const std::string name = to_hex(sha256(fingerprint_ + '\n' + encoders_->numerics()));
  store_ = std::make_unique<RecordStore>(files.cache, "features-" + name.substr(0, kNameDigits),
                                         static_cast<std::size_t>(n_features_) * sizeof(float));
  for (const Modality modality : kAllModalities)
    has_tower_.push_back(encoders_->has(encoders_->tower_of(modality)));
}

std::int64_t MediaFeatures::add(const Input& input, int n_views) {
  if (!has_tower_[static_cast<std::size_t>(input.modality)])
    throw Error(ErrorKind::kModel, input.name + ": the encoders have no " +
                                       to_string(input.modality) + " tower; use a model that has");
  auto sensor = std::ranges::find(sensors_, input.sensor);
  if (sensor == sensors_.end()) sensor = sensors_.insert(sensor, input.sensor);
  const std::optional<EmbeddingRow> given = embedding_row(input.name);
  Entry entry{.modality = input.modality,
              .sensor = static_cast<std::uint32_t>(sensor - sensors_.begin()),
              .n_views = input.modality == Modality::kImage && !given ? n_views : 1,
              .path = given ? given->path : input.name,
              .row = given ? given->row : -1,
              .content = {},
              .keys = {},
              .failure = {}};
  const std::size_t hash = std::hash<std::string>()(input.name);
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto known = begin; known != end; ++known) {
    Entry& other = entries_[static_cast<std::size_t>(known->second)];
    if (other.modality == entry.modality && other.sensor == entry.sensor &&
        other.path == entry.path && other.row == entry.row) {
      other.n_views = std::max(other.n_views, entry.n_views);
      return known->second;
    }
  }
  by_hash_.emplace(hash, size());
  entries_.push_back(std::move(entry));
  return size() - 1;
}

Input MediaFeatures::input_of(const Entry& entry) const {
  Input input;
  input.modality = entry.modality;
  input.name = entry.path;
  input.sensor = sensors_[entry.sensor];
  return input;
}

RecordStore::Key MediaFeatures::make_key(const Entry& entry, int view) const {
  const std::string kind =
      entry.row < 0 ? to_string(entry.modality) : fmt::format("row {}", entry.row);
  const bool is_as_before = entry.row >= 0 || entry.modality == Modality::kImage;
  return sha256(fmt::format("{}\n{}\n{}\n{}\n{}", is_as_before ? kPictureKeyVersion : kKeyVersion,
                            kind, to_hex(*entry.content), to_string(sensors_[entry.sensor]), view));
}

void MediaFeatures::look_up_content(Entry& entry) {
  if (!entry.content) entry.content = file_hash(entry.path, *hashes_);
  while (std::ssize(entry.keys) < entry.n_views)
    entry.keys.push_back(make_key(entry, static_cast<int>(entry.keys.size())));
}

void MediaFeatures::prepare_missing(Entry& entry, std::vector<Missing>& missing) {
  std::optional<Image> picture;  // decoded once for all views
  for (int view = 0; view < entry.n_views; ++view) {
    const RecordStore::Key& key = entry.keys[static_cast<std::size_t>(view)];
    const bool is_pending =
        std::ranges::any_of(missing, [&](const Missing& one) { return one.key == key; });
    if (store_->contains(key) || is_pending) continue;
    if (entry.modality != Modality::kImage) {  // has one view
      missing.push_back({key, entry.modality, prepare(input_of(entry), transforms_)});
      continue;
    }
    if (!picture) picture = read_picture(input_of(entry));
    missing.push_back(
        {key, entry.modality,
         picture_tensor(image_view(*picture, to_hex(*entry.content), view), transforms_)});
  }
}

void MediaFeatures::copy_row(const Entry& entry) {
  const RecordStore::Key& key = entry.keys.front();
  if (store_->contains(key)) return;
  const std::vector<float> row = embeddings_.read({entry.path, entry.row}, n_features_);
  store_->add(key, {reinterpret_cast<const std::uint8_t*>(row.data()), row.size() * sizeof(float)});
}

void MediaFeatures::encode_missing(std::vector<Missing>& missing) {
  const auto width = static_cast<std::size_t>(n_features_);
  std::vector<float> rows(missing.size() * width);
  std::vector<TowerInput> inputs;
  std::vector<TowerInput*> pointers;
  inputs.reserve(missing.size());
  for (Missing& one : missing) {
    const std::span row = std::span(rows).subspan(inputs.size() * width, width);
    inputs.push_back({one.modality, std::move(one.tensor), row});
    pointers.push_back(&inputs.back());
  }
  encode_prepared(*encoders_, pointers);
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (inputs[i].failure) std::rethrow_exception(inputs[i].failure);
    store_->add(missing[i].key, {reinterpret_cast<const std::uint8_t*>(inputs[i].row.data()),
                                 inputs[i].row.size_bytes()});
  }
  missing.clear();
}

void MediaFeatures::encode_share(int share, int n_shares) {
  std::vector<Missing> missing;
  Progress progress("features", (size() - share + n_shares - 1) / n_shares);
  for (std::int64_t i = share, done = 0; i < size(); i += n_shares, ++done) {
    progress.update(done);
    Entry& entry = entries_[static_cast<std::size_t>(i)];
    try {
      look_up_content(entry);
      if (entry.row < 0)
        prepare_missing(entry, missing);
      else
        copy_row(entry);
      entry.failure.clear();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInput) throw;
      entry.failure = error.what();
    }
    if (missing.size() >= kEncodeBatch) encode_missing(missing);
  }
  if (!missing.empty()) encode_missing(missing);
  progress.finish();
}

void MediaFeatures::encode(Processes& processes) {
  if (processes.size() > 1) {
    encode_share(processes.rank(), processes.size());
    processes.wait_for_all();
    store_->refresh();
    hashes_->refresh();
  }
  // all are in the cache now, unless the processes don't share its folder
  encode_share(0, 1);
  encoders_.reset();
  embeddings_ = {};
}

const std::string& MediaFeatures::failure(std::int64_t input) const {
  return entries_[static_cast<std::size_t>(input)].failure;
}

void MediaFeatures::copy(std::int64_t input, int view, std::span<float> features) const {
  const Entry& entry = entries_[static_cast<std::size_t>(input)];
  const std::span bytes(reinterpret_cast<std::uint8_t*>(features.data()), features.size_bytes());
  const auto version = static_cast<std::size_t>(view);
  if (version >= entry.keys.size() || !store_->read(entry.keys[version], bytes))
    throw Error(ErrorKind::kInternal, entry.path +
                                          ": its features are no longer in the cache; start the "
                                          "same job again to compute them anew");
}

void MediaFeatures::append(std::int64_t input, int view, float weight, FeatureRows& rows) const {
  const auto width = static_cast<std::size_t>(n_features_);
  rows.values.resize(rows.values.size() + width);
  copy(input, view, std::span(rows.values).last(width));
  rows.weights.push_back(weight);
}

MediaFeatures::Moments MediaFeatures::moments(std::int64_t n_inputs) const {
  const auto width = static_cast<std::size_t>(n_features_);
  Moments result{std::vector<double>(width), std::vector<double>(width)};
  std::vector<float> row(width);
  double count = 0;
  for (std::int64_t i = 0; i < n_inputs; ++i) {
    if (!failure(i).empty()) continue;
    for (int view = 0; view < n_views(i); ++view) {
      copy(i, view, row);
      ++count;
      for (std::size_t f = 0; f < width; ++f) {  // Welford's running moments
        const double before = row[f] - result.mean[f];
        result.mean[f] += before / count;
        result.deviation[f] += before * (row[f] - result.mean[f]);
      }
    }
  }
  for (double& value : result.deviation)
    value = std::sqrt(value / std::max(count, 1.0));
  return result;
}

std::string MediaFeatures::content_digest() const {
  std::string all;
  for (const Entry& entry : entries_)
    all = to_hex(sha256(all + (entry.content ? to_hex(*entry.content) : "")));
  return all;
}

}  // namespace pandagpt::train
