// Tokens and projected inputs in one evaluation, and what makes that possible.
#include "llm/token_embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf_support.h"
#include "llm/batch_scheduler.h"
#include "llm/conversation.h"
#include "llm/token_batch.h"
#include "llm_support.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::bpe_format;
using test::error_of;
using test::expected;
using test::greedy;
using test::kLogitTolerance;
using test::max_difference;
using test::TemporaryFolder;
using test::tiny_model;
using test::tiny_panda;

/// The tiny model as one of Granite: the same network in llama.cpp's eyes as long as all that
/// Granite scales (tokens among others) has the scale 1.
fs::path as_granite(const fs::path& to) {
  const GgufFile from(tiny_panda() / "llm.gguf");
  GgufWriter writer;
  test::copy_all(writer, from);
  writer.set_str("general.architecture", "granite");
  for (const std::string& key : from.keys()) {
    constexpr std::string_view kPrefix = "llama.";
    if (!key.starts_with(kPrefix)) continue;
    const std::string name = std::string("granite.").append(key, kPrefix.size());
    try {
      writer.set_u32(name, from.get_u32(key));
    } catch (const Error&) {
      writer.set_f32(name, from.get_f32(key));
    }
  }
  writer.set_f32("granite.logit_scale", 1);
  writer.write(to);
  return to;
}

std::vector<float> image() {
  return expected()["projected"].get<std::vector<float>>();
}

test::SessionOptions exact() {
  return {.n_ctx = 256};
}

TEST(TokenEmbeddings, RowsEqualTheFilesValues) {
  const auto table = TokenEmbeddings::open(tiny_panda() / "llm.gguf");
  ASSERT_NE(table, nullptr);
  const int n_embd = tiny_model()->n_embd();
  ASSERT_EQ(table->n_embd(), n_embd);
  const auto all = GgufFile(tiny_panda() / "llm.gguf").read_f32(kTokenEmbeddings);
  std::vector<float> row(static_cast<std::size_t>(n_embd));
  for (const std::int32_t token : {0, 7, tiny_model()->n_vocab() - 1}) {
    table->copy(token, row);
    EXPECT_TRUE(std::ranges::equal(
        row, std::span(all).subspan(static_cast<std::size_t>(token) * row.size(), row.size())));
  }
  for (const std::int32_t token : {-1, tiny_model()->n_vocab()})
    EXPECT_EQ(error_of([&] { table->copy(token, row); }).kind(), ErrorKind::kInternal);
}

TEST(TokenEmbeddings, QuantisedRowsAreThoseOfTheWholeTable) {
  const TemporaryFolder folder;
  const GgufFile from(tiny_panda() / "llm.gguf");
  const std::vector<float> values = from.read_f32(kTokenEmbeddings);
  const std::int64_t n_embd = from.tensor(kTokenEmbeddings).shape[0];
  for (const ggml_type type : {GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0}) {
    std::vector<std::uint8_t> data(ggml_row_size(type, n_embd) * values.size() /
                                   static_cast<std::size_t>(n_embd));
    ggml_quantize_chunk(type, values.data(), data.data(), 0,
                        static_cast<std::int64_t>(values.size()) / n_embd, n_embd, nullptr);
    GgufWriter writer;
    writer.set_str("general.architecture", "llama");
    writer.add_tensor(kTokenEmbeddings, type, from.tensor(kTokenEmbeddings).shape, data);
    writer.write(folder / "table.gguf");
    const auto table = TokenEmbeddings::open(folder / "table.gguf");
    ASSERT_NE(table, nullptr) << ggml_type_name(type);
    const auto all = GgufFile(folder / "table.gguf").read_f32(kTokenEmbeddings);
    std::vector<float> row(static_cast<std::size_t>(n_embd));
    table->copy(5, row);
    EXPECT_TRUE(std::ranges::equal(row, std::span(all).subspan(5 * row.size(), row.size())))
        << ggml_type_name(type);
  }
}

TEST(TokenEmbeddings, NotOfModelsThatDoMoreWithTheirTokens) {
  const TemporaryFolder folder;
  EXPECT_EQ(TokenEmbeddings::open(as_granite(folder / "granite.gguf")), nullptr);
}

TEST(TokenEmbeddings, NotWithAnAdapterThatChangesThem) {
  EXPECT_FALSE(adapts_token_embeddings(tiny_panda() / "adapter.gguf"));
  const LoraAdapter plain(tiny_model(), tiny_panda() / "adapter.gguf");
  EXPECT_EQ(tiny_model()->token_embeddings(&plain), tiny_model()->token_embeddings(nullptr));
  EXPECT_NE(tiny_model()->token_embeddings(&plain), nullptr);

  const TemporaryFolder folder;
  const GgufFile from(tiny_panda() / "adapter.gguf");
  const TensorShape table = GgufFile(tiny_panda() / "llm.gguf").tensor(kTokenEmbeddings).shape;
  GgufWriter writer;
  test::copy_all(writer, from);
  // llama.cpp takes these two transposed: a token's row of A is looked up.
  writer.add_f32(std::string(kTokenEmbeddings) + ".lora_a", {4, table[1]},
                 std::vector<float>(static_cast<std::size_t>(4 * table[1])));
  writer.add_f32(std::string(kTokenEmbeddings) + ".lora_b", {4, table[0]},
                 std::vector<float>(static_cast<std::size_t>(4 * table[0])));
  writer.write(folder / "adapter.gguf");
  EXPECT_TRUE(adapts_token_embeddings(folder / "adapter.gguf"));
  const LoraAdapter changing(tiny_model(), folder / "adapter.gguf");
  EXPECT_EQ(tiny_model()->token_embeddings(&changing), nullptr);
}

TEST(TokenBatch, BothKindsNeedTheEmbeddings) {
  TokenBatch batch;
  EXPECT_FALSE(batch.can_mix());
  batch.add(3, 0, 0, false);
  batch.add(image(), 1, 0, true);
  EXPECT_EQ(error_of([&] { batch.decode(nullptr); }).kind(), ErrorKind::kInternal);
}

TEST(ChatSession, WithoutTheEmbeddingsItIsTheSameInMoreSteps) {
  const TemporaryFolder folder;
  const auto other = std::make_shared<const LlmModel>(as_granite(folder / "granite.gguf"));
  ASSERT_EQ(other->token_embeddings(nullptr), nullptr);
  test::Session in_steps(other, nullptr, bpe_format(), exact());
  test::Session at_once(tiny_model(), nullptr, bpe_format(), exact());
  for (test::Session* session : {&in_steps, &at_once}) {
    session->set_image(image());
    session->prefill(expected()["question"].get<std::string>());
  }
  EXPECT_LT(max_difference(in_steps.last_logits(), at_once.last_logits()), kLogitTolerance);
  EXPECT_EQ(in_steps.ask("a", greedy()).text, at_once.ask("a", greedy()).text);
}

TEST(ChatSession, ABatchMayEndWithinAnImage) {
  std::vector<float> images;  // four rows, no two alike
  for (const float factor : {1.0F, -0.5F, 0.25F, -1.0F})
    for (const float value : image())
      images.push_back(factor * value);
  test::SessionOptions narrow = exact();
  narrow.n_batch = 3;
  test::Session in_parts(tiny_model(), nullptr, bpe_format(), narrow);
  test::Session at_once(tiny_model(), nullptr, bpe_format(), exact());
  for (test::Session* session : {&in_parts, &at_once}) {
    session->set_image(images);
    session->prefill("what is it?");
  }
  EXPECT_LT(max_difference(in_parts.last_logits(), at_once.last_logits()), kLogitTolerance);
}

/// Evaluations that a scheduler needs for the first token about an image.
std::int64_t steps_to_the_first_token(const std::shared_ptr<const LlmModel>& model) {
  BatchScheduler scheduler(model, nullptr, {.n_slots = 1, .n_ctx = 256, .n_threads = 1});
  Conversation conversation(model, bpe_format());
  conversation.add_image(image());
  const auto stream = scheduler.submit(
      {.prompt = conversation.prompt("what is it?"), .options = greedy(1), .stops = {}});
  while (!stream->done())
    stream->next(std::chrono::milliseconds(100));
  return scheduler.counters().steps;
}

TEST(BatchScheduler, APromptWithAnImageIsOneEvaluation) {
  const TemporaryFolder folder;
  EXPECT_EQ(steps_to_the_first_token(tiny_model()), 1);
  const auto other = std::make_shared<const LlmModel>(as_granite(folder / "granite.gguf"));
  EXPECT_EQ(steps_to_the_first_token(other), 3) << "text, image, text";
}

}  // namespace
}  // namespace pandagpt
