// config.json of LLaMA-type models, as transformers writes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "convert/strict_json.h"

namespace pandagpt {

/// The sizes and constants of a LLaMA. Defaults are those of transformers' LlamaConfig.
struct LlamaConfig {
  std::int64_t n_layers = 0;
  std::int64_t n_embd = 0;
  std::int64_t n_ff = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  ///< fewer than n_heads: groups of heads share keys and values
  std::int64_t head_dim = 0;
  std::int64_t n_vocab = 0;  ///< rows of the embeddings, which may be more or less than tokens
  std::int64_t n_ctx = 2048;
  double rms_eps = 1e-6;
  double rope_theta = 10000;
  std::optional<double> rope_factor;  ///< linear scaling: positions are divided by it
  bool tied = false;                  ///< the output matrix is the embeddings
};

/// A JSON table from a model's folder. Throws Error(kModel): missing, damaged, no table.
nlohmann::json read_json_file(const std::filesystem::path& path);

/// Reads FOLDER/config.json. Throws Error(kModel), naming file and field: missing, of the wrong
/// type or out of range, not a LLaMA, or with something that this converter or llama.cpp lacks
/// (biases, other activations, other scaling of positions, quantised weights).
LlamaConfig read_llama_config(const std::filesystem::path& folder);

}  // namespace pandagpt
