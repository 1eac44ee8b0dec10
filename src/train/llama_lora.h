// The LLaMA decoder of the trainer: frozen base read from a GGUF file, LoRA on q, k, v and o, and
// the projector in front of it.
//
// This is the training twin of what llama.cpp runs: same file, same tensor layout (GGUF's, where
// the rotary pairs are neighbours), so an exported adapter needs no permutation.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/gguf_file.h"
#include "train/attention.h"
#include "train/ops.h"

namespace pandagpt::train {

/// Values of a GGUF file with general.architecture = "llama".
struct LlamaConfig {
  int64_t n_layer = 0;
  int64_t n_embd = 0;
  int64_t n_head = 0;
  int64_t n_head_kv = 0;
  int64_t n_ff = 0;
  int64_t n_vocab = 0;
  double rms_eps = 1e-5;
  double rope_freq_base = 10000.0;

  int64_t head_size() const { return n_embd / n_head; }
  /// Throws Error(kModel) if the file is of another architecture or asks for something (rotary
  /// scaling, experts, biases) that this trainer does not compute.
  static LlamaConfig from_gguf(const GgufFile& file);
};

struct LoraOptions {
  int64_t rank = 32;
  double alpha = 32;
  double dropout = 0.1;
};

/// Where the model is, and what memory is saved at the price of time. The results stay the same.
struct MemoryOptions {
  /// The base stays as it is in the file (mapped), and each matrix is dequantised when it is used.
  bool base_in_file = false;
  /// Of each layer only the input is kept; the backward pass computes the rest again.
  bool checkpoint_activations = false;
  torch::Device device = torch::kCPU;
};

/// One packed batch, ready for the model.
struct PackedBatch {
  torch::Tensor tokens;           ///< (T) int64; anything at image rows
  SequenceLayout layout;          ///< who sees whom, and positions (T)
  torch::Tensor image_rows;       ///< (n_images * their embeddings) int64: rows of T that hold them
  torch::Tensor features;         ///< (F, n_in) float32: one row an input
  torch::Tensor feature_weights;  ///< (F) float32
  torch::Tensor feature_images;   ///< (F) int64: the image (sum of inputs) that it is a part of
  int64_t n_images = 0;           ///< in the order of image_rows
  torch::Tensor label_rows;       ///< (N) int64: rows of T that predict ..
  torch::Tensor targets;          ///< (N) int64: .. these tokens
  int64_t n_sequences = 0;        ///< conversations
  int64_t n_tokens = 0;           ///< T without padding
  /// Numbers of the first token and of the first row of `features` among all of the step's, of
  /// which this batch may be a part. Dropout masks are drawn by them.
  int64_t first_token = 0;
  int64_t first_feature = 0;

  /// Brings what products and sums are made of to `device`; tokens and positions stay.
  void move_to(torch::Device device);
};

/// A projector file's lexicon (pipeline/lexicon.h). All of it is frozen.
struct Lexicon {
  torch::Tensor keys;   ///< (N, n_in), on raw features
  torch::Tensor bias;   ///< (N)
  torch::Tensor words;  ///< (N, n_words * n_embd)
  std::vector<std::string> names;
  int64_t n_words = 0;

  /// (F, n_in) -> (F, n_words * n_embd).
  torch::Tensor operator()(const torch::Tensor& features) const;
};

/// Linear n_in -> n_image_tokens * n_embd on standardised features: (x - mean) / deviation is a
/// part of the same linear map, folded in at export; it only makes the optimiser's problem well
/// scaled. A lexicon's words follow.
struct Projector {
  torch::Tensor weight;     ///< (n_image_tokens * n_embd, n_in)
  torch::Tensor bias;       ///< (n_image_tokens * n_embd)
  torch::Tensor mean;       ///< (n_in), frozen
  torch::Tensor deviation;  ///< (n_in), frozen
  std::optional<Lexicon> lexicon;

  torch::Tensor operator()(const torch::Tensor& features) const;
  /// For training: a share `dropout` of the standardised features is left out, drawn from `key`.
  /// `first_row`: PackedBatch::first_feature.
  torch::Tensor with_dropout(const torch::Tensor& features, double dropout, uint64_t key,
                             int64_t first_row) const;
  /// What stands at the batch's image rows: of each image the weighted sum of its projected inputs,
  /// and behind it each one's words times its weight, (rows, n_embd). The batch numbers the dropout
  /// masks' rows; words are looked up without dropout.
  torch::Tensor images(const PackedBatch& batch, int64_t n_embd, double dropout,
                       uint64_t key) const;
  /// Weight and bias of the plain linear map on raw features.
  std::pair<torch::Tensor, torch::Tensor> folded() const;
  /// Takes the present weight and bias as that map, and makes them the ones on standardised
  /// features that are the same.
  void unfold();
};

class LlamaLora {
 public:
  /// Reads `file`; products run in `compute` (float32 or bfloat16).
  LlamaLora(GgufFile file, const LoraOptions& lora, torch::ScalarType compute,
            const MemoryOptions& memory = {});

  /// Final normalised hidden states (N, C) at the batch's label rows, in the compute type.
  /// `image_embeddings` (size of image_rows, C) float32. `dropout_key` seeds LoRA's dropout;
  /// with `training` false there is none.
  torch::Tensor forward(const PackedBatch& batch, const torch::Tensor& image_embeddings,
                        bool training, uint64_t dropout_key) const;

  /// Logits (N, V) float32 of such hidden states. For tests and samples; training uses
  /// cross_entropy(), which never holds them all.
  torch::Tensor logits(const torch::Tensor& hidden) const;

  const FrozenLinear& head() const { return head_; }
  torch::Device device() const { return memory_.device; }
  const LlamaConfig& config() const { return config_; }
  const LoraOptions& lora_options() const { return lora_; }

  /// Every LoRA matrix with the name it has in an adapter file, e.g. "blk.0.attn_q.weight.lora_a".
  std::vector<std::pair<std::string, torch::Tensor>> named_parameters() const;

 private:
  struct Layer {
    torch::Tensor attn_norm;  // (C)
    FrozenLinear qkv;         // C -> (n_head + 2 n_head_kv) * D
    FrozenLinear output;      // n_head * D -> C
    torch::Tensor ffn_norm;   // (C)
    FrozenLinear gate_up;     // C -> 2 F
    FrozenLinear down;        // F -> C
    std::vector<Lora> qkv_lora;
    std::vector<Lora> output_lora;
  };

  Layer read_layer(int64_t index) const;
  /// Matrices of the file, of `in` columns and the named numbers of rows, one under the other.
  FrozenLinear linear(const std::vector<std::pair<std::string, int64_t>>& parts, int64_t in) const;
  /// Rows of the embedding matrix (T, C) float32.
  torch::Tensor embed(const torch::Tensor& tokens) const;
  /// h (T, C) float32 -> the same behind layer `index`; behind the last one, label rows only.
  torch::Tensor run_layer(std::size_t index, const torch::Tensor& h, const PackedBatch& batch,
                          const LoraContext& context) const;

  std::shared_ptr<const GgufFile> file_;
  LlamaConfig config_;
  LoraOptions lora_;
  torch::ScalarType compute_;
  MemoryOptions memory_;
  AttentionShape attention_shape_;
  RotaryTable rotary_;
  torch::Tensor output_norm_;  // (C)
  FrozenLinear head_;          // C -> V
  std::vector<Layer> layers_;
};

}  // namespace pandagpt::train
