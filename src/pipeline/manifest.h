// panda.json: what a model folder holds and how its parts are to be used.
//
//   {
//     "name": "panda-mini",                       required
//     "licence": "Apache-2.0",                    required; an SPDX expression
//     "licence_note": "For research and education only: ..",  optional: what it means, in one line
//     "limitations": "It knows 28 kinds of sounds ..",        optional: what it can't do, one line
//     "provenance": "where the weights come from",required
//     "embedding_width": 1280,                    required; numbers of an encoder's embedding
//     "files": {                                  required
//       "encoders":  {"path": "encoders.gguf", "sha256": "..", "bytes": 123},
//       "projector": {..},
//       "adapter":   {..},                        optional: a LoRA adapter, when not merged
//       "llm":       {..},
//       "familiarity": {..}                       optional: directions of familiarity.h
//     },
//     "adapter_scale": 1.0, "n_ctx": 2048,        optional
//     "prompt": {"answer_prefix": " ", ..},       optional: fields of PromptTemplate
//     "sampling": {"top_p": 0.01, ..},            optional: fields of GenerateOptions
//     "later_inputs": "replace",                  optional: LaterInputs; "keep" if the model was
//                                                 trained with inputs in several turns
//     "examples": ["What is in the picture?"],    optional
//     "audio_channel": "auto",                    optional: SensorOptions' default; the first one
//     "imu_accelerometer_alone": true,            optional: the IMU tower was trained with
//                                                 recordings that have no gyroscope
//     "unsure": {"image": 0.1, "audio": 0.2},     optional: Familiarity's score below which the
//                                                 model says that it isn't sure
//     "facts": true                               optional: what is measured in inputs stands
//     before
//   }                                             the question, as in the model's training; false
//
// Paths are relative to the folder and stay inside it. The sizes ("bytes") are compared whenever a
// folder is opened; the SHA-256 only on demand (Manifest::verify), since it reads every byte.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "llm/prompt.h"
#include "pandagpt/generation.h"
#include "pandagpt/input.h"
#include "pandagpt/later_inputs.h"
#include "pipeline/input_defaults.h"

namespace pandagpt {

inline constexpr const char* kManifestName = "panda.json";

struct ManifestFile {
  std::string role;            ///< key under "files"
  std::filesystem::path path;  ///< usable as it is: folder / relative path
  std::string sha256 = {};     ///< lower-case hexadecimal; empty: not recorded yet
  std::uint64_t bytes = 0;     ///< 0: not recorded
};

struct Manifest {
  std::filesystem::path folder;
  std::string name;
  std::string licence;
  std::string licence_note;
  std::string limitations;
  std::string provenance;
  int embedding_width = 0;
  ManifestFile encoders;
  ManifestFile projector;
  std::optional<ManifestFile> adapter;
  ManifestFile llm;
  std::optional<ManifestFile> familiarity;
  float adapter_scale = 1.0F;
  int n_ctx = 2048;
  PromptTemplate prompt;
  GenerateOptions sampling;
  LaterInputs later_inputs = LaterInputs::kReplace;
  std::vector<std::string> examples;
  int audio_channel = 1;
  bool imu_accelerometer_alone = false;
  std::map<Modality, float> unsure;  ///< of other kinds it is never unsure
  bool facts = false;                ///< question_with_facts()

  InputDefaults input_defaults() const { return {audio_channel, imu_accelerometer_alone}; }

  /// All files, in the order in which they are used.
  std::vector<ManifestFile> files() const;

  /// Throws Error(kModel) that names the first file which is missing or of another size.
  void check_files() const;
  /// check_files(), then compares every SHA-256. Throws Error(kModel) on a difference or on a file
  /// whose SHA-256 is not recorded.
  void verify() const;
};

/// Reads FOLDER/panda.json. Unknown keys are a warning in the log. Throws Error(kModel) that names
/// the key which is missing, of the wrong type or out of range.
Manifest read_manifest(const std::filesystem::path& folder);

/// The encoders' SHA-256 as the manifest says, if it can be believed without reading the file: it
/// is recorded, and the manifest was written after the file. Otherwise empty.
std::string recorded_sha256(const Manifest& manifest);

/// Writes FOLDER/panda.json, whole or not at all. Throws Error(kInternal) if it can't.
void write_manifest(const Manifest& manifest);

/// Writes the present SHA-256 and size of every file into FOLDER/panda.json; the rest stays.
/// Throws Error(kModel) if a file is missing.
void record_hashes(const std::filesystem::path& folder);

/// $XDG_DATA_HOME/pandagpt/models (~/.local/share without it); empty if there is no home.
std::filesystem::path user_models_folder();

/// Where models are looked for by name, in this order: each folder of $PANDAGPT_MODELS (separated
/// by colons), user_models_folder(), share/pandagpt/models of the prefix that this code is
/// installed in, the source tree's models/.
std::vector<std::filesystem::path> model_search_path();

/// The folder of a model: `model` is a folder, or a name in the search path.
/// Throws Error(kModel) that lists where it was looked for.
std::filesystem::path find_model(const std::string& model);

/// Whether `model` is an encoders file (*.gguf), which is as good as a folder where only embeddings
/// are wanted.
bool is_encoders_file(const std::filesystem::path& model);

/// Folders with a panda.json in the search path; of several with one name only the first.
std::vector<std::filesystem::path> list_models();

}  // namespace pandagpt
