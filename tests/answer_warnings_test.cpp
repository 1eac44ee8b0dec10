// What an answer says about its inputs beside the text: warnings, on every way to it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "bmp_picture.h"
#include "core/file.h"
#include "pandagpt/panda.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kPanda = fs::path(PANDAGPT_FIXTURES) / "tiny-panda";

Inputs pictures(bool detail, const std::string& name = "p.bmp") {
  return Inputs().add_buffer(Modality::kImage, test::bmp_picture(detail), name);
}

struct Told {
  std::vector<std::string> warnings;

  PandaOptions options() {
    PandaOptions options;
    options.n_threads = 1;
    options.on_warning = [this](const std::string& warning) { warnings.push_back(warning); };
    return options;
  }
};

TEST(AnswerWarnings, AreToldBeforeTheAnswerAndStandInIt) {
  Told told;
  const Panda panda(kPanda.string(), told.options());
  std::size_t n_told_at_first_text = 0;
  const Answer answer =
      panda.ask(pictures(false), "Is it big?", panda.default_options(), [&](std::string_view) {
        n_told_at_first_text = told.warnings.size();
        return true;
      });
  EXPECT_THAT(answer.warnings, ElementsAre(HasSubstr("p.bmp: the picture is of one colour")));
  EXPECT_EQ(told.warnings, answer.warnings);
  EXPECT_EQ(n_told_at_first_text, 1U);
  EXPECT_THAT(panda.ask(pictures(true), "Is it big?").warnings, IsEmpty());
}

TEST(AnswerWarnings, ComeAgainWithTheSameInput) {
  const test::TemporaryFolder folder;
  Told told;
  PandaOptions options = told.options();
  options.cache_file = (folder / "cache.db").string();
  const Panda panda(kPanda.string(), options);
  for (int i = 0; i < 2; ++i) {
    const Answer answer = panda.ask(pictures(false), "Is it big?");
    EXPECT_EQ(answer.warnings.size(), 1U) << i;
    EXPECT_EQ(answer.timings.cached_inputs, 0);
  }
  panda.ask(pictures(true), "Is it big?");
  EXPECT_EQ(panda.ask(pictures(true), "Is it big?").timings.cached_inputs, 1);
}

TEST(AnswerWarnings, OfAnInputThatIsMissing) {
  Told told;
  const Panda panda(kPanda.string(), told.options());
  EXPECT_THAT(panda.ask({}, "What is in the picture?").warnings, ElementsAre(HasSubstr("picture")));
  EXPECT_THAT(panda.ask({}, "What is the capital of France?").warnings, IsEmpty());
  EXPECT_THAT(panda.ask(pictures(true), "What is in the picture?").warnings, IsEmpty());
  EXPECT_THAT(panda.ask(pictures(true), "What do you hear?").warnings,
              ElementsAre(HasSubstr("sound")));
}

TEST(AnswerWarnings, OfAChatBelongToTheQuestionWhoseInputsTheyAreAbout) {
  Told told;
  const Panda panda(kPanda.string(), told.options());
  Chat chat = panda.start_chat();
  const auto ask = [&](const char* question) {
    return chat.ask(question, panda.default_options()).warnings;
  };
  EXPECT_THAT(ask("What is in the picture?"), ElementsAre(HasSubstr("none was given")));
  chat.set_inputs(pictures(false, "first.bmp"));
  EXPECT_THAT(told.warnings, testing::SizeIs(2)) << "before the next question";
  chat.add_inputs(pictures(false, "second.bmp"));
  EXPECT_THAT(ask("What is in the picture?"),
              ElementsAre(HasSubstr("first.bmp"), HasSubstr("second.bmp")));
  EXPECT_THAT(chat.regenerate(panda.default_options()).warnings, testing::SizeIs(2));
  EXPECT_THAT(ask("What is in the picture?"), IsEmpty()) << "said once";
  chat.set_inputs(pictures(false, "third.bmp"));
  chat.set_inputs(pictures(true, "fourth.bmp"));
  EXPECT_THAT(ask("What is in the picture?"), IsEmpty()) << "the third is gone";
  chat.reset();
  EXPECT_THAT(ask("What is in the picture?"), ElementsAre(HasSubstr("none was given")));
}

}  // namespace
}  // namespace pandagpt
