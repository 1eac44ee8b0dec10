// Model folder, projector, Panda and Chat, with the tiny model folder of tests/fixtures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "core/file.h"
#include "pandagpt/panda.h"
#include "pipeline/manifest.h"
#include "pipeline/projector.h"
#include "tensor/panda_weights.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const fs::path kPanda = kFixtures / "tiny-panda";

nlohmann::json expected() {
  return nlohmann::json::parse(test::read_text(kFixtures / "llm" / "expected.json"));
}

/// A picture as a BMP file: 40 x 30, one colour with a gradient.
Bytes picture(std::uint8_t red) {
  constexpr std::uint32_t kWidth = 40, kHeight = 30, kHeader = 54;
  Bytes bytes(kHeader + kWidth * kHeight * 3);
  const auto put = [&](std::size_t at, std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) {
      bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
  };
  bytes[0] = 'B';
  bytes[1] = 'M';
  put(2, static_cast<std::uint32_t>(bytes.size()), 4);
  put(10, kHeader, 4);
  put(14, 40, 4);
  put(18, kWidth, 4);
  put(22, kHeight, 4);
  put(26, 1, 2);
  put(28, 24, 2);
  for (std::size_t i = kHeader; i < bytes.size(); i += 3) {
    bytes[i] = static_cast<std::uint8_t>(i);
    bytes[i + 1] = static_cast<std::uint8_t>(i / 7);
    bytes[i + 2] = red;
  }
  return bytes;
}

Inputs one_picture(std::uint8_t red) {
  return Inputs().add_buffer(Modality::kImage, picture(red), "picture.bmp");
}

PandaOptions one_thread() {
  PandaOptions options;
  options.n_threads = 1;
  return options;
}

/// A copy of the tiny model folder whose manifest can be changed.
class ModelFolderTest : public testing::Test {
 protected:
  ModelFolderTest() {
    fs::copy(kPanda, folder_.path(), fs::copy_options::recursive);
    manifest_ = nlohmann::json::parse(test::read_text(folder_ / kManifestName));
  }

  void save() const { test::write_text(folder_ / kManifestName, manifest_.dump()); }
  std::string error_of_reading() const {
    save();
    const Error error = test::error_of([&] { read_manifest(folder_.path()); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), HasSubstr(kManifestName));
    return error.what();
  }
  std::string error_of_opening() const {
    const Error error = test::error_of([&] { Panda(folder_.path().string(), one_thread()); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel) << error.what();
    return error.what();
  }

  test::TemporaryFolder folder_;
  nlohmann::json manifest_;
};

TEST_F(ModelFolderTest, ManifestIsRead) {
  manifest_["prompt"] = {{"stop", "END"}, {"answer_prefix", "_"}};
  manifest_["sampling"] = {{"top_k", 3}, {"temperature", 0.5}};
  manifest_["adapter_scale"] = 0.5;
  save();
  EXPECT_EQ(read_manifest(folder_.path()).later_inputs, LaterInputs::kReplace) << "a default";
  EXPECT_FALSE(read_manifest(folder_.path()).facts) << "a default";
  manifest_["later_inputs"] = "keep";
  manifest_["facts"] = true;
  save();
  const Manifest manifest = read_manifest(folder_.path());
  EXPECT_EQ(manifest.name, "tiny-panda");
  EXPECT_EQ(manifest.embedding_width, 24);
  EXPECT_EQ(manifest.llm.path, folder_ / "llm.gguf");
  ASSERT_TRUE(manifest.adapter.has_value());
  EXPECT_EQ(manifest.prompt.stop, "END");
  EXPECT_EQ(manifest.prompt.answer_prefix, "_");
  EXPECT_EQ(manifest.prompt.assistant, PromptTemplate().assistant) << "a default";
  EXPECT_EQ(manifest.sampling.top_k, 3);
  EXPECT_EQ(manifest.sampling.temperature, 0.5F);
  EXPECT_EQ(manifest.adapter_scale, 0.5F);
  EXPECT_EQ(manifest.later_inputs, LaterInputs::kKeep);
  EXPECT_TRUE(manifest.facts);
  EXPECT_THAT(manifest.examples, ElementsAre("What is it?"));
  EXPECT_NO_THROW(manifest.verify());
}

TEST_F(ModelFolderTest, EveryRequiredKeyIsNamedWhenMissing) {
  const nlohmann::json whole = manifest_;
  for (const char* key : {"name", "licence", "provenance", "embedding_width", "files"}) {
    manifest_ = whole;
    manifest_.erase(key);
    EXPECT_THAT(error_of_reading(), HasSubstr("'" + std::string(key) + "' is missing"));
  }
  for (const char* role : {"encoders", "projector", "llm"}) {
    manifest_ = whole;
    manifest_["files"].erase(role);
    EXPECT_THAT(error_of_reading(), HasSubstr("'files." + std::string(role) + "' is missing"));
    for (const char* key : {"path", "sha256"}) {
      manifest_ = whole;
      manifest_["files"][role].erase(key);
      EXPECT_THAT(error_of_reading(),
                  HasSubstr("'files." + std::string(role) + "." + key + "' is missing"));
    }
  }
  manifest_ = whole;
  manifest_["files"].erase("adapter");
  save();
  EXPECT_FALSE(read_manifest(folder_.path()).adapter.has_value());
}

TEST_F(ModelFolderTest, WrongTypesAndRangesAreNamed) {
  const nlohmann::json whole = manifest_;
  const auto message = [&](const char* pointer, const nlohmann::json& value) {
    manifest_ = whole;
    manifest_[nlohmann::json::json_pointer(pointer)] = value;
    return error_of_reading();
  };
  EXPECT_THAT(message("/name", 5), HasSubstr("'name' must be a text"));
  EXPECT_THAT(message("/embedding_width", "24"), HasSubstr("'embedding_width'"));
  EXPECT_THAT(message("/embedding_width", 0), HasSubstr("'embedding_width'"));
  EXPECT_THAT(message("/later_inputs", "both"),
              HasSubstr("'later_inputs' must be replace or keep"));
  EXPECT_THAT(message("/later_inputs", true), HasSubstr("'later_inputs' must be a text"));
  EXPECT_THAT(message("/embedding_width", 1e9), HasSubstr("'embedding_width'"));
  EXPECT_THAT(message("/files", nlohmann::json::array()), HasSubstr("'files' must be an object"));
  EXPECT_THAT(message("/files/llm", "llm.gguf"), HasSubstr("'files.llm' must be an object"));
  EXPECT_THAT(message("/files/llm/sha256", "abc"), HasSubstr("'files.llm.sha256'"));
  EXPECT_THAT(message("/files/llm/bytes", -1), HasSubstr("'files.llm.bytes'"));
  EXPECT_THAT(message("/sampling/top_p", "low"), HasSubstr("'sampling.top_p' must be a number"));
  EXPECT_THAT(message("/sampling/top_p", 2), HasSubstr("top_p"));
  EXPECT_THAT(message("/sampling/max_tokens", 1.5), HasSubstr("'sampling.max_tokens'"));
  EXPECT_THAT(message("/prompt/stop", ""), HasSubstr("'prompt.stop'"));
  EXPECT_THAT(message("/examples", "one"), HasSubstr("'examples'"));
  EXPECT_THAT(message("/n_ctx", 0), HasSubstr("'n_ctx'"));
}

TEST_F(ModelFolderTest, PathsStayInsideTheFolder) {
  for (const char* path : {"../llm.gguf", "/etc/passwd", "a/../../b", "..", ""}) {
    manifest_["files"]["llm"]["path"] = path;
    EXPECT_THAT(error_of_reading(), HasSubstr("'files.llm.path'")) << path;
  }
}

TEST_F(ModelFolderTest, TextThatIsNoManifest) {
  for (const char* text : {"{", "[]", "\"text\"", "{\"name\": \"\xff\"}"}) {
    test::write_text(folder_ / kManifestName, text);
    const Error error = test::error_of([&] { read_manifest(folder_.path()); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel) << text;
  }
  fs::remove(folder_ / kManifestName);
  EXPECT_EQ(test::error_of([&] { read_manifest(folder_.path()); }).kind(), ErrorKind::kModel);
}

TEST_F(ModelFolderTest, UnknownKeysAreAWarning) {
  manifest_["licens"] = "misspelt";
  manifest_["files"]["llm"]["colour"] = "red";
  save();
  std::ostringstream log;
  const auto previous = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  read_manifest(folder_.path());
  spdlog::set_default_logger(previous);
  EXPECT_THAT(log.str(), HasSubstr("unknown key 'licens'"));
  EXPECT_THAT(log.str(), HasSubstr("unknown key 'files.llm.colour'"));
}

TEST_F(ModelFolderTest, SizesAreAlwaysComparedAndHashesOnDemand) {
  std::string bytes = test::read_text(folder_ / "projector.gguf");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  test::write_text(folder_ / "projector.gguf", bytes);
  const Manifest manifest = read_manifest(folder_.path());
  EXPECT_NO_THROW(manifest.check_files());
  EXPECT_THAT(test::error_of([&] { manifest.verify(); }).what(),
              testing::AllOf(HasSubstr("projector.gguf"), HasSubstr("SHA-256")));
  PandaOptions options = one_thread();
  options.verify = true;
  EXPECT_EQ(test::error_of([&] { Panda(folder_.path().string(), options); }).kind(),
            ErrorKind::kModel);

  test::write_text(folder_ / "projector.gguf", bytes + "x");
  EXPECT_THAT(error_of_opening(), HasSubstr("projector.gguf"));
  record_hashes(folder_.path());
  EXPECT_NO_THROW(read_manifest(folder_.path()).verify());

  fs::remove(folder_ / "llm.gguf");
  EXPECT_THAT(error_of_opening(), testing::AllOf(HasSubstr("llm.gguf"), HasSubstr("missing")));
  EXPECT_EQ(test::error_of([&] { record_hashes(folder_.path()); }).kind(), ErrorKind::kModel);
}

TEST_F(ModelFolderTest, RecordingHashesKeepsTheRest) {
  manifest_["files"]["llm"]["sha256"] = "";
  manifest_["files"]["llm"].erase("bytes");
  save();
  EXPECT_THAT(test::error_of([&] { read_manifest(folder_.path()).verify(); }).what(),
              HasSubstr("has no SHA-256"));
  record_hashes(folder_.path());
  const auto after = nlohmann::json::parse(test::read_text(folder_ / kManifestName));
  EXPECT_EQ(after, nlohmann::json::parse(test::read_text(kPanda / kManifestName)));
}

TEST_F(ModelFolderTest, ModelsAreFoundByFolderAndByName) {
  const fs::path first = folder_ / "first", second = folder_ / "second";
  fs::create_directories(first / "one");
  fs::create_directories(second / "pandagpt" / "models" / "one");
  fs::create_directories(second / "pandagpt" / "models" / "two");
  for (const fs::path& model : {first / "one", second / "pandagpt" / "models" / "one",
                                second / "pandagpt" / "models" / "two"}) {
    test::write_text(model / kManifestName, "{}");
  }
  const test::ScopedVariable models("PANDAGPT_MODELS", first.string() + ":/nowhere");
  const test::ScopedVariable data("XDG_DATA_HOME", second.string());
  EXPECT_EQ(find_model("one"), first / "one");
  EXPECT_EQ(find_model("two"), second / "pandagpt" / "models" / "two");
  EXPECT_EQ(find_model((first / "one").string()), first / "one");
  EXPECT_THAT(list_models(), testing::Contains(first / "one"));
  EXPECT_THAT(list_models(),
              testing::Not(testing::Contains(second / "pandagpt" / "models" / "one")))
      << "hidden by the one before";
  EXPECT_THAT(test::error_of([] { find_model("three"); }).what(),
              testing::AllOf(HasSubstr("three"), HasSubstr(first.string())));
  EXPECT_EQ(test::error_of([&] { find_model(first.string()); }).kind(), ErrorKind::kModel);
  EXPECT_EQ(test::error_of([] { find_model(""); }).kind(), ErrorKind::kModel);
}

TEST(Projector, EqualsTheNumpyReference) {
  const nlohmann::json reference = expected();
  const Projector projector(kPanda / "projector.gguf");
  const auto embedding = reference["embedding"].get<std::vector<float>>();
  const auto wanted = reference["projected"].get<std::vector<float>>();
  const std::vector<float> got = projector.project(embedding);
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], wanted[i], 1e-5);  // sums of 24 products of order 1
  }
  EXPECT_EQ(test::error_of([&] { projector.project(std::vector<float>(23)); }).kind(),
            ErrorKind::kModel);
}

TEST(Projector, SeveralInputsAreSummedAfterProjection) {
  const Projector projector(kPanda / "projector.gguf");
  std::vector<float> rows(48);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = std::sin(static_cast<float>(i));
  }
  const auto a = projector.project(std::span(rows).first(24));
  const auto b = projector.project(std::span(rows).last(24));
  const std::vector<float> weights{2.0F, -0.5F};
  const auto sum = projector.project_sum(rows, weights);
  ASSERT_EQ(sum.size(), a.size());
  for (std::size_t i = 0; i < sum.size(); ++i) {
    EXPECT_FLOAT_EQ(sum[i], 2.0F * a[i] - 0.5F * b[i]);  // the bias counts once an input
  }
  EXPECT_TRUE(projector.project_sum({}, {}).empty());
  EXPECT_EQ(test::error_of([&] { projector.project_sum(rows, std::vector<float>(3)); }).kind(),
            ErrorKind::kModel);
}

TEST(Projector, FilesOfAnotherShapeAreModelErrors) {
  const test::TemporaryFolder folder;
  const auto message = [&](std::uint32_t n_in, std::int64_t columns, bool bias) {
    GgufWriter writer;
    set_projector_metadata(&writer, {.n_image_tokens = 1, .n_in = n_in, .n_embd = 2});
    writer.add_f32(projector_keys::kWeight, {columns, 2}, std::vector<float>(columns * 2));
    if (bias) writer.add_f32(projector_keys::kBias, {2}, std::vector<float>(2));
    writer.write(folder / "p.gguf");
    const Error error = test::error_of([&] { Projector(folder / "p.gguf"); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), HasSubstr("p.gguf"));
    return std::string(error.what());
  };
  EXPECT_THAT(message(3, 4, true), HasSubstr(projector_keys::kWeight));
  EXPECT_THAT(message(3, 3, false), HasSubstr(projector_keys::kBias));
  EXPECT_THAT(message(0, 3, true), HasSubstr(projector_keys::kIn));
  EXPECT_EQ(test::error_of([&] { Projector(kPanda / "llm.gguf"); }).kind(), ErrorKind::kModel);
}

TEST(Panda, OpensAndAnswers) {
  const Panda panda(kPanda.string(), one_thread());
  EXPECT_EQ(panda.info().name, "tiny-panda");
  EXPECT_EQ(panda.info().embedding_width, 24);
  EXPECT_EQ(panda.info().n_image_tokens, 2);
  EXPECT_THAT(panda.info().modalities, testing::Contains(Modality::kImage));
  const std::string script = expected()["script"];
  EXPECT_EQ(panda.ask(one_picture(200), "What is it?").text, script);
  EXPECT_EQ(panda.ask({}, "What is it?").text, script) << "text alone";
  EXPECT_EQ(test::error_of([&] { Panda("no such model"); }).kind(), ErrorKind::kModel);
  PandaOptions options = one_thread();
  options.device = "abacus";
  EXPECT_EQ(test::error_of([&] { Panda(kPanda.string(), options); }).kind(), ErrorKind::kUsage);
}

TEST(Panda, EmbeddingsAreOfUnitLengthAndTheSameFromFileAndBuffer) {
  const test::TemporaryFolder folder;
  const Bytes bytes = picture(90);
  test::write_text(folder / "p.bmp", std::string(bytes.begin(), bytes.end()));
  const Panda panda(kPanda.string(), one_thread());
  Inputs inputs;
  inputs.add_file(Modality::kImage, (folder / "p.bmp").string());
  inputs.add_buffer(Modality::kImage, bytes);
  inputs.add_buffer(Modality::kImage, picture(250));
  const std::vector<float> rows = panda.embed(inputs);
  ASSERT_EQ(rows.size(), 3U * 24);
  float length = 0, distance = 0;
  for (std::size_t i = 0; i < 24; ++i) {
    EXPECT_EQ(rows[i], rows[24 + i]);
    length += rows[i] * rows[i];
    distance += std::abs(rows[i] - rows[48 + i]);
  }
  EXPECT_NEAR(length, 1.0F, 1e-5);
  EXPECT_GT(distance, 0.01F) << "another picture should have another embedding";
}

TEST(Panda, InputsThatCantBeUsed) {
  const Panda panda(kPanda.string(), one_thread());
  const auto error = [&](const Inputs& inputs) {
    return test::error_of([&] { panda.ask(inputs, "What is it?"); });
  };
  EXPECT_EQ(error(Inputs().add_file(Modality::kImage, "nothing.jpg")).kind(), ErrorKind::kInput);
  const Error audio = error(Inputs().add_file(Modality::kAudio, "sound.wav"));
  EXPECT_EQ(audio.kind(), ErrorKind::kModel);
  EXPECT_THAT(audio.what(), HasSubstr("tiny-panda has no audio tower"));
  EXPECT_EQ(error(one_picture(1).add_buffer(Modality::kImage, {1, 2, 3}, "noise")).kind(),
            ErrorKind::kInput);
  EXPECT_EQ(test::error_of([] { Inputs().add_buffer(Modality::kImage, {}); }).kind(),
            ErrorKind::kInput);
  EXPECT_EQ(error(Inputs().add({Modality::kImage, "p", picture(1), NAN})).kind(),
            ErrorKind::kUsage);
}

TEST_F(ModelFolderTest, PartsThatDontFitEachOther) {
  GgufWriter writer;
  set_projector_metadata(&writer, {.n_image_tokens = 1, .n_in = 24, .n_embd = 16});
  writer.add_f32(projector_keys::kWeight, {24, 16}, std::vector<float>(24 * 16));
  writer.add_f32(projector_keys::kBias, {16}, std::vector<float>(16));
  writer.write(folder_ / "projector.gguf");
  record_hashes(folder_.path());
  EXPECT_THAT(error_of_opening(), testing::AllOf(HasSubstr("16"), HasSubstr("32")));
  fs::copy_file(kPanda / "projector.gguf", folder_ / "projector.gguf",
                fs::copy_options::overwrite_existing);
  record_hashes(folder_.path());
  manifest_ = nlohmann::json::parse(test::read_text(folder_ / kManifestName));
  manifest_["embedding_width"] = 1024;
  save();
  EXPECT_THAT(error_of_opening(), HasSubstr("1024"));
}

TEST_F(ModelFolderTest, WithoutItsAdapterAModelIsTheOneBeforeTuning) {
  GenerateOptions drawn;  // far from greedy, where the tiny model says one thing only
  drawn.temperature = 3;
  drawn.top_p = 1;
  drawn.max_tokens = 20;
  drawn.seed = 1;
  PandaOptions options = one_thread();
  const auto answer = [&] {
    return Panda(folder_.path().string(), options).ask({}, "q", drawn).text;
  };
  const std::string tuned = answer();
  options.use_adapter = false;
  const std::string plain = answer();
  EXPECT_NE(plain, tuned);
  manifest_["files"].erase("adapter");
  save();
  options.use_adapter = true;
  EXPECT_EQ(answer(), plain);
}

TEST_F(ModelFolderTest, TheSeparatorIsMadeOfSpecialTokens) {
  for (const char* taken : {"<|endoftext|>", "<|im_end|><|endoftext|>"}) {
    manifest_["prompt"]["document_separator"] = taken;
    save();
    EXPECT_NO_THROW(Panda(folder_.path().string(), one_thread())) << taken;
  }
  for (const std::string refused :
       {"<|endofdoc|>", "<|endoftext|><|endofdoc|>", "<|endoftext|> ", "###"}) {
    manifest_["prompt"]["document_separator"] = refused;
    save();
    EXPECT_THAT(error_of_opening(),
                testing::AllOf(HasSubstr("'prompt.document_separator' is \"" + refused + "\""),
                               HasSubstr("no special token")));
  }
}

TEST(Panda, ThreadsMayShareOne) {
  const Panda panda(kPanda.string(), one_thread());
  std::vector<std::string> answers(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      threads.emplace_back([&, i] {
        if (i % 2 == 0) {
          answers[i] = panda.ask(one_picture(static_cast<std::uint8_t>(i)), "What is it?").text;
        } else {
          Chat chat = panda.start_chat();
          chat.set_inputs(one_picture(static_cast<std::uint8_t>(i)));
          answers[i] = chat.ask("What is it?", panda.default_options()).text;
        }
      });
    }
  }
  EXPECT_THAT(answers, testing::Each(expected()["script"].get<std::string>()));
}

/// Ends a test that hangs, which otherwise the whole suite would wait for.
template <typename Work>
void within_a_minute(Work work) {
  std::packaged_task<void()> task(std::move(work));
  std::future<void> done = task.get_future();
  std::thread thread(std::move(task));
  if (done.wait_for(std::chrono::minutes(1)) != std::future_status::ready) {
    std::cerr << "nothing comes any more\n";
    std::abort();
  }
  thread.join();
  done.get();
}

TEST(Panda, SeveralAnswersAtOnceAreThoseOfOneAfterTheOther) {
  const std::vector<std::string> questions = {"What is it?", "And this?", "Which colour?", "Why?"};
  const auto ask = [](const Panda& panda, const std::string& question, int n_beams) {
    GenerateOptions options = panda.default_options();
    options.greedy = true;
    options.n_beams = n_beams;
    options.max_tokens = 24;
    return panda.ask(one_picture(200), question, options).text;
  };
  const Panda one(kPanda.string(), one_thread());
  PandaOptions four_at_once = one_thread();
  four_at_once.n_parallel = 4;
  const Panda four(kPanda.string(), four_at_once);
  EXPECT_EQ(four.info().n_parallel, 4);
  for (const int n_beams : {1, 3}) {
    std::vector<std::future<std::string>> answers;
    for (const std::string& question : questions)
      answers.push_back(
          std::async(std::launch::async, [&, n_beams] { return ask(four, question, n_beams); }));
    for (std::size_t i = 0; i < questions.size(); ++i)
      EXPECT_EQ(answers[i].get(), ask(one, questions[i], n_beams)) << questions[i] << n_beams;
  }
  PandaOptions none = one_thread();
  none.n_parallel = 0;
  EXPECT_EQ(test::error_of([&] { Panda(kPanda.string(), none); }).kind(), ErrorKind::kUsage);
}

TEST(Panda, ACallbackMayAskAndHoldsUpNobody) {
  const Panda panda(kPanda.string(), one_thread());
  const auto script = expected()["script"].get<std::string>();
  within_a_minute([&] {
    // An answer that is being shown waits for one that was asked for later, from its own callback
    // and from another thread.
    std::vector<std::string> inner;
    std::string shown;
    const Answer outer =
        panda.ask({}, "What is it?", panda.default_options(), [&](std::string_view text) {
          shown += text;
          if (inner.empty()) {
            inner.push_back(panda.ask({}, "And this?").text);
            std::jthread other([&] { inner.push_back(panda.ask({}, "And that?").text); });
          }
          return true;
        });
    EXPECT_EQ(outer.text, script);
    EXPECT_EQ(shown, script);
    EXPECT_THAT(inner, ElementsAre(script, script));
  });
}

TEST(Panda, WhatACallbackThrowsEndsItsAnswerOnly) {
  const Panda panda(kPanda.string(), one_thread());
  const auto script = expected()["script"].get<std::string>();
  within_a_minute([&] {
    EXPECT_THROW(panda.ask({}, "What is it?", panda.default_options(),
                           [](std::string_view) -> bool { throw std::out_of_range("mine"); }),
                 std::out_of_range);
    Chat chat = panda.start_chat();
    EXPECT_THROW(chat.ask("What is it?", panda.default_options(),
                          [](std::string_view) -> bool { throw std::out_of_range("mine"); }),
                 std::out_of_range);
    EXPECT_TRUE(chat.history().empty());
    EXPECT_EQ(chat.ask("What is it?", panda.default_options()).text, script);
    EXPECT_EQ(panda.ask({}, "What is it?").text, script);
  });
}

TEST(Panda, ManyThreadsAskAtOnceInAllWays) {
  const Panda panda(kPanda.string(), one_thread());
  const auto script = expected()["script"].get<std::string>();
  within_a_minute([&] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 24; ++i)
      threads.emplace_back([&, i] {
        GenerateOptions options = panda.default_options();
        options.greedy = true;
        options.n_beams = 1 + i % 3;
        const auto picture = one_picture(static_cast<std::uint8_t>(i % 4));
        EXPECT_EQ(panda.ask(picture, "What is it?", options).text, script);
        std::string shown;
        const Answer cut = panda.ask({}, "What is it?", options, [&](std::string_view text) {
          shown += text;
          return false;
        });
        EXPECT_EQ(cut.finish, FinishReason::kCancelled);
        EXPECT_EQ(cut.text, shown);
      });
  });
}

TEST(Chat, KeepsItsHistory) {
  const Panda panda(kPanda.string(), one_thread());
  Chat chat = panda.start_chat();
  chat.set_inputs(one_picture(10));
  const Answer first = chat.ask("What is it?", panda.default_options());
  EXPECT_GT(first.timings.encode_ms, 0);
  const Answer second = chat.ask("And where?", panda.default_options());
  EXPECT_EQ(second.timings.encode_ms, 0);
  EXPECT_GT(second.timings.reused_tokens, second.timings.prompt_tokens);
  ASSERT_EQ(chat.history().size(), 2U);
  EXPECT_EQ(chat.history()[1].question, "And where?");
  chat.regenerate(panda.default_options());
  EXPECT_EQ(chat.history().size(), 2U);

  EXPECT_THROW(chat.set_inputs(Inputs().add_file(Modality::kImage, "nothing.jpg")), Error);
  EXPECT_EQ(chat.history().size(), 2U);
  EXPECT_EQ(chat.ask("Still there?", panda.default_options()).timings.encode_ms, 0);

  Chat copy = panda.start_chat();
  copy.set_history(chat.history());
  EXPECT_EQ(copy.history().size(), 3U);
  chat.reset();
  EXPECT_TRUE(chat.history().empty());
}

}  // namespace
}  // namespace pandagpt
