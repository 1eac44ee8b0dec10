// What the tests of language-model files share: the tiny LLaMAs of
// tools/reference/make_vicuna_fixtures.py, and scores straight from llama.cpp.
#pragma once

#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "convert/llama_config.h"
#include "convert/llama_tensors.h"
#include "llm/llm_model.h"
#include "safetensors_writer.h"
#include "test_support.h"

namespace pandagpt::test {

inline std::filesystem::path vicuna_fixture(const std::string& name) {
  return std::filesystem::path(PANDAGPT_FIXTURES) / "vicuna" / name;
}

inline const nlohmann::json& vicuna_expected() {
  static const nlohmann::json expected =
      nlohmann::json::parse(read_text(vicuna_fixture("expected.json")));
  return expected;
}

/// The scores (n_vocab) after each of the last two of `tokens`, in f32.
inline std::vector<std::vector<float>> last_scores(const LlmModel& model,
                                                   std::vector<llama_token> tokens) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 64;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.n_threads = params.n_threads_batch = 1;
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(
      llama_init_from_model(model.handle(), params), llama_free);
  std::vector<std::vector<float>> rows;
  const auto count = static_cast<std::int32_t>(tokens.size());
  for (const std::int32_t first : {0, count - 1}) {
    const std::int32_t n = first == 0 ? count - 1 : 1;
    EXPECT_EQ(llama_decode(context.get(), llama_batch_get_one(tokens.data() + first, n)), 0);
    const float* scores = llama_get_logits_ith(context.get(), -1);
    rows.emplace_back(scores, scores + model.n_vocab());
  }
  return rows;
}

/// The largest difference between the model's scores and the expected ones of `name`.
inline float worst_difference(const LlmModel& model, const std::string& name) {
  const nlohmann::json& expected = vicuna_expected();
  const auto rows = last_scores(model, expected.at("prompt").get<std::vector<llama_token>>());
  const auto reference = expected.at(name).get<std::vector<std::vector<float>>>();
  float worst = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != reference.at(i).size()) return INFINITY;
    for (std::size_t j = 0; j < rows[i].size(); ++j)
      worst = std::max(worst, std::abs(rows[i][j] - reference[i][j]));
  }
  return worst;
}

/// A folder of transformers with random weights in rows of 256, which k-quants need.
inline void write_wide_llama(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(vicuna_fixture("base/tokenizer.model"), folder / "tokenizer.model");
  write_text(folder / "config.json",
             R"({"model_type": "llama", "hidden_size": 256, "intermediate_size": 256,)"
             R"( "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 400})");
  std::mt19937 generator(11);
  std::normal_distribution<float> normal(0, 0.1F);
  std::map<std::string, F32Tensor> tensors;
  for (const LlamaTensor& tensor : llama_tensors(read_llama_config(folder))) {
    F32Tensor& values = tensors[tensor.source];
    values.shape = tensor.shape;
    const std::int64_t columns = tensor.shape.size() > 1 ? tensor.shape[1] : 1;
    values.values.resize(static_cast<std::size_t>(tensor.shape[0] * columns));
    for (float& value : values.values)
      value = normal(generator);
  }
  write_text(folder / "model.safetensors", safetensors_bytes(tensors));
}

/// Names of all that lies in `folder`, sorted.
inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace pandagpt::test
