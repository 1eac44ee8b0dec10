#include "train/dataset.h"

#include <torch/torch.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "train/mix.h"

namespace pandagpt::train {
namespace {

constexpr std::size_t kMaxKnownTexts = 10'000;
constexpr std::uint64_t kAloneKey = 1;  // of the random streams
constexpr std::uint64_t kAloneWithoutInputsKey = 2;

// Mixes (seed, epoch) into one stream; std::shuffle's own algorithm differs between libraries, so
// the permutation is written out.
template <typename Item>
void shuffle(std::vector<Item>& items, std::uint64_t seed, std::int64_t epoch) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(epoch)};
  std::mt19937_64 random(sequence);
  for (std::size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[random() % i]);
}

torch::Tensor to_tensor(const std::vector<std::int64_t>& values) {
  return torch::tensor(values, torch::kInt64);
}

// What the members of a group begin with, and is laid down once.
struct SharedPrefix {
  std::size_t length = 0;
  bool has_inputs = false;  // their embeddings stand in it
};

// The longest run that all members begin with, leaving each at least one token of its own, and
// without labels: a label inside the prefix would count once instead of once a member. Embeddings
// of inputs are shared as a whole, and only by members that are about the same inputs.
SharedPrefix shared_prefix(std::span<const Example> examples, const Group& group) {
  if (group.size() < 2) return {};
  const auto example = [&](std::int64_t index) -> const Example& {
    return examples[static_cast<std::size_t>(index)];
  };
  const Example& first = example(group[0]);
  std::size_t length = first.tokens.size() - 1;
  bool same_inputs = true;
  for (const std::int64_t index : group) {
    const Example& other = example(index);
    same_inputs = same_inputs && other.source == first.source;
    length = std::min(length, other.tokens.size() - 1);
    std::size_t same = 0;
    while (same < length && first.tokens[same] == other.tokens[same] && !first.is_label[same] &&
           !other.is_label[same])
      ++same;
    length = same;
  }
  const auto first_image =
      std::find(first.tokens.begin(), first.tokens.end(), Example::kImageToken);
  if (first_image == first.tokens.end()) return {length, false};
  const auto last_image =
      std::find(first.tokens.rbegin(), first.tokens.rend(), Example::kImageToken);
  if (same_inputs && length >= static_cast<std::size_t>(first.tokens.rend() - last_image))
    return {length, true};
  return {std::min(length, static_cast<std::size_t>(first_image - first.tokens.begin())), false};
}

// Builds the flat arrays of a PackedBatch group by group.
class Packer {
 public:
  Packer(std::span<const Example> examples, const FeatureSource& features)
      : examples_(examples), features_(features) {}

  void add(const Group& group) {
    SegmentTree tree;
    tree.begin = size();
    const auto [prefix, has_inputs] = shared_prefix(examples_, group);
    if (prefix > 0) {
      append(example(group[0]), 0, prefix);
      tree.segments.push_back({tree.begin, static_cast<std::int64_t>(prefix), 0, 0});
    }
    if (has_inputs) add_features(group[0]);
    for (const std::int64_t index : group) {
      const Example& e = example(index);
      const std::int64_t begin = size();
      append(e, prefix, e.tokens.size());
      add_labels(e, prefix, begin, tree.begin);
      tree.segments.push_back(
          {begin, size() - begin, tree.begin, static_cast<std::int64_t>(prefix)});
      if (!has_inputs) add_features(index);
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
    batch.n_images = n_images_;
    batch.features = torch::tensor(rows_.values, torch::kFloat32).view({-1, n_in});
    batch.feature_weights = torch::tensor(rows_.weights, torch::kFloat32);
    batch.feature_images = to_tensor(feature_images_);
    batch.label_rows = to_tensor(label_rows_);
    batch.targets = to_tensor(targets_);
    return batch;
  }

 private:
  const Example& example(std::int64_t index) const {
    return examples_[static_cast<std::size_t>(index)];
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

  void add_features(std::int64_t index) {
    if (example(index).n_inputs == 0) return;
    features_(index, rows_);
    feature_images_.resize(rows_.weights.size(), n_images_);
    ++n_images_;
  }

  std::span<const Example> examples_;
  const FeatureSource& features_;
  FeatureRows rows_;
  std::int64_t n_images_ = 0;
  std::int64_t n_sequences_ = 0;
  std::vector<std::int64_t> tokens_, positions_, image_rows_, label_rows_, targets_,
      feature_images_;
  std::vector<SegmentTree> trees_;
};

/// Shuffles `members` and cuts them into groups.
void add_groups(Group members, std::uint64_t seed, const OrderOptions& options, std::int64_t epoch,
                std::vector<Group>& groups) {
  if (members.size() > 1) shuffle(members, seed, epoch);
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i % static_cast<std::size_t>(options.answers_per_group) == 0) groups.emplace_back();
    groups.back().push_back(members[i]);
  }
}

}  // namespace

bool Example::has_labels() const {
  return std::ranges::find(is_label, 1) != is_label.end();
}

void ConversationTokenizer::append(Example& example, const std::string& text, bool is_label) {
  std::vector<std::int32_t> fresh;
  if (known_.size() > kMaxKnownTexts) known_.clear();
  auto& tokens = is_label ? fresh : known_[text];
  if (tokens.empty()) tokens = tokenizer_(text);
  example.tokens.insert(example.tokens.end(), tokens.begin(), tokens.end());
  example.is_label.insert(example.is_label.end(), tokens.size(), is_label ? 1 : 0);
}

Example ConversationTokenizer::operator()(const Conversation& conversation) {
  const PromptTemplate& p = options_.prompt;
  Example e;
  e.n_inputs = static_cast<std::int64_t>(conversation.inputs.items().size());
  e.tokens.push_back(options_.bos);
  e.is_label.push_back(0);
  if (e.n_inputs > 0) {
    append(e, p.first_human, false);
    e.tokens.insert(e.tokens.end(), n_positions(e.n_inputs), Example::kImageToken);
    e.is_label.resize(e.tokens.size(), 0);
  }
  for (std::size_t i = 0; i < conversation.turns.size(); ++i) {
    const auto& [question, answer] = conversation.turns[i];
    append(e,
           i > 0            ? next_question_piece(p, question)
           : e.n_inputs > 0 ? image_question_piece(p, question)
                            : first_question_piece(p, question),
           false);
    append(e, answer_piece(p, answer), true);
  }
  e.is_cut = static_cast<std::int64_t>(e.tokens.size()) > options_.max_length;
  if (e.is_cut) {
    e.tokens.resize(static_cast<std::size_t>(options_.max_length));
    e.is_label.resize(e.tokens.size());
  }
  return e;
}

bool ConversationTokenizer::is_too_long(const Conversation& conversation) {
  const PromptTemplate& p = options_.prompt;
  // no vocabulary makes more tokens of a text than it has bytes, and a space that it may add
  std::size_t bytes = p.first_human.size() + p.after_image.size() + p.first_human_text.size() +
                      n_positions(static_cast<std::int64_t>(conversation.inputs.items().size())) +
                      3;
  for (const auto& [question, answer] : conversation.turns)
    bytes += p.next_human.size() + question.size() + p.assistant.size() + p.answer_prefix.size() +
             answer.size() + p.answer_end.size() + 2;
  return static_cast<std::int64_t>(bytes) > options_.max_length && (*this)(conversation).is_cut;
}

std::vector<Batch> order_epoch(std::span<const std::int64_t> sources, const OrderOptions& options,
                               std::int64_t epoch) {
  const auto source_of = [&](std::int64_t example) {
    return sources[static_cast<std::size_t>(example)];
  };
  std::vector<std::int64_t> by_source(sources.size());
  std::iota(by_source.begin(), by_source.end(), 0);
  std::ranges::stable_sort(by_source, {}, source_of);
  std::vector<Group> groups;
  Group alone, alone_without_inputs;
  for (std::size_t begin = 0, end = 0; begin < by_source.size(); begin = end) {
    const std::int64_t source = source_of(by_source[begin]);
    end = begin + 1;
    while (end < by_source.size() && source_of(by_source[end]) == source)
      ++end;
    const Group members(by_source.begin() + static_cast<std::ptrdiff_t>(begin),
                        by_source.begin() + static_cast<std::ptrdiff_t>(end));
    if (source == kNoSource)
      alone_without_inputs = members;
    else if (members.size() == 1)
      alone.push_back(members.front());
    else  // which of a source's answers travel together changes from epoch to epoch
      add_groups(members, options.seed + 1 + static_cast<std::uint64_t>(source), options, epoch,
                 groups);
  }
  // Conversations that are alone about their inputs, or about none, share how every prompt begins.
  add_groups(std::move(alone), mix(options.seed, kAloneKey), options, epoch, groups);
  add_groups(std::move(alone_without_inputs), mix(options.seed, kAloneWithoutInputsKey), options,
             epoch, groups);
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

PackedSize packed_size(std::span<const Example> examples, const Group& group) {
  const auto example = [&](std::int64_t index) -> const Example& {
    return examples[static_cast<std::size_t>(index)];
  };
  const auto [length, has_inputs] = shared_prefix(examples, group);
  const auto prefix = static_cast<std::int64_t>(length);
  PackedSize size{prefix, has_inputs ? example(group[0]).n_inputs : 0, 0};
  for (const std::int64_t index : group) {
    const Example& e = example(index);
    if (!has_inputs) size.n_features += e.n_inputs;
    size.n_tokens += static_cast<std::int64_t>(e.tokens.size()) - prefix;
    // the first token is predicted by nothing
    size.n_labels += std::count(e.is_label.begin() + 1, e.is_label.end(), 1);
  }
  return size;
}

PackedBatch pack(std::span<const Example> examples, const Batch& batch,
                 const FeatureSource& features, std::int64_t n_in) {
  Packer packer(examples, features);
  for (const Group& group : batch)
    packer.add(group);
  return packer.finish(n_in);
}

}  // namespace pandagpt::train
