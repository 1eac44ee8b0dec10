// The C interface: results are those of the C++ interface; wrong calls are errors and no crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "c_api_support.h"
#include "pandagpt/panda.h"
#include "pandagpt/pandagpt.h"
#include "pandagpt/process.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::expect_failure;
using test::expect_usage_error;
using test::OwnedAnswer;
using test::OwnedChat;
using test::OwnedInputs;
using test::OwnedPanda;
using test::OwnedResults;
using test::text_of;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const std::string kPanda = (kFixtures / "tiny-panda").string();
const std::string kPhoto = (kFixtures / "encoders" / "photo_0.png").string();
const std::string kOtherPhoto = (kFixtures / "encoders" / "photo_1.png").string();

/// A struct to be filled by the library.
template <typename T>
T sized() {
  T value{};
  value.struct_size = sizeof(value);
  return value;
}

template <typename Options, pandagpt_status (*init)(Options*, std::size_t)>
void expect_judged_size() {
  Options options;
  EXPECT_EQ(init(&options, sizeof(options)), PANDAGPT_OK);
  EXPECT_EQ(options.struct_size, sizeof(options));
  expect_usage_error(init(nullptr, sizeof(options)), "'options' is NULL");
  expect_usage_error(init(&options, 0), "the size of 'options' is 0 bytes");
  expect_usage_error(init(&options, sizeof(options) - 1), "_init");
  struct Later {  // a header of the future
    Options options;
    std::uint64_t more;
  } later{};
  later.more = 7;
  EXPECT_EQ(init(&later.options, sizeof(later)), PANDAGPT_OK);
  EXPECT_EQ(later.options.struct_size, sizeof(later));
  EXPECT_EQ(later.more, 0U) << "fields that this version doesn't know are zero";
}

// ---- the library, inputs ----

TEST(CLibrary, TellsVersionAndNames) {
  EXPECT_THAT(pandagpt_version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  for (const Modality modality : kAllModalities)
    EXPECT_EQ(pandagpt_modality_name(static_cast<int>(modality)), to_string(modality));
  EXPECT_EQ(pandagpt_modality_name(6), nullptr);
  EXPECT_EQ(pandagpt_modality_name(-1), nullptr);
}

TEST(CLibrary, NullHandlesAreNoCrash) {
  pandagpt_inputs_free(nullptr);
  pandagpt_panda_free(nullptr);
  pandagpt_chat_free(nullptr);
  pandagpt_answer_free(nullptr);
  pandagpt_embedder_free(nullptr);
  pandagpt_embed_results_free(nullptr);
  std::size_t size = 7;
  EXPECT_EQ(pandagpt_answer_text(nullptr, &size), nullptr);
  EXPECT_EQ(size, 0U);
  EXPECT_EQ(pandagpt_answer_finish(nullptr), -1);
  EXPECT_EQ(pandagpt_answer_seed(nullptr), 0U);
  EXPECT_FALSE(pandagpt_answer_is_unsure(nullptr));
  EXPECT_EQ(pandagpt_answer_warning_count(nullptr), 0U);
  EXPECT_EQ(pandagpt_answer_warning(nullptr, 0), nullptr);
  EXPECT_EQ(pandagpt_inputs_count(nullptr), 0U);
  EXPECT_EQ(pandagpt_chat_turn_count(nullptr), 0U);
  EXPECT_EQ(pandagpt_embedder_name(nullptr), nullptr);
  EXPECT_EQ(pandagpt_embedder_fingerprint(nullptr), nullptr);
  EXPECT_EQ(pandagpt_embedder_dim(nullptr), 0);
  EXPECT_FALSE(pandagpt_embedder_takes(nullptr, PANDAGPT_IMAGE));
  EXPECT_FALSE(pandagpt_embedder_takes_text(nullptr));
  EXPECT_EQ(pandagpt_embed_results_count(nullptr), 0U);
  EXPECT_EQ(pandagpt_embed_results_row(nullptr, 0), nullptr);
  EXPECT_EQ(pandagpt_embed_results_status(nullptr, 0), PANDAGPT_ERROR_USAGE);
  EXPECT_EQ(pandagpt_embed_results_error(nullptr, 0), nullptr);

  auto timings = sized<pandagpt_timings>();
  auto info = sized<pandagpt_model_info>();
  pandagpt_generate_options generate;
  pandagpt_turn turn;
  float number = 0;
  const char* const text = "a";
  OwnedAnswer answer;
  OwnedChat chat;
  OwnedResults results;
  expect_usage_error(pandagpt_inputs_create(nullptr), "'inputs' is NULL");
  expect_usage_error(pandagpt_inputs_add_file(nullptr, PANDAGPT_IMAGE, "a", nullptr), "'inputs'");
  expect_usage_error(pandagpt_inputs_add_memory(nullptr, PANDAGPT_IMAGE, "a", 1, "a", nullptr),
                     "'inputs'");
  expect_usage_error(pandagpt_inputs_add_sound_of_videos(nullptr), "'inputs'");
  expect_usage_error(pandagpt_answer_timings(nullptr, &timings), "'answer'");
  expect_usage_error(pandagpt_panda_open("a", nullptr, nullptr), "'panda'");
  expect_usage_error(pandagpt_panda_info(nullptr, &info), "'panda'");
  expect_usage_error(pandagpt_generate_options_init(nullptr, &generate, sizeof(generate)),
                     "'panda'");
  expect_usage_error(pandagpt_panda_ask(nullptr, nullptr, "a", nullptr, nullptr, nullptr, &answer),
                     "'panda'");
  expect_usage_error(pandagpt_panda_embed(nullptr, nullptr, &number, 1), "'panda'");
  expect_usage_error(pandagpt_chat_create(nullptr, &chat), "'panda'");
  expect_usage_error(pandagpt_chat_set_inputs(nullptr, nullptr), "'chat'");
  expect_usage_error(pandagpt_chat_add_inputs(nullptr, nullptr), "'chat'");
  expect_usage_error(pandagpt_chat_ask(nullptr, "a", nullptr, nullptr, nullptr, &answer), "'chat'");
  expect_usage_error(pandagpt_chat_regenerate(nullptr, nullptr, nullptr, nullptr, &answer),
                     "'chat'");
  expect_usage_error(pandagpt_chat_reset(nullptr), "'chat'");
  expect_usage_error(pandagpt_chat_turn(nullptr, 0, &turn), "'chat'");
  expect_usage_error(pandagpt_chat_set_history(nullptr, nullptr, 0), "'chat'");
  expect_usage_error(pandagpt_chat_add_turn(nullptr, "a", "a"), "'chat'");
  expect_usage_error(pandagpt_embedder_open("a", nullptr, nullptr), "'embedder'");
  expect_usage_error(pandagpt_embedder_embed(nullptr, nullptr, &number, 1), "'embedder'");
  expect_usage_error(pandagpt_embedder_embed_texts(nullptr, &text, 1, &number, 1), "'embedder'");
  expect_usage_error(pandagpt_embedder_combine(nullptr, nullptr, &number, 1), "'embedder'");
  expect_usage_error(pandagpt_embedder_embed_each(nullptr, nullptr, &results), "'embedder'");
  expect_usage_error(pandagpt_embedder_embed_texts_each(nullptr, &text, 1, &results), "'embedder'");
}

TEST(CLibrary, StructsSayTheirSize) {
  expect_judged_size<pandagpt_input_options, pandagpt_input_options_init>();
  expect_judged_size<pandagpt_panda_options, pandagpt_panda_options_init>();
  expect_judged_size<pandagpt_embedder_options, pandagpt_embedder_options_init>();
}

TEST(CLibrary, EachThreadHasItsOwnErrorText) {
  expect_usage_error(pandagpt_inputs_create(nullptr), "'inputs'");
  std::thread([] {
    EXPECT_STREQ(pandagpt_last_error(), "");
    pandagpt_panda_open("a", nullptr, nullptr);
    EXPECT_THAT(pandagpt_last_error(), HasSubstr("'panda'"));
  }).join();
  EXPECT_THAT(pandagpt_last_error(), HasSubstr("'inputs'"));
}

TEST(CInputs, AreFilesAndBuffersWithOptions) {
  OwnedInputs inputs;
  ASSERT_EQ(pandagpt_inputs_create(&inputs), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_inputs_count(inputs), 0U);
  EXPECT_EQ(pandagpt_inputs_add_file(inputs, PANDAGPT_VIDEO, "a.mp4", nullptr), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_inputs_add_memory(inputs, PANDAGPT_IMU, "1,2", 3, nullptr, nullptr),
            PANDAGPT_OK);
  EXPECT_EQ(pandagpt_inputs_add_part(inputs, "gyroscope.csv", nullptr, 0), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_inputs_add_part(inputs, "gravity.csv", "1,2", 3), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_inputs_count(inputs), 2U);
  EXPECT_EQ(pandagpt_inputs_add_sound_of_videos(inputs), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_inputs_count(inputs), 3U);
  expect_usage_error(pandagpt_inputs_add_part(inputs, "a", nullptr, 0), "no motion recording");
  expect_usage_error(pandagpt_inputs_add_part(inputs, nullptr, nullptr, 0), "'name'");
  expect_failure(pandagpt_inputs_add_part(inputs, "a", "", 0), PANDAGPT_ERROR_INPUT,
                 "a: the buffer is empty");

  expect_usage_error(pandagpt_inputs_add_file(inputs, PANDAGPT_IMAGE, nullptr, nullptr), "'path'");
  expect_usage_error(pandagpt_inputs_add_file(inputs, 6, "a", nullptr), "modality is 6");
  expect_usage_error(pandagpt_inputs_add_memory(inputs, PANDAGPT_IMAGE, nullptr, 1, "a", nullptr),
                     "'data'");
  expect_failure(pandagpt_inputs_add_memory(inputs, PANDAGPT_IMAGE, "", 0, "a.png", nullptr),
                 PANDAGPT_ERROR_INPUT, "a.png: the buffer is empty");
  pandagpt_input_options options;
  const auto refused = [&](auto change, const std::string& text) {
    ASSERT_EQ(pandagpt_input_options_init(&options, sizeof(options)), PANDAGPT_OK);
    change();
    expect_usage_error(pandagpt_inputs_add_file(inputs, PANDAGPT_IMU, "a", &options), text);
  };
  refused([&] { options.struct_size = 0; }, "the size of 'options' is 0 bytes");
  refused([&] { options.struct_size += 8; }, "the header of the library that is loaded");
  refused([&] { options.weight = NAN; }, "weight");
  refused([&] { options.imu_gravity = 3; }, "imu_gravity is 3");
  refused([&] { options.acceleration_unit = 4; }, "acceleration_unit is 4");
  refused([&] { options.rotation_unit = -1; }, "rotation_unit is -1");
  refused([&] { options.depth_encoding = 16; }, "depth_encoding is 16");
  refused([&] { options.depth_encoding = -1; }, "depth_encoding is -1");
  refused([&] { options.audio_channel = 65; }, "audio_channel is 65");
  refused([&] { options.audio_channel = -3; }, "audio_channel is -3");
  EXPECT_EQ(pandagpt_inputs_count(inputs), 3U) << "what is refused adds nothing";
}

// ---- questions ----

class CPandaTest : public testing::Test {
 protected:
  CPandaTest() {
    pandagpt_panda_options options;
    EXPECT_EQ(pandagpt_panda_options_init(&options, sizeof(options)), PANDAGPT_OK);
    options.n_threads = 1;
    EXPECT_EQ(pandagpt_panda_open(kPanda.c_str(), &options, &panda_), PANDAGPT_OK);
    EXPECT_EQ(pandagpt_inputs_create(&inputs_), PANDAGPT_OK);
    EXPECT_EQ(pandagpt_inputs_add_file(inputs_, PANDAGPT_IMAGE, kPhoto.c_str(), nullptr),
              PANDAGPT_OK);
    expected_inputs_.add_file(Modality::kImage, kPhoto);
  }
  pandagpt_generate_options greedy(int max_tokens) const {
    pandagpt_generate_options options;
    EXPECT_EQ(pandagpt_generate_options_init(panda_, &options, sizeof(options)), PANDAGPT_OK);
    options.greedy = true;
    options.max_tokens = max_tokens;
    return options;
  }

  OwnedPanda panda_;
  OwnedInputs inputs_;
  const Panda expected_{kPanda, {.n_threads = 1}};
  Inputs expected_inputs_;
};

TEST_F(CPandaTest, AnswersAreThoseOfTheCxxInterface) {
  const Answer expected = expected_.ask(expected_inputs_, "What is it?");
  OwnedAnswer answer;
  std::string streamed;
  const auto on_text = [](const char* text, std::size_t size, void* user) {
    EXPECT_EQ(std::strlen(text), size);
    static_cast<std::string*>(user)->append(text, size);
    return true;
  };
  ASSERT_EQ(
      pandagpt_panda_ask(panda_, inputs_, "What is it?", nullptr, on_text, &streamed, &answer),
      PANDAGPT_OK);
  EXPECT_EQ(text_of(answer), expected.text);
  EXPECT_NE(expected.text, "");
  EXPECT_THAT(streamed, HasSubstr(expected.text));
  EXPECT_EQ(pandagpt_answer_finish(answer), PANDAGPT_FINISH_STOP);
  EXPECT_FALSE(pandagpt_answer_is_unsure(answer));
  auto timings = sized<pandagpt_timings>();
  ASSERT_EQ(pandagpt_answer_timings(answer, &timings), PANDAGPT_OK);
  EXPECT_EQ(timings.generated_tokens, expected.timings.generated_tokens);
  EXPECT_EQ(timings.prompt_tokens + timings.reused_tokens,
            expected.timings.prompt_tokens + expected.timings.reused_tokens);
  timings.struct_size = 8;
  expect_usage_error(pandagpt_answer_timings(answer, &timings), "the size of 'timings' is 8");
  expect_usage_error(pandagpt_answer_timings(answer, nullptr), "'timings'");

  // about text alone, of which the model has to say something
  OwnedAnswer alone;
  ASSERT_EQ(
      pandagpt_panda_ask(panda_, nullptr, "Is it in the photo?", nullptr, nullptr, nullptr, &alone),
      PANDAGPT_OK);
  const Answer expected_alone = expected_.ask({}, "Is it in the photo?");
  EXPECT_EQ(text_of(alone), expected_alone.text);
  ASSERT_EQ(pandagpt_answer_warning_count(alone), expected_alone.warnings.size());
  for (std::size_t i = 0; i < expected_alone.warnings.size(); ++i)
    EXPECT_EQ(pandagpt_answer_warning(alone, i), expected_alone.warnings[i]);
  EXPECT_EQ(pandagpt_answer_warning(alone, expected_alone.warnings.size()), nullptr);
}

TEST_F(CPandaTest, OptionsReachTheModelAndAreJudged) {
  pandagpt_generate_options options = greedy(2);
  const GenerateOptions& defaults = expected_.default_options();
  EXPECT_EQ(options.top_p, defaults.top_p);
  EXPECT_EQ(options.n_draft, defaults.n_draft);
  EXPECT_EQ(options.has_seed, defaults.seed.has_value());
  OwnedAnswer answer;
  ASSERT_EQ(pandagpt_panda_ask(panda_, inputs_, "What?", &options, nullptr, nullptr, &answer),
            PANDAGPT_OK);
  GenerateOptions same = defaults;
  same.greedy = true;
  same.max_tokens = 2;
  EXPECT_EQ(text_of(answer), expected_.ask(expected_inputs_, "What?", same).text);
  EXPECT_EQ(pandagpt_answer_finish(answer), PANDAGPT_FINISH_LENGTH);

  options.greedy = false;
  options.temperature = 5;
  options.top_p = 1;
  options.has_seed = true;
  options.seed = 77;
  OwnedAnswer drawn;
  ASSERT_EQ(pandagpt_panda_ask(panda_, inputs_, "What?", &options, nullptr, nullptr, &drawn),
            PANDAGPT_OK);
  same.greedy = false;
  same.temperature = 5;
  same.top_p = 1;
  same.seed = 77;
  EXPECT_EQ(text_of(drawn), expected_.ask(expected_inputs_, "What?", same).text);
  EXPECT_EQ(pandagpt_answer_seed(drawn), 77U);

  OwnedAnswer none;
  const auto refused = [&](pandagpt_generate_options wrong, const std::string& text) {
    none.value = answer.value;  // becomes NULL
    expect_usage_error(
        pandagpt_panda_ask(panda_, inputs_, "What?", &wrong, nullptr, nullptr, &none), text);
    EXPECT_EQ(none.value, nullptr);
  };
  pandagpt_generate_options wrong = greedy(0);
  refused(wrong, "max_tokens");
  wrong = greedy(2);
  wrong.greedy = false;
  wrong.top_p = 2;
  refused(wrong, "top_p");
  wrong.struct_size = sizeof(wrong) + 16;
  refused(wrong, "the size of 'options'");
  wrong.struct_size = 3;
  refused(wrong, "the size of 'options' is 3 bytes");
  expect_usage_error(pandagpt_generate_options_init(panda_, nullptr, sizeof(wrong)), "'options'");
  expect_usage_error(pandagpt_generate_options_init(panda_, &wrong, 4), "the size of 'options'");
}

TEST_F(CPandaTest, ACallbackStopsTheAnswer) {
  int calls = 0;
  OwnedAnswer answer;
  ASSERT_EQ(pandagpt_panda_ask(
                panda_, inputs_, "What is it?", nullptr,
                [](const char*, std::size_t, void* user) { return ++*static_cast<int*>(user) < 1; },
                &calls, &answer),
            PANDAGPT_OK);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(pandagpt_answer_finish(answer), PANDAGPT_FINISH_CANCELLED);
  const Answer expected =
      expected_.ask(expected_inputs_, "What is it?", expected_.default_options(),
                    [](std::string_view) { return false; });
  EXPECT_EQ(text_of(answer), expected.text);
}

TEST_F(CPandaTest, FailuresHaveTheirKind) {
  OwnedInputs wrong;
  ASSERT_EQ(pandagpt_inputs_create(&wrong), PANDAGPT_OK);
  OwnedAnswer answer;
  const auto ask = [&](const pandagpt_inputs* inputs, const char* question) {
    return pandagpt_panda_ask(panda_, inputs, question, nullptr, nullptr, nullptr, &answer);
  };
  ASSERT_EQ(pandagpt_inputs_add_file(wrong, PANDAGPT_IMAGE, "/nowhere/a.png", nullptr),
            PANDAGPT_OK);
  expect_failure(ask(wrong, "What?"), PANDAGPT_ERROR_INPUT, "/nowhere/a.png: no such file");
  OwnedInputs sound;
  ASSERT_EQ(pandagpt_inputs_create(&sound), PANDAGPT_OK);
  ASSERT_EQ(pandagpt_inputs_add_file(sound, PANDAGPT_AUDIO, "a.wav", nullptr), PANDAGPT_OK);
  expect_failure(ask(sound, "What?"), PANDAGPT_ERROR_MODEL, "no audio tower");
  expect_usage_error(ask(inputs_, nullptr), "'question'");
  expect_usage_error(
      pandagpt_panda_ask(panda_, inputs_, "What?", nullptr, nullptr, nullptr, nullptr), "'answer'");

  pandagpt_panda* none = panda_;
  expect_failure(pandagpt_panda_open("/nowhere", nullptr, &none), PANDAGPT_ERROR_MODEL, "/nowhere");
  EXPECT_EQ(none, nullptr);
  expect_usage_error(pandagpt_panda_open(nullptr, nullptr, &none), "'model'");
  pandagpt_panda_options options;
  const auto refused = [&](auto change, const std::string& text) {
    ASSERT_EQ(pandagpt_panda_options_init(&options, sizeof(options)), PANDAGPT_OK);
    change();
    expect_usage_error(pandagpt_panda_open(kPanda.c_str(), &options, &none), text);
  };
  refused([&] { options.struct_size = 1; }, "the size of 'options' is 1 bytes");
  refused([&] { options.later_inputs = 9; }, "later_inputs is 9");
  refused([&] { options.n_rpc_servers = 1; }, "'rpc_servers' is NULL");
  refused([&] { options.device = "no such device"; }, "no such device");
  refused([&] { options.system_message = "Be brief."; }, "system message");
}

TEST_F(CPandaTest, TellsAboutTheModel) {
  auto info = sized<pandagpt_model_info>();
  ASSERT_EQ(pandagpt_panda_info(panda_, &info), PANDAGPT_OK);
  const ModelInfo& expected = expected_.info();
  EXPECT_EQ(info.name, expected.name);
  EXPECT_EQ(info.folder, expected.folder);
  EXPECT_EQ(info.licence, expected.licence);
  EXPECT_EQ(info.licence_note, expected.licence_note);
  EXPECT_EQ(info.limitations, expected.limitations);
  EXPECT_EQ(info.provenance, expected.provenance);
  EXPECT_EQ(info.language_model, expected.language_model);
  EXPECT_EQ(info.embedding_dim, expected.embedding_width);
  EXPECT_EQ(info.n_image_tokens, expected.n_image_tokens);
  EXPECT_EQ(info.n_ctx, expected.n_ctx);
  EXPECT_EQ(info.later_inputs, PANDAGPT_LATER_INPUTS_REPLACE);
  ASSERT_EQ(info.n_modalities, expected.modalities.size());
  for (std::size_t i = 0; i < info.n_modalities; ++i)
    EXPECT_EQ(info.modalities[i], static_cast<int>(expected.modalities[i]));
  ASSERT_EQ(info.n_example_questions, expected.example_questions.size());
  EXPECT_EQ(info.example_questions[0], expected.example_questions[0]);
  info.struct_size = sizeof(std::size_t);
  expect_usage_error(pandagpt_panda_info(panda_, &info), "the size of 'info'");
  expect_usage_error(pandagpt_panda_info(panda_, nullptr), "'info'");
}

TEST_F(CPandaTest, EmbedsAndJudgesTheRoom) {
  const std::vector<float> expected = expected_.embed(expected_inputs_);
  std::vector<float> rows(expected.size(), -1);
  expect_usage_error(pandagpt_panda_embed(panda_, inputs_, rows.data(), rows.size() - 1),
                     "'rows' has room for " + std::to_string(rows.size() - 1));
  EXPECT_EQ(rows[0], -1) << "nothing is written";
  expect_usage_error(pandagpt_panda_embed(panda_, inputs_, nullptr, rows.size()), "'rows'");
  expect_usage_error(pandagpt_panda_embed(panda_, nullptr, rows.data(), rows.size()), "'inputs'");
  ASSERT_EQ(pandagpt_panda_embed(panda_, inputs_, rows.data(), rows.size()), PANDAGPT_OK);
  EXPECT_EQ(rows, expected);
}

TEST_F(CPandaTest, WarningsComeBeforeTheAnswer) {
  std::vector<std::string> told;
  pandagpt_panda_options options;
  ASSERT_EQ(pandagpt_panda_options_init(&options, sizeof(options)), PANDAGPT_OK);
  options.on_warning = [](const char* warning, void* user) {
    static_cast<std::vector<std::string>*>(user)->emplace_back(warning);
  };
  options.on_warning_user = &told;
  OwnedPanda panda;
  ASSERT_EQ(pandagpt_panda_open(kPanda.c_str(), &options, &panda), PANDAGPT_OK);
  OwnedAnswer answer;
  ASSERT_EQ(pandagpt_panda_ask(panda, nullptr, "What is in the picture?", nullptr, nullptr, nullptr,
                               &answer),
            PANDAGPT_OK);
  ASSERT_EQ(told.size(), 1U);
  ASSERT_EQ(pandagpt_answer_warning_count(answer), 1U);
  EXPECT_EQ(pandagpt_answer_warning(answer, 0), told[0]);
}

TEST_F(CPandaTest, AChatIsTheOneOfTheCxxInterface) {
  Chat expected = expected_.start_chat();
  OwnedChat chat;
  {
    OwnedPanda panda;
    ASSERT_EQ(pandagpt_panda_open(kPanda.c_str(), nullptr, &panda), PANDAGPT_OK);
    ASSERT_EQ(pandagpt_chat_create(panda, &chat), PANDAGPT_OK);
  }  // the chat goes on without its panda
  const pandagpt_generate_options options = greedy(8);
  GenerateOptions same = expected_.default_options();
  same.greedy = true;
  same.max_tokens = 8;
  ASSERT_EQ(pandagpt_chat_set_inputs(chat, inputs_), PANDAGPT_OK);
  expected.set_inputs(expected_inputs_);
  const auto expect_equal = [&](pandagpt_status status, const OwnedAnswer& answer,
                                const Answer& wanted) {
    ASSERT_EQ(status, PANDAGPT_OK) << pandagpt_last_error();
    EXPECT_EQ(text_of(answer), wanted.text);
  };
  OwnedAnswer first, again, second;
  expect_equal(pandagpt_chat_ask(chat, "What is it?", &options, nullptr, nullptr, &first), first,
               expected.ask("What is it?", same));
  expect_equal(pandagpt_chat_regenerate(chat, &options, nullptr, nullptr, &again), again,
               expected.regenerate(same));
  OwnedInputs other;
  ASSERT_EQ(pandagpt_inputs_create(&other), PANDAGPT_OK);
  ASSERT_EQ(pandagpt_inputs_add_file(other, PANDAGPT_IMAGE, kOtherPhoto.c_str(), nullptr),
            PANDAGPT_OK);
  ASSERT_EQ(pandagpt_chat_add_inputs(chat, other), PANDAGPT_OK);
  Inputs expected_other;
  expected_other.add_file(Modality::kImage, kOtherPhoto);
  expected.add_inputs(expected_other);
  expect_equal(pandagpt_chat_ask(chat, "And this?", &options, nullptr, nullptr, &second), second,
               expected.ask("And this?", same));
  const std::vector<Turn> history = expected.history();
  ASSERT_EQ(pandagpt_chat_turn_count(chat), history.size());
  pandagpt_turn turn;
  for (std::size_t i = 0; i < history.size(); ++i) {
    ASSERT_EQ(pandagpt_chat_turn(chat, i, &turn), PANDAGPT_OK);
    EXPECT_EQ(turn.question, history[i].question);
    EXPECT_EQ(turn.answer, history[i].answer);
  }
  expect_usage_error(pandagpt_chat_turn(chat, history.size(), &turn), "has 2 turns");
  EXPECT_EQ(turn.question, nullptr);

  ASSERT_EQ(pandagpt_chat_reset(chat), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_chat_turn_count(chat), 0U);
}

TEST_F(CPandaTest, AChatTakesAHistoryAndRefusesWhatItCannotTake) {
  OwnedChat chat;
  ASSERT_EQ(pandagpt_chat_create(panda_, &chat), PANDAGPT_OK);
  const pandagpt_turn turns[] = {{"Who?", "Me."}, {"Where?", "Here."}};
  ASSERT_EQ(pandagpt_chat_set_history(chat, turns, 2), PANDAGPT_OK);
  ASSERT_EQ(pandagpt_chat_add_turn(chat, "When?", "Now."), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_chat_turn_count(chat), 3U);
  Chat expected = expected_.start_chat();
  expected.set_history({{"Who?", "Me."}, {"Where?", "Here."}, {"When?", "Now."}});
  OwnedAnswer answer;
  const pandagpt_generate_options options = greedy(8);
  GenerateOptions same = expected_.default_options();
  same.greedy = true;
  same.max_tokens = 8;
  ASSERT_EQ(pandagpt_chat_ask(chat, "Why?", &options, nullptr, nullptr, &answer), PANDAGPT_OK);
  EXPECT_EQ(text_of(answer), expected.ask("Why?", same).text);

  const pandagpt_turn broken[] = {{"Who?", nullptr}};
  expect_usage_error(pandagpt_chat_set_history(chat, broken, 1), "'answer'");
  expect_usage_error(pandagpt_chat_set_history(chat, nullptr, 1), "'turns'");
  EXPECT_EQ(pandagpt_chat_turn_count(chat), 4U) << "what is refused changes nothing";
  expect_usage_error(pandagpt_chat_add_turn(chat, nullptr, "a"), "'question'");
  expect_usage_error(pandagpt_chat_add_inputs(chat, nullptr), "'inputs'");
  expect_usage_error(pandagpt_chat_turn(chat, 0, nullptr), "'turn'");
  expect_usage_error(pandagpt_chat_create(panda_, nullptr), "'chat'");
  OwnedAnswer none;
  expect_usage_error(pandagpt_chat_ask(chat, nullptr, nullptr, nullptr, nullptr, &none),
                     "'question'");
  const std::string endless(1 << 14, 'x');
  expect_usage_error(pandagpt_chat_ask(chat, endless.c_str(), nullptr, nullptr, nullptr, &none),
                     "positions");
  EXPECT_EQ(none.value, nullptr);
  ASSERT_EQ(pandagpt_chat_set_history(chat, nullptr, 0), PANDAGPT_OK);
  expect_usage_error(pandagpt_chat_regenerate(chat, nullptr, nullptr, nullptr, &none), "");
}

TEST_F(CPandaTest, IsSharedByThreads) {
  const std::string expected = expected_.ask(expected_inputs_, "What is it?").text;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      OwnedAnswer answer;
      ASSERT_EQ(
          pandagpt_panda_ask(panda_, inputs_, "What is it?", nullptr, nullptr, nullptr, &answer),
          PANDAGPT_OK);
      EXPECT_EQ(text_of(answer), expected);
    });
  for (std::thread& thread : threads)
    thread.join();
}

TEST(CApiProcess, ChangesAreAllowedByTheirSum) {
  EXPECT_EQ(pandagpt_allow_process_changes(0), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_allow_process_changes(PANDAGPT_ALLOW_GGML_KERNELS | PANDAGPT_ALLOW_HUGE_PAGES),
            PANDAGPT_OK);
  EXPECT_TRUE(allowed_process_changes().ggml_kernels && allowed_process_changes().huge_pages);
  EXPECT_EQ(pandagpt_allow_process_changes(4), PANDAGPT_ERROR_USAGE);
  EXPECT_STREQ(pandagpt_last_error(), "'changes' is 4, which isn't a sum of PANDAGPT_ALLOW_..");
}

}  // namespace
}  // namespace pandagpt
