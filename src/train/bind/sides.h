// The sides of pairs as training sees them: each sense gives batches of inputs and embeds them.
//
// Letters: N inputs of a batch, J width of the joint space.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encoders/bpe_tokenizer.h"
#include "train/bind/contrastive.h"
#include "train/bind/item_cache.h"
#include "train/bind/sample.h"
#include "train/bind/tower_module.h"
#include "train/bind/trainable.h"

namespace pandagpt::train {

/// Embeddings of some items; a text item has one for each alternative.
struct ItemRows {
  torch::Tensor rows;               ///< (rows, J), of length 1 (means of several views: less)
  std::vector<std::int64_t> owner;  ///< (rows): position of the item that the row belongs to
};

class Side {
 public:
  virtual ~Side() = default;

  /// What is trained; nullptr for a frozen side.
  virtual const TrainableEncoder* encoder() const = 0;
  /// Inputs for one step, altered at random: a function of `items` (indices into the InputTable's
  /// media or texts) and `key`.
  virtual EncoderBatch batch(std::span<const std::int64_t> items, std::uint64_t key) const = 0;
  /// (N, J), of any length; differentiable if the side is trained.
  torch::Tensor embed(const EncoderBatch& batch) const {
    return encoder() == nullptr ? batch.values : encoder()->forward(batch);
  }
  /// As inference embeds them.
  virtual ItemRows embed_items(std::span<const std::int64_t> items) const = 0;
};

struct AugmentOptions {
  double strength = 1;  ///< augment.h
  NoiseOptions noise;
};

/// Rows that were computed beforehand: embeddings of a frozen tower, or the features that a
/// trainable head takes. An item has several: alternatives of a text, or views, of which training
/// draws one, and of which those that inference makes come first.
class RowsSide : public Side {
 public:
  /// `rows` (R, F); item i has rows [first[i], first[i + 1]). `measured[i]` of them are those of
  /// inference, whose embeddings are averaged; empty: rows are alternatives. `head` may be nullptr.
  RowsSide(torch::Tensor rows, std::vector<std::int64_t> first, std::vector<std::int64_t> measured,
           std::unique_ptr<TrainableEncoder> head, const AugmentOptions& options);

  const TrainableEncoder* encoder() const override { return head_.get(); }
  EncoderBatch batch(std::span<const std::int64_t> items, std::uint64_t key) const override;
  ItemRows embed_items(std::span<const std::int64_t> items) const override;

 private:
  torch::Tensor rows_;
  std::vector<std::int64_t> first_;
  std::vector<std::int64_t> measured_;
  std::unique_ptr<TrainableEncoder> head_;
  AugmentOptions options_;
};

/// Decoded inputs and a trainable tower. Training takes one view of each, altered; `items` for
/// embed_items() need `views`, all that inference makes of an input.
class SampleSide : public Side {
 public:
  SampleSide(std::unique_ptr<TowerModule> tower, std::unique_ptr<ItemCache> samples,
             std::unique_ptr<ItemCache> views, MediaTransforms transforms,
             const AugmentOptions& options);

  const TrainableEncoder* encoder() const override { return tower_.get(); }
  EncoderBatch batch(std::span<const std::int64_t> items, std::uint64_t key) const override;
  ItemRows embed_items(std::span<const std::int64_t> items) const override;

 private:
  std::unique_ptr<TowerModule> tower_;
  std::unique_ptr<ItemCache> samples_;
  std::unique_ptr<ItemCache> views_;
  MediaTransforms transforms_;
  AugmentOptions options_;
};

/// Texts and a trainable text tower. Training draws one alternative of each.
class TextSide : public Side {
 public:
  TextSide(std::unique_ptr<TowerModule> tower, const std::vector<TextItem>& texts,
           const BpeTokenizer& tokenizer, const AugmentOptions& options);

  const TrainableEncoder* encoder() const override { return tower_.get(); }
  EncoderBatch batch(std::span<const std::int64_t> items, std::uint64_t key) const override;
  ItemRows embed_items(std::span<const std::int64_t> items) const override;

 private:
  std::unique_ptr<TowerModule> tower_;
  torch::Tensor tokens_;             // (all alternatives, context) int64
  std::vector<std::int64_t> first_;  // (items + 1): rows of tokens_
  AugmentOptions options_;
};

/// Mixes the batch's inputs with each other as mixed_view does it. Shares are drawn from the beta
/// distribution (alpha, alpha), the larger one for the pair's own input.
Mixed mix_batch(EncoderBatch& batch, TowerKind tower, double alpha, std::uint64_t key);

}  // namespace pandagpt::train
