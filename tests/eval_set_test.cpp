// eval.json, lists of compositions, and how a report is written down.
#include "eval/eval_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "embed/pairs.h"
#include "eval/eval_report.h"
#include "eval/eval_task.h"
#include "report/svg_heat_map.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using test::error_of;
using test::TemporaryFolder;
using test::write_text;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class EvalSetTest : public testing::Test {
 protected:
  EvalSet read(const std::string& text) {
    write_text(folder_ / "eval.json", text);
    return read_eval_set(folder_.path());
  }
  /// Of a document with these tasks.
  std::string fault(const std::string& tasks) {
    const Error error = error_of([&] { read(R"({"name": "n", )" + tasks + "}"); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("eval.json: "));
    return error.what();
  }

  TemporaryFolder folder_;
};

TEST_F(EvalSetTest, ReadsEveryKindInOneOrder) {
  const EvalSet set = read(R"({"name": "all",
      "text_only": {"questions": "q.json", "max_tokens": 60},
      "composition": [{"name": "both", "pairs": "c.jsonl", "question": "What?", "synonyms": "s.json"}],
      "answers": [{"name": "a", "pairs": "sub/a.jsonl", "question": "What?", "synonyms": "s.json",
                   "beams": 2, "aim": 0.7}],
      "zero_shot": [{"name": "z", "pairs": "../z.jsonl", "templates": ["the {}"], "labels": ["x"]}],
      "retrieval": [{"name": "r", "pairs": "/abs/r.jsonl", "aim": 0.5}],
      "captioning": [{"name": "c", "data": "c.json", "images": ".", "question": "Describe.",
                      "beams": 4, "max_tokens": 30}]})");
  ASSERT_EQ(set.entries.size(), 6U);
  const auto& [captions, retrieval, zero_shot, answers, composition, text] =
      std::tie(set.entries[0], set.entries[1], set.entries[2], set.entries[3], set.entries[4],
               set.entries[5]);
  EXPECT_EQ(captions.kind, EvalKind::kCaptioning);
  EXPECT_EQ(captions.n_beams, 4);
  EXPECT_EQ(captions.max_tokens, 30);
  EXPECT_EQ(retrieval.list, "/abs/r.jsonl");
  EXPECT_EQ(retrieval.aim, 0.5);
  EXPECT_EQ(zero_shot.list, folder_.path().parent_path() / "z.jsonl");
  EXPECT_THAT(zero_shot.templates, ElementsAre("the {}"));
  EXPECT_EQ(answers.list, folder_ / "sub" / "a.jsonl");
  EXPECT_EQ(answers.synonyms, folder_ / "s.json");
  EXPECT_EQ(answers.aim, 0.7);
  EXPECT_EQ(composition.kind, EvalKind::kComposition);
  EXPECT_FALSE(composition.aim);
  EXPECT_EQ(text.max_tokens, 60);
  EXPECT_FALSE(text.name.empty());
}

TEST_F(EvalSetTest, SelectsByKindAndByName) {
  const EvalSet set = read(R"({"name": "n", "retrieval": [{"name": "a", "pairs": "p"}],
      "zero_shot": [{"name": "a", "pairs": "p"}, {"name": "b", "pairs": "p"}]})");
  EXPECT_EQ(set.selected({}).size(), 3U);
  EXPECT_EQ(set.selected({"zero_shot"}).size(), 2U);
  EXPECT_EQ(set.selected({"a"}).size(), 2U);
  EXPECT_EQ(set.selected({"b", "retrieval"}).size(), 2U);
  const Error error = error_of([&] { set.selected({"c"}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("zero_shot \"b\""));
}

TEST_F(EvalSetTest, FaultsNameTheKey) {
  EXPECT_EQ(error_of([&] { read("{"); }).kind(), ErrorKind::kInput);
  EXPECT_EQ(error_of([&] { read("[]"); }).kind(), ErrorKind::kInput);
  EXPECT_EQ(error_of([&] { read_eval_set(folder_ / "none"); }).kind(), ErrorKind::kInput);
  EXPECT_THAT(fault(R"("x": 1)"), HasSubstr("holds no tasks"));
  EXPECT_THAT(fault(R"("retrieval": {})"), HasSubstr("'retrieval' must be a list of objects"));
  EXPECT_THAT(fault(R"("retrieval": [3])"), HasSubstr("'retrieval[0]' must be an object"));
  EXPECT_THAT(fault(R"("retrieval": [{"pairs": "p"}])"),
              HasSubstr("'retrieval[0].name' is missing"));
  EXPECT_THAT(fault(R"("retrieval": [{"name": "a"}])"),
              HasSubstr("'retrieval[0].pairs' is missing"));
  EXPECT_THAT(fault(R"("retrieval": [{"name": "a", "pairs": 1}])"), HasSubstr("must be a text"));
  EXPECT_THAT(fault(R"("retrieval": [{"name": "a", "pairs": "p"}, {"name": "a", "pairs": "q"}])"),
              HasSubstr("'retrieval[1].name' \"a\" is there twice"));
  EXPECT_THAT(fault(R"("zero_shot": [{"name": "a", "pairs": "p", "templates": ["dog"]}])"),
              HasSubstr("'zero_shot[0].templates' holds \"dog\", without {}"));
  EXPECT_THAT(fault(R"("zero_shot": [{"name": "a", "pairs": "p", "aim": 0}])"),
              HasSubstr("'zero_shot[0].aim' must be above 0"));
  EXPECT_THAT(fault(R"("text_only": {"questions": "q", "max_tokens": 99999})"),
              HasSubstr("'text_only.max_tokens' must be from 1 to"));
  EXPECT_THAT(fault(R"("text_only": {"questions": "q", "beams": 0})"),
              HasSubstr("'text_only.beams' must be from 1 to"));
}

TEST_F(EvalSetTest, TextQuestionsNameTheEntry) {
  const auto questions = [&](const char* text) {
    write_text(folder_ / "q.json", text);
    return read_text_questions(folder_ / "q.json");
  };
  const auto two = questions(R"([{"question": "a?"}, {"question": "b?", "accept": ["x", "y"]}])");
  ASSERT_EQ(two.size(), 2U);
  EXPECT_TRUE(two[0].accept.empty());
  EXPECT_THAT(two[1].accept, ElementsAre("x", "y"));
  EXPECT_THAT(error_of([&] { questions("{}"); }).what(), HasSubstr("not a JSON list"));
  EXPECT_THAT(error_of([&] { questions("[]"); }).what(), HasSubstr("not a JSON list"));
  EXPECT_THAT(error_of([&] { questions(R"([{"question": "a"}, {"q": "b"}])"); }).what(),
              HasSubstr("'[1].question' is missing"));
}

TEST_F(EvalSetTest, CompositionsHaveANameForEachInput) {
  const auto compositions = [&](const char* text, const char* name = "c.jsonl") {
    write_text(folder_ / name, text);
    return read_compositions(folder_ / name);
  };
  const auto rows =
      compositions(R"({"audio": "r.wav", "image": "d.jpg", "names": ["dog", "rain"]})");
  ASSERT_EQ(rows.size(), 1U);
  ASSERT_EQ(rows[0].media.size(), 2U);
  EXPECT_EQ(rows[0].media[0].tower, TowerKind::kVision)
      << "senses have one order, whatever the row's";
  EXPECT_EQ(rows[0].media[1].path, folder_ / "r.wav");
  EXPECT_THAT(rows[0].names, ElementsAre("dog", "rain"));
  EXPECT_THAT(compositions("image\taudio\tnames\nd.jpg\tr.wav\tdog|rain\n", "c.tsv")[0].names,
              ElementsAre("dog", "rain"));
  const auto fault = [&](const char* text) {
    const Error error = error_of([&] { compositions(text); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return std::string(error.what());
  };
  EXPECT_THAT(fault(R"({"image": "d.jpg", "names": ["dog"]})"),
              HasSubstr("c.jsonl:1: needs inputs of two"));
  EXPECT_THAT(fault(R"({"image": "d", "audio": "r", "names": ["dog"]})"),
              HasSubstr("as many entries"));
  EXPECT_THAT(fault(R"({"image": "d", "audio": "r", "names": [1, 2]})"),
              HasSubstr("list of texts"));
  EXPECT_THAT(fault(R"({"image": "d", "audio": "r"})"), HasSubstr("\"names\" is missing"));
  EXPECT_THAT(fault(R"({"image": "d", "text": "r", "names": ["a"]})"),
              HasSubstr("\"text\" is unknown"));
  EXPECT_THAT(fault("\n"), HasSubstr("holds no compositions"));
}

TEST_F(EvalSetTest, ListsWithoutLabelsCantBeClassified) {
  write_text(folder_ / "p.jsonl",
             "{\"image\": \"a\", \"label\": \"x\"}\n{\"image\": \"b\", \"text\": \"y\"}\n");
  InputTable inputs;
  EXPECT_THAT(error_of([&] { read_labelled_list(folder_ / "p.jsonl", inputs); }).what(),
              HasSubstr("every row needs a \"label\""));
}

TEST(SpreadTest, TakesItemsEvenlyFromTheWholeList) {
  EXPECT_THAT(spread(std::vector{0, 1, 2, 3, 4, 5, 6, 7}, 4), ElementsAre(0, 2, 4, 6));
  EXPECT_THAT(spread(std::vector{0, 1, 2, 3, 4}, 3), ElementsAre(0, 1, 3));
  EXPECT_THAT(spread(std::vector{0, 1}, 0), ElementsAre(0, 1));
  EXPECT_THAT(spread(std::vector{0, 1}, 7), ElementsAre(0, 1));
}

TEST(UnreadableItemsTest, AFewAreLeftOutManyAreAnError) {
  const Error error(ErrorKind::kInput, "x.wav: is empty");
  UnreadableItems few(200);
  few.add(17, error);
  few.add(3, error);
  EXPECT_TRUE(few.has(17) && few.has(3));
  EXPECT_FALSE(few.has(4));
  EXPECT_EQ(few.reasons().size(), 2U);
  EXPECT_THAT(error_of([&] { few.add(5, error); }).what(), HasSubstr("3 of 200 inputs"));
  UnreadableItems small(4);
  small.add(0, error);
  EXPECT_EQ(error_of([&] { small.add(1, error); }).kind(), ErrorKind::kInput);
}

// --- Reports -------------------------------------------------------------------------------------

EvalReport small_report() {
  EvalReport report{.set_name = "set <1>",
                    .command = "pandagpt eval all",
                    .model_name = "m",
                    .model_files = {{"llm", "abc"}},
                    .rounds = 10,
                    .seed = 1};
  TaskReport zero_shot{
      .kind = EvalKind::kZeroShot, .name = "sounds & such", .status = TaskStatus::kDone};
  zero_shot.confusion.emplace(std::vector<std::string>{"a<b", "c"});
  for (int i = 0; i < 5; ++i)
    zero_shot.confusion->add(0, i == 0 ? 1 : 0);
  zero_shot.figures.push_back(share_figure("top-1", 4, 5));
  zero_shot.figures.back().aim = 0.75;
  zero_shot.figures.back().chance = 0.5;
  TaskReport answers{.kind = EvalKind::kAnswers, .name = "answers", .status = TaskStatus::kDone};
  answers.figures.push_back(share_figure("right class named", 1, 2));
  answers.figures.back().aim = 0.9;
  answers.answers = {
      {.input = "a.wav", .question = "q", .answer = "<i>dog</i>", .expected = "dog", .right = true},
      {.input = "b.wav", .question = "q", .answer = "cat", .expected = "rain"}};
  report.tasks = {std::move(zero_shot),
                  std::move(answers),
                  {.kind = EvalKind::kRetrieval,
                   .name = "r",
                   .status = TaskStatus::kSkipped,
                   .reason = "no text tower"}};
  return report;
}

TEST(EvalReportTest, JsonHoldsFiguresCountsAndAnswers) {
  const auto json = nlohmann::json::parse(to_json(small_report()));
  EXPECT_EQ(json["aims"]["met"], 1);
  EXPECT_EQ(json["aims"]["of"], 2);
  EXPECT_EQ(json["model"]["sha256"]["llm"], "abc");
  const auto& figure = json["tasks"][0]["figures"][0];
  EXPECT_EQ(figure["value"], 0.8);
  EXPECT_EQ(figure["low"], wilson_interval(4, 5).low);
  EXPECT_EQ(figure["aim_met"], true);
  EXPECT_EQ(json["tasks"][0]["confusions"].size(), 2U) << "zeros aren't listed";
  EXPECT_EQ(json["tasks"][0]["classes"].size(), 1U) << "no input is a \"c\"";
  EXPECT_EQ(json["tasks"][0]["classes"][0]["recall"], 0.8);
  EXPECT_EQ(json["tasks"][1]["answers"][1]["right"], false);
  EXPECT_EQ(json["tasks"][2]["reason"], "no text tower");
  EXPECT_FALSE(json["tasks"][2].contains("figures"));
}

TEST(EvalReportTest, TextHasALineForEachFigure) {
  const std::string text = to_text(small_report());
  EXPECT_THAT(text, HasSubstr("0.8000  [0.3755, 0.9638]  5, chance 0.5000, aim 0.75 met\n"));
  EXPECT_THAT(text, HasSubstr("aim 0.9 missed\n"));
  EXPECT_THAT(text, HasSubstr("skipped: no text tower\n"));
  EXPECT_THAT(text, HasSubstr("aims met: 1 of 2\n"));
}

TEST(EvalReportTest, PageStandsAloneAndEscapesText) {
  const std::string page = to_html(small_report(), false);
  EXPECT_THAT(page, HasSubstr("set &lt;1&gt;"));
  EXPECT_THAT(page, HasSubstr("sounds &amp; such"));
  EXPECT_THAT(page, HasSubstr("&lt;i&gt;dog&lt;/i&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<i>")));
  EXPECT_THAT(page, HasSubstr("class=\"mark\"")) << "the aims in the chart";
  EXPECT_THAT(page, HasSubstr("a&lt;b, c: 1")) << "a cell of the confusion matrix";
  for (const char* outside : {"src=", "href=", "url(", "@import", "<script"})
    EXPECT_THAT(page, Not(HasSubstr(outside)));
}

TEST(HeatMapTest, CellsAreAsDarkAsTheirShareOfTheRow) {
  const std::string svg = to_svg(
      HeatMap{.title = "t", .rows = {"a", "b"}, .columns = {"c", "d"}, .values = {3, 1, 0, 0}});
  EXPECT_THAT(svg, HasSubstr("fill-opacity=\"0.750\"><title>a, c: 3</title>"));
  EXPECT_THAT(svg, HasSubstr("fill-opacity=\"0.250\"><title>a, d: 1</title>"));
  EXPECT_THAT(svg, HasSubstr("fill-opacity=\"0.000\"><title>b, c: 0</title>"));
  EXPECT_EQ(error_of([] { to_svg(HeatMap{.rows = {"a"}, .columns = {"b"}, .values = {}}); }).kind(),
            ErrorKind::kUsage);
}

}  // namespace
}  // namespace pandagpt
