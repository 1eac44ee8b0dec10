// What was measured in inputs stands before the question about them: the exact text of prompts.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "llm/conversation.h"
#include "llm/prompt.h"
#include "llm_support.h"

namespace pandagpt {
namespace {

using test::bpe_format;
using test::expected;
using test::tiny_model;

constexpr const char* kHot = "Measured: hottest 36.5 °C at the upper left.";
constexpr const char* kLoud = "Measured: 3.2 s, loudness -18 LUFS.";

std::vector<float> image() {
  return expected()["projected"].get<std::vector<float>>();
}

Conversation conversation(LaterInputs later = LaterInputs::kKeep) {
  return {tiny_model(), bpe_format(), later};
}

TEST(QuestionWithFactsTest, OneLineBeforeTheQuestion) {
  EXPECT_EQ(question_with_facts(kHot, "How hot is it?"), std::string(kHot) + "\nHow hot is it?");
  EXPECT_EQ(question_with_facts("", "How hot is it?"), "How hot is it?");
}

TEST(PromptFactsTest, TheFirstTurn) {
  Conversation about = conversation();
  about.set_image(image(), kHot);
  EXPECT_EQ(about.text("How hot is it?", "@"),
            "### Human: <Img>@</Img> Measured: hottest 36.5 °C at the upper left.\nHow hot is "
            "it?\n### Assistant:");
  // The same tokens as those of the whole text: facts and question are one piece.
  Conversation plain = conversation();
  plain.set_image(image());
  EXPECT_EQ(about.prompt("How hot is it?").tokens,
            plain.prompt(question_with_facts(kHot, "How hot is it?")).tokens);
}

TEST(PromptFactsTest, NothingChangesWithoutFacts) {
  Conversation about = conversation();
  about.set_image(image());
  EXPECT_EQ(about.text("What is it?", "@"), "### Human: <Img>@</Img> What is it?\n### Assistant:");
}

TEST(PromptFactsTest, StayInTheirTurn) {
  Conversation about = conversation();
  about.add_image(image(), 0, kHot);
  about.add_turn({"How hot is it?", "36.5 °C."});
  EXPECT_EQ(about.turns().front().question, "How hot is it?") << "the history is the user's";
  about.add_image(image(), 0, kLoud);
  EXPECT_EQ(about.text("How loud?", "@"),
            std::string("### Human: <Img>@</Img> ") + kHot +
                "\nHow hot is it?\n### Assistant: 36.5 °C.\n### Human: <Img>@</Img> " + kLoud +
                "\nHow loud?\n### Assistant:");
  about.add_turn({"How loud?", "-18 LUFS."});
  const Turn last = about.take_last_turn();
  EXPECT_EQ(about.text(last.question, "@").find(kLoud) != std::string::npos, true)
      << "asked again with the same facts";
}

TEST(PromptFactsTest, NewerInputsTakeThemAway) {
  Conversation about = conversation(LaterInputs::kReplace);
  about.add_image(image(), 0, kHot);
  about.add_turn({"How hot is it?", "36.5 °C."});
  about.add_image(image(), 0, kLoud);
  const std::string text = about.text("How loud?", "@");
  EXPECT_EQ(text.find(kHot), std::string::npos);
  EXPECT_NE(text.find(std::string(kLoud) + "\nHow loud?"), std::string::npos);
}

TEST(PromptFactsTest, OfSeveralInputsOfOneQuestion) {
  Conversation about = conversation();
  about.set_image(image(), kHot);
  about.add_image(image(), 0, kLoud);
  EXPECT_NE(about.text("q", "@").find(std::string(kHot) + ' ' + kLoud + "\nq"), std::string::npos);
  about.set_image({}, kHot);
  EXPECT_EQ(about.text("q", "@"), "### Human: q\n### Assistant:") << "no inputs, no facts";
  about.clear();
  EXPECT_EQ(about.text("q", "@"), "### Human: q\n### Assistant:");
}

}  // namespace
}  // namespace pandagpt
