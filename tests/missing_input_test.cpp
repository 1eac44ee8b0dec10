// Which questions are about an input that nobody has given.
#include "pipeline/missing_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> lines_of(const fs::path& path) {
  std::istringstream in(test::read_text(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

std::vector<std::string> questions(const std::string& name) {
  return lines_of(fs::path(PANDAGPT_FIXTURES) / "questions" / name);
}

/// Those of `all` that are warned of, or that aren't.
std::vector<std::string> warned_of(const std::vector<std::string>& all, bool wanted) {
  std::vector<std::string> found;
  for (const std::string& question : all)
    if (missing_input(question, {}, /*is_first=*/true).has_value() == wanted)
      found.push_back(question);
  return found;
}

TEST(MissingInput, QuestionsAboutInputsAreWarnedOf) {
  const auto all = questions("about_inputs.txt");
  ASSERT_GT(all.size(), 30U);
  EXPECT_THAT(warned_of(all, false), IsEmpty());
}

TEST(MissingInput, QuestionsAboutTheWorldAreNot) {
  const auto all = questions("about_the_world.txt");
  ASSERT_GT(all.size(), 80U);
  EXPECT_THAT(warned_of(all, true), IsEmpty());
  std::vector<std::string> measured;  // those of `pandagpt eval`
  for (const auto& one : nlohmann::json::parse(test::read_text(
           fs::path(PANDAGPT_SOURCE_DIR) / "tools" / "data" / "text_questions.json")))
    measured.push_back(one["question"]);
  ASSERT_GT(measured.size(), 10U);
  EXPECT_THAT(warned_of(measured, true), IsEmpty());
}

TEST(MissingInput, OneThatShowsItIsEnough) {
  const auto warning = [](const std::string& question, const std::vector<Modality>& given) {
    return missing_input(question, given, true).value_or("");
  };
  EXPECT_THAT(warning("What is in the picture?", {}), HasSubstr("about a picture, but none"));
  EXPECT_THAT(warning("What is in the picture?", {Modality::kImage}), IsEmpty());
  EXPECT_THAT(warning("What is in the picture?", {Modality::kDepth}), IsEmpty());
  EXPECT_THAT(warning("What is in the picture?", {Modality::kAudio}), HasSubstr("picture"));
  EXPECT_THAT(warning("What do you hear?", {Modality::kAudio, Modality::kImage}), IsEmpty());
  EXPECT_THAT(warning("What do you hear?", {Modality::kImage}), HasSubstr("about a sound"));
  EXPECT_THAT(warning("What do you hear?", {Modality::kVideo}), HasSubstr("sound of a video"));
  EXPECT_THAT(warning("What is the person doing?", {Modality::kImu}), IsEmpty());
}

TEST(MissingInput, WhatWasSaidBeforeMayBeWhatThisMeans) {
  EXPECT_TRUE(missing_input("What is this?", {}, true));
  EXPECT_FALSE(missing_input("What is this?", {}, false));
  EXPECT_TRUE(missing_input("What is in the picture?", {}, false));
}

}  // namespace
}  // namespace pandagpt
