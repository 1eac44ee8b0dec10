#include "train/llama_lora.h"

#include <torch/torch.h>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "tensor/panda_weights.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;

// The rotary table covers this many positions; a conversation is at most max_length (<= 4096) long.
constexpr int64_t kMaxPositions = 4096;

// GGUF lists the fastest dimension first: a torch (rows, columns) matrix is {columns, rows} there.
Tensor read_tensor(const GgufFile& file, const std::string& name, std::vector<int64_t> shape) {
  const std::vector<int64_t> gguf_shape(shape.rbegin(), shape.rend());
  file.require_tensor(name, gguf_shape);
  std::vector<float> values = file.read_f32(name);
  return torch::from_blob(values.data(), shape, torch::kFloat32).clone();
}

std::string block_name(int64_t layer, const char* part) {
  return "blk." + std::to_string(layer) + "." + part + ".weight";
}

Lora make_lora(int64_t rank, int64_t in, int64_t rows, int64_t first_row) {
  Lora lora;
  // a start of no effect; the trainer draws A from its seed, others load both
  lora.a = torch::zeros({rank, in}).requires_grad_(true);
  lora.b = torch::zeros({rows, rank}).requires_grad_(true);
  lora.row = first_row;
  return lora;
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

Tensor Projector::operator()(const Tensor& features) const {
  return with_dropout(features, 0.0, 0);
}

Tensor Projector::with_dropout(const Tensor& features, double dropout, uint64_t key) const {
  Tensor x = (features - mean) / deviation;
  if (dropout > 0) {
    const at::Generator generator = at::detail::createCPUGenerator(key);
    x = x * torch::empty_like(x).bernoulli_(1.0 - dropout, generator) / (1.0 - dropout);
  }
  return torch::nn::functional::linear(x, weight, bias);
}

std::pair<Tensor, Tensor> Projector::folded() const {
  const torch::NoGradGuard no_grad;
  const Tensor w = weight / deviation;
  return {w, bias - torch::mv(w, mean)};
}

LlamaLora::LlamaLora(const GgufFile& file, const LoraOptions& lora, torch::ScalarType compute)
    : config_(LlamaConfig::from_gguf(file)),
      lora_(lora),
      compute_(compute),
      attention_shape_{config_.n_head, config_.n_head_kv, config_.head_size()},
      rotary_(RotaryTable::make(kMaxPositions, config_.head_size(), config_.rope_freq_base)),
      token_embd_(read_tensor(file, "token_embd.weight", {config_.n_vocab, config_.n_embd})),
      output_norm_(read_tensor(file, "output_norm.weight", {config_.n_embd})),
      // a file without its own output matrix ties it to the embeddings
      head_(file.find_tensor("output.weight") != nullptr
                ? read_tensor(file, "output.weight", {config_.n_vocab, config_.n_embd})
                : token_embd_,
            compute) {
  for (int64_t i = 0; i < config_.n_layer; ++i)
    layers_.push_back(read_layer(file, i));
}

LlamaLora::Layer LlamaLora::read_layer(const GgufFile& file, int64_t index) const {
  const int64_t c = config_.n_embd;
  const int64_t kv = config_.n_head_kv * config_.head_size();
  const auto read = [&](const char* part, std::vector<int64_t> shape) {
    return read_tensor(file, block_name(index, part), std::move(shape));
  };
  const auto linear = [&](const Tensor& weight) { return FrozenLinear(weight, compute_); };
  return Layer{
      read("attn_norm", {c}),
      linear(
          torch::cat({read("attn_q", {c, c}), read("attn_k", {kv, c}), read("attn_v", {kv, c})})),
      linear(read("attn_output", {c, c})),
      read("ffn_norm", {c}),
      linear(torch::cat({read("ffn_gate", {config_.n_ff, c}), read("ffn_up", {config_.n_ff, c})})),
      linear(read("ffn_down", {c, config_.n_ff})),
      {make_lora(lora_.rank, c, c, 0), make_lora(lora_.rank, c, kv, c),
       make_lora(lora_.rank, c, kv, c + kv)},
      {make_lora(lora_.rank, c, c, 0)},
  };
}

Tensor LlamaLora::forward(const PackedBatch& batch, const Tensor& image_embeddings, bool training,
                          uint64_t dropout_key) const {
  LoraContext context;
  context.scale = static_cast<float>(lora_.alpha / static_cast<double>(lora_.rank));
  context.dropout = training ? static_cast<float>(lora_.dropout) : 0.0F;
  context.key = dropout_key;

  Tensor h = torch::embedding(token_embd_, batch.tokens);  // (T, C)
  if (batch.image_rows.numel() > 0) h = h.index_copy(0, batch.image_rows, image_embeddings);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    Tensor x = rms_norm(h, layer.attn_norm, config_.rms_eps, compute_);
    x = lora_linear(x, layer.qkv, layer.qkv_lora, context, 2 * i);
    x = attention(x, batch.layout, rotary_, attention_shape_);
    h = lora_linear(x, layer.output, layer.output_lora, context, 2 * i + 1, h);
    if (i + 1 == layers_.size()) h = h.index_select(0, batch.label_rows);  // (N, C) from here on
    x = rms_norm(h, layer.ffn_norm, config_.rms_eps, compute_);
    x = swiglu(lora_linear(x, layer.gate_up, {}, context, 0));
    h = lora_linear(x, layer.down, {}, context, 0, h);
  }
  return rms_norm(h, output_norm_, config_.rms_eps, compute_);
}

Tensor LlamaLora::logits(const Tensor& hidden) const {
  return head_.forward.multiply(hidden.contiguous(), torch::kFloat32);
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
