#include "llm/llm_context.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "core/threads.h"
#include "pandagpt/error.h"

namespace pandagpt {

int usable_context_size(const LlmModel& model, int wanted) {
  if (model.vocab_only() || llama_model_has_encoder(model.handle()))
    throw Error(ErrorKind::kModel,
                model.path().string() + ": not a language model that can continue a text");
  if (wanted < 1) throw Error(ErrorKind::kUsage, "the context size must be at least 1");
  const int limit = model.n_ctx_train();
  if (wanted > limit)
    spdlog::warn("the context is limited to {} positions, those the language model was trained for",
                 limit);
  return std::min(wanted, limit);
}

ContextPtr make_context(const LlmModel& model, const LoraAdapter* adapter,
                        const ContextOptions& options) {
  if (options.n_ctx < 1 || options.n_batch < 1 || options.n_sequences < 1)
    throw Error(ErrorKind::kUsage, "the context size and the batch size must be at least 1");
  llama_context_params params = llama_context_default_params();
  // llama.cpp wants room for a position of each sequence, and ends the program without it.
  params.n_ctx = static_cast<std::uint32_t>(std::max(options.n_ctx, options.n_sequences));
  params.n_batch = params.n_ubatch =
      static_cast<std::uint32_t>(std::max(options.n_batch, options.n_sequences));
  params.n_seq_max = static_cast<std::uint32_t>(options.n_sequences);
  params.kv_unified = options.unified;
  params.n_threads = options.n_threads > 0 ? options.n_threads : default_thread_count();
  params.n_threads_batch = params.n_threads;
  params.no_perf = true;
  if (options.f32_cache) {
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // it would compute in f16
  }
  ContextPtr context(llama_init_from_model(model.handle(), params));
  if (!context)
    throw Error(ErrorKind::kModel, model.path().string() + ": no context of " +
                                       std::to_string(options.n_ctx) +
                                       " positions could be made (memory?); try a smaller one");
  if (adapter != nullptr) {
    llama_adapter_lora* handle = adapter->handle();
    float scale = adapter->scale();
    if (llama_set_adapters_lora(context.get(), &handle, 1, &scale) != 0)
      throw Error(ErrorKind::kModel, "the LoRA adapter can't be applied to this model");
  }
  return context;
}

}  // namespace pandagpt
