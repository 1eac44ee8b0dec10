#include "encoders/transformer_block.h"

namespace pandagpt {

TransformerBlock::TransformerBlock(TransformerLayerFactory& layers,
                                   const TransformerBlockSpec& spec, const PartName& name) {
  const std::int64_t width = spec.width;
  attn_norm_ = layers.norm(name("attn_norm"), width, spec.norm_epsilon);
  attn_qkv_ = layers.linear({.name = name("attn_qkv"), .n_in = width, .n_out = 3 * width});
  attention_ = layers.attention({.width = width,
                                 .n_heads = spec.n_heads,
                                 .causal = spec.is_causal,
                                 .bias_k = spec.has_bias_kv ? name("attn_bias_k") : "",
                                 .bias_v = spec.has_bias_kv ? name("attn_bias_v") : ""});
  attn_out_ = layers.linear({.name = name("attn_out"), .n_in = width, .n_out = width});
  ffn_norm_ = layers.norm(name("ffn_norm"), width, spec.norm_epsilon);
  ffn_up_ = layers.linear(
      {.name = name("ffn_up"), .n_in = width, .n_out = spec.n_ff, .activation = spec.activation});
  ffn_down_ = layers.linear({.name = name("ffn_down"), .n_in = spec.n_ff, .n_out = width});
}

ggml_tensor* TransformerBlock::apply(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* selected) {
  ggml_tensor* y = attn_qkv_->apply(builder, attn_norm_->apply(builder, x));
  y = attention_->apply(builder, y);
  if (selected != nullptr) {
    y = select_tokens(builder, y, selected);
    x = select_tokens(builder, x, selected);
  }
  x = attn_out_->apply(builder, y, x);
  y = ffn_up_->apply(builder, ffn_norm_->apply(builder, x));
  return ffn_down_->apply(builder, y, x);
}

ggml_tensor* select_tokens(GraphBuilder& builder, ggml_tensor* x, ggml_tensor* selected) {
  ggml_context* context = builder.context();
  const std::int64_t width = x->ne[0];
  const std::int64_t n = x->ne[2];
  x = ggml_reshape_2d(context, x, width, x->ne[1] * n);
  return ggml_reshape_3d(context, ggml_get_rows(context, x, selected), width, 1, n);
}

}  // namespace pandagpt
