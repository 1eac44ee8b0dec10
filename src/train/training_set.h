// The conversations of a file that can be trained on, with their inputs. Held for each are its
// place in the file and the number of its inputs; its tokens too, once it has been read, while
// memory lasts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "train/conversation_file.h"
#include "train/dataset.h"
#include "train/kept_examples.h"
#include "train/media_features.h"

namespace pandagpt::train {

/// A part of a file: all of it, or one side of a split for validation. Conversations of the same
/// inputs are on the same side, whatever the order and number of the others.
struct DataPart {
  double validation_share = 0;  ///< 0: no split, everything is in
  bool is_validation = false;

  /// `about`: what a conversation is about, as text.
  bool contains(const std::string& about) const;
};

/// A record that is not trained on.
struct LeftOut {
  std::int64_t entry = 0;  ///< in the file, from 0
  std::string reason;
};

class TrainingSet {
 public:
  /// Reads every record once, leaves out the bad ones and gives the inputs of the others to
  /// `features`, pictures in `n_views` versions. The other arguments must outlive this. Throws
  /// Error(kModel) for inputs that the encoders can't take.
  TrainingSet(std::shared_ptr<const ConversationFile> file, ConversationTokenizer& tokenizer,
              MediaFeatures& features, const DataPart& part, int n_views);

  /// After MediaFeatures::encode(): leaves out what has an unreadable input.
  void leave_out_unreadable();
  /// Throws Error(kInput) if more than `max_bad` of the file (a share) was left out, or all.
  void require_few_left_out(double max_bad) const;

  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
  /// For order_epoch(): of each conversation.
  std::span<const std::int64_t> sources() const { return sources_; }
  const ConversationFile& file() const { return *file_; }
  /// Entry of the file of conversation `index`.
  std::int64_t entry(std::int64_t index) const { return entries_[static_cast<std::size_t>(index)]; }

  const std::vector<LeftOut>& left_out() const { return left_out_; }
  std::int64_t n_cut() const { return n_cut_; }
  /// Conversations that were there before, with the same inputs, questions and answers. They count.
  std::int64_t n_repeated() const { return n_repeated_; }
  std::int64_t n_sources() const { return static_cast<std::int64_t>(parts_.size()); }
  /// Changes with the order and number of conversations and with what they are about.
  std::string digest() const;

  /// From now on load() keeps the tokens that it makes, as long as `memory` (which must outlive
  /// this) has room. No conversation may be left out afterwards.
  void keep_tokens(TokenMemory& memory) { kept_ = std::make_unique<KeptExamples>(size(), memory); }

  /// A batch with its conversations read and tokenised; its numbers count in `examples`.
  struct Loaded {
    std::vector<Example> examples;
    Batch batch;
  };
  /// Throws Error(kInput) if one can't be read any more. Not thread safe.
  Loaded load(const Batch& batch) const;

  /// Appends the features of a source's inputs; `view` says which version of an input.
  template <typename View>
  void add_features(std::int64_t source, FeatureRows& rows, const View& view) const {
    for (const auto& [input, weight] : parts_[static_cast<std::size_t>(source)])
      features_.append(input, view(input), weight, rows);
  }

 private:
  /// One of a source's inputs.
  struct Part {
    std::int64_t input;
    float weight;
    bool operator==(const Part&) const = default;
  };

  void take(std::int64_t entry, const DataPart& part);
  std::int64_t source_of(const Inputs& inputs);
  std::string about(const Conversation& conversation) const;
  std::size_t content_hash(const Conversation& conversation) const;
  Example read(std::int64_t index) const;

  std::shared_ptr<const ConversationFile> file_;
  ConversationTokenizer& tokenizer_;
  MediaFeatures& features_;
  int n_views_;
  std::vector<std::int64_t> entries_;     // of the conversations that are trained on
  std::vector<std::int64_t> sources_;     // of the same
  std::vector<std::vector<Part>> parts_;  // of each source
  std::unordered_multimap<std::size_t, std::int64_t> sources_by_hash_;
  std::unordered_set<std::size_t> seen_;  // hashes of contents, while reading
  std::int64_t n_repeated_ = 0;
  std::vector<LeftOut> left_out_;
  std::int64_t n_cut_ = 0;
  std::unique_ptr<KeptExamples> kept_;
};

/// One line of JSON for each record that was left out of one of `sets`. Throws Error(kInternal).
void write_left_out(const std::vector<const TrainingSet*>& sets, const std::filesystem::path& path);

}  // namespace pandagpt::train
