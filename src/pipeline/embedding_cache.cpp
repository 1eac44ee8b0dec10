#include "pipeline/embedding_cache.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/file.h"
#include "media/logs/address.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

// Raised when the key below means something else, or when a file is read otherwise than before.
constexpr const char* kKeyVersion = "3";
/// Hashing smaller files takes no longer than looking them up.
constexpr std::uint64_t kMinLookedUpBytes = 4 << 20;
/// Of larger ones, which may take longer to hash than to encode (of a film only parts are read),
/// the stamp stands for the content.
constexpr std::uint64_t kMaxHashedBytes = 1ULL << 30;
constexpr std::size_t kMaxKnownHashes = 1024;
constexpr const char* kDamagedEnding = ".damaged";

std::string hash_of(const std::string& text) {
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// What a kind's tensor depends on.
std::string sensor_key(const Input& input, int audio_channel) {
  SensorOptions sensor;
  switch (input.modality) {
    case Modality::kImage:
    case Modality::kVideo:
      break;
    case Modality::kAudio:
      sensor.audio_channel = input.sensor.audio_channel.value_or(audio_channel);
      break;
    case Modality::kThermal:
    case Modality::kDepth:
    case Modality::kImu:
      sensor = input.sensor;
      sensor.audio_channel.reset();
  }
  return to_string(sensor);
}

/// `content`: what tells it from others, its further files among them.
std::string input_key(const Input& input, int audio_channel, const std::string& content) {
  // Names all fields, so that a new one can't be forgotten. The weight is applied to the embedding.
  // Of the name decoders look at the place in a log, which is part of `content`, and at what a file
  // of motion is called, which may tell the sensor.
  [[maybe_unused]] const auto& [modality, name, bytes, weight, sensor, parts] = input;
  std::string file_names;
  if (modality == Modality::kImu) {
    file_names = '\n' + fs::path(name).filename().string();
    for (const InputPart& part : parts)
      file_names += '\n' + fs::path(part.name).filename().string();
  }
  return hash_of(std::string(kKeyVersion) + '\n' + to_string(modality) + '\n' + content + '\n' +
                 sensor_key(input, audio_channel) + file_names);
}

fs::path resolved(const fs::path& path) {
  std::error_code code;
  const fs::path found = fs::canonical(path, code);
  return code ? path : found;
}

fs::path with_ending(const fs::path& path, const char* ending) {
  fs::path longer = path;
  longer += ending;
  return longer;
}

}  // namespace

EmbeddingCache::EmbeddingCache(EmbeddingCacheOptions options)
    : options_(std::move(options)), disk_works_(!options_.file.empty()) {}

EmbeddingStore* EmbeddingCache::store() {
  if (!disk_works_) return nullptr;
  if (!store_) store_ = std::make_unique<EmbeddingStore>(options_.file, options_.disk);
  return store_.get();
}

/// Runs `work` with the store if there is one; repeats it with a new one if the file is damaged.
template <typename Work>
void EmbeddingCache::with_store(Work work) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      if (EmbeddingStore* found = store()) work(*found);
      return;
    } catch (const DamagedDatabase& error) {
      store_.reset();
      spdlog::warn("{}: the cache of embeddings is damaged; it is begun anew ({})",
                   options_.file.string(), error.what());
      move_aside();
    } catch (const Error& error) {
      spdlog::info("the cache of embeddings isn't used: {}", error.what());
      // Another process that keeps it locked, or a full disk, may be gone the next time.
      if (error.kind() != ErrorKind::kInternal) disk_works_ = false;
      return;
    }
  }
  disk_works_ = false;
}

void EmbeddingCache::move_aside() {
  std::error_code code;
  fs::rename(options_.file, with_ending(options_.file, kDamagedEnding), code);
  if (code) disk_works_ = false;
  std::error_code ignored;
  for (const char* ending : {"-wal", "-shm"})  // they belong to the damaged one
    fs::remove(with_ending(options_.file, ending), ignored);
}

std::optional<std::string> EmbeddingCache::key_of(const Input& input, int audio_channel) {
  std::optional<std::string> content = content_key(input.name, input.bytes);
  for (const InputPart& part : input.parts) {
    const std::optional<std::string> more = content_key(part.name, part.bytes);
    content = content && more ? std::optional(*content + '\n' + *more) : std::nullopt;
  }
  if (!content) return std::nullopt;
  return input_key(input, audio_channel, *content);
}

std::optional<std::string> EmbeddingCache::content_key(const std::string& name, ByteView bytes) {
  const std::string place = place_of(name, !bytes.empty());  // in a robot's log
  if (!bytes.empty()) return sha256_hex(bytes) + place;
  const std::string file = file_of(name);
  const std::optional<FileStamp> stamp = file_stamp(file);
  if (!stamp) return std::nullopt;
  if (stamp->size > kMaxHashedBytes)
    return stamp->is_settled() ? std::optional(to_string(*stamp) + place) : std::nullopt;
  try {
    return file_sha256(file) + place;
  } catch (const Error&) {  // who reads the file for good says it better
    return std::nullopt;
  }
}

bool EmbeddingCache::wants_encoder() {
  const std::lock_guard lock(mutex_);
  if (!encoder_.empty() || !options_.keeps_embeddings) return false;
  with_store([](EmbeddingStore&) {});
  return store_ != nullptr;
}

void EmbeddingCache::set_encoder(std::string name) {
  const std::lock_guard lock(mutex_);
  encoder_ = std::move(name);
}

std::string EmbeddingCache::disk_key(const std::string& key) const {
  return hash_of(encoder_ + '\n' + key);
}

std::optional<std::vector<float>> EmbeddingCache::find(const std::string& key, std::size_t width) {
  if (!options_.keeps_embeddings) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
    return known->second->embedding;
  }
  if (encoder_.empty()) return std::nullopt;
  std::optional<std::vector<float>> found;
  with_store([&](EmbeddingStore& disk) { found = disk.find(disk_key(key)); });
  const bool usable = found && found->size() == width &&
                      std::ranges::all_of(*found, [](float x) { return std::isfinite(x); });
  if (!usable) return std::nullopt;
  remember(key, *found);
  return found;
}

void EmbeddingCache::put(const std::string& key, std::span<const float> embedding) {
  if (!options_.keeps_embeddings) return;
  const std::lock_guard lock(mutex_);
  remember(key, embedding);
  if (encoder_.empty()) return;
  with_store([&](EmbeddingStore& disk) { disk.put(disk_key(key), embedding); });
}

void EmbeddingCache::remember(const std::string& key, std::span<const float> embedding) {
  if (by_key_.contains(key)) return;
  entries_.push_front({key, {embedding.begin(), embedding.end()}});
  by_key_[key] = entries_.begin();
  const auto bytes_of = [](const Entry& entry) {
    return sizeof(Entry) + entry.key.size() + entry.embedding.size() * sizeof(float);
  };
  memory_bytes_ += bytes_of(entries_.front());
  while (memory_bytes_ > options_.max_memory_bytes && !entries_.empty()) {
    memory_bytes_ -= bytes_of(entries_.back());
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

std::string EmbeddingCache::file_sha256(const fs::path& path, const std::string& recorded) {
  const fs::path where = resolved(path);
  const std::optional<FileStamp> before = file_stamp(where);
  if (!before || before->size < kMinLookedUpBytes) return sha256_file(where);
  {
    const std::lock_guard lock(mutex_);
    const auto known = hashes_.find(where);
    if (known != hashes_.end() && known->second.stamp == before) return known->second.sha256;
    std::optional<std::string> found;
    with_store([&](EmbeddingStore& disk) { found = disk.find_hash(where, *before); });
    if (!found && !recorded.empty()) {
      keep_hash(where, *before, recorded);
      return recorded;
    }
    if (found) return *found;
  }
  std::string sha256 = sha256_file(where);  // without the lock: it may take seconds
  const std::lock_guard lock(mutex_);
  if (before->is_settled() && file_stamp(where) == before) keep_hash(where, *before, sha256);
  return sha256;
}

void EmbeddingCache::keep_hash(const fs::path& path, const FileStamp& stamp,
                               const std::string& sha256) {
  if (hashes_.size() >= kMaxKnownHashes) hashes_.clear();
  hashes_[path] = {stamp, sha256};
  with_store([&](EmbeddingStore& disk) { disk.put_hash(path, stamp, sha256); });
}

}  // namespace pandagpt
