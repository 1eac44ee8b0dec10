#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "eval/accuracy.h"
#include "eval/caption_run.h"
#include "eval/caption_set.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class EvalTest : public testing::Test {
 protected:
  EvalTest()
      : folder_(fs::temp_directory_path() /
                (std::string("pandagpt_eval_") +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~EvalTest() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  static std::string message_of(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
  }

  static CaptionRun small_run() {
    CaptionRun run;
    run.model_name = "m<1>";
    run.model_files = {{"llm", "abc"}};
    run.data_name = "test.json";
    run.question = "What is \"this\"?";
    run.max_tokens = 20;
    run.bootstrap_rounds = 100;
    run.seconds = 4;
    run.answers.resize(2);
    run.answers[0].image_name = "a.jpg";
    run.answers[0].references = {"A dog runs over the grass.", "The dog is running."};
    run.answers[1].image_name = "b.jpg";
    run.answers[1].references = {"Two boats lie in a harbour."};
    run.answers[0].answer.text = "A dog runs over the grass.";
    run.answers[1].answer.text = "A <b> & a boat.";
    score(run);
    return run;
  }

  fs::path folder_;
};

TEST_F(EvalTest, ReadsTestSetsAndTrainingSets) {
  const auto test = read_caption_set(
      write("test.json", R"([{"image_name": "x/1.jpg", "captions": ["one", "two"]}])"));
  ASSERT_EQ(test.size(), 1u);
  EXPECT_EQ(test[0].image_name, "x/1.jpg");
  EXPECT_THAT(test[0].captions, ElementsAre("one", "two"));

  const auto train = read_caption_set(write("train.json", R"([
      {"image_name": "1.jpg", "conversation": [{"from": "human", "value": "q"},
                                               {"from": "gpt", "value": "first"}]},
      {"image_name": "2.jpg", "conversation": [{"from": "gpt", "value": "other"}]},
      {"image_name": "1.jpg", "conversation": [{"from": "gpt", "value": "second"}]}])"));
  ASSERT_EQ(train.size(), 2u);
  EXPECT_THAT(train[0].captions, ElementsAre("first", "second"));
}

TEST_F(EvalTest, DamagedSetsNameTheEntry) {
  const auto message = [&](const char* text) {
    return message_of([&] { read_caption_set(write("bad.json", text)); });
  };
  EXPECT_THAT(message("{"), HasSubstr("not a JSON list"));
  EXPECT_THAT(message("[]"), HasSubstr("empty"));
  EXPECT_THAT(message("[3]"), HasSubstr("entry 0: not an object"));
  EXPECT_THAT(message(R"([{"captions": ["a"]}])"), HasSubstr("entry 0: 'image_name'"));
  EXPECT_THAT(message(R"([{"image_name": "a", "captions": []}])"), HasSubstr("no captions"));
  EXPECT_THAT(message(R"([{"image_name": "a", "captions": [1]}])"), HasSubstr("not a text"));
  EXPECT_THAT(message(R"([{"image_name": "a"}])"), HasSubstr("neither"));
  EXPECT_THAT(message(R"([{"image_name": "a", "conversation": [{"from": "gpt"}]}])"),
              HasSubstr("no 'value'"));
}

TEST_F(EvalTest, LabelsByRankOfWordNetIdOrByIndex) {
  const auto ranked = read_labels(
      write("wnid.tsv", "image\twnid\tlabel\nb.jpg\tn02\tbus\r\na.jpg\tn01\tapple\n"), 2);
  ASSERT_EQ(ranked.size(), 2u);
  EXPECT_EQ(ranked[0].image_name, "b.jpg");
  EXPECT_EQ(ranked[0].label, 1);
  EXPECT_EQ(ranked[1].label, 0);
  EXPECT_EQ(read_labels(write("index.tsv", "class_index\timage\n7\tc.jpg\n"), 10)[0].label, 7);

  const auto message = [&](const char* text, int classes) {
    return message_of([&] { read_labels(write("bad.tsv", text), classes); });
  };
  EXPECT_THAT(message("image\twnid\na.jpg\tn01\n", 5), HasSubstr("class_index"));
  EXPECT_THAT(message("image\tclass_index\na.jpg\t9\n", 5), HasSubstr("'9' of a.jpg"));
  EXPECT_THAT(message("image\tclass_index\na.jpg\tx\n", 5), HasSubstr("'x' of a.jpg"));
  EXPECT_THAT(message("image\tclass_index\na.jpg\n", 5), HasSubstr("line 2"));
  EXPECT_THAT(message("file\tlabel\n", 5), HasSubstr("header"));
  EXPECT_THAT(message("image\tclass_index\n", 5), HasSubstr("no photos"));
}

TEST_F(EvalTest, TopKCountsHigherScores) {
  const std::vector<float> logits = {0.1F, 0.9F, 0.5F, 0.5F};
  EXPECT_TRUE(in_top_k(logits, 1, 1));
  EXPECT_FALSE(in_top_k(logits, 2, 1));
  EXPECT_TRUE(in_top_k(logits, 2, 2));
  EXPECT_TRUE(in_top_k(logits, 3, 2));
  EXPECT_FALSE(in_top_k(logits, 0, 3));
  const std::vector<float> broken(4, std::numeric_limits<float>::quiet_NaN());
  EXPECT_FALSE(in_top_k(broken, 0, 4)) << "a model that puts out NaN must not look perfect";
}

TEST_F(EvalTest, ReportHoldsEveryAnswer) {
  const CaptionRun run = small_run();
  const auto report = nlohmann::json::parse(to_json(run));
  EXPECT_EQ(report["photos"].size(), 2u);
  EXPECT_EQ(report["photos"][0]["answer"], "A dog runs over the grass.");
  EXPECT_EQ(report["photos"][0]["references"].size(), 2u);
  EXPECT_NEAR(report["photos"][0]["scores"]["ROUGE-L"].get<double>(), 1, 1e-12);
  EXPECT_EQ(report["model"]["sha256"]["llm"], "abc");
  EXPECT_EQ(report["metrics"]["BLEU-4"]["value"].get<double>(), run.report.scores[kBleu4]);
  EXPECT_EQ(report["timing"]["photos_per_second"], 0.5);
  EXPECT_THAT(to_text(run), HasSubstr("CIDEr-D"));
}

TEST_F(EvalTest, PageEscapesTextAndTakesPicturesOnlyWhenAsked) {
  const CaptionRun run = small_run();
  const std::string page = to_html(run);
  EXPECT_THAT(page, HasSubstr("A &lt;b&gt; &amp; a boat."));
  EXPECT_THAT(page, HasSubstr("m&lt;1&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  write("a.jpg",
        "\xFF\xD8"
        "a");
  write("b.jpg", "\x89PNG");
  const std::string with_pictures = to_html(run, folder_);
  EXPECT_THAT(with_pictures, HasSubstr("data:image/jpeg;base64,/9hh\""));
  EXPECT_THAT(with_pictures, HasSubstr("data:image/png;base64,iVBORw==\""));
}

}  // namespace
}  // namespace pandagpt
