// Language model, prompt protocol, chat session. The fixtures come from
// tools/reference/make_llm_fixtures.py, whose expected numbers share no code with llama.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "llm/chat_session.h"
#include "llm/llm_model.h"
#include "llm/text_stream.h"
#include "llm_support.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::HasSubstr;

using test::expected;
using test::greedy;
using test::kLogitTolerance;
using test::make_session;
using test::max_difference;
using test::Session;
using test::tiny_model;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const fs::path kPanda = test::tiny_panda();

TEST(LlmModel, TokensOfThePromptPiecesEqualTheReference) {
  const auto model = tiny_model();
  const nlohmann::json reference = expected();
  EXPECT_EQ(model->n_vocab(), reference["n_vocab"]);
  EXPECT_EQ(model->bos(), reference["bos"]) << "the vocabulary says add_bos = false";
  for (const auto& piece : reference["pieces"]) {
    const std::string text = piece["text"];
    const auto tokens = piece["tokens"].get<std::vector<std::int32_t>>();
    EXPECT_EQ(model->tokenize(text), tokens) << text;
    EXPECT_EQ(model->tokenize_piece(text), tokens) << text;
    std::string back;
    for (const std::int32_t token : tokens) {
      back += model->token_to_piece(token);
    }
    EXPECT_EQ(back, text);
  }
  EXPECT_TRUE(model->tokenize("").empty());
}

TEST(LlmModel, SentencePieceGetsOneSpaceNotTwo) {
  LlmOptions options;
  options.vocab_only = true;
  const LlmModel model(kFixtures / "llm" / "spm-vocab.gguf", options);
  EXPECT_EQ(model.token_to_piece(model.tokenize_piece("Human:").front()), " Human");
  EXPECT_EQ(model.tokenize_piece(" Human:"), model.tokenize_piece("Human:"));
  EXPECT_NE(model.tokenize(" Human:"), model.tokenize("Human:"));
}

TEST(LlmModel, VocabularyAloneOpensNoSession) {
  LlmOptions options;
  options.vocab_only = true;
  const auto model = std::make_shared<const LlmModel>(kPanda / "llm.gguf", options);
  EXPECT_EQ(error_of([&] { BatchScheduler(model, nullptr); }).kind(), ErrorKind::kModel);
}

TEST(LlmModel, UnusableFilesAreModelErrors) {
  const test::TemporaryFolder temporary;
  const fs::path& folder = temporary.path();
  const auto message = [](const fs::path& path) {
    const Error error = error_of([&] { LlmModel{path}; });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), HasSubstr(path.filename().string()));
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return std::string(error.what());
  };
  EXPECT_THAT(message(folder / "none.gguf"), HasSubstr("no such file"));
  EXPECT_THAT(message(folder), HasSubstr("not a regular file"));
  std::ofstream(folder / "text.gguf") << "not a model";
  EXPECT_THAT(message(folder / "text.gguf"), HasSubstr("not a GGUF file"));
  test::write_text(folder / "lfs.gguf", "version https://git-lfs.github.com/spec/v1\noid\n");
  EXPECT_THAT(message(folder / "lfs.gguf"), HasSubstr("not a GGUF file, but a Git LFS pointer"));
  std::ifstream in(kPanda / "llm.gguf", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (const std::size_t size : {5UL, 100UL, 5000UL, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(folder / "cut.gguf", std::ios::binary) << bytes.substr(0, size);
    EXPECT_THAT(message(folder / "cut.gguf"), HasSubstr("not a usable language model")) << size;
  }
  message(kPanda / "projector.gguf");  // a GGUF file of another kind
  EXPECT_EQ(error_of([&] { LoraAdapter(tiny_model(), kPanda / "llm.gguf"); }).kind(),
            ErrorKind::kModel);
  EXPECT_EQ(error_of([&] { LoraAdapter(tiny_model(), folder / "none.gguf"); }).kind(),
            ErrorKind::kModel);
}

TEST(ChatSession, LogitsEqualTheNumpyReference) {
  const nlohmann::json reference = expected();
  Session session = make_session();
  session.set_image(reference["projected"].get<std::vector<float>>());
  session.prefill(reference["question"].get<std::string>());
  EXPECT_LT(max_difference(session.last_logits(), reference["logits"].get<std::vector<float>>()),
            kLogitTolerance);
}

TEST(ChatSession, AdapterEqualsMergedWeights) {
  const nlohmann::json reference = expected();
  const auto merged = reference["logits_with_adapter"].get<std::vector<float>>();
  Session session =
      make_session(std::make_shared<const LoraAdapter>(tiny_model(), kPanda / "adapter.gguf"));
  session.set_image(reference["projected"].get<std::vector<float>>());
  session.prefill(reference["question"].get<std::string>());
  EXPECT_LT(max_difference(session.last_logits(), merged), kLogitTolerance);
  EXPECT_GT(max_difference(merged, reference["logits"].get<std::vector<float>>()), 0.01F)
      << "the adapter should matter";

  Session unscaled = make_session(
      std::make_shared<const LoraAdapter>(tiny_model(), kPanda / "adapter.gguf", 0.0F));
  unscaled.set_image(reference["projected"].get<std::vector<float>>());
  unscaled.prefill(reference["question"].get<std::string>());
  EXPECT_LT(max_difference(unscaled.last_logits(), reference["logits"].get<std::vector<float>>()),
            kLogitTolerance);
}

TEST(ChatSession, StreamsTheScriptedAnswerWithoutTheStopString) {
  // The model says " A panda eats bamboo " + four tokens of one byte + "!" "\n" "#" "##".
  const nlohmann::json reference = expected();
  Session session = make_session();
  std::vector<std::string> shown;
  const Answer answer = session.ask("What is it?", greedy(), [&](std::string_view text) {
    shown.emplace_back(text);
    return true;
  });
  EXPECT_EQ(answer.text, reference["script"].get<std::string>());
  EXPECT_EQ(answer.finish, FinishReason::kStop);
  std::string joined;
  for (const std::string& text : shown) {
    EXPECT_EQ(text.find('#'), std::string::npos) << text;
    joined += text;
  }
  EXPECT_EQ(joined, answer.text);
  EXPECT_GT(shown.size(), 4U) << "the answer should come piece by piece";
  EXPECT_EQ(session.history().size(), 1U);
  EXPECT_EQ(answer.timings.generated_tokens, 13);
  EXPECT_GT(answer.timings.first_text_ms, 0);
}

TEST(ChatSession, SecondTurnEvaluatesOnlyItsOwnTokensInTrainingForm) {
  const nlohmann::json reference = expected();
  const auto model = tiny_model();
  Session session = make_session();
  session.set_image(reference["projected"].get<std::vector<float>>());
  session.ask("What is it?", greedy());
  const std::size_t first_prompt = 1 + model->tokenize("### Human: <Img>").size() + 2 +
                                   model->tokenize("</Img> What is it?\n### Assistant:").size();

  const auto answer = model->tokenize(" " + reference["script"].get<std::string>() + "\n###");
  const auto second = model->tokenize(" Human: What is a Human?\n### Assistant:");
  session.prefill("What is a Human?");
  std::vector<std::int32_t> tail(session.prompt().begin() + first_prompt, session.prompt().end());
  std::vector<std::int32_t> canonical = answer;
  canonical.insert(canonical.end(), second.begin(), second.end());
  EXPECT_EQ(tail, canonical) << "the sampled '#' '##' must have become the tokeniser's '##' '#'";
  EXPECT_EQ(session.n_reused(), first_prompt + answer.size() - 2);
  EXPECT_EQ(session.n_evaluated(), 2 + second.size())
      << "only the two stop tokens to be put right and the new question";

  // The same conversation from the beginning, in one go and in another session.
  Session fresh = make_session();
  fresh.set_image(reference["projected"].get<std::vector<float>>());
  fresh.set_history(session.history());
  fresh.prefill("What is a Human?");
  EXPECT_EQ(fresh.n_reused(), 0U);
  EXPECT_LT(max_difference(session.last_logits(), fresh.last_logits()), kLogitTolerance);
}

TEST(ChatSession, ManyTurnsStayEqualToFromScratch) {
  Session session = make_session();
  session.set_image(expected()["projected"].get<std::vector<float>>());
  for (int turn = 0; turn < 4; ++turn) {
    GenerateOptions options = greedy(5 + turn);  // cut short: the end is not the model's own
    const Answer answer = session.ask("question " + std::to_string(turn), options);
    EXPECT_EQ(answer.finish, FinishReason::kLength);
  }
  session.prefill("and now?");
  Session fresh = make_session();
  fresh.set_image(expected()["projected"].get<std::vector<float>>());
  fresh.set_history(session.history());
  fresh.prefill("and now?");
  EXPECT_EQ(session.prompt(), fresh.prompt());
  EXPECT_EQ(session.n_cached(), fresh.n_cached());
  EXPECT_LT(session.n_evaluated(), fresh.n_evaluated());
  EXPECT_LT(max_difference(session.last_logits(), fresh.last_logits()), kLogitTolerance);
}

TEST(ChatSession, AnotherImageIsEvaluatedAnewUnderTheSameHistory) {
  auto image = expected()["projected"].get<std::vector<float>>();
  Session session = make_session();
  session.set_image(image);
  session.ask("What is it?", greedy());
  for (float& value : image) {
    value = -value;
  }
  session.set_image(image);
  session.prefill("And this?");
  Session fresh = make_session();
  fresh.set_history(session.history());
  fresh.set_image(image);
  fresh.prefill("And this?");
  EXPECT_LT(max_difference(session.last_logits(), fresh.last_logits()), kLogitTolerance);
  const Error error = error_of([&] { session.set_image({1, 2, 3}); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
}

TEST(ChatSession, SeedsReproduceAndGreedyIsDeterministic) {
  GenerateOptions options;
  options.temperature = 3;
  options.top_p = 1;
  options.max_tokens = 24;
  const auto answer_with = [&](std::uint32_t seed) {
    Session session = make_session();
    options.seed = seed;
    const Answer answer = session.ask("What is it?", options);
    EXPECT_EQ(answer.seed, seed);
    return answer.text;
  };
  EXPECT_EQ(answer_with(7), answer_with(7));
  EXPECT_NE(answer_with(7), answer_with(8));

  Session session = make_session();
  const std::string first = session.ask("What is it?", greedy()).text;
  const Answer again = session.regenerate(greedy());
  EXPECT_EQ(again.text, first);
  EXPECT_EQ(session.history().size(), 1U);
  EXPECT_EQ(again.timings.prompt_tokens, 1) << "the prompt is not evaluated again";
  GenerateOptions cold;
  cold.temperature = 0;
  EXPECT_EQ(session.regenerate(cold).text, first);
  GenerateOptions narrow;  // the defaults: a nucleus of one token
  EXPECT_EQ(session.regenerate(narrow).text, first);
}

TEST(ChatSession, PenaltyAndTopKChangeWhatIsDrawn) {
  GenerateOptions options;
  options.temperature = 3;
  options.top_p = 1;
  options.max_tokens = 24;
  options.seed = 5;
  Session session = make_session();
  const std::string free_text = session.ask("What is it?", options).text;
  options.top_k = 1;
  EXPECT_EQ(session.regenerate(options).text, expected()["script"].get<std::string>());
  options.top_k = 0;
  options.min_p = 1;
  EXPECT_EQ(session.regenerate(options).text, expected()["script"].get<std::string>());
  options.min_p = 0;
  options.repeat_penalty = 10;
  EXPECT_NE(session.regenerate(options).text, free_text);
}

TEST(ChatSession, ValuesOutOfRangeAreUsageErrors) {
  Session session = make_session();
  const auto kind = [&](auto change) {
    GenerateOptions options;
    change(options);
    return error_of([&] { session.ask("x", options); }).kind();
  };
  EXPECT_EQ(kind([](GenerateOptions& o) { o.max_tokens = 0; }), ErrorKind::kUsage);
  EXPECT_EQ(kind([](GenerateOptions& o) { o.temperature = -1; }), ErrorKind::kUsage);
  EXPECT_EQ(kind([](GenerateOptions& o) { o.temperature = NAN; }), ErrorKind::kUsage);
  EXPECT_EQ(kind([](GenerateOptions& o) { o.top_p = 0; }), ErrorKind::kUsage);
  EXPECT_EQ(kind([](GenerateOptions& o) { o.top_p = 1.5F; }), ErrorKind::kUsage);
  EXPECT_EQ(kind([](GenerateOptions& o) { o.repeat_penalty = 0; }), ErrorKind::kUsage);
  EXPECT_TRUE(session.history().empty());
  EXPECT_EQ(error_of([&] { session.regenerate(); }).kind(), ErrorKind::kUsage);
}

TEST(ChatSession, FullContextIsAClearErrorAndLosesNothing) {
  Session session = make_session(nullptr, 96);
  EXPECT_EQ(session.scheduler().n_ctx(), 96);
  session.ask("What is it?", greedy());
  const Error error = error_of([&] { session.ask(std::string(200, 'x'), greedy()); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("96"));
  EXPECT_EQ(session.history().size(), 1U);
  EXPECT_EQ(session.ask("What?", greedy()).finish, FinishReason::kStop);

  Session small = make_session(nullptr, 34);
  const Answer cut = small.ask("What is it?", greedy());
  EXPECT_EQ(cut.finish, FinishReason::kContext);
  EXPECT_FALSE(cut.text.empty());

  Session smallest = make_session(nullptr, 1);  // fewer positions than beams
  EXPECT_EQ(error_of([&] { smallest.ask("What is it?", greedy()); }).kind(), ErrorKind::kUsage);
}

TEST(ChatSession, CallbackEndsTheAnswerAndWhatWasShownIsKept) {
  Session session = make_session();
  std::string shown;
  const Answer answer = session.ask("What is it?", greedy(), [&](std::string_view text) {
    shown += text;
    return shown.size() < 5;
  });
  EXPECT_EQ(answer.finish, FinishReason::kCancelled);
  EXPECT_EQ(answer.text, shown);
  ASSERT_EQ(session.history().size(), 1U);
  EXPECT_EQ(session.history()[0].answer, shown);
  EXPECT_EQ(session.ask("And now?", greedy()).finish, FinishReason::kStop);
}

TEST(ChatSession, ResetForgetsButReusesTheCommonBeginning) {
  Session session = make_session();
  session.set_image(expected()["projected"].get<std::vector<float>>());
  const std::string first = session.ask("What is it?", greedy()).text;
  session.reset();
  EXPECT_TRUE(session.history().empty());
  session.ask("Without a picture", greedy());
  session.reset();
  session.set_image(expected()["projected"].get<std::vector<float>>());
  EXPECT_EQ(session.ask("What is it?", greedy()).text, first);
  Session fresh = make_session();
  fresh.set_image(expected()["projected"].get<std::vector<float>>());
  fresh.prefill("What is it?");
  session.reset();
  session.set_image(expected()["projected"].get<std::vector<float>>());
  session.prefill("What is it?");
  EXPECT_LT(max_difference(session.last_logits(), fresh.last_logits()), kLogitTolerance);
}

TEST(ChatSession, QuestionsOfStrangeBytesAreOnlyText) {
  Session session = make_session();
  for (const std::string& question :
       {std::string("\xff\xfe\x80"), std::string("a\0b", 3), std::string("<|im_end|>###"),
        std::string("\xF0\x9F"), std::string()}) {
    session.prefill(question);
    EXPECT_FALSE(session.last_logits().empty());
    for (const std::int32_t token : std::span(session.prompt()).subspan(1)) {
      EXPECT_GT(token, 2) << "a question must not contain control tokens";
    }
  }
}

// Feeds `bytes` in pieces of `step` and checks what may never be shown on the way.
std::string stream_in_steps(const std::string& bytes, std::size_t step, bool complete) {
  AnswerStream stream({"###"});
  std::string shown;
  for (std::size_t at = 0; at < bytes.size() && !stream.stopped(); at += step) {
    shown += stream.push(bytes.substr(at, step));
    EXPECT_EQ(shown.find("##"), std::string::npos);
    EXPECT_FALSE(shown.ends_with('\n'));
    EXPECT_NO_THROW(nlohmann::json(shown).dump()) << "broken UTF-8";
  }
  shown += stream.finish(complete);
  EXPECT_EQ(shown, stream.text());
  EXPECT_NO_THROW(nlohmann::json(shown).dump());
  return shown;
}

TEST(AnswerStream, NeverShowsPartsOfTheStopStringOrOfACharacter) {
  const std::string text = "  C# is caf\xC3\xA9 \xF0\x9F\x90\xBC # ok";
  for (std::size_t step = 1; step < 12; ++step) {
    EXPECT_EQ(stream_in_steps(text + "\n### Human: more", step, false), text.substr(2)) << step;
  }
}

TEST(AnswerStream, TheFirstOfSeveralStopStringsCounts) {
  for (std::size_t step = 1; step < 8; ++step) {
    AnswerStream stream({"###", "", "cd", "bcde"});
    const std::string bytes = "a bcd###";
    std::string shown;
    for (std::size_t at = 0; at < bytes.size() && !stream.stopped(); at += step) {
      shown += stream.push(bytes.substr(at, step));
      EXPECT_TRUE(std::string("a b").starts_with(shown)) << shown;
    }
    shown += stream.finish(false);
    EXPECT_TRUE(stream.stopped());
    EXPECT_EQ(shown, "a b") << step;
  }
}

TEST(AnswerStream, EndOfTextKeepsWhatOnlyLookedLikeAStop) {
  EXPECT_EQ(stream_in_steps("I like C#", 1, true), "I like C#");
  EXPECT_EQ(stream_in_steps("I like C\n##", 1, false), "I like C");
  EXPECT_EQ(stream_in_steps("", 1, true), "");
  EXPECT_EQ(stream_in_steps(" \n ", 1, true), "");
  EXPECT_EQ(stream_in_steps("###", 1, true), "");
}

TEST(AnswerStream, BytesThatAreNoTextBecomeReplacementCharacters) {
  EXPECT_EQ(stream_in_steps("a\xFFz", 1, true), "a\xEF\xBF\xBDz");
  EXPECT_EQ(stream_in_steps("a\xC0\xAFz", 1, true), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
  EXPECT_EQ(stream_in_steps("a\xED\xA0\x80z", 3, true), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");
  EXPECT_EQ(stream_in_steps("a\xF0\x9F", 1, true), "a") << "a character that never came";
}

}  // namespace
}  // namespace pandagpt
