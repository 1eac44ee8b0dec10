// Conversations about pictures: reading, tokenising, ordering and packing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/prompt.h"
#include "train/llama_lora.h"

namespace pandagpt::train {

struct Turn {
  bool is_human = false;
  std::string text;
};

struct Conversation {
  std::string image_name;  ///< relative to the image root
  std::vector<Turn> turns;
};

/// Reads the reference's format: a JSON list of {"image_name", "conversation": [{"from": "human" |
/// "gpt", "value"}, ..]}, or the same objects one a line (.jsonl). Throws Error(kInput) naming the
/// entry for a wrong type, role order or empty answer.
std::vector<Conversation> read_conversations(const std::filesystem::path& path);

/// A tokenised conversation. Image positions hold kImageToken.
struct Example {
  static constexpr std::int32_t kImageToken = -1;

  std::int64_t image = 0;  ///< index into DataSet::images
  std::vector<std::int32_t> tokens;
  std::vector<std::uint8_t> is_label;  ///< 1: this token is an answer's and is to be predicted
};

using Tokenizer = std::function<std::vector<std::int32_t>(std::string_view)>;

struct TokenizeOptions {
  PromptTemplate prompt;
  std::int32_t bos = 0;
  std::int64_t n_image_tokens = 1;
  std::int64_t max_length = 1024;
};

struct DataSet {
  std::vector<std::string> images;  ///< distinct names, in order of appearance
  std::vector<Example> examples;
  std::int64_t n_truncated = 0;  ///< conversations cut at max_length
  std::int64_t n_dropped = 0;    ///< conversations with no answer left inside max_length
};

/// Tokenises piece by piece, as the prompt protocol says (src/llm/prompt.h).
DataSet tokenize(const std::vector<Conversation>& conversations, const Tokenizer& tokenizer,
                 const TokenizeOptions& options);

/// The order of one epoch: batches of groups of examples. Each group is about one picture, so its
/// members share a prompt prefix.
using Group = std::vector<std::int64_t>;  // indices into DataSet::examples
using Batch = std::vector<Group>;

struct OrderOptions {
  std::int64_t batch_size = 64;        ///< conversations an optimiser step sees, at least
  std::int64_t answers_per_group = 5;  ///< conversations about one picture that travel together
  std::uint64_t seed = 0;
};

/// Deterministic in (options.seed, epoch). Every example occurs exactly once.
std::vector<Batch> order_epoch(const DataSet& data, const OrderOptions& options,
                               std::int64_t epoch);

/// What a group adds to a packed batch.
struct PackedSize {
  std::int64_t n_tokens = 0;
  std::int64_t n_features = 0;
  std::int64_t n_labels = 0;
};
PackedSize packed_size(const DataSet& data, const Group& group);

/// Packs the groups one after another without padding between them; the common token prefix of a
/// group is laid down once. T is rounded up to a multiple of kPackMultiple so that few matrix
/// shapes occur. `features` (n_in floats) are looked up by example.
PackedBatch pack(const DataSet& data, const Batch& batch,
                 const std::function<const float*(std::int64_t example)>& features,
                 std::int64_t n_in);

inline constexpr std::int64_t kPackMultiple = 64;

}  // namespace pandagpt::train
