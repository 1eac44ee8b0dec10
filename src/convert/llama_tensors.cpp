#include "convert/llama_tensors.h"

namespace pandagpt {

std::vector<LlamaTensor> llama_tensors(const LlamaConfig& config) {
  const std::int64_t width = config.n_embd;
  const std::int64_t n_q = config.n_heads * config.head_dim;
  const std::int64_t n_kv = config.n_kv_heads * config.head_dim;
  std::vector<LlamaTensor> tensors;
  tensors.push_back({"model.embed_tokens.weight", "token_embd.weight", {config.n_vocab, width}});
  for (std::int64_t i = 0; i < config.n_layers; ++i) {
    const std::string from = "model.layers." + std::to_string(i) + ".";
    const std::string to = "blk." + std::to_string(i) + ".";
    const LlamaTensor parts[] = {
        {"input_layernorm.weight", "attn_norm.weight", {width}},
        {"self_attn.q_proj.weight", "attn_q.weight", {n_q, width}, true},
        {"self_attn.k_proj.weight", "attn_k.weight", {n_kv, width}, true},
        {"self_attn.v_proj.weight", "attn_v.weight", {n_kv, width}},
        {"self_attn.o_proj.weight", "attn_output.weight", {width, n_q}},
        {"post_attention_layernorm.weight", "ffn_norm.weight", {width}},
        {"mlp.gate_proj.weight", "ffn_gate.weight", {config.n_ff, width}},
        {"mlp.up_proj.weight", "ffn_up.weight", {config.n_ff, width}},
        {"mlp.down_proj.weight", "ffn_down.weight", {width, config.n_ff}},
    };
    for (const LlamaTensor& part : parts)
      tensors.push_back({from + part.source, to + part.name, part.shape, part.is_rotated});
  }
  tensors.push_back({"model.norm.weight", "output_norm.weight", {width}});
  if (!config.tied) tensors.push_back({"lm_head.weight", "output.weight", {config.n_vocab, width}});
  return tensors;
}

bool is_unused_llama_tensor(const std::string& name, const LlamaConfig& config) {
  return name.ends_with(".rotary_emb.inv_freq") || (config.tied && name == "lm_head.weight");
}

void set_llama_metadata(GgufWriter* writer, const LlamaConfig& config) {
  writer->set_str("general.architecture", "llama");
  const auto set = [&](const char* key, std::int64_t value) {
    writer->set_u32(key, static_cast<std::uint32_t>(value));
  };
  set("llama.block_count", config.n_layers);
  set("llama.context_length", config.n_ctx);
  set("llama.embedding_length", config.n_embd);
  set("llama.feed_forward_length", config.n_ff);
  set("llama.attention.head_count", config.n_heads);
  set("llama.attention.head_count_kv", config.n_kv_heads);
  set("llama.attention.key_length", config.head_dim);
  set("llama.attention.value_length", config.head_dim);
  set("llama.rope.dimension_count", config.head_dim);
  set("llama.vocab_size", config.n_vocab);
  writer->set_f32("llama.attention.layer_norm_rms_epsilon", static_cast<float>(config.rms_eps));
  writer->set_f32("llama.rope.freq_base", static_cast<float>(config.rope_theta));
  if (!config.rope_factor) return;
  writer->set_str("llama.rope.scaling.type", "linear");
  writer->set_f32("llama.rope.scaling.factor", static_cast<float>(*config.rope_factor));
}

}  // namespace pandagpt
