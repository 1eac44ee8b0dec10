// Many conversations at once: the same answers as one at a time, and nothing lost on the way.
#include "llm/batch_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute_support.h"
#include "convert/quantize.h"
#include "llm/conversation.h"
#include "llm_support.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using namespace std::chrono_literals;
using test::bpe_format;
using test::error_of;
using test::expected;
using test::greedy;
using test::make_session;
using test::tiny_model;
using testing::HasSubstr;

constexpr auto kPatience = 20s;

std::vector<float> image(float factor = 1) {
  auto values = expected()["projected"].get<std::vector<float>>();
  for (float& value : values)
    value *= factor;
  return values;
}

/// A draw that has much to choose from, so that different conversations get different answers.
GenerateOptions warm(std::uint32_t seed, int max_tokens = 24) {
  GenerateOptions options;
  options.temperature = 3;
  options.top_p = 1;
  options.max_tokens = max_tokens;
  options.seed = seed;
  return options;
}

struct Asked {
  std::vector<float> image = {};
  std::vector<Turn> history = {};
  std::string question;

  PromptSequence prompt() const {
    Conversation conversation(tiny_model(), bpe_format());
    conversation.add_image(image);
    for (const Turn& turn : history)
      conversation.add_turn(turn);
    return conversation.prompt(question);
  }
  /// The same, answered by a scheduler of its own.
  Answer alone(const GenerateOptions& options) const {
    test::Session session = make_session();
    session.set_image(image);
    session.set_history(history);
    return session.ask(question, options);
  }
};

/// With a cache for each slot, and with one that has the positions of one conversation.
class BatchSchedulerTest : public testing::TestWithParam<bool> {
 protected:
  static bool is_unified() { return GetParam(); }

  std::unique_ptr<BatchScheduler> scheduler(SchedulerOptions options) const {
    options.n_ctx = 256;
    options.n_threads = 1;
    options.f32_cache = true;
    options.n_cells = options.n_ctx;
    options.unified = is_unified();
    return std::make_unique<BatchScheduler>(tiny_model(), nullptr, options);
  }
};

GenerationRequest request(const Asked& asked, const GenerateOptions& options, int n = 1) {
  return {
      .prompt = asked.prompt(), .options = options, .stops = {bpe_format().stop}, .n_choices = n};
}

/// Reads a stream to its end; checks that the pieces make up the answers.
std::vector<Answer> collect(GenerationStream& stream, int n = 1) {
  std::vector<Answer> answers(static_cast<std::size_t>(n));
  std::vector<std::string> texts(answers.size());
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!stream.done()) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "no end of the answer";
      break;
    }
    const auto update = stream.next(100ms);
    if (!update) continue;
    texts[static_cast<std::size_t>(update->choice)] += update->text;
    if (update->finished) answers[static_cast<std::size_t>(update->choice)] = *update->finished;
  }
  for (std::size_t i = 0; i < answers.size(); ++i)
    EXPECT_EQ(texts[i], answers[i].text);
  return answers;
}

template <typename Condition>
void wait_until(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "it never came true";
    std::this_thread::sleep_for(1ms);
  }
}

TEST_P(BatchSchedulerTest, AnswersEqualThoseOfOneSessionEach) {
  const std::vector<Asked> questions{
      {.question = "What is it?"},
      {.image = image(), .question = "What is it?"},
      {.image = image(-1), .question = "What is it?"},
      {.image = image(), .history = {{"What is it?", "A panda"}}, .question = "And this?"},
      {.history = {{"a", "b"}, {"c", "d"}}, .question = std::string(150, 'q')},
      {.image = image(0.5F), .question = "Who?"}};
  // More answers than slots, and prompts in parts.
  const auto all = scheduler({.n_slots = 4, .n_prompt_part = 7});
  std::vector<std::pair<std::size_t, std::shared_ptr<GenerationStream>>> streams;
  std::vector<GenerateOptions> options;
  for (std::uint32_t seed = 0; seed < 4; ++seed) {
    for (std::size_t i = 0; i < questions.size(); ++i) {
      options.push_back(warm(100 * seed + static_cast<std::uint32_t>(i)));
      streams.emplace_back(i, all->submit(request(questions[i], options.back())));
    }
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const Answer answer = collect(*streams[i].second).front();
    const Answer alone = questions[streams[i].first].alone(options[i]);
    EXPECT_EQ(answer.text, alone.text) << i;
    EXPECT_EQ(answer.finish, alone.finish) << i;
    EXPECT_EQ(answer.timings.generated_tokens, alone.timings.generated_tokens) << i;
  }
  const SchedulerCounters counters = all->counters();
  EXPECT_EQ(counters.finished, 24);
  EXPECT_EQ(counters.cancelled, 0);
  EXPECT_EQ(counters.n_running, 0);
  EXPECT_GT(counters.busy_slots, (is_unified() ? 1 : 2) * counters.steps)
      << "answers must share evaluations";
}

TEST_P(BatchSchedulerTest, ALaterTurnGoesOnWhereTheFormerEnded) {
  const auto all = scheduler({.n_slots = 3});
  Asked asked{.image = image(), .question = "What is it?"};
  const Answer first = collect(*all->submit(request(asked, greedy()))).front();
  EXPECT_EQ(first.timings.reused_tokens, 0);
  // Another conversation in between must not take the slot.
  collect(*all->submit(request({.question = std::string(60, 'x')}, greedy(3))));
  const std::size_t prompt_size = asked.prompt().tokens.size();
  asked.history = {{asked.question, first.text}};
  asked.question = "And this?";
  const Answer second = collect(*all->submit(request(asked, warm(5)))).front();
  EXPECT_GE(second.timings.reused_tokens, static_cast<int>(prompt_size));
  EXPECT_LT(second.timings.prompt_tokens, static_cast<int>(prompt_size + 12));
  EXPECT_EQ(second.text, asked.alone(warm(5)).text);
}

TEST_P(BatchSchedulerTest, AnotherImageIsNeverTakenForTheSame) {
  const auto all = scheduler({.n_slots = 1});
  const Asked one{.image = image(), .question = "What is it?"};
  const Asked other{.image = image(-1), .question = "What is it?"};
  collect(*all->submit(request(one, greedy())));
  const Answer answer = collect(*all->submit(request(other, warm(9)))).front();
  EXPECT_EQ(answer.text, other.alone(warm(9)).text);
  const auto before_image = 1 + tiny_model()->tokenize_piece(bpe_format().first_human).size();
  EXPECT_EQ(answer.timings.reused_tokens, static_cast<int>(before_image));
}

TEST_P(BatchSchedulerTest, SeveralAnswersShareThePromptAndDifferInTheirSeeds) {
  const auto all = scheduler({.n_slots = 4});
  const Asked asked{.image = image(), .question = "What is it, and why, and where, and when?"};
  const std::vector<Answer> answers = collect(*all->submit(request(asked, warm(40), 6)), 6);
  for (std::uint32_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].seed, 40 + i);
    EXPECT_EQ(answers[i].text, asked.alone(warm(40 + i)).text) << i;
    EXPECT_EQ(answers[i].timings.prompt_tokens == 1, i > 0) << "evaluated once, then copied";
  }
  EXPECT_NE(answers[0].text, answers[1].text);
}

TEST_P(BatchSchedulerTest, BeamsAndDrawnAnswersAreFoundSideBySide) {
  if (!is_unified()) GTEST_SKIP() << "beams need one cache";
  GenerateOptions beams = greedy(12);
  beams.n_beams = 3;
  const std::vector<Asked> questions{{.question = "zebra 17"},
                                     {.image = image(), .question = "x y z"},
                                     {.image = image(-1), .question = "Assistan"},
                                     {.question = "bam"}};
  const auto all = scheduler({.n_slots = 4});
  std::vector<std::shared_ptr<GenerationStream>> searches, draws;
  for (const Asked& asked : questions) {
    searches.push_back(all->submit(request(asked, beams)));
    draws.push_back(all->submit(request(asked, warm(7))));
  }
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const Answer answer = collect(*searches[i]).front();
    const Answer alone = questions[i].alone(beams);
    EXPECT_EQ(answer.text, alone.text) << i;
    EXPECT_EQ(answer.finish, alone.finish) << i;
    EXPECT_EQ(answer.timings.generated_tokens, alone.timings.generated_tokens) << i;
    EXPECT_EQ(collect(*draws[i]).front().text, questions[i].alone(warm(7)).text) << i;
  }
  EXPECT_GT(all->counters().busy_slots, all->counters().steps) << "they share evaluations";
  const auto given_up = all->submit(request(questions[0], beams));
  given_up->cancel();
  collect(*given_up);
  EXPECT_EQ(collect(*all->submit(request(questions[1], beams))).front().text,
            questions[1].alone(beams).text)
      << "the beams of the one before have left the cache";
  EXPECT_EQ(error_of([&] { all->submit(request(questions[0], beams, 2)); }).kind(),
            ErrorKind::kUsage)
      << "one answer a search";
}

TEST_P(BatchSchedulerTest, SearchesWaitForSequences) {
  const auto all = scheduler({.n_slots = 16});
  if (!is_unified()) {
    const Error error = error_of([&] {
      GenerateOptions two = greedy(4);
      two.n_beams = 2;
      all->submit(request({.question = "bam"}, two));
    });
    EXPECT_THAT(error.what(), HasSubstr("--unified-cache"));
    return;
  }
  GenerateOptions beams = greedy(4);
  beams.n_beams = GenerateOptions::kMaxBeams;  // fewer than 16 of these have room at once
  const std::string alone = Asked{.question = "bam"}.alone(beams).text;
  std::vector<std::shared_ptr<GenerationStream>> streams;
  for (int i = 0; i < 24; ++i)
    streams.push_back(all->submit(request({.question = "bam"}, beams)));
  for (const auto& stream : streams)
    EXPECT_EQ(collect(*stream).front().text, alone);
}

TEST_P(BatchSchedulerTest, WhatIsEvaluatedStaysWhileThereIsRoom) {
  const auto all = scheduler({.n_slots = 2});
  const Asked one{.question = std::string(150, 'a')}, other{.question = std::string(150, 'b')};
  ASSERT_GT(one.prompt().tokens.size() + other.prompt().tokens.size(), 256U);
  const Answer first = collect(*all->submit(request(one, greedy(4)))).front();
  collect(*all->submit(request(other, greedy(4))));
  const Answer again = collect(*all->submit(request(one, greedy(4)))).front();
  EXPECT_EQ(again.text, first.text);
  EXPECT_EQ(again.timings.prompt_tokens == 1, !is_unified());
}

TEST_P(BatchSchedulerTest, ACancelledAnswerFreesItsSlotWithinATokenAndOthersGoOn) {
  const auto all = scheduler({.n_slots = 2});
  GenerateOptions endless = warm(1, 200);
  const auto first = all->submit(request({.question = "a"}, endless));
  const auto second = all->submit(request({.question = "b"}, warm(2, 100)));
  const auto waiting = all->submit(request({.question = "c"}, warm(3, 5)));
  while (!first->next(1s)) {
  }
  first->cancel();
  EXPECT_EQ(collect(*waiting).size(), 1U) << "the slot is free for the one that waits";
  EXPECT_EQ(collect(*second).front().text, Asked{.question = "b"}.alone(warm(2, 100)).text);
  wait_until([&] { return all->counters().finished == 3; });
  EXPECT_EQ(all->counters().cancelled, 1);
  wait_until([&] { return first->done() || first->next(10ms).has_value(); });
}

TEST_P(BatchSchedulerTest, WhatWaitsCanBeCancelledToo) {
  const auto all = scheduler({.n_slots = 1});
  const auto running = all->submit(request({.question = "a"}, warm(1, 200)));
  const auto waiting = all->submit(request({.question = "b"}, warm(2), 3));
  waiting->cancel();
  const std::vector<Answer> answers = collect(*waiting, 3);
  for (const Answer& answer : answers)
    EXPECT_EQ(answer.finish, FinishReason::kCancelled);
  running->cancel();
  wait_until([&] { return all->counters().n_running == 0; });
}

TEST_P(BatchSchedulerTest, MoreThanMayWaitIsRefusedAndNothingAcceptedIsLost) {
  const auto all = scheduler({.n_slots = 2, .max_waiting = 3});
  std::vector<std::shared_ptr<GenerationStream>> accepted;
  int refused = 0;
  for (std::uint32_t i = 0; i < 30; ++i) {
    try {
      accepted.push_back(all->submit(request({.question = std::to_string(i)}, warm(i, 40))));
    } catch (const SchedulerFull& error) {
      EXPECT_THAT(error.what(), HasSubstr("waiting"));
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GE(accepted.size(), 5U);
  for (const auto& stream : accepted)
    EXPECT_NE(collect(*stream).front().finish, FinishReason::kCancelled);
  EXPECT_EQ(all->counters().finished, static_cast<std::int64_t>(accepted.size()));
}

TEST_P(BatchSchedulerTest, LimitsOfAnAnswer) {
  const auto all = scheduler({.n_slots = 2});
  EXPECT_EQ(collect(*all->submit(request({.question = "a"}, greedy(3)))).front().finish,
            FinishReason::kLength);
  GenerationRequest stopped = request({.question = "What is it?"}, greedy());
  stopped.stops = {"###", "eats", "panda eats"};
  const Answer answer = collect(*all->submit(stopped)).front();
  EXPECT_EQ(answer.text, "A");
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  // The model goes on for ever when its stop isn't one: up to the context's end.
  GenerationRequest endless = request({.question = std::string(180, 'z')}, warm(3, 100'000));
  endless.stops.clear();
  const Answer full = collect(*all->submit(endless)).front();
  EXPECT_TRUE(full.finish == FinishReason::kContext || full.finish == FinishReason::kStop);
}

TEST_P(BatchSchedulerTest, WithoutTheModelsEndsAnAnswerHasItsLength) {
  const auto all = scheduler({.n_slots = 2});
  GenerateOptions options = greedy(120);
  options.greedy = false;
  options.temperature = 50;  // all tokens are about as likely, those of the end too
  options.top_p = 1;
  options.top_k = 0;
  int n_ended = 0;
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    options.seed = seed;
    GenerationRequest asked = request({.question = "What is it?"}, options);
    asked.stops.clear();
    const auto natural = all->submit(asked);
    asked.ignore_eos = true;
    const auto longer = all->submit(asked);
    const Answer answer = collect(*longer).front();
    EXPECT_EQ(answer.finish, FinishReason::kLength);
    EXPECT_EQ(answer.timings.generated_tokens, 120);
    const Answer other = collect(*natural).front();
    if (other.finish == FinishReason::kStop) ++n_ended;
  }
  EXPECT_GT(n_ended, 0) << "the model ends none by a token of its own: nothing was shown";
}

TEST_P(BatchSchedulerTest, NothingToDoNeedsNoHelperThreads) {
  SchedulerOptions options{.n_slots = 2, .n_ctx = 256, .n_threads = 4};
  options.unified = is_unified();
  BatchScheduler all(tiny_model(), nullptr, options);
  const int before = test::thread_count();
  EXPECT_NE(collect(*all.submit(request({.question = "What is it?"}, greedy()))).front().text, "");
  EXPECT_TRUE(test::has_threads(before)) << test::thread_count() << " threads, not " << before;
}

TEST_P(BatchSchedulerTest, WhatCantBeAnsweredIsRefusedAtOnce) {
  const auto all = scheduler({.n_slots = 1});
  const Error too_long =
      error_of([&] { all->submit(request({.question = std::string(400, 'z')}, greedy())); });
  EXPECT_EQ(too_long.kind(), ErrorKind::kUsage);
  EXPECT_THAT(too_long.what(), HasSubstr("256"));
  EXPECT_EQ(error_of([&] { all->submit({}); }).kind(), ErrorKind::kUsage);
  GenerateOptions wrong;
  wrong.top_p = 2;
  EXPECT_EQ(error_of([&] { all->submit(request({.question = "a"}, wrong)); }).kind(),
            ErrorKind::kUsage);
  EXPECT_EQ(error_of([&] { scheduler({.n_slots = 0}); }).kind(), ErrorKind::kUsage);
}

TEST_P(BatchSchedulerTest, TheEndOfTheSchedulerEndsItsAnswersWithAnError) {
  std::shared_ptr<GenerationStream> running, waiting;
  {
    const auto all = scheduler({.n_slots = 1});
    running = all->submit(request({.question = "a"}, warm(1, 240)));
    waiting = all->submit(request({.question = "b"}, warm(2)));
    while (!running->next(1s)) {
    }
  }
  for (const auto& stream : {running, waiting}) {
    const Error error = error_of([&] {
      while (!stream->done())
        stream->next(100ms);
    });
    EXPECT_THAT(error.what(), HasSubstr("stopped"));
  }
}

TEST_P(BatchSchedulerTest, ManyThreadsMaySubmit) {
  const auto all = scheduler({.n_slots = 3, .max_waiting = 100});
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 5; ++i) {
        const auto stream =
            all->submit(request({.question = std::to_string(t * i)}, warm(t + i, 10)));
        if (i % 3 == 2) stream->cancel();
        collect(*stream);
        all->slots();
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(all->counters().finished, 30);
}

TEST(PromptLookup, GuessesBesideOthersChangeNoAnswer) {
  // Of this type, rows at once have the bits of rows one by one.
  const test::TemporaryFolder folder;
  QuantizeOptions q4_1;
  q4_1.type = LLAMA_FTYPE_MOSTLY_Q4_1;
  quantize_llm(test::tiny_panda() / "llm.gguf", folder / "q4_1.gguf", q4_1);
  BatchScheduler all(
      std::make_shared<const LlmModel>(folder / "q4_1.gguf"), nullptr,
      {.n_slots = 3, .n_ctx = 512, .n_threads = 1, .unified = true, .guess_always = true});
  const std::vector<std::string> questions{"is it is it", "What? What?", "is it is it is it"};
  GenerateOptions plain = greedy(40);
  plain.n_draft = 0;
  const auto endless = [](const Asked& asked, const GenerateOptions& options) {
    GenerationRequest wanted = request(asked, options);
    wanted.stops.clear();
    wanted.ignore_eos = true;
    return wanted;
  };
  std::vector<Asked> asked;
  std::vector<std::string> expected_texts;
  for (const std::string& question : questions) {
    const Asked first{.question = question};
    const std::string said = collect(*all.submit(endless(first, plain))).front().text;
    asked.push_back({.history = {{question, said}}, .question = question});
    expected_texts.push_back(collect(*all.submit(endless(asked.back(), plain))).front().text);
  }
  // What is equal is tried when nothing else is under way.
  for (int i = 0; i < 10; ++i)
    collect(*all.submit(endless(asked[0], greedy(40))));
  int n_guessed = 0, n_accepted = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::shared_ptr<GenerationStream>> streams;
    for (const Asked& one : asked)
      streams.push_back(all.submit(endless(one, greedy(40))));
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const Answer answer = collect(*streams[i]).front();
      EXPECT_EQ(answer.text, expected_texts[i]) << round << ", " << i;
      n_guessed += answer.timings.guessed_tokens;
      n_accepted += answer.timings.accepted_tokens;
    }
  }
  EXPECT_GT(n_accepted, 0) << "each answer stands in its conversation";
  EXPECT_GE(n_guessed, n_accepted);
}

INSTANTIATE_TEST_SUITE_P(Caches, BatchSchedulerTest, testing::Values(false, true),
                         [](const auto& cache) { return cache.param ? "Unified" : "Separate"; });

TEST(TokenSampler, TheShortCutChoosesWhatTheSamplersWould) {
  // The only token of a nucleus, by the short cut, and the same by a chain that doesn't take it.
  std::vector<float> logits(100, -20.0F);
  logits[42] = 3;
  logits[43] = 2;
  GenerateOptions small;
  small.top_p = 0.5F;
  small.seed = 1;
  EXPECT_EQ(TokenSampler(small, 100, 1).sample(logits), 42);
  // With a nucleus of both, both come.
  GenerateOptions both = small;
  both.top_p = 0.9F;
  std::vector<int> seen(100);
  TokenSampler sampler(both, 100, 1);
  for (int i = 0; i < 400; ++i)
    ++seen[static_cast<std::size_t>(sampler.sample(logits))];
  EXPECT_EQ(seen[42] + seen[43], 400);
  EXPECT_NEAR(seen[42] / 400.0, 0.731, 0.08) << "e / (1 + e)";
}

/// What llama.cpp's own samplers draw from the whole vocabulary.
std::int32_t drawn_by_llama(std::span<const float> logits, const GenerateOptions& options) {
  const std::unique_ptr<llama_sampler, decltype(&llama_sampler_free)> chain(
      llama_sampler_chain_init(llama_sampler_chain_default_params()), &llama_sampler_free);
  for (llama_sampler* one :
       {llama_sampler_init_top_k(options.top_k), llama_sampler_init_top_p(options.top_p, 1),
        llama_sampler_init_min_p(options.min_p, 1), llama_sampler_init_temp(options.temperature),
        llama_sampler_init_dist(*options.seed)})
    llama_sampler_chain_add(chain.get(), one);
  std::vector<llama_token_data> all;
  for (std::size_t i = 0; i < logits.size(); ++i)
    all.push_back({static_cast<llama_token>(i), logits[i], 0.0F});
  llama_token_data_array array{all.data(), all.size(), -1, false};
  llama_sampler_apply(chain.get(), &array);
  return array.data[array.selected].id;
}

TEST(TokenSampler, TheBestFewArePickedAsLlamaDoes) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 3);
  std::set<std::int32_t> seen;
  for (const std::size_t n_vocab : {5U, 41U, 3000U}) {
    std::vector<float> logits(n_vocab);
    for (std::uint32_t seed = 0; seed < 40; ++seed) {
      std::ranges::generate(logits, [&] { return normal(random); });
      for (const int top_k : {1, 2, 40, 256, 300}) {
        GenerateOptions options;
        options.temperature = 1.5F;
        options.top_p = 0.95F;
        options.min_p = 0.01F;
        options.top_k = top_k;
        options.seed = seed;
        TokenSampler sampler(options, static_cast<int>(n_vocab), seed);
        const std::int32_t token = sampler.sample(logits);
        EXPECT_EQ(token, drawn_by_llama(logits, options)) << n_vocab << " " << top_k << " " << seed;
        seen.insert(token);
      }
    }
  }
  EXPECT_GT(seen.size(), 100U) << "draws from the same few tokens show nothing";
}

TEST(TokenSampler, ExcludedTokensAndEqualScores) {
  std::vector<float> logits(1000, -std::numeric_limits<float>::infinity());
  logits[3] = logits[999] = 1;
  GenerateOptions options;
  options.top_k = 40;
  options.top_p = 1;
  TokenSampler sampler(options, 1000, 1);
  std::set<std::int32_t> seen;
  for (int i = 0; i < 100; ++i)
    seen.insert(sampler.sample(logits));
  EXPECT_EQ(seen, (std::set<std::int32_t>{3, 999}));
}

}  // namespace
}  // namespace pandagpt
