// Files of training conversations, larger than memory if need be.
//
// The reference's format is a JSON list of
//   {"image_name": "a.jpg", "conversation": [{"from": "human", "value": "What is this?"},
//                                            {"from": "gpt", "value": "A dog."}, ..]}
// or the same objects one a line (JSON lines). Beside "image_name", or instead of it, a record may
// name inputs of any kind (pipeline/input_json.h), or a ready embedding in a picture's place,
// {"embedding": "a.npy", "row": 3} (embedding_rows.h); with none at all it is about text alone.
//
// "facts" of a record is the line that `pandagpt facts --json` calls "measured"; it stands before
// the first question, as in answering with a model folder that says so (question_with_facts).
//
// LLaVA's files are read too: "conversations" is the same as "conversation", and <image>, <video>
// or <audio> at the beginning or end of the first question, where the inputs stand anyway, is taken
// away.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "pandagpt/generation.h"
#include "pandagpt/input.h"

namespace pandagpt::train {

struct Conversation {
  std::string id;           ///< empty if the record has none
  Inputs inputs;            ///< what it is about; files are not looked at yet
  std::vector<Turn> turns;  ///< at least one
};

/// Only where each record lies is held (16 bytes for one); records are read when they are asked
/// for.
class ConversationFile {
 public:
  static constexpr std::uint64_t kMaxRecordBytes = std::uint64_t{16} << 20;

  /// Finds the records. Relative paths of inputs are relative to `media_root`. Throws
  /// Error(kInput) if the file can't be read, has no records, or is a JSON list that has no end.
  ConversationFile(std::filesystem::path path, std::filesystem::path media_root);

  const std::filesystem::path& path() const { return path_; }
  const std::filesystem::path& media_root() const { return media_root_; }
  std::int64_t size() const { return static_cast<std::int64_t>(records_.size()); }

  /// Record `index`, from 0. Throws BadObject saying what is wrong with it: not JSON or UTF-8,
  /// longer than kMaxRecordBytes, a missing or mistyped field, an input under another name ("img"),
  /// an <image> elsewhere in a question or without an input, roles that don't alternate from
  /// "human" on, an empty answer; the last one may be missing if `open_ended`. Throws Error(kInput)
  /// if the file has changed since it was opened.
  Conversation read(std::int64_t index, bool open_ended = false) const;

 private:
  struct Record {
    std::uint64_t offset;
    std::uint32_t length;  // more than kMaxRecordBytes: longer
    std::uint32_t checksum;
  };
  class Scanner;
  /// Owns a file descriptor.
  struct OpenFile {
    explicit OpenFile(const std::filesystem::path& path);
    ~OpenFile();
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    int descriptor;
  };

  std::filesystem::path path_;
  std::filesystem::path media_root_;
  OpenFile file_;
  std::vector<Record> records_;
};

}  // namespace pandagpt::train
