// The language model's share of Panda's options.
#pragma once

#include "llm/llm_model.h"
#include "pandagpt/panda.h"

namespace pandagpt {

inline LlmOptions llm_options(const PandaOptions& options) {
  LlmOptions result;
  result.device = options.device;
  result.n_gpu_layers = options.n_gpu_layers;
  result.rpc_servers = options.rpc_servers;
  result.repack = options.repack;
  return result;
}

}  // namespace pandagpt
