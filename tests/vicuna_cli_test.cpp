// pandagpt convert vicuna, pandagpt quantize.
#include <filesystem>
#include <string>

#include "cli_support.h"
#include "vicuna_support.h"

namespace pandagpt::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class VicunaCliTest : public CliTest {
 protected:
  Outcome convert(Arguments more) const {
    more.insert(more.begin(), {"convert", "vicuna", vicuna_fixture("base").string()});
    return run(more);
  }
};

TEST_F(VicunaCliTest, ConvertsAndQuantizes) {
  const std::string f16 = (folder_ / "f16.gguf").string();
  const std::string q4 = (folder_ / "q4.gguf").string();
  const Outcome converted = convert({"--delta", vicuna_fixture("delta").string(), "-o", f16});
  EXPECT_EQ(converted.code, 0) << converted.err;
  EXPECT_EQ(converted.out, f16 + "\n");
  EXPECT_THAT(converted.err, HasSubstr("MiB written"));
  const Outcome quantized = run({"quantize", f16, q4, "Q4_K_M", "--token-embedding-type", "q8_0"});
  EXPECT_EQ(quantized.code, 0) << quantized.err;
  EXPECT_THAT(quantized.out, HasSubstr(q4 + ": 0.1 -> 0.1 MiB"));
  EXPECT_THAT(quantized.err, HasSubstr("tensors quantised"));
  EXPECT_EQ(LlmModel(q4).n_vocab(), 401);

  const std::string direct = (folder_ / "direct.gguf").string();
  const Outcome both = convert({"--type", "q5_k_m", "-o", direct});
  EXPECT_EQ(both.code, 0) << both.err;
  EXPECT_THAT(both.err, HasSubstr("tensors quantised"));
  EXPECT_EQ(LlmModel(direct).description(), "llama ?B Q5_K - Medium");
}

TEST_F(VicunaCliTest, MistakesAreUsageErrors) {
  const std::string out = (folder_ / "out.gguf").string();
  const std::string model = vicuna_fixture("../tiny-panda/llm.gguf").string();
  EXPECT_EQ(convert({}).code, 2) << "no output";
  const Outcome type = convert({"-o", out, "--type", "q9"});
  EXPECT_EQ(type.code, 2);
  EXPECT_THAT(type.err, HasSubstr("\"q9\" is no type"));
  EXPECT_EQ(run({"quantize", model, model, "q8_0"}).code, 2);
  const Outcome tensor = run({"quantize", model, out, "q8_0", "--output-tensor-type", "i32"});
  EXPECT_EQ(tensor.code, 2);
  EXPECT_THAT(tensor.err, HasSubstr("--output-tensor-type"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(VicunaCliTest, FaultsHaveTheirCodes) {
  const std::string out = (folder_ / "out.gguf").string();
  const Outcome missing = run({"convert", "vicuna", (folder_ / "none").string(), "-o", out});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.err, HasSubstr("config.json"));
  EXPECT_THAT(missing.out, IsEmpty());
  EXPECT_EQ(convert({"-o", (folder_ / "none" / "out.gguf").string()}).code, 1);
  std::filesystem::create_directory(folder_ / "locked");
  std::filesystem::permissions(
      folder_ / "locked", std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_EQ(convert({"-o", (folder_ / "locked" / "out.gguf").string()}).code, 1);
  const std::string encoders = vicuna_fixture("../tiny-panda/encoders.gguf").string();
  EXPECT_EQ(run({"quantize", encoders, out, "q8_0"}).code, 4);
}

TEST_F(VicunaCliTest, HelpListsTheTypes) {
  for (const Arguments& command :
       {Arguments{"quantize", "--help"}, Arguments{"convert", "vicuna", "--help"}}) {
    const Outcome help = run(command);
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("q4_k_m     3.80"));
  }
}

}  // namespace
}  // namespace pandagpt::test
