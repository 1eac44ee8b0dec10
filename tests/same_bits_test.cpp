// A position's logits have the same bits in whatever batches the prompt is evaluated, alone and
// beside other sequences: with a LoRA at run time, weights of all kinds, short and long contexts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "llm/llm_context.h"
#include "llm/llm_model.h"
#include "llm/token_batch.h"
#include "llm_support.h"
#include "random_values.h"
#include "tensor/cpu_kernels.h"
#include "tensor/gguf_file.h"
#include "tensor/panda_weights.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::normal_values;

// A LLaMA of two layers, wide enough for all types of weights.
constexpr std::int64_t kWidth = 256;
constexpr std::int64_t kHidden = 512;
constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kHeadSize = kWidth / kHeads;
constexpr std::int64_t kKeyWidth = 2 * kHeadSize;  // two heads of keys and values
constexpr int kLayers = 2;
constexpr int kContext = 1024;

struct Matrix {
  std::string name;
  std::int64_t n_in;
  std::int64_t n_out;
};

std::string tensor_name(int layer, const std::string& which) {
  std::string name = "blk.";
  name += std::to_string(layer);
  name += '.';
  name += which;
  name += ".weight";
  return name;
}

std::vector<Matrix> matrices_of_layers() {
  std::vector<Matrix> matrices;
  for (int i = 0; i < kLayers; ++i)
    for (const Matrix& one : {Matrix{"attn_q", kWidth, kWidth},
                              {"attn_k", kWidth, kKeyWidth},
                              {"attn_v", kWidth, kKeyWidth},
                              {"attn_output", kWidth, kWidth},
                              {"ffn_gate", kWidth, kHidden},
                              {"ffn_up", kWidth, kHidden},
                              {"ffn_down", kHidden, kWidth}})
      matrices.push_back({tensor_name(i, one.name), one.n_in, one.n_out});
  return matrices;
}

void add_matrix(GgufWriter& writer, const std::string& name, ggml_type type, std::int64_t n_in,
                std::int64_t n_out, unsigned seed, float deviation) {
  const std::vector<float> values =
      normal_values(static_cast<std::size_t>(n_in * n_out), seed, deviation);
  Bytes data(ggml_row_size(type, n_in) * static_cast<std::size_t>(n_out));
  ggml_quantize_chunk(type, values.data(), data.data(), 0, n_out, n_in, nullptr);
  writer.add_tensor(name, type, {n_in, n_out}, data);
}

/// With the vocabulary of the tiny language model.
void write_model(const fs::path& path, ggml_type type) {
  const GgufFile tiny(test::tiny_panda() / "llm.gguf");
  GgufWriter writer;
  writer.copy_metadata(tiny);
  const auto n_vocab = static_cast<std::int64_t>(tiny.get_u32("llama.vocab_size"));
  writer.set_u32("llama.embedding_length", kWidth);
  writer.set_u32("llama.feed_forward_length", kHidden);
  writer.set_u32("llama.block_count", kLayers);
  writer.set_u32("llama.attention.head_count", kHeads);
  writer.set_u32("llama.attention.head_count_kv", kKeyWidth / kHeadSize);
  writer.set_u32("llama.rope.dimension_count", kHeadSize);
  writer.set_u32("llama.context_length", kContext);
  unsigned seed = 1;
  add_matrix(writer, "token_embd.weight", GGML_TYPE_F32, kWidth, n_vocab, seed++, 1);
  add_matrix(writer, "output.weight", type, kWidth, n_vocab, seed++, 0.2F);
  const std::vector<float> ones(kWidth, 1.0F);
  writer.add_f32("output_norm.weight", {kWidth}, ones);
  for (const Matrix& matrix : matrices_of_layers())
    add_matrix(writer, matrix.name, type, matrix.n_in, matrix.n_out, seed++, 0.1F);
  for (int i = 0; i < kLayers; ++i)
    for (const char* name : {"attn_norm", "ffn_norm"})
      writer.add_f32(tensor_name(i, name), {kWidth}, ones);
  writer.write(path);
}

void write_adapter(const fs::path& path, ggml_type type, std::int64_t rank) {
  GgufWriter writer;
  set_adapter_metadata(&writer, "llama", 1.7F * static_cast<float>(rank));
  unsigned seed = 100;
  for (const Matrix& matrix : matrices_of_layers()) {
    add_matrix(writer, matrix.name + ".lora_a", type, matrix.n_in, rank, seed++, 0.1F);
    add_matrix(writer, matrix.name + ".lora_b", type, rank, matrix.n_out, seed++, 0.1F);
  }
  writer.write(path);
}

/// How a prompt is evaluated: the sizes of its batches, repeated to its end, and how many other
/// sequences put a token each into every batch.
struct Way {
  std::vector<std::size_t> sizes;
  int n_others = 0;
  int n_threads = 1;
};

std::string name_of(const Way& way) {
  std::ostringstream name;
  name << "batches of";
  for (const std::size_t size : way.sizes)
    name << ' ' << size;
  name << ", " << way.n_others << " others, " << way.n_threads << " threads";
  return name.str();
}

using Logits = std::vector<std::vector<float>>;  // of each position

class SameBits : public testing::Test {
 protected:
  /// Writes and opens a model of `type` with an adapter of `lora_type` and `rank`.
  void open(ggml_type type, ggml_type lora_type, std::int64_t rank, bool repack = false) {
    write_model(folder_ / "llm.gguf", type);
    write_adapter(folder_ / "adapter.gguf", lora_type, rank);
    model_ = std::make_shared<const LlmModel>(folder_ / "llm.gguf", LlmOptions{.repack = repack});
    adapter_ = std::make_shared<const LoraAdapter>(model_, folder_ / "adapter.gguf", 1.0F);
  }

  static std::int32_t token_at(std::size_t i, int sequence) {
    return static_cast<std::int32_t>(3 + (i * 37 + static_cast<std::size_t>(sequence) * 11) % 250);
  }

  Logits logits(std::size_t n_tokens, const Way& way) const {
    const int n_sequences = 1 + way.n_others;
    const ContextPtr context = make_context(*model_, adapter_.get(),
                                            {.n_ctx = kContext * n_sequences,
                                             .n_batch = kContext,
                                             .n_sequences = n_sequences,
                                             .n_threads = way.n_threads});
    Logits all;
    TokenBatch batch;
    for (std::size_t round = 0; all.size() < n_tokens; ++round) {
      batch.clear();
      for (int other = 1; other <= way.n_others; ++other)
        batch.add(token_at(round, other), static_cast<llama_pos>(round), other, false);
      const std::size_t first = all.size();
      const std::size_t end = std::min(n_tokens, first + way.sizes[round % way.sizes.size()]);
      for (std::size_t i = first; i < end; ++i)
        batch.add(token_at(i, 0), static_cast<llama_pos>(i), 0, true);
      EXPECT_EQ(batch.decode(context.get()), 0);
      for (std::size_t i = first; i < end; ++i) {
        const float* row =
            llama_get_logits_ith(context.get(), way.n_others + static_cast<int>(i - first));
        all.emplace_back(row, row + model_->n_vocab());
      }
    }
    return all;
  }

  /// Positions that have other bits than those evaluated all at once.
  void expect_same(std::size_t n_tokens, const std::vector<Way>& ways) const {
    const Logits expected = logits(n_tokens, {.sizes = {n_tokens}});
    for (const Way& way : ways) {
      const Logits got = logits(n_tokens, way);
      std::size_t n_different = 0;
      for (std::size_t i = 0; i < n_tokens; ++i)
        n_different += got[i] != expected[i] ? 1 : 0;
      EXPECT_EQ(n_different, 0U) << "of " << n_tokens << " positions: " << name_of(way);
    }
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<const LlmModel> model_;
  std::shared_ptr<const LoraAdapter> adapter_;
};

const std::vector<Way> kWays{{{1}},    {{2}},        {{3}},
                             {{7}},    {{5, 1, 16}}, {{1}, 3},
                             {{4}, 7}, {{7}, 2},     {.sizes = {4}, .n_threads = 2}};

struct Types {
  ggml_type base;
  ggml_type lora;
  std::int64_t rank;
};

/// (Of Q4_K and Q6_K ggml computes fewer than four tokens, in another way than ours; other types
/// are ggml's altogether.)
class SameBitsOfTypes : public SameBits, public testing::WithParamInterface<Types> {};

TEST_P(SameBitsOfTypes, InEveryBatch) {
  open(GetParam().base, GetParam().lora, GetParam().rank);
  expect_same(24, kWays);
}

INSTANTIATE_TEST_SUITE_P(Types, SameBitsOfTypes,
                         testing::Values(Types{GGML_TYPE_F32, GGML_TYPE_F32, 4},
                                         Types{GGML_TYPE_F16, GGML_TYPE_F16, 32},
                                         Types{GGML_TYPE_BF16, GGML_TYPE_BF16, 72},
                                         Types{GGML_TYPE_Q4_0, GGML_TYPE_F32, 3},
                                         Types{GGML_TYPE_Q4_1, GGML_TYPE_F16, 32},
                                         Types{GGML_TYPE_Q8_0, GGML_TYPE_F16, 8}),
                         [](const auto& one) {
                           return std::string(ggml_type_name(one.param.base)) + "_" +
                                  ggml_type_name(one.param.lora) + "_" +
                                  std::to_string(one.param.rank);
                         });

TEST_F(SameBits, InLongContexts) {
  open(GGML_TYPE_Q4_1, GGML_TYPE_F16, 32);
  expect_same(700, {{{1}}, {{64}}, {{63, 1}}, {{200, 3}}, {{1}, 2}, {{129}, 1}});
}

}  // namespace
}  // namespace pandagpt
