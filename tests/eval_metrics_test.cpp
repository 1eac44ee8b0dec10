// The arithmetic of `pandagpt eval`: intervals, ranks, confusions, and whether a thing is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "eval/confusion.h"
#include "eval/interval.h"
#include "eval/naming.h"
#include "eval/retrieval.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// --- Intervals -----------------------------------------------------------------------------------

TEST(IntervalTest, WilsonsScoreInterval) {
  // 81 of 263: the example of Newcombe (1998), table I.
  EXPECT_NEAR(wilson_interval(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson_interval(81, 263).high, 0.3662, 5e-5);
  EXPECT_EQ(wilson_interval(0, 10).low, 0);
  EXPECT_DOUBLE_EQ(wilson_interval(10, 10).high, 1);
  EXPECT_LT(wilson_interval(10, 10).low, 0.75) << "ten of ten proves little";
}

TEST(IntervalTest, PercentilesLeaveOutTwoAndAHalfPercentOnEachSide) {
  std::vector<double> samples;
  for (int i = 1000; i >= 0; --i)
    samples.push_back(i);
  const Interval interval = percentile_interval(samples);
  EXPECT_EQ(interval.low, 25);
  EXPECT_EQ(interval.high, 975);
}

TEST(IntervalTest, BootstrapResamplesItemsNotTrials) {
  // 100 items, half of them found: the standard error is 0.05.
  std::vector<ItemHits> single, fives;
  for (int i = 0; i < 100; ++i) {
    single.push_back({i % 2, 1});
    fives.push_back({5 * (i % 2), 5});
  }
  const Interval one = bootstrap_interval(single, 4000, 1);
  EXPECT_NEAR(one.low, 0.5 - 1.96 * 0.05, 0.015);
  EXPECT_NEAR(one.high, 0.5 + 1.96 * 0.05, 0.015);
  const Interval five = bootstrap_interval(fives, 4000, 1);
  EXPECT_EQ(five.low, one.low) << "five captions of a picture that are all found are one find";
  EXPECT_EQ(bootstrap_interval(single, 4000, 1).high, one.high);
  EXPECT_EQ(error_of([] { bootstrap_interval({}, 10, 1); }).kind(), ErrorKind::kUsage);
}

// --- Retrieval -----------------------------------------------------------------------------------

TEST(RetrievalTest, SimilaritiesAreScalarProducts) {
  const std::vector<float> queries{1, 2, 3, 4, 5, 6}, candidates{1, 0, -1, 2, 2, 2};
  EXPECT_THAT(similarities(queries, candidates, 3), ElementsAre(-2, 12, -2, 30));
  EXPECT_THAT(transposed(queries, 3), ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST(RetrievalTest, RanksCountWrongCandidatesAtOrAboveTheBestRightOne) {
  const std::vector<float> similarity{
      0.1F, 0.9F, 0.5F, 0.5F,  // right: 1
      0.1F, 0.9F, 0.5F, 0.5F,  // right: 2, tied with 3
      0.1F, 0.9F, 0.5F, 0.5F,  // right: 2 and 3
      0.1F, 0.9F, 0.5F, 0.5F,  // right: 0
      0.1F, kNan, 0.5F, 0.5F,  // right: 2; NaN is no lower
      0.1F, kNan, 0.5F, 0.5F,  // right: 1, NaN itself
  };
  const std::vector<RetrievalQuery> queries{{{1}, 0}, {{2}, 1}, {{2, 3}, 2},
                                            {{0}, 3}, {{2}, 4}, {{1}, 5}};
  EXPECT_THAT(right_ranks(similarity, queries), ElementsAre(1, 3, 2, 4, 3, 4));
}

TEST(RetrievalTest, AModelForWhichAllIsAlikeFindsNothing) {
  const std::vector<float> similarity(20 * 20, 1.0F);
  std::vector<RetrievalQuery> queries;
  for (std::size_t i = 0; i < 20; ++i)
    queries.push_back({{i}, i});
  for (const Recall& recall : recalls(right_ranks(similarity, queries), queries, 10, 1))
    EXPECT_EQ(recall.value, 0) << recall.k;
}

TEST(RetrievalTest, RecallIsTheShareOfQueriesAmongTheFirst) {
  const std::vector<RetrievalQuery> queries{{{0}, 0}, {{0}, 0}, {{1}, 1}, {{1}, 1}};
  const std::vector<std::size_t> ranks{1, 5, 6, 11};
  const std::vector<Recall> result = recalls(ranks, queries, 500, 3);
  ASSERT_EQ(result.size(), 3U);
  EXPECT_EQ(result[0].value, 0.25);
  EXPECT_EQ(result[1].value, 0.5);
  EXPECT_EQ(result[2].value, 0.75);
  EXPECT_EQ(result[1].interval.low, 0) << "the second item alone";
  EXPECT_EQ(result[1].interval.high, 1) << "the first item alone";
}

TEST(RetrievalTest, QueriesNeedCandidates) {
  const std::vector<float> similarity{1, 2};
  const auto kind = [&](const std::vector<RetrievalQuery>& queries) {
    return error_of([&] { right_ranks(similarity, queries); }).kind();
  };
  EXPECT_EQ(kind({{{}, 0}}), ErrorKind::kUsage);
  EXPECT_EQ(kind({{{2}, 0}}), ErrorKind::kUsage);
  EXPECT_EQ(kind({}), ErrorKind::kUsage);
}

// --- Confusion -----------------------------------------------------------------------------------

TEST(ConfusionTest, MeanRecallWeighsClassesNotInputs) {
  Confusion confusion({"dog", "cat", "fish"});
  for (int i = 0; i < 9; ++i)
    confusion.add(0, 0);
  confusion.add(0, 1);
  confusion.add(1, 0);
  EXPECT_EQ(confusion.n_total(), 11);
  EXPECT_EQ(confusion.n_right(), 9);
  EXPECT_EQ(confusion.n_of(0), 10);
  EXPECT_EQ(confusion.count(0, 1), 1);
  EXPECT_DOUBLE_EQ(confusion.mean_recall(), (0.9 + 0) / 2) << "no fish, no recall of it";
}

// --- Naming --------------------------------------------------------------------------------------

TEST(NamingTest, WordsAreLettersAndDigits) {
  EXPECT_THAT(words_of("The dog's 2 BALLS, well-worn \xC3\x89\x63lair!"),
              ElementsAre("the", "dog", "s", "2", "balls", "well", "worn",
                          "\xC3\xA9"
                          "clair"));
}

TEST(NamingTest, PhrasesAreWholeWordsWithSimplePlurals) {
  const auto occurs = [](const char* phrase, const char* text) {
    return Phrase(phrase).occurs_in(words_of(text));
  };
  EXPECT_TRUE(occurs("dog", "Two Dogs run."));
  EXPECT_TRUE(occurs("puppy", "puppies"));
  EXPECT_TRUE(occurs("bus", "Buses!"));
  EXPECT_TRUE(occurs("fire engine", "a red fire-engine"));
  EXPECT_FALSE(occurs("dog", "a dogma"));
  EXPECT_FALSE(occurs("cat", "a scattered catalogue"));
  EXPECT_FALSE(occurs("fire engine", "an engine on fire"));
  EXPECT_FALSE(occurs("fire engine", "fires engine")) << "only the last word has a plural";
  EXPECT_FALSE(occurs("bark", "barking")) << "other forms are for the list to name";
  EXPECT_EQ(error_of([] { Phrase("!?"); }).kind(), ErrorKind::kInput);
}

class ClassNamesTest : public testing::Test {
 protected:
  Naming judge(const char* answer, std::size_t right) const {
    return classes_.judge(answer, right);
  }

  ClassNames classes_{{{"dog", {"dog", "puppy"}},
                       {"hot dog", {"hot dog"}},
                       {"rain", {"rain", "raining"}},
                       {"beagle", {"beagle", "hound"}},
                       {"collie", {"collie", "hound"}},
                       {"unused", {"a"}}},
                      {"dog", "hot dog", "rain", "beagle", "collie"},
                      "synonyms.json"};
};

TEST_F(ClassNamesTest, ARightAnswerNamesTheClassAStrictOneNothingElse) {
  const Naming plain = judge("A puppy barks.", 0);
  EXPECT_TRUE(plain.right && plain.only);
  EXPECT_EQ(plain.n_named, 1U);
  const Naming both = judge("A dog in the rain", 0);
  EXPECT_TRUE(both.right);
  EXPECT_FALSE(both.only);
  EXPECT_EQ(both.n_named, 2U);
  const Naming wrong = judge("It is raining.", 0);
  EXPECT_FALSE(wrong.right || wrong.only);
  EXPECT_EQ(wrong.n_named, 1U);
  EXPECT_EQ(judge("", 0).n_named, 0U);
  EXPECT_EQ(judge("a", 0).n_named, 0U) << "a class that isn't of the list";
}

TEST_F(ClassNamesTest, TheLongerPhraseIsMeant) {
  EXPECT_FALSE(judge("a hot dog", 0).right);
  EXPECT_TRUE(judge("a hot dog", 1).only);
  EXPECT_TRUE(judge("a dog eats a hot dog", 0).right);
}

TEST_F(ClassNamesTest, ASharedPhraseNamesTheRightClassAlone) {
  EXPECT_TRUE(judge("a hound", 3).only);
  EXPECT_TRUE(judge("a hound", 4).only);
  EXPECT_FALSE(judge("a hound and a collie", 3).only);
}

TEST_F(ClassNamesTest, EveryClassNeedsNames) {
  const Error error = error_of([] { ClassNames({{"dog", {"dog"}}}, {"dog", "cat"}, "s.json"); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), HasSubstr("s.json: the class \"cat\" is missing"));
}

TEST(SynonymsTest, FaultsNameTheClass) {
  const test::TemporaryFolder folder;
  const auto message = [&](const char* text) {
    test::write_text(folder / "s.json", text);
    const Error error = error_of([&] { read_synonyms(folder / "s.json"); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return std::string(error.what());
  };
  EXPECT_THAT(message("{"), HasSubstr("not a JSON object"));
  EXPECT_THAT(message("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(message(R"({"dog": []})"), HasSubstr("\"dog\" has no list"));
  EXPECT_THAT(message(R"({"dog": "dog"})"), HasSubstr("\"dog\" has no list"));
  EXPECT_THAT(message(R"({"dog": ["dog", 3]})"), HasSubstr("\"dog\" has a name that is no text"));
  EXPECT_THAT(message(R"({"dog": ["?!"]})"), HasSubstr("\"dog\" has a name that is no text"));
}

}  // namespace
}  // namespace pandagpt
