// Conversations as the model sees them: tokenising, ordering and packing.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llm/prompt.h"
#include "train/conversation_file.h"
#include "train/llama_lora.h"

namespace pandagpt::train {

/// A tokenised conversation. Positions of the inputs' embeddings hold kImageToken.
struct Example {
  static constexpr std::int32_t kImageToken = -1;

  std::int64_t source = 0;  ///< examples of the same source are about the same inputs
  std::int64_t n_inputs = 1;
  std::vector<std::int32_t> tokens;
  std::vector<std::uint8_t> is_label;  ///< 1: this token is an answer's and is to be predicted
  bool is_cut = false;                 ///< at max_length

  bool has_labels() const;
};

using Tokenizer = std::function<std::vector<std::int32_t>(std::string_view)>;

struct TokenizeOptions {
  PromptTemplate prompt;
  std::int32_t bos = 0;
  std::int64_t n_image_tokens = 1;  ///< positions that inputs have together
  std::int64_t max_length = 1024;
  std::int64_t n_words = 0;  ///< positions that each input has for itself behind those
};

/// Tokenises piece by piece, as the prompt protocol says (src/llm/prompt.h). Not thread safe.
class ConversationTokenizer {
 public:
  ConversationTokenizer(Tokenizer tokenizer, TokenizeOptions options)
      : tokenizer_(std::move(tokenizer)), options_(std::move(options)) {}

  /// `source` is left at 0.
  Example operator()(const Conversation& conversation);
  /// Whether its tokens are more than max_length; quickly false for short ones.
  bool is_too_long(const Conversation& conversation);

 private:
  void append(Example& example, const std::string& text, bool is_label);
  std::size_t n_positions(std::int64_t n_inputs) const {
    return static_cast<std::size_t>(options_.n_image_tokens + n_inputs * options_.n_words);
  }

  Tokenizer tokenizer_;
  TokenizeOptions options_;
  std::unordered_map<std::string, std::vector<std::int32_t>> known_;  // prompts repeat a lot
};

/// The order of one epoch: batches of groups of examples, which share a prompt prefix. A group is
/// about one source, up to the question, or of examples that are alone about theirs, or about none:
/// these share what stands before the inputs.
using Group = std::vector<std::int64_t>;  // numbers of examples
using Batch = std::vector<Group>;

struct OrderOptions {
  std::int64_t batch_size = 64;        ///< conversations an optimiser step sees, at least
  std::int64_t answers_per_group = 5;  ///< conversations that travel together, at most
  std::uint64_t seed = 0;
};

/// The source of an example that is about no inputs (text alone).
inline constexpr std::int64_t kNoSource = -1;

/// Raised whenever order_epoch() gives another order: a run isn't continued under another one.
inline constexpr int kOrderVersion = 2;

/// `sources` holds the source of each example. Deterministic in (options.seed, epoch). Every
/// example occurs exactly once.
std::vector<Batch> order_epoch(std::span<const std::int64_t> sources, const OrderOptions& options,
                               std::int64_t epoch);

/// What a group adds to a packed batch.
struct PackedSize {
  std::int64_t n_tokens = 0;
  std::int64_t n_features = 0;
  std::int64_t n_labels = 0;
};
PackedSize packed_size(std::span<const Example> examples, const Group& group);

/// Features of an example's inputs: each (n_in) floats behind one another, and their weights.
struct FeatureRows {
  std::vector<float> values;
  std::vector<float> weights;
};
/// Adds those of `example`, of which it has `n_inputs`.
using FeatureSource = std::function<void(std::int64_t example, FeatureRows& rows)>;

/// Packs the groups one after another without padding between them; the common token prefix of a
/// group is laid down once. T is rounded up to a multiple of kPackMultiple so that few matrix
/// shapes occur. `n_in` is the length of a feature.
PackedBatch pack(std::span<const Example> examples, const Batch& batch,
                 const FeatureSource& features, std::int64_t n_in);

inline constexpr std::int64_t kPackMultiple = 64;

}  // namespace pandagpt::train
