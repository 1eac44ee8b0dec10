#include "pipeline/manifest.h"

#include <dlfcn.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "core/file_stamp.h"
#include "core/similar_name.h"
#include "core/text_file.h"
#include "core/user_folders.h"
#include "core/what_is_this.h"
#include "pandagpt/error.h"
#include "pipeline/json_object.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxManifestBytes = 1U << 20;
constexpr int kMaxEmbeddingWidth = 1 << 16;
constexpr int kMaxContext = 1 << 20;
constexpr int kMostPrefixLevels =
    2;  // between a prefix and the folder of its programs or libraries

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::kModel, path.string() + ": " + why);
}

template <typename Json>
Json parse(const fs::path& path) {
  const std::string text = read_model_text(path, kMaxManifestBytes);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    fail(path, std::string("not valid JSON: ") + error.what());
  }
}

bool stays_inside(const fs::path& relative) {
  return !relative.empty() && relative.is_relative() &&
         std::ranges::find(relative, fs::path("..")) == relative.end();
}

ManifestFile read_file_entry(JsonObject& files, const std::string& role, const fs::path& folder) {
  JsonObject entry = files.object(role);
  ManifestFile file;
  file.role = role;
  const fs::path relative = entry.text("path");
  if (!stays_inside(relative))
    entry.fail("path", "must be relative to the folder and without '..'");
  file.path = folder / relative;
  file.sha256 = entry.text("sha256");
  if (!file.sha256.empty() && !is_sha256(file.sha256))
    entry.fail("sha256", "must be 64 lower-case hexadecimal digits, or empty until it is recorded");
  if (entry.has("bytes")) {
    const std::int64_t bytes = entry.integer("bytes");
    if (bytes < 0) entry.fail("bytes", "must not be negative");
    file.bytes = static_cast<std::uint64_t>(bytes);
  }
  entry.warn_about_unknown_keys();
  return file;
}

void read_files(JsonObject files, Manifest& manifest) {
  manifest.encoders = read_file_entry(files, "encoders", manifest.folder);
  manifest.projector = read_file_entry(files, "projector", manifest.folder);
  if (files.has("adapter")) manifest.adapter = read_file_entry(files, "adapter", manifest.folder);
  manifest.llm = read_file_entry(files, "llm", manifest.folder);
  if (files.has("familiarity"))
    manifest.familiarity = read_file_entry(files, "familiarity", manifest.folder);
  files.warn_about_unknown_keys();
}

// The keys of optional texts, of a prompt and of sampling, for reading and writing.
constexpr std::pair<const char*, std::string Manifest::*> kNotes[] = {
    {"licence_note", &Manifest::licence_note},
    {"limitations", &Manifest::limitations},
};
constexpr std::pair<const char*, std::string PromptTemplate::*> kPromptTexts[] = {
    {"first_human", &PromptTemplate::first_human},
    {"after_image", &PromptTemplate::after_image},
    {"first_human_text", &PromptTemplate::first_human_text},
    {"next_human", &PromptTemplate::next_human},
    {"next_human_image", &PromptTemplate::next_human_image},
    {"assistant", &PromptTemplate::assistant},
    {"answer_prefix", &PromptTemplate::answer_prefix},
    {"answer_end", &PromptTemplate::answer_end},
    {"stop", &PromptTemplate::stop},
    {"document_separator", &PromptTemplate::document_separator},
};
constexpr std::pair<const char*, float GenerateOptions::*> kSamplingNumbers[] = {
    {"temperature", &GenerateOptions::temperature},
    {"top_p", &GenerateOptions::top_p},
    {"min_p", &GenerateOptions::min_p},
    {"repeat_penalty", &GenerateOptions::repeat_penalty},
    {"frequency_penalty", &GenerateOptions::frequency_penalty},
    {"presence_penalty", &GenerateOptions::presence_penalty},
};
constexpr std::pair<const char*, int GenerateOptions::*> kSamplingCounts[] = {
    {"max_tokens", &GenerateOptions::max_tokens},
    {"n_beams", &GenerateOptions::n_beams},
    {"top_k", &GenerateOptions::top_k},
    {"repeat_last_n", &GenerateOptions::repeat_last_n},
    {"n_draft", &GenerateOptions::n_draft},
};

void read_prompt(JsonObject prompt, PromptTemplate& format) {
  for (const auto& [key, field] : kPromptTexts)
    if (prompt.has(key)) format.*field = prompt.text(key);
  if (format.stop.empty()) prompt.fail("stop", "must not be empty");
  prompt.warn_about_unknown_keys();
}

int int_in_range(JsonObject& object, const char* key, int low, int high) {
  const std::int64_t value = object.integer(key);
  if (value < low || value > high)
    object.fail(key, "must be between " + std::to_string(low) + " and " + std::to_string(high));
  return static_cast<int>(value);
}

void read_sampling(JsonObject sampling, GenerateOptions& options) {
  for (const auto& [key, field] : kSamplingNumbers)
    if (sampling.has(key)) options.*field = static_cast<float>(sampling.number(key));
  for (const auto& [key, field] : kSamplingCounts)
    if (sampling.has(key))
      options.*field = int_in_range(sampling, key, 0, std::numeric_limits<int>::max());
  sampling.warn_about_unknown_keys();
}

LaterInputs read_later_inputs(JsonObject& root) {
  constexpr const char* kKey = "later_inputs";
  const std::optional<LaterInputs> later = later_inputs_from_name(root.text(kKey));
  if (!later) root.fail(kKey, "must be replace or keep");
  return *later;
}

int read_audio_channel(JsonObject& root) {
  constexpr const char* kKey = "audio_channel";
  const std::optional<int> channel = audio_channel_from_name(root.text(kKey));
  if (!channel) root.fail(kKey, "must be auto, mix or a number from 1 on, as a text");
  return *channel;
}

std::string audio_channel_name(int channel) {
  if (channel == kAudioChannelAuto) return "auto";
  return channel == kAudioChannelMix ? "mix" : std::to_string(channel);
}

void read_unsure(JsonObject unsure, std::map<Modality, float>& thresholds) {
  for (const Modality modality : kAllModalities)
    if (const std::string key = to_string(modality); unsure.has(key))
      thresholds[modality] = static_cast<float>(unsure.number(key));
  unsure.warn_about_unknown_keys();
}

/// 0.01, not the 0.009999999776482582 that a float is as a double.
double short_number(float value) {
  return std::stod(fmt::format("{}", value));
}

bool holds_manifest(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kManifestName, ignored);
}

}  // namespace

Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestName;
  const auto document = parse<nlohmann::json>(path);
  JsonObject root(document, path.string());
  Manifest manifest;
  manifest.folder = folder;
  manifest.name = root.text("name");
  manifest.licence = root.text("licence");
  for (const auto& [key, field] : kNotes)
    if (root.has(key)) manifest.*field = root.text(key);
  manifest.provenance = root.text("provenance");
  manifest.embedding_width = int_in_range(root, "embedding_width", 1, kMaxEmbeddingWidth);
  read_files(root.object("files"), manifest);
  if (root.has("adapter_scale"))
    manifest.adapter_scale = static_cast<float>(root.number("adapter_scale"));
  if (root.has("n_ctx")) manifest.n_ctx = int_in_range(root, "n_ctx", 1, kMaxContext);
  if (root.has("prompt")) read_prompt(root.object("prompt"), manifest.prompt);
  if (root.has("sampling")) read_sampling(root.object("sampling"), manifest.sampling);
  try {
    manifest.sampling.validate();
  } catch (const Error& error) {
    root.fail("sampling", std::string("is not usable: ") + error.what());
  }
  if (root.has("later_inputs")) manifest.later_inputs = read_later_inputs(root);
  if (root.has("examples")) manifest.examples = root.texts("examples");
  if (root.has("audio_channel")) manifest.audio_channel = read_audio_channel(root);
  if (root.has("imu_accelerometer_alone"))
    manifest.imu_accelerometer_alone = root.boolean("imu_accelerometer_alone");
  if (root.has("unsure")) {
    read_unsure(root.object("unsure"), manifest.unsure);
    if (!manifest.familiarity) root.fail("unsure", "needs the file 'familiarity'");
  }
  if (root.has("facts")) manifest.facts = root.boolean("facts");
  root.warn_about_unknown_keys();
  return manifest;
}

std::vector<ManifestFile> Manifest::files() const {
  std::vector<ManifestFile> all{encoders, projector};
  if (adapter) all.push_back(*adapter);
  all.push_back(llm);
  if (familiarity) all.push_back(*familiarity);
  return all;
}

void Manifest::check_files() const {
  for (const ManifestFile& file : files()) {
    std::error_code code;
    const std::uint64_t size = fs::file_size(file.path, code);
    if (code)
      fail(file.path, code == std::errc::no_such_file_or_directory
                          ? "the " + file.role + " file of " + name +
                                " is missing; run scripts/setup.sh, or copy it there"
                          : code.message());
    if (file.bytes != 0 && size != file.bytes) {
      const std::string what = what_is_this(file.path);
      if (what.find("instead of the file") != std::string::npos) fail(file.path, what);
      fail(file.path,
           "has " + std::to_string(size) + " bytes, but " + kManifestName + " says " +
               std::to_string(file.bytes) +
               ": damaged or of another version; fetch it again, or run 'pandagpt models "
               "hash' if the change was meant");
    }
  }
}

void Manifest::verify() const {
  check_files();
  for (const ManifestFile& file : files()) {
    if (file.sha256.empty())
      fail(file.path, "has no SHA-256 in " + std::string(kManifestName) +
                          "; run 'pandagpt models hash' to record it");
    const std::string actual = sha256_file(file.path);
    if (actual != file.sha256)
      fail(file.path, "has the SHA-256 " + actual + ", but " + kManifestName + " says " +
                          file.sha256 + ": damaged or of another version; fetch it again");
  }
}

std::string recorded_sha256(const Manifest& manifest) {
  const std::optional<FileStamp> described = file_stamp(manifest.folder / kManifestName);
  const std::optional<FileStamp> file = file_stamp(manifest.encoders.path);
  const bool can_be_believed = described && file && file->size == manifest.encoders.bytes &&
                               described->modified_ns >= file->modified_ns;
  return can_be_believed ? manifest.encoders.sha256 : std::string();
}

void write_manifest(const Manifest& manifest) {
  nlohmann::ordered_json document{{"name", manifest.name},
                                  {"licence", manifest.licence},
                                  {"provenance", manifest.provenance},
                                  {"embedding_width", manifest.embedding_width}};
  for (const auto& [key, field] : kNotes)
    if (!(manifest.*field).empty()) document[key] = manifest.*field;
  for (const ManifestFile& file : manifest.files()) {
    const std::string path = file.path.lexically_relative(manifest.folder).generic_string();
    auto& entry = document["files"][file.role] = {{"path", path}, {"sha256", file.sha256}};
    if (file.bytes > 0) entry["bytes"] = file.bytes;
  }
  if (manifest.adapter) document["adapter_scale"] = short_number(manifest.adapter_scale);
  document["n_ctx"] = manifest.n_ctx;
  for (const auto& [key, field] : kPromptTexts)
    document["prompt"][key] = manifest.prompt.*field;
  for (const auto& [key, field] : kSamplingCounts)
    document["sampling"][key] = manifest.sampling.*field;
  for (const auto& [key, field] : kSamplingNumbers)
    document["sampling"][key] = short_number(manifest.sampling.*field);
  document["later_inputs"] = to_string(manifest.later_inputs);
  document["examples"] = manifest.examples;
  if (manifest.audio_channel != 1)
    document["audio_channel"] = audio_channel_name(manifest.audio_channel);
  if (manifest.imu_accelerometer_alone) document["imu_accelerometer_alone"] = true;
  if (manifest.facts) document["facts"] = true;
  for (const auto& [modality, threshold] : manifest.unsure)
    document["unsure"][to_string(modality)] = short_number(threshold);
  write_file_atomically(manifest.folder / kManifestName, [&](std::ostream& out) {
    out << document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  });
}

void record_hashes(const fs::path& folder) {
  const Manifest manifest = read_manifest(folder);
  const fs::path path = folder / kManifestName;
  auto document = parse<nlohmann::ordered_json>(path);  // keeps the author's order of keys
  for (const ManifestFile& file : manifest.files()) {
    std::error_code code;
    const std::uint64_t size = fs::file_size(file.path, code);
    if (code) fail(file.path, code.message());
    auto& entry = document["files"][file.role];
    entry["sha256"] = sha256_file(file.path);
    entry["bytes"] = size;
  }
  write_file_atomically(path, [&](std::ostream& out) { out << document.dump(2) << '\n'; });
}

fs::path user_models_folder() {
  const fs::path data = user_data_folder();
  return data.empty() ? fs::path() : data / "models";
}

/// Where `cmake --install` puts models, seen from the program or library that this code is in, so
/// that a prefix may be moved: PREFIX/bin/pandagpt, PREFIX/lib/libpandagpt.so,
/// PREFIX/lib/x86_64-linux-gnu/libpandagpt.so. Those that are there.
std::vector<fs::path> installed_models_folders() {
  static const char own_place = 0;
  std::vector<fs::path> found;
  Dl_info info{};
  if (dladdr(&own_place, &info) == 0 || info.dli_fname == nullptr) return found;
  // A program's own name is the one that it was called by, perhaps without its folder.
  const fs::path place = info.dli_fname;
  std::error_code code;
  fs::path folder = fs::canonical(place.is_absolute() ? place : "/proc/self/exe", code);
  if (code) return found;
  folder = folder.parent_path();
  for (int i = 0; i < kMostPrefixLevels && folder.has_relative_path(); ++i) {
    folder = folder.parent_path();
    const fs::path models = folder / "share" / "pandagpt" / "models";
    if (fs::is_directory(models, code)) found.push_back(models);
  }
  return found;
}

std::vector<fs::path> model_search_path() {
  std::vector<fs::path> folders;
  if (const char* list = std::getenv("PANDAGPT_MODELS"); list != nullptr) {
    std::istringstream in(list);
    for (std::string folder; std::getline(in, folder, ':');) {
      if (!folder.empty()) folders.emplace_back(folder);
    }
  }
  if (const fs::path own = user_models_folder(); !own.empty()) folders.push_back(own);
  for (const fs::path& folder : installed_models_folders())
    folders.push_back(folder);
  if (const fs::path built_in = PANDAGPT_SOURCE_MODELS; !built_in.empty())
    folders.push_back(built_in);
  return folders;
}

fs::path find_model(const std::string& model) {
  if (model.empty()) throw Error(ErrorKind::kModel, "the model's name is empty");
  if (holds_manifest(model)) return model;
  const bool is_path = model.find('/') != std::string::npos || model == "." || model == "..";
  if (is_path)
    throw Error(ErrorKind::kModel, model + ": not a model folder (no " + kManifestName + " in it)");
  std::string places;
  for (const fs::path& folder : model_search_path()) {
    if (holds_manifest(folder / model)) return folder / model;
    places += (places.empty() ? "" : ", ") + folder.string();
  }
  std::vector<std::string> names;
  for (const fs::path& folder : list_models())
    names.push_back(folder.filename().string());
  const std::string meant = did_you_mean(model, names);
  throw Error(
      ErrorKind::kModel,
      "no model named '" + model + "' in " + places +
          (meant.empty() ? "; see 'pandagpt models', or give a folder or a .gguf file" : meant));
}

bool is_encoders_file(const std::filesystem::path& model) {
  return model.extension() == ".gguf";
}

std::vector<fs::path> list_models() {
  std::vector<fs::path> found;
  for (const fs::path& folder : model_search_path()) {
    std::vector<fs::path> here;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder, code)) {
      if (holds_manifest(entry.path())) here.push_back(entry.path());
    }
    std::ranges::sort(here);
    for (const fs::path& model : here) {
      const bool hidden = std::ranges::any_of(
          found, [&](const fs::path& other) { return other.filename() == model.filename(); });
      if (!hidden) found.push_back(model);
    }
  }
  return found;
}

}  // namespace pandagpt
