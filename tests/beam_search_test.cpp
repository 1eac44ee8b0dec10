// Beam search, against a slow one that evaluates every answer from its first token and keeps all
// of its candidates.
#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "llm/chat_session.h"
#include "llm/llm_model.h"
#include "llm/text_stream.h"
#include "llm_support.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using test::error_of;
using test::tiny_model;

constexpr int kMaxTokens = 7;

test::Session make_session(int n_ctx = 512, const PromptTemplate& format = {}) {
  return test::make_session(nullptr, n_ctx, format);
}

GenerateOptions beams(int n_beams) {
  GenerateOptions options;
  options.n_beams = n_beams;
  options.max_tokens = kMaxTokens;
  return options;
}

/// log P(next | tokens), all of `tokens` evaluated anew.
std::vector<double> log_probabilities(const std::vector<std::int32_t>& tokens) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = 256;
  params.n_threads = params.n_threads_batch = 1;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(
      llama_init_from_model(tiny_model()->handle(), params), llama_free);
  std::vector<llama_token> copy(tokens);
  EXPECT_EQ(
      llama_decode(context.get(), llama_batch_get_one(copy.data(), static_cast<int>(copy.size()))),
      0);
  const float* logits = llama_get_logits_ith(context.get(), -1);
  std::vector<double> result(logits, logits + tiny_model()->n_vocab());
  const double largest = *std::max_element(result.begin(), result.end());
  double sum = 0;
  for (const double value : result)
    sum += std::exp(value - largest);
  for (double& value : result)
    value -= largest + std::log(sum);
  return result;
}

struct Path {
  std::vector<std::int32_t> tokens;
  double score = 0;
};

double mean_score(const Path& path) {
  return path.score / static_cast<double>(path.tokens.size());
}

std::vector<Path> all_continuations(const std::vector<std::int32_t>& prompt,
                                    const std::vector<Path>& paths) {
  std::vector<Path> all;
  for (const Path& path : paths) {
    std::vector<std::int32_t> tokens = prompt;
    tokens.insert(tokens.end(), path.tokens.begin(), path.tokens.end());
    const std::vector<double> next = log_probabilities(tokens);
    for (std::size_t token = 0; token < next.size(); ++token) {
      all.push_back(path);
      all.back().tokens.push_back(static_cast<std::int32_t>(token));
      all.back().score += next[token];
    }
  }
  std::ranges::sort(all, std::greater<>(), &Path::score);
  return all;
}

/// The answer with the best score a token among `n_beams` finished ones and what a limit cut off.
std::string slow_answer(const std::vector<std::int32_t>& prompt, std::size_t n_beams) {
  std::vector<Path> paths{{}};
  std::vector<Path> finished;
  for (int step = 0; step < kMaxTokens; ++step) {
    const std::vector<Path> all = all_continuations(prompt, paths);
    paths.clear();
    for (std::size_t rank = 0; paths.size() < n_beams; ++rank) {
      const bool ends = tiny_model()->is_end_of_generation(all[rank].tokens.back());
      if (!ends) paths.push_back(all[rank]);
      if (ends && rank < n_beams) finished.push_back(all[rank]);
    }
    std::ranges::sort(finished, std::greater<>(), mean_score);
    if (finished.size() >= n_beams && mean_score(finished[n_beams - 1]) >= mean_score(paths[0])) {
      paths.clear();
      break;
    }
  }
  paths.insert(paths.end(), finished.begin(), finished.end());
  const Path best = *std::ranges::max_element(paths, {}, mean_score);
  AnswerStream stream({PromptTemplate{}.stop});
  for (const std::int32_t token : best.tokens)
    if (!tiny_model()->is_end_of_generation(token))
      stream.push(tiny_model()->token_to_piece(token));
  stream.finish(tiny_model()->is_end_of_generation(best.tokens.back()));
  return stream.text();
}

TEST(BeamSearch, EqualsTheSlowSearch) {
  PromptTemplate format;
  format.assistant = "";  // the answer goes on where the question ends, off the model's script
  int differs_from_greedy = 0;
  for (const char* question : {"What", "zebra 17", "x y z", "Assistan", "bam"}) {
    test::Session session = make_session(512, format);
    session.prefill(question);
    const std::vector<std::int32_t> prompt = session.prompt();
    const std::string one = session.ask(question, beams(1)).text;
    for (const int n_beams : {2, 5}) {
      const Answer answer = session.regenerate(beams(n_beams));
      EXPECT_EQ(answer.text, slow_answer(prompt, static_cast<std::size_t>(n_beams))) << question;
      differs_from_greedy += answer.text != one ? 1 : 0;
    }
  }
  EXPECT_GT(differs_from_greedy, 0) << "every search ended where greedy decoding does";
}

TEST(BeamSearch, FindsTheScriptAndItsEnd) {
  test::Session session = make_session();
  GenerateOptions options;
  options.greedy = true;
  const Answer greedy = session.ask("What is it?", options);
  ASSERT_EQ(greedy.finish, FinishReason::kStop);
  options.n_beams = 4;
  std::vector<std::string> shown;
  const Answer answer = session.regenerate(options, [&](std::string_view text) {
    shown.emplace_back(text);
    return true;
  });
  EXPECT_EQ(answer.text, greedy.text);
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  EXPECT_EQ(shown, std::vector<std::string>{answer.text});
}

TEST(BeamSearch, LeavesTheConversationAsGreedyDecodingDoes) {
  test::Session session = make_session();
  session.ask("What is it?", beams(8));
  session.prefill("and now?");
  test::Session fresh = make_session();
  fresh.set_history(session.history());
  fresh.prefill("and now?");
  const std::vector<float> a = session.last_logits();
  const std::vector<float> b = fresh.last_logits();
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i], b[i], 1e-4);
}

TEST(BeamSearch, LimitsAreKept) {
  test::Session session = make_session();
  EXPECT_EQ(error_of([&] { session.ask("x", beams(0)); }).kind(), ErrorKind::kUsage);
  EXPECT_EQ(error_of([&] { session.ask("x", beams(17)); }).kind(), ErrorKind::kUsage);
  test::Session small = make_session(48);
  GenerateOptions options = beams(8);
  options.max_tokens = 200;
  const Answer answer = small.ask("What is this here?", options);  // not enough room for 8 beams
  EXPECT_TRUE(answer.finish == FinishReason::kContext || answer.finish == FinishReason::kStop);
  EXPECT_EQ(small.history().size(), 1U);
}

}  // namespace
}  // namespace pandagpt
