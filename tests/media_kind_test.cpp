// Which kind a file is: by the one table of endings, and by its first bytes.
#include "media/media_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "core/file.h"
#include "media/media_input.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;

std::optional<Modality> shown(std::string bytes) {
  bytes.resize(std::max<std::size_t>(bytes.size(), 64));
  return kind_of_beginning(
      ByteView(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::string zeros_in(const char* text, std::size_t size) {
  return {text, size};
}

TEST(Endings, WhatPhonesCamerasAndRecordersWrite) {
  for (const char* name : {"a.jpg", "A.JPEG", "b.jfif", "IMG_2.HEIC", "c.heif", "d.avif", "e.jxl",
                           "f.jp2", "g.dng", "h.CR3", "i.nef", "j.arw"})
    EXPECT_EQ(modality_of_extension(name), Modality::kImage) << name;
  for (const char* name : {"00001.MTS", "a.m2ts", "b.mov", "c.3gp", "d.mpg", "e.ts", "f.flv",
                           "g.wmv", "h.ogv", "i.m4v", "j.webm"})
    EXPECT_EQ(modality_of_extension(name), Modality::kVideo) << name;
  for (const char* name : {"a.amr", "b.caf", "c.au", "d.opus", "e.oga", "f.wma", "g.aif", "h.aiff",
                           "i.wv", "j.tta", "k.m4b"})
    EXPECT_EQ(modality_of_extension(name), Modality::kAudio) << name;
  for (const char* name :
       {"notes.txt", "a.pdf", "noending", "a.", ".jpg", "b.docx", "c.j", "d.jpg "})
    EXPECT_EQ(modality_of_extension(name), std::nullopt) << name;
}

TEST(Endings, EachIsThereOnce) {
  std::set<std::string> all;
  for (const Modality kind : {Modality::kImage, Modality::kVideo, Modality::kAudio})
    for (const std::string& one : endings_of(kind)) {
      EXPECT_TRUE(all.insert(one).second) << one;
      EXPECT_EQ(modality_of_extension("x." + one), kind) << one;
    }
  EXPECT_GT(all.size(), 90U);
}

// The page tells a file's sense before it is sent.
TEST(Endings, TheWebPageHasTheSameTable) {
  const std::string page =
      test::read_text(fs::path(PANDAGPT_SOURCE_DIR) / "web" / "js" / "senses.js");
  for (const Modality kind : {Modality::kImage, Modality::kVideo, Modality::kAudio}) {
    std::smatch found;
    const std::regex entry("\n  " + to_string(kind) + ":((?:\\s*\\+?\\s*\"[^\"]*\")+),");
    ASSERT_TRUE(std::regex_search(page, found, entry)) << to_string(kind);
    std::istringstream words(std::regex_replace(found[1].str(), std::regex("[\"+]"), ""));
    const std::vector<std::string> listed{std::istream_iterator<std::string>(words), {}};
    EXPECT_EQ(listed, endings_of(kind)) << to_string(kind);
  }
}

TEST(Beginnings, ShowTheKindOfEveryFixture) {
  for (const auto& [folder, kind] :
       {std::pair{"images", Modality::kImage}, std::pair{"heif", Modality::kImage},
        std::pair{"audio", Modality::kAudio}, std::pair{"video", Modality::kVideo}}) {
    int n_files = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(kFixtures / folder)) {
      const auto named = modality_of_extension(entry.path());
      if (named != kind || entry.path().extension() == ".bmp") continue;
      const auto found = kind_of_beginning(entry.path());
      // Raw streams and damaged headers have no beginning of their own; no file shows a wrong one.
      if (found) {
        EXPECT_EQ(*found, kind) << entry.path();
        ++n_files;
      }
    }
    EXPECT_GE(n_files, 3) << folder;
  }
}

TEST(Beginnings, OfFormatsWithoutAFixture) {
  EXPECT_EQ(shown("#!AMR\n"), Modality::kAudio);
  EXPECT_EQ(shown(zeros_in("caff\0\1\0\0", 8)), Modality::kAudio);
  EXPECT_EQ(shown(zeros_in(".snd\0\0\0\x18", 8)), Modality::kAudio);
  EXPECT_EQ(shown(zeros_in("FORM\0\0\0\0AIFC", 12)), Modality::kAudio);
  EXPECT_EQ(shown(zeros_in("\0\0\0\x1C"
                           "ftypM4A ",
                           12)),
            Modality::kAudio);
  EXPECT_EQ(shown(zeros_in("\0\0\0\x1C"
                           "ftypqt  ",
                           12)),
            Modality::kVideo);
  EXPECT_EQ(shown(zeros_in("\0\0\0\x1C"
                           "ftypheic",
                           12)),
            Modality::kImage);
  EXPECT_EQ(shown(zeros_in("\0\0\1\xBA", 4)), Modality::kVideo);
  std::string camcorder(600, '\1');  // .mts: 4 bytes of time before each packet
  for (const std::size_t at : {4, 196, 388})
    camcorder[at] = 'G';
  EXPECT_EQ(shown(camcorder), Modality::kVideo);
  EXPECT_EQ(shown("G but a text that begins so"), std::nullopt);
  EXPECT_EQ(shown("BM but a text"), std::nullopt);
  EXPECT_EQ(shown("notes"), std::nullopt);
  EXPECT_EQ(shown(zeros_in("PK\3\4", 4)), std::nullopt);
}

TEST(Beginnings, ThatAreNoSoundOrFilmAreNamed) {
  const auto refusal = [](const Bytes& bytes) {
    return std::string(test::error_of([&] { MediaInput(bytes, "it"); }).what());
  };
  EXPECT_THAT(refusal(read_file(kFixtures / "images" / "png_rgb.png", 1 << 20)),
              HasSubstr("a PNG picture; give it as a picture"));
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
  EXPECT_THAT(refusal({pointer.begin(), pointer.end()}), HasSubstr("a Git LFS pointer"));
}

}  // namespace
}  // namespace pandagpt
