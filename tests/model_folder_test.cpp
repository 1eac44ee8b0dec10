// Making a model folder: where its files come from, what may be there, what is left of a failure.
#include "pipeline/model_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using testing::HasSubstr;

class ModelFolderWriterTest : public testing::Test {
 protected:
  ModelFolderWriterTest() {
    for (const char* name : {"llm", "towers", "other"})
      test::write_text(source(name), std::string("content of ") + name);
  }

  fs::path source(const std::string& name) const { return parent_ / name; }
  fs::path folder() const { return parent_ / "made" / "panda"; }

  static Manifest manifest() {
    Manifest manifest;
    manifest.name = "a \"panda\"";
    manifest.licence = "MIT";
    manifest.licence_note = "Do as you like.";
    manifest.limitations = "It can't read.";
    manifest.provenance = "a test";
    manifest.embedding_width = 3;
    manifest.n_ctx = 77;
    manifest.adapter.emplace();
    manifest.adapter_scale = 0.3F;
    manifest.prompt.answer_prefix = " ";
    manifest.sampling.top_p = 0.7F;
    manifest.sampling.max_tokens = 9;
    manifest.later_inputs = LaterInputs::kKeep;
    manifest.examples = {"What?"};
    return manifest;
  }

  void make(const ModelFolderWriter::Options& options, Placement placement) const {
    ModelFolderWriter writer(folder(), options);
    for (const char* role : {"projector", "adapter"})
      test::write_text(writer.path_of(role), role);
    writer.place("llm", source("llm"), placement);
    writer.place("encoders", source("towers"), placement);
    writer.finish(manifest());
  }

  std::string usage_error(const ModelFolderWriter::Options& options) const {
    const Error error = error_of([&] { ModelFolderWriter(folder(), options); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }

  test::TemporaryFolder parent_;
};

TEST_F(ModelFolderWriterTest, WhatIsWrittenIsRead) {
  make({}, Placement::kLinkOrCopy);
  EXPECT_EQ(fs::hard_link_count(source("llm")), 2U);
  const Manifest read = read_manifest(folder());
  read.verify();
  const Manifest wanted = manifest();
  EXPECT_EQ(read.name, wanted.name);
  EXPECT_EQ(read.licence, wanted.licence);
  EXPECT_EQ(read.licence_note, wanted.licence_note);
  EXPECT_EQ(read.limitations, wanted.limitations);
  EXPECT_EQ(read.provenance, wanted.provenance);
  EXPECT_EQ(read.embedding_width, wanted.embedding_width);
  EXPECT_EQ(read.n_ctx, wanted.n_ctx);
  EXPECT_EQ(read.adapter_scale, wanted.adapter_scale);
  EXPECT_EQ(read.prompt.answer_prefix, wanted.prompt.answer_prefix);
  EXPECT_EQ(read.prompt.stop, wanted.prompt.stop);
  EXPECT_EQ(read.sampling.top_p, wanted.sampling.top_p);
  EXPECT_EQ(read.sampling.max_tokens, wanted.sampling.max_tokens);
  EXPECT_EQ(read.later_inputs, wanted.later_inputs);
  EXPECT_EQ(read.examples, wanted.examples);
  EXPECT_EQ(read.llm.sha256, sha256_file(source("llm")));
  EXPECT_EQ(test::read_text(read.encoders.path), "content of towers");
  EXPECT_THAT(test::read_text(folder() / kManifestName), HasSubstr("\"top_p\": 0.7,"));
}

TEST_F(ModelFolderWriterTest, CopiesAreIndependentAndSymbolicLinksFollowed) {
  make({}, Placement::kCopy);
  EXPECT_EQ(fs::hard_link_count(source("llm")), 1U);
  EXPECT_EQ(test::read_text(folder() / "llm.gguf"), "content of llm");
  fs::create_symlink(source("other"), parent_ / "alias");
  ModelFolderWriter writer(parent_ / "second", {});
  writer.place("llm", parent_ / "alias", Placement::kLink);
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(parent_ / "second" / "llm.gguf")));
  EXPECT_EQ(fs::hard_link_count(source("other")), 2U);
  std::uint64_t done = 0;
  writer.place("encoders", source("towers"), Placement::kCopy,
               [&](std::uint64_t now, std::uint64_t total) {
                 done = now;
                 EXPECT_EQ(total, fs::file_size(source("towers")));
               });
  EXPECT_EQ(done, fs::file_size(source("towers")));
}

TEST_F(ModelFolderWriterTest, MissingPartsAreLeftToTheUser) {
  ModelFolderWriter writer(folder(), {});
  for (const char* role : {"projector", "adapter"})
    test::write_text(writer.path_of(role), role);
  writer.place("llm", source("llm"), Placement::kLinkOrCopy);
  writer.finish(manifest());
  const Manifest read = read_manifest(folder());
  EXPECT_TRUE(read.encoders.sha256.empty());
  EXPECT_THAT(error_of([&] { read.check_files(); }).what(), HasSubstr("encoders"));
  fs::copy_file(source("towers"), read.encoders.path);
  read.check_files();
  record_hashes(folder());
  read_manifest(folder()).verify();
}

TEST_F(ModelFolderWriterTest, OtherFilesAreRefusedAndForcedOnesStay) {
  fs::create_directories(folder());
  EXPECT_NO_THROW(make({}, Placement::kLinkOrCopy)) << "an empty folder";
  EXPECT_THAT(usage_error({}), HasSubstr("--force"));
  test::write_text(folder() / "notes.txt", "mine");
  test::write_text(source("llm"), "content of another llm");
  make({.force = true}, Placement::kCopy);
  EXPECT_EQ(test::read_text(folder() / "llm.gguf"), "content of another llm");
  EXPECT_EQ(test::read_text(folder() / "notes.txt"), "mine");
  read_manifest(folder()).verify();
}

TEST_F(ModelFolderWriterTest, PartsThatLieThereAlreadyStay) {
  fs::create_directories(folder());
  fs::rename(source("towers"), folder() / "encoders.gguf");
  fs::rename(source("llm"), folder() / "vicuna.gguf");
  EXPECT_THAT(usage_error({}), HasSubstr("in it already"));
  ModelFolderWriter writer(folder(),
                           {.sources = {folder() / "encoders.gguf", folder() / "vicuna.gguf"}});
  writer.place("encoders", folder() / "encoders.gguf", Placement::kCopy);
  EXPECT_EQ(test::read_text(folder() / "encoders.gguf"), "content of towers");
  writer.place("llm", folder() / "vicuna.gguf", Placement::kLinkOrCopy);
  EXPECT_EQ(fs::hard_link_count(folder() / "llm.gguf"), 2U);
}

TEST_F(ModelFolderWriterTest, AFailureLeavesNothingBehind) {
  {
    ModelFolderWriter writer(folder(), {});
    test::write_text(writer.path_of("projector"), "half");
    writer.place("llm", source("llm"), Placement::kLinkOrCopy);
    EXPECT_EQ(
        error_of([&] { writer.place("encoders", source("none"), Placement::kLinkOrCopy); }).kind(),
        ErrorKind::kModel);
  }
  EXPECT_FALSE(fs::exists(folder()));
  EXPECT_EQ(test::read_text(source("llm")), "content of llm");
  fs::create_directories(folder());
  test::write_text(folder() / "llm.gguf", "old");
  {
    ModelFolderWriter writer(folder(), {.force = true});
    test::write_text(writer.path_of("projector"), "half");
    EXPECT_THROW(writer.place("encoders", source("towers"), Placement::kCopy,
                              [](std::uint64_t, std::uint64_t) {
                                throw Error(ErrorKind::kInternal, "stopped");
                              }),
                 Error);
  }
  EXPECT_FALSE(fs::exists(folder() / "projector.gguf"));
  EXPECT_FALSE(fs::exists(folder() / "encoders.gguf"));
  EXPECT_EQ(test::read_text(folder() / "llm.gguf"), "old");
}

TEST_F(ModelFolderWriterTest, PlacesWhereNoFolderCanBe) {
  const Error error = error_of([&] { ModelFolderWriter(source("llm") / "panda", {}); });
  EXPECT_EQ(error.kind(), ErrorKind::kInternal);
  EXPECT_THAT(error.what(), HasSubstr("no folder can be made"));
  EXPECT_EQ(error_of([&] { ModelFolderWriter(source("llm"), {}); }).kind(), ErrorKind::kInternal);
}

}  // namespace
}  // namespace pandagpt
