#include "train/llama_lora.h"

#include <torch/torch.h>

#include <algorithm>
#include <utility>

#include "pandagpt/error.h"
#include "tensor/panda_weights.h"
#include "train/activation_checkpoint.h"
#include "train/read_tensor.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;

// The rotary table covers this many positions; a conversation is at most max_length (<= 4096) long.
constexpr int64_t kMaxPositions = 4096;
constexpr int64_t kRowBlock =
    16;  // rows dequantised at a time, so that they are still in the cache

// The rows of several matrices, one under the other, in `type`: (sum of rows, columns).
Tensor dequantise(const GgufFile& file, const std::vector<const GgufTensor*>& matrices,
                  torch::ScalarType type) {
  const int64_t columns = matrices.front()->shape.front();
  int64_t n_rows = 0;
  for (const GgufTensor* matrix : matrices)
    n_rows += matrix->n_elements() / columns;
  Tensor all = torch::empty({n_rows, columns}, type);
  int64_t first = 0;
  for (const GgufTensor* matrix : matrices) {
    const int64_t rows = matrix->n_elements() / columns;
    const Tensor part = all.narrow(0, first, rows);
    at::parallel_for(0, rows, kRowBlock, [&](int64_t begin, int64_t end) {
      std::vector<float> block(static_cast<std::size_t>(kRowBlock * columns));
      for (int64_t row = begin; row < end; row += kRowBlock) {
        const int64_t n = std::min(kRowBlock, end - row);
        for (int64_t i = 0; i < n; ++i)
          file.read_row_f32(*matrix, row + i,
                            std::span(block).subspan(static_cast<std::size_t>(i * columns),
                                                     static_cast<std::size_t>(columns)));
        part.narrow(0, row, n).copy_(torch::from_blob(block.data(), {n, columns}));
      }
    });
    first += rows;
  }
  return all;
}

std::string block_name(int64_t layer, const char* part) {
  return "blk." + std::to_string(layer) + "." + part + ".weight";
}

Lora make_lora(int64_t rank, int64_t in, int64_t rows, int64_t first_row, torch::Device device) {
  Lora lora;
  // a start of no effect; the trainer draws A from its seed, others load both
  lora.a = torch::zeros({rank, in}, device).requires_grad_(true);
  lora.b = torch::zeros({rows, rank}, device).requires_grad_(true);
  lora.row = first_row;
  return lora;
}

// Numbers of rows that bring `n_rows` rows of images, and behind them n_words rows of each of their
// inputs, into the order of images, each followed by its inputs' words.
Tensor words_behind(const PackedBatch& batch, int64_t n_rows, int64_t n_words) {
  const int64_t n_own = n_rows / std::max<int64_t>(batch.n_images, 1);
  const Tensor images = batch.feature_images.cpu();  // ascending
  std::vector<int64_t> order;
  int64_t input = 0;
  for (int64_t image = 0; image < batch.n_images; ++image) {
    for (int64_t i = 0; i < n_own; ++i)
      order.push_back(image * n_own + i);
    for (; input < images.size(0) && images[input].item<int64_t>() == image; ++input)
      for (int64_t i = 0; i < n_words; ++i)
        order.push_back(n_rows + input * n_words + i);
  }
  return torch::tensor(order, torch::kInt64).to(batch.feature_images.device());
}

}  // namespace

LlamaConfig LlamaConfig::from_gguf(const GgufFile& file) {
  const std::string architecture = file.get_str("general.architecture");
  if (architecture != "llama")
    throw Error(ErrorKind::kModel, file.path().string() + ": architecture is '" + architecture +
                                       "'; the trainer knows 'llama' (LLaMA, Vicuna, SmolLM2, ..)");
  for (const char* key : {"llama.rope.scaling.type", "llama.expert_count"})
    if (file.has(key))
      throw Error(ErrorKind::kModel,
                  file.path().string() + ": has " + key +
                      ", which the trainer does not compute; use a base without it");
  LlamaConfig config;
  config.n_layer = file.get_u32("llama.block_count");
  config.n_embd = file.get_u32("llama.embedding_length");
  config.n_head = file.get_u32("llama.attention.head_count");
  config.n_head_kv = file.has("llama.attention.head_count_kv")
                         ? file.get_u32("llama.attention.head_count_kv")
                         : config.n_head;
  config.n_ff = file.get_u32("llama.feed_forward_length");
  config.rms_eps = file.get_f32("llama.attention.layer_norm_rms_epsilon");
  if (file.has("llama.rope.freq_base"))
    config.rope_freq_base = file.get_f32("llama.rope.freq_base");
  config.n_vocab = file.tensor("token_embd.weight").shape.at(1);
  if (config.n_head <= 0 || config.n_head_kv <= 0 || config.n_embd % config.n_head != 0 ||
      config.n_head % config.n_head_kv != 0 || config.head_size() % 2 != 0)
    throw Error(ErrorKind::kModel, file.path().string() + ": head counts do not divide the width");
  return config;
}

void PackedBatch::move_to(torch::Device device) {
  for (Tensor* tensor :
       {&image_rows, &features, &feature_weights, &feature_images, &label_rows, &targets})
    *tensor = tensor->to(device);
}

Tensor Lexicon::operator()(const Tensor& features) const {
  return torch::mm(torch::softmax(torch::nn::functional::linear(features, keys, bias), 1), words);
}

Tensor Projector::operator()(const Tensor& features) const {
  return with_dropout(features, 0.0, 0, 0);
}

Tensor Projector::with_dropout(const Tensor& features, double dropout, uint64_t key,
                               int64_t first_row) const {
  const Tensor x = (features - mean) / deviation;
  return torch::nn::functional::linear(dropped(x, static_cast<float>(dropout), key, first_row),
                                       weight, bias);
}

Tensor Projector::images(const PackedBatch& batch, int64_t n_embd, double dropout,
                         uint64_t key) const {
  Tensor rows = with_dropout(batch.features, dropout, key, batch.first_feature);
  // one input an image, as most often: nothing to sum
  const bool is_plain =
      rows.size(0) == batch.n_images && batch.feature_weights.eq(1).all().item<bool>();
  if (!is_plain)
    rows = torch::zeros({batch.n_images, rows.size(1)}, rows.options())
               .index_add(0, batch.feature_images, rows * batch.feature_weights.unsqueeze(1));
  rows = rows.view({-1, n_embd});
  if (!lexicon) return rows;
  const Tensor words = (*lexicon)(batch.features) * batch.feature_weights.unsqueeze(1);
  return torch::cat({rows, words.view({-1, n_embd})})
      .index_select(0, words_behind(batch, rows.size(0), lexicon->n_words));
}

std::pair<Tensor, Tensor> Projector::folded() const {
  const torch::NoGradGuard no_grad;
  const Tensor w = weight / deviation;
  return {w, bias - torch::mv(w, mean)};
}

void Projector::unfold() {
  const torch::NoGradGuard no_grad;
  bias.add_(torch::mv(weight, mean));
  weight.mul_(deviation);
}

LlamaLora::LlamaLora(GgufFile file, const LoraOptions& lora, torch::ScalarType compute,
                     const MemoryOptions& memory)
    : file_(std::make_shared<const GgufFile>(std::move(file))),
      config_(LlamaConfig::from_gguf(*file_)),
      lora_(lora),
      compute_(compute),
      memory_(memory),
      attention_shape_{config_.n_head, config_.n_head_kv, config_.head_size()},
      rotary_(RotaryTable::make(kMaxPositions, config_.head_size(), config_.rope_freq_base)),
      output_norm_(read_tensor(*file_, "output_norm.weight", {config_.n_embd}).to(memory.device)),
      // a file without its own output matrix ties it to the embeddings
      head_(linear(
          {{file_->find_tensor("output.weight") != nullptr ? "output.weight" : "token_embd.weight",
            config_.n_vocab}},
          config_.n_embd)) {
  file_->require_tensor("token_embd.weight", {config_.n_embd, config_.n_vocab});
  rotary_ = {rotary_.cos.to(memory.device), rotary_.sin.to(memory.device)};
  for (int64_t i = 0; i < config_.n_layer; ++i)
    layers_.push_back(read_layer(i));
}

FrozenLinear LlamaLora::linear(const std::vector<std::pair<std::string, int64_t>>& parts,
                               int64_t in) const {
  std::vector<const GgufTensor*> matrices;
  int64_t out = 0;
  for (const auto& [name, rows] : parts) {
    matrices.push_back(&file_->require_tensor(name, {in, rows}));
    out += rows;
  }
  auto load = [file = file_, matrices, type = compute_, device = memory_.device] {
    return dequantise(*file, matrices, type).to(device);
  };
  if (memory_.base_in_file) return FrozenLinear(std::move(load), in, out, compute_);
  FrozenLinear packed(load(), compute_);
  for (const GgufTensor* matrix : matrices)
    file_->release(*matrix);
  return packed;
}

LlamaLora::Layer LlamaLora::read_layer(int64_t index) const {
  const int64_t c = config_.n_embd;
  const int64_t kv = config_.n_head_kv * config_.head_size();
  const auto norm = [&](const char* part) {
    return read_tensor(*file_, block_name(index, part), {c}).to(memory_.device);
  };
  const auto matrix = [&](const char* part, int64_t rows) {
    return std::pair{block_name(index, part), rows};
  };
  const auto lora = [&](int64_t rows, int64_t first_row) {
    return make_lora(lora_.rank, c, rows, first_row, memory_.device);
  };
  return Layer{
      norm("attn_norm"),
      linear({matrix("attn_q", c), matrix("attn_k", kv), matrix("attn_v", kv)}, c),
      linear({matrix("attn_output", c)}, c),
      norm("ffn_norm"),
      linear({matrix("ffn_gate", config_.n_ff), matrix("ffn_up", config_.n_ff)}, c),
      linear({matrix("ffn_down", c)}, config_.n_ff),
      {lora(c, 0), lora(kv, c), lora(kv, c + kv)},
      {lora(c, 0)},
  };
}

Tensor LlamaLora::embed(const Tensor& tokens) const {
  const GgufTensor& matrix = file_->tensor("token_embd.weight");
  const auto width = static_cast<std::size_t>(config_.n_embd);
  Tensor rows = torch::empty({tokens.size(0), config_.n_embd}, torch::kFloat32);
  const auto* ids = tokens.data_ptr<int64_t>();
  float* values = rows.data_ptr<float>();
  at::parallel_for(0, tokens.size(0), kRowBlock, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      file_->read_row_f32(matrix, ids[i], {values + i * config_.n_embd, width});
  });
  return rows.to(memory_.device);
}

Tensor LlamaLora::run_layer(std::size_t index, const Tensor& input, const PackedBatch& batch,
                            const LoraContext& context) const {
  const Layer& layer = layers_[index];
  Tensor h = input;
  Tensor x = rms_norm(h, layer.attn_norm, config_.rms_eps, compute_);
  x = lora_linear(x, layer.qkv, layer.qkv_lora, context, 2 * index);
  x = attention(x, batch.layout, rotary_, attention_shape_);
  h = lora_linear(x, layer.output, layer.output_lora, context, 2 * index + 1, h);
  if (index + 1 == layers_.size()) h = h.index_select(0, batch.label_rows);  // (N, C) from here on
  x = rms_norm(h, layer.ffn_norm, config_.rms_eps, compute_);
  x = swiglu(lora_linear(x, layer.gate_up, {}, context, 0));
  return lora_linear(x, layer.down, {}, context, 0, h);
}

Tensor LlamaLora::forward(const PackedBatch& batch, const Tensor& image_embeddings, bool training,
                          uint64_t dropout_key) const {
  const LoraContext context{static_cast<float>(lora_.alpha / static_cast<double>(lora_.rank)),
                            training ? static_cast<float>(lora_.dropout) : 0.0F, dropout_key,
                            batch.first_token};
  Tensor h = embed(batch.tokens);  // (T, C)
  if (batch.image_rows.numel() > 0) h = h.index_copy(0, batch.image_rows, image_embeddings);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (!memory_.checkpoint_activations || !torch::GradMode::is_enabled()) {
      h = run_layer(i, h, batch, context);
      continue;
    }
    std::vector<Tensor> parameters;
    for (const auto* loras : {&layers_[i].qkv_lora, &layers_[i].output_lora})
      for (const Lora& lora : *loras)
        parameters.insert(parameters.end(), {lora.a, lora.b});
    h = checkpointed(
        [this, i, &batch, context](const Tensor& x) { return run_layer(i, x, batch, context); }, h,
        parameters);
  }
  return rms_norm(h, output_norm_, config_.rms_eps, compute_);
}

Tensor LlamaLora::logits(const Tensor& hidden) const {
  return head_.ready()->multiply(hidden.contiguous(), torch::kFloat32);
}

std::vector<std::pair<std::string, Tensor>> LlamaLora::named_parameters() const {
  std::vector<std::pair<std::string, Tensor>> named;
  const auto add = [&](std::size_t layer, const char* part, const Lora& lora) {
    const std::string name = block_name(static_cast<int64_t>(layer), part);
    named.emplace_back(name + adapter_keys::kSuffixA, lora.a);
    named.emplace_back(name + adapter_keys::kSuffixB, lora.b);
  };
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    add(i, "attn_q", layers_[i].qkv_lora[0]);
    add(i, "attn_k", layers_[i].qkv_lora[1]);
    add(i, "attn_v", layers_[i].qkv_lora[2]);
    add(i, "attn_output", layers_[i].output_lora[0]);
  }
  return named;
}

}  // namespace pandagpt::train
