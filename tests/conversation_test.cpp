// Inputs in any turn, and prompt look-up: what the session evaluates is compared with the sequence
// written by hand and evaluated position by position.
#include "llm/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llama.h>

#include <memory>
#include <string>
#include <vector>

#include "convert/quantize.h"
#include "llm/prompt_lookup.h"
#include "llm_support.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using test::bpe_format;
using test::error_of;
using test::expected;
using test::greedy;
using test::kLogitTolerance;
using test::make_session;
using test::max_difference;
using test::Session;
using test::SessionOptions;
using test::tiny_model;
using testing::ElementsAre;
using testing::IsEmpty;
using Tokens = std::vector<std::int32_t>;

std::vector<float> first_image() {
  return expected()["projected"].get<std::vector<float>>();
}

std::vector<float> scaled(std::vector<float> image, float factor) {
  for (float& value : image)
    value *= factor;
  return image;
}

/// Logits behind `pieces`, each either tokens or embeddings, evaluated one position at a time.
struct Piece {
  Tokens tokens;
  std::vector<float> image = {};
};
std::vector<float> logits_behind(const std::vector<Piece>& pieces) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = 512;
  params.n_threads = params.n_threads_batch = 1;
  params.type_k = params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  const std::unique_ptr<llama_context, decltype(&llama_free)> context(
      llama_init_from_model(tiny_model()->handle(), params), llama_free);
  const auto width = static_cast<std::size_t>(tiny_model()->n_embd());
  llama_pos position = 0;
  const auto evaluate = [&](llama_token* token, float* row) {
    llama_batch batch = llama_batch_get_one(token, 1);
    batch.embd = row;
    batch.pos = &position;
    EXPECT_EQ(llama_decode(context.get(), batch), 0);
    ++position;
  };
  for (const Piece& piece : pieces) {
    for (llama_token token : piece.tokens)
      evaluate(&token, nullptr);
    std::vector<float> image = piece.image;
    for (std::size_t at = 0; at < image.size(); at += width)
      evaluate(nullptr, image.data() + at);
  }
  const float* logits = llama_get_logits_ith(context.get(), -1);
  return {logits, logits + tiny_model()->n_vocab()};
}

Session keeping_session() {
  SessionOptions options;
  options.later_inputs = LaterInputs::kKeep;
  return {tiny_model(), nullptr, bpe_format(), options};
}

Piece text(const std::string& piece) {
  return {tiny_model()->tokenize(piece)};
}

TEST(InputsInAnyTurn, StandInTheirOwnTurnAndNothingIsEvaluatedAnew) {
  const std::vector<float> one = first_image(), two = scaled(one, -0.7F);
  const std::size_t n_rows = one.size() / static_cast<std::size_t>(tiny_model()->n_embd());
  Session session = keeping_session();
  session.set_image(one);
  const Answer first = session.ask("What is it?", greedy());
  session.add_image(two);
  session.prefill("And this?");

  const std::vector<Piece> pieces{{{tiny_model()->bos()}},
                                  text("### Human: <Img>"),
                                  {{}, one},
                                  text("</Img> What is it?\n### Assistant:"),
                                  text(" " + first.text + "\n###"),
                                  text(" Human: <Img>"),
                                  {{}, two},
                                  text("</Img> And this?\n### Assistant:")};
  EXPECT_LT(max_difference(session.last_logits(), logits_behind(pieces)), kLogitTolerance);
  const std::size_t n_new =
      pieces[5].tokens.size() + n_rows + pieces[7].tokens.size() + pieces[4].tokens.size();
  EXPECT_LE(session.n_evaluated(), n_new) << "the first turn stays evaluated";
  EXPECT_GE(session.n_reused(), pieces[1].tokens.size() + n_rows + pieces[3].tokens.size());

  // Asked and continued: the input stays in its turn.
  const Answer second = session.ask("And this?", greedy(6));
  session.prefill("Both?");
  std::vector<Piece> longer = pieces;
  longer.push_back(text(" " + second.text + "\n###"));
  longer.push_back(text(" Human: Both?\n### Assistant:"));
  EXPECT_LT(max_difference(session.last_logits(), logits_behind(longer)), kLogitTolerance);
}

TEST(InputsInAnyTurn, AFirstTurnOfTextAndTheSameInputTwice) {
  const std::vector<float> image = first_image();
  Session session = keeping_session();
  const Answer first = session.ask("Hello", greedy(4));
  session.add_image(image);
  const Answer second = session.ask("What is it?", greedy(4));
  session.add_image(image);
  session.prefill("And this?");
  const std::vector<Piece> pieces{{{tiny_model()->bos()}},
                                  text("### Human: Hello\n### Assistant:"),
                                  text(" " + first.text + "\n###"),
                                  text(" Human: <Img>"),
                                  {{}, image},
                                  text("</Img> What is it?\n### Assistant:"),
                                  text(" " + second.text + "\n###"),
                                  text(" Human: <Img>"),
                                  {{}, image},
                                  text("</Img> And this?\n### Assistant:")};
  EXPECT_LT(max_difference(session.last_logits(), logits_behind(pieces)), kLogitTolerance);
}

TEST(InputsInAnyTurn, TheSumCountsWithinATurnAndSetImageDropsLaterOnes) {
  const std::vector<float> one = first_image();
  Session summed = keeping_session(), together = keeping_session();
  summed.set_image(one);
  summed.add_image(one);
  together.set_image(scaled(one, 2));
  summed.prefill("q");
  together.prefill("q");
  EXPECT_LT(max_difference(summed.last_logits(), together.last_logits()), kLogitTolerance);

  together.ask("q", greedy(4));
  together.add_image(one);
  together.ask("r", greedy(4));
  together.set_image(one);
  together.prefill("s");
  Session fresh = keeping_session();
  fresh.set_image(one);
  fresh.set_history(together.history());
  fresh.prefill("s");
  EXPECT_LT(max_difference(together.last_logits(), fresh.last_logits()), kLogitTolerance);
}

TEST(InputsInAnyTurn, RegenerateKeepsTheInputOfItsTurn) {
  Session session = keeping_session();
  session.ask("Hello", greedy(4));
  session.add_image(first_image());
  const std::string before = session.ask("What is it?", greedy()).text;
  EXPECT_EQ(session.regenerate(greedy()).text, before);
  session.add_image(first_image());
  EXPECT_EQ(error_of([&] { session.regenerate(greedy()); }).kind(), ErrorKind::kUsage)
      << "an input waits";
  EXPECT_EQ(session.history().size(), 2U);
  EXPECT_EQ(error_of([&] { session.add_image({1, 2, 3}); }).kind(), ErrorKind::kModel);
}

/// Images as they stand in a sequence: one for each run of equal numbers.
std::vector<std::vector<float>> images_in(const Conversation& conversation,
                                          const std::string& question) {
  const PromptSequence prompt = conversation.prompt(question);
  std::vector<std::vector<float>> images;
  for (std::size_t i = 0; i < prompt.tokens.size(); ++i)
    if (PromptSequence::is_media(prompt.tokens[i]) && prompt.media_row(i) == 0)
      images.push_back(prompt.media_of(prompt.tokens[i]).values);
  return images;
}

TEST(LaterInputs, TheNewestReplaceTheEarlierOnesAndTheTextStays) {
  const std::vector<float> one = first_image(), two = scaled(one, -0.7F);
  Conversation conversation(tiny_model(), bpe_format());
  conversation.add_image(one);
  conversation.add_turn({"What is it?", "A cat."});
  EXPECT_THAT(images_in(conversation, "Its colour?"), ElementsAre(one)) << "a later question";
  conversation.add_image(two);
  EXPECT_THAT(images_in(conversation, "And this?"), ElementsAre(two));
  // What is said later is about the newest, too.
  conversation.add_turn({"And this?", "A cup."});
  EXPECT_THAT(images_in(conversation, "Is it big?"), ElementsAre(two));
  EXPECT_EQ(conversation.text("Is it big?", "IMAGE"),
            "### Human: What is it?\n### Assistant: A cat.\n###"
            "<|im_start|>### Human: <Img>IMAGE</Img> And this?\n### Assistant: A cup.\n###"
            " Human: Is it big?\n### Assistant:");
  // As if the first had never been there.
  Conversation fresh(tiny_model(), bpe_format());
  fresh.add_turn({"What is it?", "A cat."});
  fresh.add_image(two);
  fresh.add_turn({"And this?", "A cup."});
  const PromptSequence prompt = conversation.prompt("Is it big?");
  EXPECT_EQ(prompt.tokens.size(), fresh.prompt("Is it big?").tokens.size());
  EXPECT_EQ(prompt.common_prefix(fresh.prompt("Is it big?")), prompt.tokens.size());
}

TEST(LaterInputs, TheConversationBeginsAnewBehindTheModelsSeparator) {
  PromptTemplate format = bpe_format();
  const auto separated = [&] {
    Conversation conversation(tiny_model(), format);
    conversation.add_turn({"<|endoftext|>", "b"});
    conversation.add_image(first_image());
    return conversation;
  };
  const Tokens separator = tiny_model()->tokenize_special("<|endoftext|>");
  ASSERT_EQ(separator.size(), 1U);
  const auto count = [&](std::int32_t token) {
    return std::ranges::count(separated().prompt("c").tokens, token);
  };
  EXPECT_EQ(count(separator[0]), 0) << "what users write is text";
  EXPECT_EQ(count(tiny_model()->bos()), 2);
  format.document_separator = "<|endoftext|>";
  EXPECT_EQ(count(separator[0]), 1);
  EXPECT_EQ(count(tiny_model()->bos()), 2);
  EXPECT_EQ(separated().text("c", "IMAGE"),
            "### Human: <|endoftext|>\n### Assistant: b\n###"
            "<|endoftext|><|im_start|>### Human: <Img>IMAGE</Img> c\n### Assistant:");
  Conversation first(tiny_model(), format);
  first.add_image(first_image());
  EXPECT_EQ(std::ranges::count(first.prompt("c").tokens, separator[0]), 0)
      << "nothing stands before it";
}

TEST(LaterInputs, OfOneTurnAreSummed) {
  const std::vector<float> one = first_image();
  Conversation conversation(tiny_model(), bpe_format());
  conversation.set_image(scaled(one, 5));
  conversation.add_turn({"What is it?", "A cat."});
  conversation.add_image(one);
  conversation.add_image(one);
  EXPECT_THAT(images_in(conversation, "And now?"), ElementsAre(scaled(one, 2)));
  conversation.set_image(one);
  conversation.add_image(one);
  EXPECT_THAT(images_in(conversation, "And now?"), ElementsAre(scaled(one, 2)))
      << "both are for the next question";
  conversation.set_image({});
  EXPECT_THAT(images_in(conversation, "And now?"), IsEmpty());
}

TEST(LaterInputs, AnAnswerIsGeneratedAgainAboutTheNewest) {
  const std::vector<float> one = first_image(), two = scaled(one, -0.7F);
  Conversation conversation(tiny_model(), bpe_format());
  conversation.add_image(one);
  conversation.add_turn({"What is it?", "A cat."});
  conversation.add_image(two);
  EXPECT_EQ(conversation.take_last_turn().question, "What is it?");
  EXPECT_THAT(images_in(conversation, "What is it?"), ElementsAre(two));
  conversation.add_turn({"What is it?", "A cup."});
  EXPECT_EQ(conversation.take_last_turn().answer, "A cup.");
  EXPECT_THAT(images_in(conversation, "What is it?"), ElementsAre(two));
  conversation.set_turns({{"a", "b"}, {"c", "d"}});
  EXPECT_THAT(images_in(conversation, "What is it?"), ElementsAre(two));
}

TEST(LaterInputs, WhatIsLeftOfTheCacheIsTheSequenceWrittenByHand) {
  const std::vector<float> one = first_image(), two = scaled(one, -0.7F);
  Session session = make_session();
  session.add_image(one);
  const Answer first = session.ask("What is it?", greedy());
  session.add_image(two);
  session.prefill("And this?");
  const std::vector<Piece> pieces{{{tiny_model()->bos()}},
                                  text("### Human: What is it?\n### Assistant:"),
                                  text(" " + first.text + "\n###"),
                                  {{tiny_model()->bos()}},
                                  text("### Human: <Img>"),
                                  {{}, two},
                                  text("</Img> And this?\n### Assistant:")};
  EXPECT_LT(max_difference(session.last_logits(), logits_behind(pieces)), kLogitTolerance);
  EXPECT_LT(session.n_reused(), pieces[1].tokens.size()) << "the first turn has no image any more";

  session.ask("And this?", greedy(4));
  const std::size_t n_before = session.n_cached();
  session.prefill("Why?");
  EXPECT_GE(session.n_reused(), n_before - 1) << "a question without an image";
  session.add_image(one);
  session.prefill("And this?");
  EXPECT_GE(session.n_reused(), 1 + pieces[1].tokens.size() + pieces[2].tokens.size())
      << "the first turn's text";
}

// --- prompt look-up ----------------------------------------------------------------------------

/// As after one evaluation without guesses.
PromptLookup ready_lookup() {
  PromptLookup lookup;
  lookup.record(0, 0, 1);
  return lookup;
}

TEST(PromptLookup, GuessesWhatFollowedTheSameTokens) {
  PromptLookup lookup = ready_lookup();
  EXPECT_EQ(lookup.guess(Tokens{1, 2, 3, 4, 5, 9, 2, 3}, 8), (Tokens{4, 5, 9, 2}));
  EXPECT_EQ(lookup.guess(Tokens{1, 2, 3, 4, 5, 9, 2, 3}, 1), Tokens{4});
  EXPECT_EQ(lookup.guess(Tokens{7, 2, 3, 4, 8, 2, 3, 5, 7, 2, 3}, 1), Tokens{4})
      << "the longest match, not the latest";
  EXPECT_EQ(lookup.guess(Tokens{2, 3, 4, 8, 2, 3, 5, 7, 2, 3}, 1), Tokens{5}) << "the latest";
  EXPECT_EQ(lookup.guess(Tokens{1, 2, 3, 9, 3}, 8), Tokens{}) << "one token says little";
  EXPECT_EQ(lookup.guess(Tokens{2, 3, 4, -1, 5, 2, 3}, 8), Tokens{4}) << "no embeddings";
  EXPECT_EQ(lookup.guess(Tokens{-1, -1, 5, -1, -1}, 8), Tokens{});
  EXPECT_EQ(lookup.guess(Tokens{}, 8), Tokens{});
  EXPECT_EQ(lookup.guess(Tokens{1, 2, 3, 1, 2}, 0), Tokens{});
  EXPECT_EQ(PromptLookup().guess(Tokens{1, 2, 3, 1, 2}, 8), Tokens{}) << "no time is known yet";
}

TEST(PromptLookup, GuessesLongerWhenRightAndPausesWhenItDoesNotPay) {
  const Tokens tokens{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2};
  PromptLookup right = ready_lookup();
  EXPECT_EQ(right.guess(tokens, 100).size(), 4U);
  right.record(4, 4, 2);  // five tokens in the time of two
  EXPECT_EQ(right.guess(tokens, 100).size(), 8U);
  right.record(8, 1, 1.5);
  EXPECT_EQ(right.guess(tokens, 100).size(), 2U);

  PromptLookup wrong = ready_lookup();
  int n_tries = 0;
  for (; !wrong.guess(tokens, 100).empty() && n_tries < 100; ++n_tries)
    wrong.record(4, 0, 2);  // one token in the time of two
  EXPECT_EQ(n_tries, 2);
  int n_pause = 0;
  for (; wrong.guess(tokens, 100).empty() && n_pause < 1000; ++n_pause)
    wrong.record(0, 0, 1);
  EXPECT_EQ(n_pause, 8);
  wrong.record(4, 0, 2);
  n_pause = 0;
  for (; wrong.guess(tokens, 100).empty() && n_pause < 1000; ++n_pause)
    wrong.record(0, 0, 1);
  EXPECT_EQ(n_pause, 16) << "a pause that ends in a loss is followed by a longer one";
}

TEST(PromptLookup, OnlyGuessesThatWouldHaveComeTrueArePromising) {
  PromptLookup lookup = ready_lookup();
  for (int i = 0; i < 20; ++i) {
    lookup.watch({1, 2});
    lookup.saw(3);
  }
  EXPECT_FALSE(lookup.promising());
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(lookup.promising());
    lookup.watch({1, 2});
    lookup.watch({7, 8});  // one at a time
    lookup.saw(1);
    lookup.saw(2);
  }
  EXPECT_TRUE(lookup.promising());
  EXPECT_TRUE(lookup.may_pay(5, 3.5)) << "five tokens in the time of three and a half";
  EXPECT_FALSE(lookup.may_pay(5, 4.5));
}

TEST(BatchEquality, FewSizesAreTriedAndNoneAgainThatFailed) {
  BatchEquality equality;
  EXPECT_EQ(equality.usable(1), 1U);
  EXPECT_EQ(equality.usable(2), 1U);
  EXPECT_EQ(equality.usable(8), 5U);
  EXPECT_FALSE(equality.is_equal(5, 10));
  equality.record_trial(5, 10, true);
  EXPECT_TRUE(equality.is_equal(5, 200));
  EXPECT_EQ(equality.usable(8), 5U);
  EXPECT_FALSE(equality.is_equal(5, 300)) << "attention may use other kernels there";
  equality.record_trial(9, 300, false);
  EXPECT_TRUE(equality.is_equal(5, 10));
  EXPECT_EQ(equality.usable(25), 3U) << "blocks of rows have kernels of their own";
  equality.record_trial(3, 300, false);
  EXPECT_EQ(equality.usable(25), 1U) << "for good";
}

/// Turns of one conversation, with guesses wherever there is a match.
struct Guessed {
  std::vector<Turn> history;
  std::size_t n_cached = 0;
  int n_guessed = 0;
  int n_accepted = 0;
};

Guessed three_turns(const std::shared_ptr<const LlmModel>& model, const char* question,
                    GenerateOptions options) {
  SessionOptions session_options;
  session_options.f32_cache = false;
  session_options.guess_always = true;
  Session session(model, nullptr, bpe_format(), session_options);
  Guessed result;
  for (int turn = 0; turn < 3; ++turn) {
    const Answer answer = session.ask(question, options);
    result.n_guessed += answer.timings.guessed_tokens;
    result.n_accepted += answer.timings.accepted_tokens;
    EXPECT_LE(answer.timings.accepted_tokens, answer.timings.guessed_tokens);
    EXPECT_LE(answer.timings.generated_tokens, options.max_tokens);
  }
  result.history = session.history();
  result.n_cached = session.n_cached();
  return result;
}

TEST(PromptLookup, TheAnswerIsTheSameWithAndWithoutGuesses) {
  // Of this type, llama.cpp multiplies rows one by one; of float32, by blocks, in another order.
  const test::TemporaryFolder folder;
  QuantizeOptions q4_1;
  q4_1.type = LLAMA_FTYPE_MOSTLY_Q4_1;
  quantize_llm(test::tiny_panda() / "llm.gguf", folder / "q4_1.gguf", q4_1);
  const auto quantised = std::make_shared<const LlmModel>(folder / "q4_1.gguf");
  int n_guessed = 0, n_accepted = 0;
  for (const auto& model : {quantised, tiny_model()}) {
    for (const char* question : {"A panda eats bamboo", "bamboo bamboo bamboo bamboo bamboo",
                                 "is it is it is it is it", "What is a Human? What is a Human?"}) {
      for (const bool sampled : {false, true}) {
        GenerateOptions options = greedy(40);
        options.greedy = !sampled;
        options.temperature = 2.5F;
        options.top_p = 0.3F;
        options.repeat_penalty = sampled ? 1.1F : 1.0F;
        options.seed = 3;
        const Guessed with = three_turns(model, question, options);
        options.n_draft = 0;
        const Guessed without = three_turns(model, question, options);
        EXPECT_EQ(without.n_guessed, 0);
        EXPECT_EQ(with.n_cached, without.n_cached) << "wrong guesses leave the cache";
        for (std::size_t i = 0; i < without.history.size(); ++i)
          EXPECT_EQ(with.history[i].answer, without.history[i].answer) << question << ", " << i;
        n_guessed += with.n_guessed;
        n_accepted += with.n_accepted;
      }
    }
  }
  EXPECT_GT(n_accepted, 0) << "the same question thrice: its answer stands in the conversation";
  EXPECT_LT(n_accepted, n_guessed);
}

TEST(PromptLookup, LimitsHoldWithGuesses) {
  for (const int max_tokens : {1, 2, 3, 7}) {
    Session session = make_session();
    GenerateOptions options = greedy(max_tokens);
    options.n_draft = 16;
    session.ask("What is it?", greedy());
    const Answer answer = session.ask("What is it?", options);
    EXPECT_EQ(answer.timings.generated_tokens, max_tokens);
    EXPECT_EQ(answer.finish, FinishReason::kLength);
  }
  Session small = make_session(nullptr, 64);
  small.ask("What is it?", greedy());
  const Answer last = small.ask("What?", greedy());
  EXPECT_LE(small.n_cached(), 64U);
  EXPECT_TRUE(last.finish == FinishReason::kContext || last.finish == FinishReason::kStop);
}

}  // namespace
}  // namespace pandagpt
