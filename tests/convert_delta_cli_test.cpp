// From published checkpoints to answers by the program alone: convert vicuna, convert imagebind,
// convert delta, ask; merge. The answers are the reference's (panda_parity_fixtures.h).
#include <nlohmann/json.hpp>

#include "cli_support.h"
#include "convert_support.h"
#include "core/file.h"
#include "panda_parity_fixtures.h"
#include "pipeline/manifest.h"

namespace pandagpt::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class ConvertDeltaCliTest : public CliTest {
 protected:
  ConvertDeltaCliTest() {
    write_parity_checkpoint(folder_ / "vicuna");
    expect_success({"convert", "vicuna", folder_ / "vicuna", "-o", llm(), "--type", "f32",
                    "--license", "LLaMA"});
    expect_success({"convert", "imagebind", imagebind_fixture("tiny.pth"), "-o", encoders(),
                    "--type", "f32", "--towers", "vision,audio,thermal", "--heads",
                    "vision=4,audio=4,thermal=2"});
  }

  std::string llm() const { return folder_ / "vicuna.gguf"; }
  std::string encoders() const { return folder_ / "towers.gguf"; }
  std::string panda() const { return folder_ / "panda"; }
  static std::string delta() { return parity_fixture("pytorch_model.pt"); }

  /// The output is the path that -o names.
  void expect_success(const Arguments& arguments) const {
    const Outcome outcome = run(arguments);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const std::string path = *(std::ranges::find(arguments, "-o") + 1);
    EXPECT_EQ(outcome.out, path + "\n");
  }

  Arguments convert_delta(Arguments more = {}) const {
    more.insert(more.begin(),
                {"convert", "delta", delta(), "--llm", llm(), "-o", panda(), "--lora-alpha", "16"});
    return more;
  }

  void expect_failure(const Arguments& arguments, int code, const std::string& why) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_TRUE(outcome.out.empty());
    EXPECT_THAT(outcome.err, HasSubstr(why));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }

  /// The first question of every conversation, asked of a model folder.
  void expect_reference_answers(const std::string& model) const {
    for (const json& conversation : parity_expected().at("conversations")) {
      Arguments arguments{"ask", "--model", model, "--threads", "1"};
      for (const std::string kind : conversation.at("inputs")) {
        arguments.push_back("--" + kind);
        const std::string file = parity_expected().at("inputs").at(kind).at("file");
        arguments.push_back(fs::path(PANDAGPT_FIXTURES) / file);
      }
      const json& turn = conversation.at("turns")[0];
      arguments.push_back(turn.at("question"));
      const Outcome outcome = run(arguments);
      EXPECT_EQ(outcome.code, 0) << outcome.err;
      EXPECT_EQ(outcome.out, turn.at("text").get<std::string>() + "\n") << turn.at("question");
    }
  }
};

TEST_F(ConvertDeltaCliTest, AnswersAreTheReferences) {
  expect_success(convert_delta({"--encoders", encoders(), "--name", "tiny", "--source", "a test"}));
  const Outcome verified = run({"models", "verify", panda()});
  EXPECT_EQ(verified.code, 0) << verified.err;
  const Manifest manifest = read_manifest(panda());
  EXPECT_EQ(manifest.name, "tiny");
  EXPECT_EQ(manifest.licence, "CC-BY-NC-4.0 AND CC-BY-NC-SA-4.0 AND LLaMA");
  EXPECT_THAT(manifest.provenance, AllOf(HasSubstr(sha256_file(delta())), HasSubstr("a test")));
  EXPECT_EQ(manifest.n_ctx, 512);
  EXPECT_EQ(manifest.sampling.top_p, 0.01F);
  EXPECT_EQ(manifest.sampling.temperature, 1.0F);
  EXPECT_EQ(manifest.sampling.top_k, 50);
  EXPECT_EQ(fs::hard_link_count(llm()), 2U);
  expect_reference_answers(panda());

  // All turns of a conversation.
  const json& conversation = parity_expected().at("conversations")[0];
  std::string questions;
  std::string answers;
  for (const json& turn : conversation.at("turns")) {
    questions += turn.at("question").get<std::string>() + "\n";
    answers += turn.at("text").get<std::string>() + "\n";
  }
  const Outcome chat =
      run({"chat", "--model", panda(), "--image", photo(), "--threads", "1"}, questions);
  EXPECT_EQ(chat.code, 0) << chat.err;
  EXPECT_EQ(chat.out, answers);
}

TEST_F(ConvertDeltaCliTest, EncodersMayComeLater) {
  const Outcome outcome = run(convert_delta());
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("no encoders yet"), HasSubstr("convert imagebind"),
                                 HasSubstr("models hash")));
  const fs::path later = fs::path(panda()) / "encoders.gguf";
  fs::copy_file(encoders(), later);
  EXPECT_EQ(run({"models", "hash", panda()}).code, 0);
  EXPECT_EQ(run({"models", "verify", panda()}).code, 0);

  // Those that are there first are taken.
  fs::remove_all(panda());
  fs::create_directories(panda());
  fs::copy_file(encoders(), later);
  expect_success(convert_delta({"--copy"}));
  EXPECT_EQ(fs::hard_link_count(llm()), 1U);
  EXPECT_EQ(run({"models", "verify", panda()}).code, 0);
}

TEST_F(ConvertDeltaCliTest, MergedFoldersAnswerTheSame) {
  expect_success(convert_delta({"--encoders", encoders()}));
  const std::string merged = folder_ / "merged";
  expect_success({"merge", "--model", panda(), "-o", merged});
  const Manifest manifest = read_manifest(merged);
  EXPECT_FALSE(manifest.adapter.has_value());
  EXPECT_EQ(manifest.name, "PandaGPT-merged");
  EXPECT_FALSE(fs::exists(fs::path(merged) / "adapter.gguf"));
  expect_reference_answers(merged);
  expect_failure({"merge", "--model", merged, "-o", folder_ / "again"}, 2, "has no adapter");

  const std::string file = folder_ / "file.gguf";
  expect_success({"merge", "--model", panda(), "-o", file});
  EXPECT_EQ(read_text(file), read_text(fs::path(merged) / "llm.gguf"));
  const std::string adapter = fs::path(panda()) / "adapter.gguf";
  expect_success({"merge", llm(), adapter, "-o", folder_ / "two.gguf"});
  EXPECT_EQ(read_text(folder_ / "two.gguf"), read_text(file));
  expect_success({"merge", llm(), adapter, "-o", folder_ / "q8.gguf", "--type", "q8_0"});
  expect_success({"merge", folder_ / "q8.gguf", adapter, "-o", folder_ / "kept.gguf", "--type",
                  "base", "--scale", "-1"});
  EXPECT_EQ(fs::file_size(folder_ / "kept.gguf"), fs::file_size(folder_ / "q8.gguf"));
  expect_failure({"merge", folder_ / "q8.gguf", adapter, "-o", file, "--type", "q4_0"}, 2,
                 "--allow-requantize");
  expect_failure({"merge", llm(), "-o", file}, 2, "either a base and an adapter, or --model");
  expect_failure({"merge", llm(), adapter, "-m", panda(), "-o", file}, 2, "either a base");
  expect_failure({"merge", llm(), adapter, "-o", file, "--type", "q9"}, 2, "\"q9\" is no type");
}

TEST_F(ConvertDeltaCliTest, WhatCannotBeConvertedLeavesNothing) {
  const auto with = [&](std::size_t at, const std::string& value) {
    Arguments arguments = convert_delta();
    arguments[at] = value;
    return arguments;
  };
  expect_failure(with(2, convert_fixture("runs_command_zip.pt")), 4, "refuses to run");
  expect_failure(with(2, parity_fixture("gqa.pt")), 4, "q_proj.lora_B.weight");
  expect_failure(with(2, folder_ / "none.pt"), 4, "none.pt");
  expect_failure(with(4, encoders()), 4, "architecture");
  expect_failure(with(8, "0"), 2, "alpha");
  EXPECT_FALSE(fs::exists(panda()));
  expect_failure(with(6, llm()), 1, "no folder can be made");

  fs::create_directories(panda());
  write_text(fs::path(panda()) / "diary.txt", "mine");
  expect_failure(convert_delta(), 2, "diary.txt");
  EXPECT_EQ(run(convert_delta({"--force", "--encoders", encoders()})).code, 0);
  EXPECT_EQ(run(convert_delta({"--link", "--copy"})).code, 2);
  fs::remove_all(panda());
  fs::create_directories(panda());
  fs::permissions(panda(), fs::perms::owner_read | fs::perms::owner_exec);
  expect_failure(convert_delta(), 1, "can't be written");
  fs::permissions(panda(), fs::perms::owner_all);
  EXPECT_TRUE(fs::is_empty(panda()));
}

}  // namespace
}  // namespace pandagpt::test
