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

}  // namespace pandagpt
