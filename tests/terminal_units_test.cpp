// Parts of the command line: names that are like others, paths as people type them, what Tab
// completes, and the order of arguments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/chat_commands.h"
#include "cli/chat_completion.h"
#include "cli/question_files.h"
#include "cli/typed_path.h"
#include "cli/usage_hints.h"
#include "config/arguments.h"
#include "config/usage_error.h"
#include "core/percent_coding.h"
#include "core/similar_name.h"
#include "pandagpt/error.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SimilarName, CountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("image", "image"), 0U);
  EXPECT_EQ(edit_distance("imgae", "image"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
}

TEST(SimilarName, FindsWhatWasMeant) {
  const std::vector<std::string> known{"ask", "chat", "models", "embed", "serve"};
  EXPECT_EQ(most_similar("aks", known), "ask");
  EXPECT_EQ(most_similar("Model", known), "models");
  EXPECT_EQ(most_similar("sevre", known), "serve");
  EXPECT_EQ(most_similar("emb", known), "embed") << "not typed to its end";
  EXPECT_EQ(most_similar("frobnicate", known), "");
  EXPECT_EQ(most_similar("xyz", known), "") << "as far from all of them as from nothing";
  EXPECT_EQ(did_you_mean("caht", known), "; did you mean 'chat'?");
  EXPECT_EQ(did_you_mean("nothing", known), "");
}

TEST(PercentCoding, DecodesBytes) {
  EXPECT_EQ(percent_decode("my%20photo%C3%A4.png"), "my photo\xC3\xA4.png");
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%zz%4"), "%zz%4");
  EXPECT_EQ(percent_decode("%41"), "A");
}

class TypedPathTest : public testing::Test {
 protected:
  TypedPathTest() : home_("HOME", folder_.path().string()) {
    for (const char* name : {"my photo.png", "it's.jpg", "plain.wav", "100%25.png", "notes.txt"})
      test::write_text(folder_ / name, "x");
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  test::TemporaryFolder folder_;
  test::ScopedVariable home_;
};

TEST_F(TypedPathTest, AsTerminalsWriteThem) {
  const std::string photo = path("my photo.png");
  const std::string folder = folder_.path().string();
  for (const std::string& typed :
       {photo, "'" + photo + "'", "\"" + photo + "\"", folder + "/my\\ photo.png",
        "file://" + folder + "/my%20photo.png", "file://localhost" + folder + "/my%20photo.png",
        "'file://" + folder + "/my%20photo.png'", std::string("~/my photo.png"),
        std::string("~/my\\ photo.png")})
    EXPECT_EQ(typed_path(typed), photo) << typed;
  EXPECT_EQ(typed_path("'" + folder + "/it'\\''s.jpg'"), path("it's.jpg"));
  EXPECT_EQ(typed_path("\"" + folder + "/it's.jpg\""), path("it's.jpg"));
  EXPECT_EQ(typed_path(path("100%25.png")), path("100%25.png")) << "there is such a file";
  EXPECT_EQ(typed_path("'/no/such file'"), "/no/such file") << "what was meant";
  EXPECT_EQ(typed_path("/no/such file"), "/no/such file");
  EXPECT_EQ(typed_path("file://host/a"), "file://host/a") << "another machine's";
  EXPECT_EQ(expand_path("~nobody-of-this-name/a"), "~nobody-of-this-name/a");
}

TEST_F(TypedPathTest, SeveralFilesWithCommas) {
  EXPECT_THAT(listed_files("~/my photo.png,~/plain.wav"),
              ElementsAre(path("my photo.png"), path("plain.wav")));
  EXPECT_THAT(listed_files("~/my photo.png,none.png"), ElementsAre(path("my photo.png,none.png")))
      << "what can't be found is named as it was typed";
  test::write_text(folder_ / "a,b.png", "x");
  EXPECT_THAT(listed_files(path("a,b.png")), ElementsAre(path("a,b.png")));
  EXPECT_THAT(listed_files("~/plain.wav"), ElementsAre(path("plain.wav")));
}

TEST_F(TypedPathTest, FilesHaveAnOption) {
  EXPECT_EQ(option_of_file("~/plain.wav"), "--audio");
  EXPECT_EQ(option_of_file(path("my photo.png")), "--image");
  EXPECT_EQ(option_of_file(path("notes.txt")), "");
  EXPECT_EQ(option_of_file(path("none.png")), "");
}

TEST_F(TypedPathTest, WordsOfPlainLanguageKeepTheirApostrophes) {
  const auto texts = [](const char* line) {
    std::vector<std::string> all;
    for (const TypedWord& word : typed_words(line))
      all.push_back(word.text);
    return all;
  };
  EXPECT_THAT(texts("what's in 'a b' it?"), ElementsAre("what's", "in", "a b", "it?"));
  EXPECT_THAT(texts("'tis a dog's life"), ElementsAre("tis a dogs", "life")) << "as shells have it";
  EXPECT_THAT(texts("the \"open one"), ElementsAre("the", "\"open", "one"));
  EXPECT_THAT(texts(" a\\ b  c\\"), ElementsAre("a b", "c\\"));
}

TEST_F(TypedPathTest, DroppedFilesAreWholeLines) {
  const std::string folder = folder_.path().string();
  EXPECT_THAT(dropped_files("'" + path("my photo.png") + "'"), ElementsAre(path("my photo.png")));
  EXPECT_THAT(dropped_files("'" + path("my photo.png") + "' " + path("plain.wav")),
              ElementsAre(path("my photo.png"), path("plain.wav")));
  EXPECT_THAT(dropped_files(path("my photo.png") + " What is it?"), IsEmpty());
  EXPECT_THAT(dropped_files(folder), IsEmpty()) << "a folder";
  EXPECT_THAT(dropped_files("What is it?"), IsEmpty());
}

TEST_F(TypedPathTest, FilesInQuestions) {
  const std::string folder = folder_.path().string();
  const auto expect = [&](const std::string& typed, const std::string& question,
                          const std::vector<std::string>& names) {
    const QuestionFiles found = take_question_files(typed);
    EXPECT_EQ(found.question, question) << typed;
    std::vector<std::string> paths;
    for (const Input& input : found.inputs.items())
      paths.push_back(fs::path(input.name).filename().string());
    EXPECT_EQ(paths, names) << typed;
  };
  const std::string photo = folder + "/my\\ photo.png";
  expect("What is in " + photo + "?", "What is in the picture?", {"my photo.png"});
  expect("What is it? '" + path("my photo.png") + "'", "What is it?", {"my photo.png"});
  expect("~/plain.wav What's this?", "What's this?", {"plain.wav"});
  expect("Does " + photo + " fit ~/plain.wav, really?", "Does the picture fit the sound, really?",
         {"my photo.png", "plain.wav"});
  const Error error =
      test::error_of([&] { take_question_files("What is in " + folder + "/none.png?"); });
  EXPECT_EQ(std::string(error.what()), folder + "/none.png: no such file");
  expect("What is none.png?", "What is none.png?", {});
  expect("Is .mp3/.wav better?", "Is .mp3/.wav better?", {});
  expect("What is https://a.org/none.png?", "What is https://a.org/none.png?", {});
  expect("Read " + path("notes.txt"), "Read " + path("notes.txt"), {});
  expect("Is 3/4 more than 1/2?", "Is 3/4 more than 1/2?", {});
  EXPECT_EQ(kind_of_dropped("a.WAV"), Modality::kAudio);
  EXPECT_THROW(kind_of_dropped("walk.csv"), Error);
}

std::vector<std::string> texts_of(const Completion& completion) {
  std::vector<std::string> texts;
  for (const Completion::Candidate& one : completion.candidates)
    texts.push_back(one.text);
  return texts;
}

TEST_F(TypedPathTest, TabCompletes) {
  const auto texts = [](const std::string& line) { return texts_of(complete_chat_line(line)); };
  const std::string folder = folder_.path().string();
  EXPECT_THAT(texts("/im"), ElementsAre("/image ", "/imu "));
  EXPECT_THAT(texts("/add th"), ElementsAre("thermal "));
  EXPECT_THAT(texts("/image " + folder + "/my"), ElementsAre(folder + "/my photo.png"));
  EXPECT_THAT(texts("/image my photo"), IsEmpty());
  EXPECT_THAT(texts("/image '" + folder + "/my p"), ElementsAre("'" + folder + "/my photo.png'"));
  EXPECT_THAT(texts("/add image ~/my"), ElementsAre("~/my photo.png"));
  EXPECT_THAT(texts("What is in " + folder + "/my"), ElementsAre(folder + "/my\\ photo.png"));
  EXPECT_THAT(texts("What is in \"" + folder + "/my ph"),
              ElementsAre("\"" + folder + "/my photo.png\""));
  EXPECT_THAT(texts("~/pl"), ElementsAre("~/plain.wav"));
  EXPECT_THAT(texts(folder + "/pl"), ElementsAre(folder + "/plain.wav")) << "no command";
  EXPECT_THAT(texts("/exit "), IsEmpty());
  EXPECT_THAT(texts(""), IsEmpty());
  EXPECT_EQ(complete_chat_line("/image  " + folder + "/my").begin, 8U);
}

TEST(ChatCommands, UnknownOnesAreGuessed) {
  const auto fault = [](const char* name) -> std::string {
    try {
      chat_command(name);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(fault("imgae"), HasSubstr("/imgae; did you mean '/image'?"));
  EXPECT_THAT(fault("xyzzyx"), HasSubstr("/help"));
  EXPECT_EQ(chat_command("bye").id, ChatCommandId::kExit);
  for (const ChatCommand& command : chat_commands())
    EXPECT_THAT(kChatHelp, HasSubstr("/" + command.name));
}

/// A program with options like pandagpt's.
class ArgumentsTest : public testing::Test {
 protected:
  ArgumentsTest() : app_("test", "panda") {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.add_flag("-v,--verbose");
    CLI::App* ask = app_.add_subcommand("ask");
    ask->add_option("question", question_);
    ask->add_option("--image", image_);
    ask->add_option("-n,--max-tokens", max_tokens_);
    ask->add_option("--ngl", layers_)->check(CLI::Range(0, 99));
    ask->add_option("--format", format_)->check(CLI::IsMember({"text", "json"}));
    app_.add_subcommand("models")->add_subcommand("pull");
  }

  std::string fault(const std::vector<std::string>& arguments) {
    try {
      parse_arguments(app_, arguments);
    } catch (const CLI::ParseError& error) {
      return usage_message(app_, error);
    }
    return "";
  }

  CLI::App app_;
  std::string question_, image_, format_;
  int max_tokens_ = 0, layers_ = 0;
};

TEST_F(ArgumentsTest, ComeInAnyOrder) {
  using Words = std::vector<std::string>;
  const auto ordered = [&](const Words& words) { return ordered_arguments(app_, words); };
  EXPECT_EQ(ordered({"--image", "f", "ask", "q"}), (Words{"ask", "--image", "f", "q"}));
  EXPECT_EQ(ordered({"--image=f", "-n", "3", "ask", "q"}),
            (Words{"ask", "--image=f", "-n", "3", "q"}));
  EXPECT_EQ(ordered({"-v", "ask", "q"}), (Words{"ask", "-v", "q"}));
  EXPECT_EQ(ordered({"--image", "ask"}), (Words{"--image", "ask"})) << "the picture's name";
  EXPECT_EQ(ordered({"ask", "models"}), (Words{"ask", "models"})) << "a question";
  EXPECT_EQ(ordered({"help", "models", "pull"}), (Words{"models", "pull", "--help"}));
  EXPECT_EQ(ordered({"help"}), (Words{"--help"}));
  EXPECT_EQ(ordered({"ask", "-ngl", "9", "-n3", "--", "-ngl"}),
            (Words{"ask", "--ngl", "9", "-n3", "--", "-ngl"}));
  EXPECT_EQ(fault({"--image", "f", "-n", "5", "ask", "q"}), "");
  EXPECT_EQ(image_ + question_, "fq");
  EXPECT_EQ(max_tokens_, 5);
}

TEST_F(ArgumentsTest, WordsOfLlamaCppAreNoClusters) {
  EXPECT_THAT(fault({"ask", "-hf", "owner/repo", "q"}), HasSubstr("unknown option '--hf'"));
  EXPECT_THAT(fault({"ask", "-vf", "q"}), HasSubstr("unknown option '--vf'"));
  EXPECT_THAT(fault({"ask", "-nocnv", "q"}), HasSubstr("unknown option '--nocnv'"));
  EXPECT_EQ(fault({"ask", "-n3", "-vv", "q"}), "");
}

TEST_F(ArgumentsTest, FaultsNameTheCulprit) {
  EXPECT_EQ(fault({"aks", "q"}), "unknown command 'aks'; did you mean 'ask'?");
  EXPECT_EQ(fault({"frobnicate"}), "unknown command 'frobnicate'; see 'panda --help'");
  EXPECT_EQ(fault({}), "a command is missing; see 'panda --help'");
  EXPECT_EQ(fault({"models", "pul"}), "unknown command 'pul'; did you mean 'pull'?");
  EXPECT_EQ(fault({"ask", "--imgae", "f", "q"}),
            "unknown option '--imgae'; did you mean '--image'?");
  EXPECT_EQ(fault({"ask", "--imgae=f", "q"}), "unknown option '--imgae'; did you mean '--image'?");
  EXPECT_EQ(fault({"ask", "-x", "q"}), "unknown option '-x'; see 'panda ask --help'");
  EXPECT_THAT(fault({"ask", "What", "is", "it?"}),
              HasSubstr("unexpected 'is': question is 'What'"));
  EXPECT_EQ(fault({"ask", "-n", "many"}), "--max-tokens: 'many' is not a whole number");
  EXPECT_EQ(fault({"ask", "--ngl", "100"}), "--ngl: '100' is not between 0 and 99");
  EXPECT_THAT(fault({"ask", "--format", "jsom"}),
              testing::AllOf(HasSubstr("'jsom' is none of"), HasSubstr("did you mean 'json'?")));
  EXPECT_THAT(fault({"ask", "q", "--image"}), HasSubstr("--image needs a value (TEXT)"));
}

}  // namespace
}  // namespace pandagpt
