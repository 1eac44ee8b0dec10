// Made-up vectors for tests of the search layer.
#pragma once

#include <atomic>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "core/file.h"
#include "media/logs/address.h"
#include "search/encoder.h"
#include "test_support.h"

namespace pandagpt::test {

inline constexpr int kFakeWidth = 4;

/// The content of a file is its vector: "1 0 0.5 0". Films and sounds, which must be real, get that
/// of kStreamed, and messages of robots' logs that of kInLog. Texts are vectors in the same way. As
/// with ImageBind, each kind has a factor.
class FakeEncoder : public SearchEncoder {
 public:
  ModelStamp stamp() const override { return {"fake", "fake", fingerprint, kFakeWidth}; }
  bool takes(Modality kind) const override { return kind != Modality::kDepth; }

  std::vector<float> embed(const Inputs& inputs) const override {
    std::vector<float> rows;
    for (const Input& input : inputs.items()) {
      if (input.modality == Modality::kVideo || input.modality == Modality::kAudio) {
        append(kStreamed, 20, rows);
      } else if (!place_of(input.name, /*is_buffer=*/false).empty()) {
        append(kInLog, 3, rows);
      } else {
        const Bytes bytes = input.bytes.empty() ? read_file(input.name, 1 << 20) : input.bytes;
        append({bytes.begin(), bytes.end()}, 3, rows);
      }
      n_embedded += 1;
    }
    if (kill_after >= 0 && n_embedded > kill_after) raise(SIGKILL);
    return rows;
  }
  std::vector<EmbedResult> embed_each(const Inputs& inputs) const override {
    std::vector<EmbedResult> results;
    for (const Input& input : inputs.items()) {
      try {
        results.push_back({.row = embed(Inputs().add(input))});
      } catch (const Error& error) {
        results.push_back({.error = error});
      }
    }
    return results;
  }
  std::vector<float> embed_texts(std::span<const std::string> texts) const override {
    std::vector<float> rows;
    for (const std::string& text : texts)
      append(text, 100, rows);
    return rows;
  }

  static constexpr const char* kStreamed = "0 0 0 1";
  static constexpr const char* kInLog = "0 1 0 1";

  std::string fingerprint = "f1";
  int kill_after = -1;  ///< this process ends after so many inputs, without a word
  mutable std::atomic<int> n_embedded = 0;

 private:
  static void append(const std::string& text, float factor, std::vector<float>& rows) {
    std::istringstream in(text);
    for (int i = 0; i < kFakeWidth; ++i) {
      float value = 0;
      if (!(in >> value)) throw Error(ErrorKind::kInput, "'" + text + "' is no vector");
      rows.push_back(factor * value);
    }
  }
};

}  // namespace pandagpt::test
