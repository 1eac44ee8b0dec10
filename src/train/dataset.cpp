#include "train/dataset.h"

#include <torch/torch.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <unordered_map>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt::train {
namespace {

using json = nlohmann::json;

constexpr std::uint64_t kMaxDataBytes = std::uint64_t{8} << 30;

[[noreturn]] void fail(const std::filesystem::path& path, std::size_t entry,
                       const std::string& what) {
  throw Error(ErrorKind::kInput, path.string() + ": entry " + std::to_string(entry) + ": " + what);
}

std::string require_string(const json& object, const char* key, const std::filesystem::path& path,
                           std::size_t entry) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string())
    fail(path, entry, std::string("'") + key + "' is missing or not a string");
  return found->get<std::string>();
}

Conversation parse_conversation(const json& object, const std::filesystem::path& path,
                                std::size_t entry) {
  if (!object.is_object()) fail(path, entry, "not an object");
  Conversation conversation;
  conversation.image_name = require_string(object, "image_name", path, entry);
  const auto turns = object.find("conversation");
  if (turns == object.end() || !turns->is_array() || turns->empty())
    fail(path, entry, "'conversation' is missing or empty");
  for (const json& item : *turns) {
    if (!item.is_object()) fail(path, entry, "a turn is not an object");
    const std::string from = require_string(item, "from", path, entry);
    if (from != "human" && from != "gpt")
      fail(path, entry, "'from' is '" + from + "'; it has to be 'human' or 'gpt'");
    Turn turn{from == "human", require_string(item, "value", path, entry)};
    if (turn.is_human == (conversation.turns.size() % 2 == 1))
      fail(path, entry, "turns have to alternate, beginning with 'human'");
    if (!turn.is_human && turn.text.empty()) fail(path, entry, "an answer is empty");
    conversation.turns.push_back(std::move(turn));
  }
  if (conversation.turns.size() % 2 == 1) fail(path, entry, "the last question has no answer");
  return conversation;
}

// Mixes (seed, epoch) into one stream; std::shuffle's own algorithm differs between libraries, so
// the permutation is written out.
void shuffle(std::vector<Group>& items, std::uint64_t seed, std::int64_t epoch) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(epoch)};
  std::mt19937_64 random(sequence);
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[random() % i]);
}

torch::Tensor to_tensor(const std::vector<std::int64_t>& values) {
  return torch::tensor(values, torch::kInt64);
}

// The longest run that all members begin with, leaving each at least one token of its own, and
// without labels: a label inside the prefix would count once instead of once a member.
std::size_t common_prefix(const DataSet& data, const Group& group) {
  if (group.size() < 2) return 0;
  const auto example = [&](std::int64_t index) -> const Example& {
    return data.examples[static_cast<std::size_t>(index)];
  };
  const Example& first = example(group[0]);
  std::size_t length = first.tokens.size() - 1;
  for (const std::int64_t index : group) {
    const Example& other = example(index);
    length = std::min(length, other.tokens.size() - 1);
    std::size_t same = 0;
    while (same < length && first.tokens[same] == other.tokens[same] && !first.is_label[same] &&
           !other.is_label[same])
      ++same;
    length = same;
  }
  // the image must be wholly inside: the members share its embeddings
  const auto last_image =
      std::find(first.tokens.rbegin(), first.tokens.rend(), Example::kImageToken);
  const auto image_end = static_cast<std::size_t>(first.tokens.rend() - last_image);
  return length >= image_end ? length : 0;
}

// Builds the flat arrays of a PackedBatch group by group.
class Packer {
 public:
  explicit Packer(const DataSet& data) : data_(data) {}

  void add(const Group& group, const std::function<const float*(std::int64_t)>& features,
           std::int64_t n_in) {
    SegmentTree tree;
    tree.begin = size();
    const std::size_t prefix = common_prefix(data_, group);
    if (prefix > 0) {
      append(example(group[0]), 0, prefix);
      tree.segments.push_back({tree.begin, static_cast<std::int64_t>(prefix), 0, 0});
      add_features(features(group[0]), n_in);
    }
    for (const std::int64_t index : group) {
      const Example& e = example(index);
      const std::int64_t begin = size();
      append(e, prefix, e.tokens.size());
      add_labels(e, prefix, begin, tree.begin);
      tree.segments.push_back(
          {begin, size() - begin, tree.begin, static_cast<std::int64_t>(prefix)});
      if (prefix == 0) add_features(features(index), n_in);
    }
    // without a shared prefix the members are strangers to each other: one tree each
    if (prefix == 0)
      for (const Segment& s : tree.segments)
        trees_.push_back({s.begin, s.length, {{s.begin, s.length, 0, 0}}});
    else
      trees_.push_back({tree.begin, size() - tree.begin, tree.segments});
    n_sequences_ += static_cast<std::int64_t>(group.size());
  }

  PackedBatch finish(std::int64_t n_in) {
    PackedBatch batch;
    batch.n_sequences = n_sequences_;
    batch.n_tokens = size();
    const std::int64_t padding = (kPackMultiple - size() % kPackMultiple) % kPackMultiple;
    if (padding > 0) {  // a sequence of its own, without labels
      trees_.push_back({size(), padding, {{size(), padding, 0, 0}}});
      for (std::int64_t i = 0; i < padding; ++i) {
        tokens_.push_back(0);
        positions_.push_back(i);
      }
    }
    batch.tokens = to_tensor(tokens_);
    batch.layout.trees = std::move(trees_);
    batch.layout.positions = to_tensor(positions_);
    batch.image_rows = to_tensor(image_rows_);
    const auto n_images = static_cast<std::int64_t>(features_.size()) / n_in;
    batch.features = torch::tensor(features_, torch::kFloat32).view({n_images, n_in});
    batch.label_rows = to_tensor(label_rows_);
    batch.targets = to_tensor(targets_);
    return batch;
  }

 private:
  const Example& example(std::int64_t index) const {
    return data_.examples[static_cast<std::size_t>(index)];
  }
  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }

  void append(const Example& e, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      const bool is_image = e.tokens[i] == Example::kImageToken;
      if (is_image) image_rows_.push_back(size());
      tokens_.push_back(is_image ? 0 : e.tokens[i]);
      positions_.push_back(static_cast<std::int64_t>(i));
    }
  }

  void add_labels(const Example& e, std::size_t prefix, std::int64_t begin,
                  std::int64_t tree_begin) {
    for (std::size_t i = std::max<std::size_t>(prefix, 1); i < e.tokens.size(); ++i) {
      if (!e.is_label[i]) continue;
      const auto offset = static_cast<std::int64_t>(i - prefix);
      // the first token after the prefix is predicted by the prefix's last row
      label_rows_.push_back(offset > 0 ? begin + offset - 1
                                       : tree_begin + static_cast<std::int64_t>(prefix) - 1);
      targets_.push_back(e.tokens[i]);
    }
  }

  void add_features(const float* row, std::int64_t n_in) {
    features_.insert(features_.end(), row, row + n_in);
  }

  const DataSet& data_;
  std::int64_t n_sequences_ = 0;
  std::vector<std::int64_t> tokens_, positions_, image_rows_, label_rows_, targets_;
  std::vector<float> features_;
  std::vector<SegmentTree> trees_;
};

}  // namespace

std::vector<Conversation> read_conversations(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path, kMaxDataBytes);
  std::vector<Conversation> conversations;
  try {
    if (path.extension() == ".jsonl") {
      std::size_t entry = 0;
      for (auto line = bytes.begin(); line != bytes.end(); ++entry) {
        const auto end = std::find(line, bytes.end(), '\n');
        if (std::any_of(line, end, [](std::uint8_t c) { return c > ' '; }))
          conversations.push_back(parse_conversation(json::parse(line, end), path, entry));
        line = end == bytes.end() ? end : end + 1;
      }
    } else {
      const json list = json::parse(bytes);
      if (!list.is_array())
        throw Error(ErrorKind::kInput, path.string() + ": a JSON list was expected");
      for (std::size_t i = 0; i < list.size(); ++i)
        conversations.push_back(parse_conversation(list[i], path, i));
    }
  } catch (const json::parse_error& error) {
    throw Error(ErrorKind::kInput,
                path.string() + ": not valid JSON near byte " + std::to_string(error.byte));
  }
  if (conversations.empty())
    throw Error(ErrorKind::kInput, path.string() + ": has no conversations");
  return conversations;
}

DataSet tokenize(const std::vector<Conversation>& conversations, const Tokenizer& tokenizer,
                 const TokenizeOptions& options) {
  DataSet data;
  std::unordered_map<std::string, std::int64_t> image_index;
  std::unordered_map<std::string, std::vector<std::int32_t>> known;  // prompts repeat a lot
  for (const Conversation& conversation : conversations) {
    Example e;
    const auto [found, is_new] = image_index.try_emplace(
        conversation.image_name, static_cast<std::int64_t>(data.images.size()));
    if (is_new) data.images.push_back(conversation.image_name);
    e.image = found->second;
    const auto append = [&](const std::string& text, bool is_label) {
      std::vector<std::int32_t> fresh;
      auto& tokens = is_label ? fresh : known[text];
      if (tokens.empty()) tokens = tokenizer(text);
      e.tokens.insert(e.tokens.end(), tokens.begin(), tokens.end());
      e.is_label.insert(e.is_label.end(), tokens.size(), is_label ? 1 : 0);
    };
    const auto append_one = [&](std::int32_t token) {
      e.tokens.push_back(token);
      e.is_label.push_back(0);
    };
    const PromptTemplate& p = options.prompt;
    append_one(options.bos);
    append(p.first_human, false);
    for (std::int64_t i = 0; i < options.n_image_tokens; ++i)
      append_one(Example::kImageToken);
    for (std::size_t i = 0; i < conversation.turns.size(); i += 2) {
      const std::string& question = conversation.turns[i].text;
      append(i == 0 ? image_question_piece(p, question) : next_question_piece(p, question), false);
      append(answer_piece(p, conversation.turns[i + 1].text), true);
    }
    if (static_cast<std::int64_t>(e.tokens.size()) > options.max_length) {
      e.tokens.resize(static_cast<std::size_t>(options.max_length));
      e.is_label.resize(e.tokens.size());
      ++data.n_truncated;
    }
    if (std::find(e.is_label.begin(), e.is_label.end(), 1) == e.is_label.end()) {
      ++data.n_dropped;
      continue;
    }
    data.examples.push_back(std::move(e));
  }
  return data;
}

std::vector<Batch> order_epoch(const DataSet& data, const OrderOptions& options,
                               std::int64_t epoch) {
  std::map<std::int64_t, Group> by_image;
  for (std::size_t i = 0; i < data.examples.size(); ++i)
    by_image[data.examples[i].image].push_back(static_cast<std::int64_t>(i));
  std::vector<Group> groups;
  for (auto& [image, members] : by_image) {
    // which of a picture's answers travel together changes from epoch to epoch
    std::vector<Group> singles;
    for (const std::int64_t member : members)
      singles.push_back({member});
    shuffle(singles, options.seed + 1 + static_cast<std::uint64_t>(image), epoch);
    for (std::size_t i = 0; i < singles.size(); ++i) {
      if (i % static_cast<std::size_t>(options.answers_per_group) == 0) groups.emplace_back();
      groups.back().push_back(singles[i][0]);
    }
  }
  shuffle(groups, options.seed, epoch);
  std::vector<Batch> batches;
  std::int64_t filled = options.batch_size;
  for (Group& group : groups) {
    if (filled >= options.batch_size) {
      batches.emplace_back();
      filled = 0;
    }
    filled += static_cast<std::int64_t>(group.size());
    batches.back().push_back(std::move(group));
  }
  return batches;
}

PackedSize packed_size(const DataSet& data, const Group& group) {
  const auto prefix = static_cast<std::int64_t>(common_prefix(data, group));
  PackedSize size{prefix, prefix > 0 ? 1 : static_cast<std::int64_t>(group.size()), 0};
  for (const std::int64_t index : group) {
    const Example& e = data.examples[static_cast<std::size_t>(index)];
    size.n_tokens += static_cast<std::int64_t>(e.tokens.size()) - prefix;
    // the first token is predicted by nothing
    size.n_labels += std::count(e.is_label.begin() + 1, e.is_label.end(), 1);
  }
  return size;
}

PackedBatch pack(const DataSet& data, const Batch& batch,
                 const std::function<const float*(std::int64_t)>& features, std::int64_t n_in) {
  Packer packer(data);
  for (const Group& group : batch)
    packer.add(group, features, n_in);
  return packer.finish(n_in);
}

}  // namespace pandagpt::train
