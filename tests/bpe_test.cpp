// The text tower's tokenizer: the tokens of ImageBind's SimpleTokenizer for texts of every kind.
//
// PANDAGPT_BPE_FIXTURE names another fixture of tools/reference/make_bpe_fixtures.py, e.g. random
// texts with the whole vocabulary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/utf8.h"
#include "encoders/bpe_tokenizer.h"
#include "encoders/text/clean_text.h"
#include "encoders/text/html_entities.h"
#include "encoders/text/mojibake.h"
#include "encoders/text/unicode.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using ::testing::HasSubstr;

constexpr int kContextLength = 77;
constexpr std::size_t kFewestTexts = 200;

nlohmann::json read_fixture() {
  const char* other = std::getenv("PANDAGPT_BPE_FIXTURE");
  const std::filesystem::path path =
      other != nullptr ? std::filesystem::path(other)
                       : std::filesystem::path(PANDAGPT_FIXTURES) / "text" / "bpe.json";
  return nlohmann::json::parse(std::ifstream(path));
}

BpeTokenizer make_tokenizer(const std::vector<std::string>& merges) {
  return {merges, kContextLength};
}

TEST(BpeTokenizer, GivesTheReferencesTokens) {
  const nlohmann::json fixture = read_fixture();
  const BpeTokenizer tokenizer = make_tokenizer(fixture["merges"]);
  const nlohmann::json& cases = fixture["cases"];
  EXPECT_GE(cases.size(), kFewestTexts);
  for (const nlohmann::json& entry : cases) {
    const std::string text = entry["text"];
    EXPECT_EQ(encode_utf8(clean_text(decode_utf8(text))), entry["clean"]) << entry["text"];
    std::vector<std::int32_t> expected = entry["tokens"];
    expected.resize(kContextLength);
    EXPECT_EQ(tokenizer.context(text), expected) << entry["text"];
  }
}

TEST(BpeTokenizer, HasBytesMergesAndMarks) {
  const BpeTokenizer tokenizer = make_tokenizer({"a b</w>", "c ab</w>"});
  EXPECT_EQ(tokenizer.vocab_size(), 512 + 2 + 2);
  EXPECT_EQ(tokenizer.token_text(0), "!");
  EXPECT_EQ(tokenizer.token_text(256), "!</w>");
  EXPECT_EQ(tokenizer.token_text(513), "cab</w>");
  EXPECT_EQ(tokenizer.token_text(tokenizer.start_token()), "<|startoftext|>");
  EXPECT_EQ(tokenizer.token_text(tokenizer.end_token()), "<|endoftext|>");
  EXPECT_EQ(tokenizer.encode("CAB"), std::vector<std::int32_t>{513});
  EXPECT_THROW(tokenizer.token_text(516), Error);
  EXPECT_THROW(tokenizer.token_text(-1), Error);
}

TEST(BpeTokenizer, KeepsTheEndMarkWhenItCuts) {
  const BpeTokenizer tokenizer = make_tokenizer({});
  const std::vector<std::int32_t> tokens = tokenizer.context(std::string(1000, 'x'));
  ASSERT_EQ(tokens.size(), std::size_t{kContextLength});
  EXPECT_EQ(tokens.front(), tokenizer.start_token());
  EXPECT_EQ(tokens.back(), tokenizer.end_token());
}

TEST(BpeTokenizer, TakesMalformedBytesForReplacementCharacters) {
  const BpeTokenizer tokenizer = make_tokenizer({});
  EXPECT_EQ(tokenizer.encode("a\xE2\x82 b"), tokenizer.encode("a\xEF\xBF\xBD b"));
  EXPECT_EQ(tokenizer.encode("\xFF"), tokenizer.encode("\xEF\xBF\xBD"));
}

TEST(BpeTokenizer, RefusesHugeTextsAndWrongMerges) {
  const BpeTokenizer tokenizer = make_tokenizer({});
  const Error huge =
      test::error_of([&] { tokenizer.encode(std::string(kMaxPromptBytes + 1, 'x')); });
  EXPECT_EQ(huge.kind(), ErrorKind::kInput);
  EXPECT_THAT(huge.what(), HasSubstr("64 KiB"));
  for (const char* merge : {"", "ab", "a ", " b", "a b c", "a xyz"}) {
    const Error error = test::error_of([&] { make_tokenizer({merge}); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel) << merge;
    EXPECT_THAT(error.what(), HasSubstr("merge \"" + std::string(merge) + "\""));
  }
}

TEST(CleanText, RepairsMojibakeOnly) {
  EXPECT_EQ(repair_mojibake(U"schÃ¶n"), U"schön");
  EXPECT_EQ(repair_mojibake(U"Ã la mode"), U"à la mode");
  EXPECT_TRUE(looks_like_mojibake(U"â€œ"));
  EXPECT_FALSE(looks_like_mojibake(U"IKEA® – naïve café, 5 °C"));
  EXPECT_EQ(repair_mojibake(U"IKEA® – naïve café, 5 °C"), U"IKEA® – naïve café, 5 °C");
}

TEST(CleanText, ReadsReferencesAsHtmlOrStrictly) {
  EXPECT_EQ(unescape_html(U"&copyright &eacute; &#x1F600;"), U"©right é 😀");
  EXPECT_EQ(unescape_html_strictly(U"&copyright &eacute; &EACUTE;"), U"&copyright é É");
  EXPECT_EQ(fix_text(U"<p>&eacute;"), U"<p>&eacute;");
}

TEST(CleanText, LowersSigmaByItsPlace) {
  EXPECT_EQ(to_lower_case(U"ΟΔΥΣΣΕΥΣ Σ"), U"οδυσσευς σ");
  EXPECT_EQ(to_lower_case(U"İI"), U"i\u0307i");
}

}  // namespace
}  // namespace pandagpt
