// Parity with the reference PandaGPT: its own code, with transformers and peft, made the expected
// prompts, scores and answers (tools/reference/make_panda_parity_fixtures.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "convert/lora_merge.h"
#include "llm_support.h"
#include "panda_parity_fixtures.h"
#include "pipeline/projector.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::parity_expected;
using test::parity_fixture;
using test::Session;

constexpr float kScoreTolerance = 1e-3F;
// Sums rounded to f16 beside f16 weights and f32 adapters, for scores from -6 to 11. The largest
// difference is 0.0098 on a CPU with AVX-512; others add in another order.
constexpr float kMergedTolerance = 1.5e-2F;

float max_difference(const std::vector<float>& left, const std::vector<float>& right) {
  EXPECT_EQ(left.size(), right.size());
  float most = 0;
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i)
    most = std::max(most, std::abs(left[i] - right[i]));
  return most;
}

GenerateOptions greedy(int max_tokens = parity_expected().at("max_tokens")) {
  GenerateOptions options;
  options.greedy = true;
  options.max_tokens = max_tokens;
  return options;
}

/// A language model with its adapter, and the projector.
struct Model {
  std::shared_ptr<const LlmModel> llm;
  std::shared_ptr<const LoraAdapter> adapter;
  Projector projector;

  Session session(const json& inputs, bool with_adapter = true) const {
    Session session(llm, with_adapter ? adapter : nullptr, {});
    session.set_image(projector.project_sum(test::parity_embeddings(inputs),
                                            std::vector<float>(inputs.size(), 1.0F)));
    return session;
  }
};

class PandaParity : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    // ctest runs each case as a process of its own, side by side.
    folder_ = new fs::path(fs::temp_directory_path() /
                           ("pandagpt_parity_suite_" + std::to_string(getpid())));
    fs::remove_all(*folder_);
    fs::create_directories(*folder_);
    const test::ParityFiles files(*folder_);
    const auto llm = std::make_shared<const LlmModel>(files.llm);
    model_ = new Model{llm, std::make_shared<const LoraAdapter>(llm, files.adapter),
                       Projector(files.projector)};
    scores_ = new GgufFile(parity_fixture("expected.gguf"));
  }

  static void TearDownTestSuite() {
    delete scores_;
    delete model_;
    fs::remove_all(*folder_);
    delete folder_;
  }

  /// Calls `check(turn, rows of scores, session)` for all turns of all conversations; the session
  /// has the reference's history and waits for the turn's question.
  template <typename Check>
  static void for_each_turn(const Model& model, bool with_adapter, const Check& check) {
    const json& conversations = parity_expected().at("conversations");
    for (std::size_t i = 0; i < conversations.size(); ++i) {
      const json& conversation = conversations[i];
      SCOPED_TRACE(conversation.at("inputs").dump());
      Session session = model.session(conversation.at("inputs"), with_adapter);
      std::vector<Turn> history;
      for (std::size_t j = 0; j < conversation.at("turns").size(); ++j) {
        const json& turn = conversation.at("turns")[j];
        SCOPED_TRACE(turn.at("question").dump());
        session.set_history(history);
        check(turn, scores_->read_f32(std::to_string(i) + "." + std::to_string(j)), session);
        history.push_back({turn.at("question"), turn.at("answer")});
      }
    }
  }

  static fs::path* folder_;
  static Model* model_;
  static GgufFile* scores_;
};

fs::path* PandaParity::folder_ = nullptr;
Model* PandaParity::model_ = nullptr;
GgufFile* PandaParity::scores_ = nullptr;

/// Scores before the answer's token `position`, after tokens that are the likeliest.
std::vector<float> scores_at(Session& session, const std::string& question, int position) {
  session.prefill(question, position + 1);
  return session.last_logits();
}

/// The largest difference of all scores of a turn, at its recorded positions.
float turn_difference(const json& turn, const std::vector<float>& expected, Session& session) {
  const std::vector<int> positions = turn.at("positions");
  const std::size_t width = expected.size() / positions.size();
  float most = 0;
  for (std::size_t row = 0; row < positions.size(); ++row) {
    const std::vector<float> wanted(expected.begin() + row * width,
                                    expected.begin() + (row + 1) * width);
    most = std::max(
        most, max_difference(scores_at(session, turn.at("question"), positions[row]), wanted));
  }
  return most;
}

TEST_F(PandaParity, ProjectorGivesTheReferenceEmbeddings) {
  for (const auto& [kind, input] : parity_expected().at("inputs").items()) {
    const std::vector<float> projected = model_->projector.project(test::parity_embeddings({kind}));
    EXPECT_LT(max_difference(projected, input.at("projected")), 1e-4F) << kind;
  }
}

TEST_F(PandaParity, PromptsHaveTheReferenceTokens) {
  // The reference tokenises the whole history after the image as one text, we do it piece by piece:
  // no token of a SentencePiece vocabulary crosses the space at which the pieces begin.
  for_each_turn(*model_, true, [](const json& turn, const std::vector<float>&, Session& session) {
    session.prefill(turn.at("question").get<std::string>());
    const auto& tokens = session.prompt();
    EXPECT_EQ(std::vector<int>(tokens.begin(), tokens.end()), turn.at("prompt"));
  });
}

TEST_F(PandaParity, ScoresAtThePromptsEndAndInAnswers) {
  float most = 0;
  for_each_turn(*model_, true,
                [&](const json& turn, const std::vector<float>& expected, Session& session) {
                  const float difference = turn_difference(turn, expected, session);
                  EXPECT_LT(difference, kScoreTolerance);
                  most = std::max(most, difference);
                });
  RecordProperty("max_difference", std::to_string(most));
}

TEST_F(PandaParity, TheAdapterMatters) {
  for_each_turn(*model_, false,
                [](const json& turn, const std::vector<float>& expected, Session& session) {
                  EXPECT_GT(turn_difference(turn, expected, session), 0.1F);
                });
}

TEST_F(PandaParity, GreedyAnswersOfOneTwoAndThreeTurns) {
  for (const json& conversation : parity_expected().at("conversations")) {
    SCOPED_TRACE(conversation.at("inputs").dump());
    Session session = model_->session(conversation.at("inputs"));
    for (const json& turn : conversation.at("turns")) {
      const Answer answer = session.ask(turn.at("question").get<std::string>(), greedy());
      EXPECT_EQ(answer.text, turn.at("text")) << turn.at("question");
      EXPECT_EQ(answer.finish, FinishReason::kStop);
      EXPECT_GE(turn.at("margin"), 1e-2) << "an answer that hangs by a hair proves nothing";
    }
  }
}

TEST_F(PandaParity, ReferenceSamplingIsGreedyHere) {
  // temperature 1 and top_p 0.01 leave one token in the nucleus, whatever the seed.
  const json& conversation = parity_expected().at("conversations")[0];
  Session session = model_->session(conversation.at("inputs"));
  const json& turn = conversation.at("turns")[0];
  EXPECT_EQ(session.ask(turn.at("question").get<std::string>()).text, turn.at("answer"));
}

TEST_F(PandaParity, CutAnswersKeepTheTwoTokensThatTheReferenceDrops) {
  const json& cut = parity_expected().at("cut");
  Session session = model_->session({"image"});
  const int n_tokens = static_cast<int>(cut.at("tokens").size());
  const Answer answer = session.ask(cut.at("question").get<std::string>(), greedy(n_tokens));
  EXPECT_EQ(answer.finish, FinishReason::kLength);
  EXPECT_EQ(answer.text, cut.at("text"));
  EXPECT_THAT(answer.text, testing::StartsWith(cut.at("answer").get<std::string>()));
}

TEST_F(PandaParity, MergedWeightsAnswerTheSame) {
  merge_lora(*folder_ / "llm.gguf", *folder_ / "adapter.gguf", *folder_ / "merged.gguf",
             {.n_threads = 2});
  const Model merged{std::make_shared<const LlmModel>(*folder_ / "merged.gguf"), nullptr,
                     model_->projector};
  for_each_turn(merged, true,
                [](const json& turn, const std::vector<float>& expected, Session& session) {
                  EXPECT_LT(turn_difference(turn, expected, session), kScoreTolerance);
                  const std::vector<Turn> history = session.history();
                  EXPECT_EQ(session.ask(turn.at("question").get<std::string>(), greedy()).text,
                            turn.at("text"));
                  session.set_history(history);
                });
}

TEST(PandaParityF16, MergedScoresStayWithinAHundredth) {
  const test::TemporaryFolder folder;
  const test::ParityFiles files(folder.path(), LLAMA_FTYPE_MOSTLY_F16);
  merge_lora(files.llm, files.adapter, folder / "merged.gguf");
  const auto base = std::make_shared<const LlmModel>(files.llm);
  const Model apart{base, std::make_shared<const LoraAdapter>(base, files.adapter),
                    Projector(files.projector)};
  const Model merged{std::make_shared<const LlmModel>(folder / "merged.gguf"), nullptr,
                     apart.projector};
  float most = 0;
  for (const json& conversation : parity_expected().at("conversations")) {
    Session one = apart.session(conversation.at("inputs"));
    Session other = merged.session(conversation.at("inputs"));
    for (const json& turn : conversation.at("turns")) {
      const std::string question = turn.at("question");
      one.prefill(question);
      other.prefill(question);
      const float difference = max_difference(one.last_logits(), other.last_logits());
      EXPECT_LT(difference, kMergedTolerance);
      most = std::max(most, difference);
      EXPECT_EQ(other.ask(question, greedy()).text, one.ask(question, greedy()).text);
    }
  }
  RecordProperty("max_difference", std::to_string(most));
}

TEST(PandaParityGqa, RowsOfQueriesAndKeysFindTheirHeads) {
  const test::TemporaryFolder folder;
  const fs::path llm = folder / "llm.gguf";
  convert_vicuna(fs::path(PANDAGPT_FIXTURES) / "vicuna" / "gqa", llm,
                 {.type = LLAMA_FTYPE_ALL_F32});
  const json expected = json::parse(test::read_text(parity_fixture("gqa.json")));
  const PandaDelta delta(parity_fixture("gqa.pt"), llm,
                         {.lora_alpha = expected.at("alpha").get<float>()});
  EXPECT_EQ(delta.rank(), expected.at("rank"));
  delta.write_projector(folder / "projector.gguf");
  delta.write_adapter(folder / "adapter.gguf");

  const auto model = std::make_shared<const LlmModel>(llm);
  const Projector projector(folder / "projector.gguf");
  const auto scores = [&](std::shared_ptr<const LlmModel> base, bool with_adapter) {
    const auto adapter =
        with_adapter ? std::make_shared<const LoraAdapter>(base, folder / "adapter.gguf") : nullptr;
    Session session(std::move(base), adapter, {});
    session.set_image(projector.project(expected.at("embedding").get<std::vector<float>>()));
    session.prefill(expected.at("question").get<std::string>());
    return session.last_logits();
  };
  EXPECT_LT(max_difference(scores(model, true), expected.at("scores")), kScoreTolerance);
  EXPECT_LT(max_difference(scores(model, false), expected.at("scores_without")), kScoreTolerance);
  EXPECT_GT(max_difference(expected.at("scores"), expected.at("scores_without")), 0.1F);
  merge_lora(llm, folder / "adapter.gguf", folder / "merged.gguf");
  EXPECT_LT(max_difference(scores(std::make_shared<const LlmModel>(folder / "merged.gguf"), false),
                           expected.at("scores")),
            kScoreTolerance);
}

}  // namespace
}  // namespace pandagpt
