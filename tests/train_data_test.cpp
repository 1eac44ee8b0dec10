// Training data: files of conversations, tokens, order, packing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "pipeline/input_json.h"
#include "test_support.h"
#include "train/conversation_file.h"
#include "train/dataset.h"
#include "train/embedding_rows.h"
#include "train_data_support.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::about_picture;
using test::error_of;
using test::TemporaryFolder;
using test::write_text;
using testing::ElementsAre;
using testing::HasSubstr;

class ConversationFileTest : public testing::Test {
 protected:
  ConversationFile open(const std::string& content) const {
    write_text(path_, content);
    return {path_, "root"};
  }
  /// What is wrong with record `index` of a list.
  std::string fault(const std::string& content, std::int64_t index = 0) const {
    const ConversationFile file = open(content);
    try {
      file.read(index);
    } catch (const BadObject& bad) {
      return bad.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
  }

  const TemporaryFolder folder_;
  const fs::path path_ = folder_ / "d.json";
};

TEST_F(ConversationFileTest, ReadsListsAndLinesInAnyOrder) {
  const std::string a = about_picture("a.jpg", "What?", "A \"dog\" [or] {cat}, \\ \xC3\xA9.");
  const std::string b = about_picture("b.jpg", "What?", "A cat.");
  for (const std::string& content :
       {"[" + a + "," + b + "]", " [\n " + a + " ,\n" + b + "\n]\n ", a + "\n\n" + b,
        a + "\r\n" + b + "\r\n", "\xEF\xBB\xBF" + a + "\n" + b}) {
    const ConversationFile file = open(content);
    ASSERT_EQ(file.size(), 2) << content;
    const Conversation second = file.read(1);
    ASSERT_EQ(second.inputs.items().size(), 1U);
    EXPECT_EQ(second.inputs.items()[0].name, "root/b.jpg");
    EXPECT_EQ(second.turns[0].answer, "A cat.");
    EXPECT_EQ(file.read(0).turns[0].answer, "A \"dog\" [or] {cat}, \\ \xC3\xA9.");
  }
}

TEST_F(ConversationFileTest, InputsOfEveryKindOneOrSeveralOrNone) {
  const auto turns = nlohmann::json::parse(about_picture("", "q", "a"))["conversation"];
  const auto inputs_of = [&](nlohmann::json record) {
    record["conversation"] = turns;
    return open(record.dump()).read(0).inputs.items();
  };
  for (const Modality modality : kAllModalities) {
    const auto inputs = inputs_of({{to_string(modality), "/x"}});
    ASSERT_EQ(inputs.size(), 1U);
    EXPECT_EQ(inputs[0].modality, modality);
    EXPECT_EQ(inputs[0].name, "/x");
  }
  const auto several = inputs_of({{"image_name", "a.jpg"},
                                  {"audio", {"b.wav", "c.wav"}},
                                  {"imu", "d.csv"},
                                  {"weights", {{"audio", 0.5}}},
                                  {"sensor", {{"imu_rate_hz", 50}, {"acceleration_unit", "g"}}}});
  ASSERT_EQ(several.size(), 4U);
  EXPECT_EQ(several[2].name, "root/c.wav");
  EXPECT_EQ(several[2].weight, 0.5F);
  EXPECT_EQ(several[3].sensor.imu_rate_hz, 50);
  EXPECT_EQ(several[3].sensor.acceleration_unit, AccelerationUnit::kG);
  EXPECT_TRUE(inputs_of({{"image", nullptr}, {"id", 7}}).empty());
  const auto motion =
      inputs_of({{"imu", {{"acc.csv", "gyro.csv"}, "all.csv"}},
                 {"sensor", {{"imu_gravity", "absent"}, {"imu_columns", "acc=1-3"}}}});
  ASSERT_EQ(motion.size(), 2U);
  EXPECT_EQ(motion[0].parts.at(0).name, "root/gyro.csv");
  EXPECT_TRUE(motion[1].parts.empty());
  EXPECT_EQ(motion[1].sensor.imu_gravity, ImuGravity::kAbsent);
  EXPECT_EQ(motion[1].sensor.imu_columns, "acc=1-3");
}

TEST_F(ConversationFileTest, SaysWhatIsWrongWithARecord) {
  const std::string good = about_picture("a.jpg", "What?", "A dog.");
  const auto record = [](const std::string& turns) {
    return R"({"image_name": "a", "conversation": )" + turns + "}";
  };
  EXPECT_THAT(fault("[" + good + ", {}]", 1), HasSubstr("'conversation'"));
  EXPECT_THAT(fault("[" + good + ", 7]", 1), HasSubstr("not an object"));
  EXPECT_THAT(fault("[" + good + ",," + good + "]", 1), HasSubstr("not valid JSON"));
  EXPECT_THAT(fault(about_picture("a.jpg", "What?", " \n")), HasSubstr("answer is empty"));
  EXPECT_THAT(fault(R"([{"image_name": 3}])"), HasSubstr("'image_name'"));
  EXPECT_THAT(fault(R"([{"image": 3}])"), HasSubstr("'image'"));
  EXPECT_THAT(fault(R"([{"image": ""}])"), HasSubstr("empty"));
  EXPECT_THAT(fault(R"([{"image": "a", "weights": {"image": "x"}}])"), HasSubstr("weight"));
  EXPECT_THAT(fault(R"([{"imu": "a", "sensor": {"rate": 3}}])"), HasSubstr("'rate'"));
  EXPECT_THAT(fault(R"([{"imu": "a", "sensor": {"rotation_unit": "rpm"}}])"), HasSubstr("'rpm'"));
  EXPECT_THAT(fault(R"([{"depth": "a", "sensor": {"depth_encoding": "feet"}}])"),
              HasSubstr("'feet'"));
  EXPECT_THAT(fault(record(R"([{"from": "gpt", "value": "x"}])")), HasSubstr("alternate"));
  EXPECT_THAT(fault(record(R"([{"from": "human", "value": "x"}])")), HasSubstr("no answer"));
  EXPECT_THAT(fault(record(R"([{"from": "user", "value": "x"}])")), HasSubstr("'user'"));
  EXPECT_THAT(fault(record(R"([{"from": "human"}])")), HasSubstr("'value'"));
  EXPECT_THAT(fault(record("[[]]")), HasSubstr("not an object"));
  EXPECT_THAT(fault(good + "\n{\"a\": \"\xFF\"}\n", 1), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(fault(good + "\n" + good.substr(0, 30), 1), HasSubstr("not valid JSON"));
  EXPECT_THAT(fault(good + "\n" + std::string(ConversationFile::kMaxRecordBytes + 1, 'x'), 1),
              HasSubstr("longer than 16 MiB"));
}

TEST_F(ConversationFileTest, InputsUnderAnotherNameAreNotLost) {
  const auto with = [](const std::string& key, const nlohmann::json& value) {
    return test::conversation_about({{key, value}}, "What?", "A dog.").dump();
  };
  for (const auto& [key, meant] :
       {std::pair{"images", "image"}, std::pair{"image_path", "image"}, std::pair{"img", "image"},
        std::pair{"Image", "image"}, std::pair{"img_file", "image"}, std::pair{"picture", "image"},
        std::pair{"videos", "video"}, std::pair{"video_path", "video"}, std::pair{"sound", "audio"},
        std::pair{"audio_file", "audio"}, std::pair{"wav", "audio"}, std::pair{"depths", "depth"},
        std::pair{"thermal_image", "thermal"}, std::pair{"imu_data", "imu"}}) {
    std::string wanted = "'";
    wanted.append(key).append("' is no key of an input; did you mean '").append(meant) += '\'';
    EXPECT_THAT(fault(with(key, "a.jpg")), HasSubstr(wanted));
    EXPECT_THAT(fault(with(key, {"a.jpg", "b.jpg"})), HasSubstr(wanted));
  }
  // What is about an input, or about something else, stays a remark.
  for (const auto& record :
       {with("image_id", "0017"), with("image_width", 640), with("video_duration", "3 s"),
        with("images", nullptr), with("source", "coco"), with("audio_length", 3.5),
        with("images", nlohmann::json::array()), with("caption", "a dog")})
    EXPECT_TRUE(open(record).read(0).inputs.empty()) << record;
}

TEST_F(ConversationFileTest, FactsStandBeforeTheFirstQuestion) {
  const auto with = [](const nlohmann::json& facts, nlohmann::json inputs) {
    inputs["facts"] = facts;
    return test::conversation_about(inputs, "<image>\nHow hot is it?", "36.5 °C.").dump();
  };
  const nlohmann::json picture{{"thermal", "a.tiff"}};
  EXPECT_EQ(open(with("Measured: hottest 36.5 °C.", picture)).read(0).turns[0].question,
            "Measured: hottest 36.5 °C.\nHow hot is it?");
  EXPECT_EQ(open(with("", picture)).read(0).turns[0].question, "How hot is it?");
  EXPECT_EQ(open(with(nullptr, picture)).read(0).turns[0].question, "How hot is it?");
  EXPECT_THAT(fault(with("two\nlines", picture)), HasSubstr("'facts' has several lines"));
  EXPECT_THAT(fault(with(true, picture)), HasSubstr("'facts'"));
  nlohmann::json about_text = test::conversation_about({}, "Hi", "Hello.");
  about_text["facts"] = "Measured: 3 s.";
  EXPECT_THAT(fault(about_text.dump()), HasSubstr("'facts' are of inputs"));
}

TEST_F(ConversationFileTest, FilesOfLlava) {
  const auto read = [&](const std::string& question, const nlohmann::json& inputs) {
    nlohmann::json record = test::conversation_about(inputs, question, "A bus.");
    record["conversations"] = record["conversation"];
    record.erase("conversation");
    return open(record.dump()).read(0);
  };
  const nlohmann::json picture{{"image", "a.jpg"}};
  for (const char* question : {"<image>\nWhat is it?", "What is it?\n<image>", "What is it?",
                               " <image> <image>\n What is it?\n<image>\n"})
    EXPECT_EQ(read(question, picture).turns[0].question, "What is it?") << question;
  EXPECT_EQ(read("<video>\nWhat?", {{"video", "a.mp4"}}).turns[0].question, "What?");
  EXPECT_EQ(read("<audio>What?", {{"audio", "a.wav"}}).turns[0].question, "What?");
  EXPECT_EQ(read(" Is a < b? ", picture).turns[0].question, " Is a < b? ") << "text stays as it is";

  const auto fault_of = [&](const std::string& question, const nlohmann::json& inputs) {
    return fault(test::conversation_about(inputs, question, "A bus.").dump());
  };
  EXPECT_THAT(fault_of("<image>\nWhat is it?", nlohmann::json::object()),
              HasSubstr("the mark of an input, but the record names none"));
  EXPECT_THAT(fault_of("Is <image> red?", picture),
              HasSubstr("'<image>' stands inside a question"));
  nlohmann::json later = test::conversation_about(picture, "What is it?", "A bus.");
  later["conversation"].push_back({{"from", "human"}, {"value", "<image>\nAnd here?"}});
  later["conversation"].push_back({{"from", "gpt"}, {"value", "A car."}});
  EXPECT_THAT(fault(later.dump()), HasSubstr("inputs stand before the first one"));
  later["conversations"] = later["conversation"];
  EXPECT_THAT(fault(later.dump()), HasSubstr("both 'conversation' and 'conversations'"));
}

TEST_F(ConversationFileTest, SaysWhatIsWrongWithAFile) {
  const std::string good = about_picture("a.jpg", "What?", "A dog.");
  const auto message = [&](const std::string& content) {
    const Error error = error_of([&] { open(content); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return std::string(error.what());
  };
  EXPECT_THAT(message("[" + good), HasSubstr("no end"));
  EXPECT_THAT(message("[" + good + "] x"), HasSubstr("behind"));
  EXPECT_THAT(message("[" + good + "}]"), HasSubstr("not valid JSON near byte"));
  EXPECT_THAT(message("[]"), HasSubstr("no conversations"));
  EXPECT_THAT(message(""), HasSubstr("no conversations"));
  EXPECT_THAT(message(std::string("\xFF\xFE[\0", 4)), HasSubstr("UTF-16, not UTF-8"));
  EXPECT_THAT(message("version https://git-lfs.github.com/spec/v1\n"),
              HasSubstr("Git LFS pointer"));
  EXPECT_EQ(error_of([&] { ConversationFile(folder_ / "none", ""); }).kind(), ErrorKind::kInput);
  EXPECT_EQ(error_of([&] { ConversationFile(folder_.path(), ""); }).kind(), ErrorKind::kInput);
}

TEST_F(ConversationFileTest, AnEmbeddingMayStandInAPicturesPlace) {
  const auto record = [](const nlohmann::json& inputs) {
    return test::conversation_about(inputs, "What?", "A dog.").dump() + "\n";
  };
  const ConversationFile file =
      open(record({{"embedding", "a.npy"}, {"row", 12}}) + record({{"embedding", "a.npy"}}) +
           record({{"embedding", "a.png"}}) + record({{"embedding", "a.npy"}, {"row", -1}}));
  const Input input = file.read(0).inputs.items().at(0);
  const auto row = embedding_row(input.name);
  ASSERT_TRUE(row);
  EXPECT_EQ(fs::path(row->path).filename(), "a.npy");
  EXPECT_EQ(row->row, 12);
  EXPECT_EQ(embedding_row(file.read(1).inputs.items().at(0).name)->row, 0);
  EXPECT_THROW(file.read(2), BadObject);
  EXPECT_THROW(file.read(3), BadObject);
  for (const char* name : {"a.npy", "a.npy#", "a.npy#x", "a.npy#-1", "a.npy#1x", "a.png#1"})
    EXPECT_FALSE(embedding_row(name)) << name;
}

TEST_F(ConversationFileTest, AQuestionMayStandOpenIfAsked) {
  const ConversationFile file = open(R"({"conversation": [{"from": "human", "value": "x"}]})");
  EXPECT_THROW(file.read(0), BadObject);
  EXPECT_EQ(file.read(0, true).turns.at(0).question, "x");
}

TEST_F(ConversationFileTest, AFileThatChangesUnderTheRunIsNoticed) {
  const ConversationFile file = open(about_picture("a.jpg", "What?", "A dog."));
  {
    std::fstream out(path_, std::ios::in | std::ios::out);
    out.seekp(20);
    out.put('#');
  }
  EXPECT_THAT(error_of([&] { file.read(0); }).what(), HasSubstr("has changed"));
  fs::resize_file(path_, 10);
  EXPECT_THAT(error_of([&] { file.read(0); }).what(), HasSubstr("has changed"));
}

// One token a byte, so that positions can be counted in the text.
std::vector<std::int32_t> bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

Example two_turns(std::int64_t max_length = 1024, bool with_input = true) {
  Conversation c{"", {}, {{"q1", "a1"}, {"q2", "a2"}}};
  if (with_input) c.inputs.add_file(Modality::kImage, "a.jpg");
  ConversationTokenizer tokenizer(bytes_of, {PromptTemplate{}, 1, 2, max_length});
  const Example e = tokenizer(c);
  EXPECT_EQ(tokenizer.is_too_long(c), e.is_cut) << max_length;
  return e;
}

std::string text_of(const Example& e, bool labels_only = false) {
  std::string text;
  for (std::size_t i = 0; i < e.tokens.size(); ++i) {
    const std::int32_t token = e.tokens[i];
    if (labels_only && !e.is_label[i]) continue;
    text += token == Example::kImageToken ? '*' : token == 1 ? '^' : static_cast<char>(token);
  }
  return text;
}

TEST(TrainTokens, FollowThePromptProtocolAndOnlyAnswersAreLabels) {
  EXPECT_EQ(text_of(two_turns()),
            "^### Human: <Img>**</Img> q1\n### Assistant:a1\n### Human: q2\n### Assistant:a2\n###");
  EXPECT_EQ(text_of(two_turns(), true), "a1\n###a2\n###");
  const Example text_only = two_turns(1024, false);
  EXPECT_EQ(text_of(text_only),
            "^### Human: q1\n### Assistant:a1\n### Human: q2\n### Assistant:a2\n###");
  EXPECT_EQ(text_only.n_inputs, 0);
}

TEST(TrainTokens, OverlongConversationsAreCut) {
  const Example cut = two_turns(50);
  EXPECT_TRUE(cut.is_cut);
  EXPECT_EQ(cut.tokens.size(), 50U);
  EXPECT_TRUE(cut.has_labels());
  EXPECT_FALSE(two_turns(20).has_labels());  // ends before the first answer
  const auto whole = static_cast<std::int64_t>(two_turns().tokens.size());
  EXPECT_FALSE(two_turns(whole).is_cut);
  EXPECT_TRUE(two_turns(whole - 1).is_cut);
}

std::vector<Example> many_examples() {
  std::vector<Example> examples;
  for (int i = 0; i < 53; ++i) {
    Example e;
    e.source = i / 5;
    e.tokens = {1, Example::kImageToken, 7, 8, 10 + i};
    e.is_label = {0, 0, 0, 0, 1};
    examples.push_back(e);
  }
  return examples;
}

TEST(TrainOrder, AnEpochHasEveryExampleOnceInAnOrderOfItsOwn) {
  std::vector<std::int64_t> sources;
  for (const Example& e : many_examples())
    sources.push_back(e.source);
  sources[20] = sources[30] = kNoSource;
  const auto flat = [&](std::uint64_t seed, std::int64_t epoch) {
    std::vector<std::int64_t> all;
    for (const Batch& batch : order_epoch(sources, {8, 3, seed}, epoch))
      for (const Group& group : batch) {
        EXPECT_LE(group.size(), 3U);
        for (const std::int64_t member : group) {
          EXPECT_EQ(sources[static_cast<std::size_t>(member)],
                    sources[static_cast<std::size_t>(group[0])]);
          all.push_back(member);
        }
      }
    return all;
  };
  const auto first = flat(1, 0);
  EXPECT_EQ(std::set<std::int64_t>(first.begin(), first.end()).size(), sources.size());
  EXPECT_EQ(first.size(), sources.size());
  EXPECT_EQ(first, flat(1, 0));
  EXPECT_NE(first, flat(1, 1));
  EXPECT_NE(first, flat(2, 0));
}

TEST(TrainOrder, ConversationsThatAreAloneTravelTogether) {
  // 0 to 9: each about its own inputs; 10 and 11: about the same; 12 to 16: about none
  std::vector<std::int64_t> sources(10);
  std::iota(sources.begin(), sources.end(), 0);
  sources.insert(sources.end(), {10, 10});
  sources.insert(sources.end(), 5, kNoSource);
  const auto kind = [](std::int64_t example) { return example < 10 ? 0 : example < 12 ? 1 : 2; };
  const auto groups_of = [&](std::int64_t answers_per_group, std::int64_t epoch) {
    std::vector<Group> groups;
    for (const Batch& batch : order_epoch(sources, {100, answers_per_group, 3}, epoch))
      groups.insert(groups.end(), batch.begin(), batch.end());
    for (Group& group : groups) {
      for (const std::int64_t member : group)
        EXPECT_EQ(kind(member), kind(group[0]));
      std::ranges::sort(group);
    }
    std::ranges::sort(groups);
    return groups;
  };
  const auto groups = groups_of(4, 0);
  ASSERT_EQ(groups.size(), 3U + 1U + 2U);  // 4 + 4 + 2, 2, 4 + 1
  EXPECT_NE(groups_of(4, 1), groups) << "other ones in another epoch";
  EXPECT_EQ(groups_of(1, 0).size(), sources.size());
}

void add_ones(std::int64_t example, FeatureRows& rows, const std::vector<Example>& examples) {
  for (std::int64_t i = 0; i < examples[static_cast<std::size_t>(example)].n_inputs; ++i) {
    rows.values.insert(rows.values.end(), 3, static_cast<float>(i + 1));
    rows.weights.push_back(0.5F);
  }
}

TEST(TrainPack, RowsPredictTheRightTokens) {
  const std::vector<Example> examples = many_examples();
  const PackedBatch batch = pack(
      examples, {{0, 1, 2}, {9}},
      [&](std::int64_t e, FeatureRows& rows) { add_ones(e, rows, examples); }, 3);
  // 4 shared tokens and 3 answers of 1, then a lone sequence of 5, padded to a multiple
  EXPECT_EQ(batch.n_tokens, 4 + 3 + 5);
  EXPECT_EQ(batch.tokens.size(0) % kPackMultiple, 0);
  EXPECT_TRUE(torch::equal(batch.label_rows, torch::tensor({3, 3, 3, 10}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.targets, torch::tensor({10, 11, 12, 19}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.layout.positions.narrow(0, 0, 12),
                           torch::tensor({0, 1, 2, 3, 4, 4, 4, 0, 1, 2, 3, 4}, torch::kInt64)));
  EXPECT_EQ(batch.image_rows.size(0), 2);
  EXPECT_EQ(batch.n_images, 2);
  EXPECT_EQ(batch.layout.trees.size(), 3U);  // group, lone sequence, padding
}

// Of conversations about other inputs only what stands before the inputs is shared.
TEST(TrainPack, StrangersShareHowThePromptBegins) {
  std::vector<Example> examples(3);
  for (int i = 0; i < 3; ++i) {
    examples[static_cast<std::size_t>(i)] = {
        .source = i, .tokens = {1, 5, 6, Example::kImageToken, 7, 10 + i}, .is_label = {}};
    examples[static_cast<std::size_t>(i)].is_label = {0, 0, 0, 0, 0, 1};
  }
  const auto features = [&](std::int64_t e, FeatureRows& rows) {
    rows.values.insert(rows.values.end(), 3, static_cast<float>(e));
    rows.weights.push_back(1);
  };
  const PackedBatch batch = pack(examples, {{0, 1, 2}}, features, 3);
  EXPECT_EQ(batch.n_tokens, 3 + 3 * 3);
  EXPECT_TRUE(torch::equal(batch.layout.positions.narrow(0, 0, 12),
                           torch::tensor({0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.image_rows, torch::tensor({3, 6, 9}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.feature_images, torch::tensor({0, 1, 2}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.features.select(1, 0), torch::tensor({0.0F, 1.0F, 2.0F})));
  EXPECT_TRUE(torch::equal(batch.label_rows, torch::tensor({4, 7, 10}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.targets, torch::tensor({10, 11, 12}, torch::kInt64)));
  ASSERT_EQ(batch.layout.trees.size(), 2U);  // the group, padding
  EXPECT_EQ(batch.layout.trees[0].segments.size(), 4U);
  EXPECT_EQ(batch.layout.trees[0].segments[2].prefix_length, 3);
  const PackedSize size = packed_size(examples, {0, 1, 2});
  EXPECT_EQ(size.n_tokens, 12);
  EXPECT_EQ(size.n_features, 3);
  EXPECT_EQ(size.n_labels, 3);
}

TEST(TrainPack, SeveralInputsAreSummedWithTheirWeightsAndTextHasNone) {
  std::vector<Example> examples = many_examples();
  examples[0].n_inputs = examples[1].n_inputs = 2;
  examples[30].n_inputs = 0;
  examples[30].tokens = {1, 7, 8, 10};
  examples[30].is_label = {0, 0, 0, 1};
  const Batch groups = {{30}, {0, 1}, {9}};
  const PackedBatch batch = pack(
      examples, groups, [&](std::int64_t e, FeatureRows& rows) { add_ones(e, rows, examples); }, 3);
  EXPECT_EQ(batch.n_images, 2);
  EXPECT_TRUE(torch::equal(batch.feature_images, torch::tensor({0, 0, 1}, torch::kInt64)));
  EXPECT_EQ(batch.features.size(0), 3);
  std::int64_t n_features = 0;
  for (const Group& group : groups)
    n_features += packed_size(examples, group).n_features;
  EXPECT_EQ(n_features, 3);

  torch::manual_seed(1);
  const Projector projector{.weight = torch::randn({8, 3}),
                            .bias = torch::randn({8}),
                            .mean = torch::zeros({3}),
                            .deviation = torch::ones({3}),
                            .lexicon = std::nullopt};
  const torch::Tensor images = projector.images(batch, 4, 0, 0);  // two tokens of width 4 each
  ASSERT_EQ(images.sizes(), (std::vector<std::int64_t>{4, 4}));
  const auto projected = [&](float value) { return projector(torch::full({1, 3}, value)); };
  const torch::Tensor both = 0.5 * projected(1) + 0.5 * projected(2);
  EXPECT_TRUE(torch::allclose(images.narrow(0, 0, 2).reshape({1, 8}), both));
  EXPECT_TRUE(torch::allclose(images.narrow(0, 2, 2).reshape({1, 8}), 0.5 * projected(1)));
}

}  // namespace
}  // namespace pandagpt::train
