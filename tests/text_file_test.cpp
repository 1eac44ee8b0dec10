// The one reader of text files, and every list, table and settings file that goes through it: with
// a byte order mark and the line ends of Windows and old Macs they read the same, and what is no
// UTF-8 text is refused by name.
#include "core/text_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "convert/efficientnet.h"
#include "convert/strict_json.h"
#include "core/what_is_this.h"
#include "embed/item_reader.h"
#include "embed/pairs.h"
#include "embed/zero_shot.h"
#include "eval/caption_set.h"
#include "eval/eval_set.h"
#include "eval/naming.h"
#include "media/imu.h"
#include "pipeline/manifest.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kMaxBytes = 1 << 16;
const std::string kMark = "\xEF\xBB\xBF";

ByteView bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string replaced(std::string text, const std::string& with) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += with.size())
    text.replace(at, 1, with);
  return text;
}

std::string utf16(const std::string& text, bool little_endian, bool with_mark) {
  std::string out = !with_mark ? "" : little_endian ? "\xFF\xFE" : "\xFE\xFF";
  for (const char c : text) {
    if (little_endian) out += c;
    out += '\0';
    if (!little_endian) out += c;
  }
  return out;
}

class TextFileTest : public testing::Test {
 protected:
  fs::path write(const std::string& content, const std::string& name = "text") const {
    test::write_text(folder_ / name, content);
    return folder_ / name;
  }
  std::vector<std::string> lines(const std::string& content) const {
    return read_text_lines(write(content), kMaxBytes);
  }
  std::vector<std::string> streamed(const std::string& content) const {
    TextLines reader(write(content));
    std::vector<std::string> all;
    for (std::string line; reader.next(line);)
      all.push_back(line);
    EXPECT_EQ(reader.bytes_read(), static_cast<std::int64_t>(content.size()));
    EXPECT_EQ(reader.line_number(), static_cast<std::int64_t>(all.size()));
    return all;
  }
  std::string refusal(const std::string& content) const {
    const fs::path path = write(content);
    const std::string whole = test::error_of([&] { read_text_file(path, kMaxBytes); }).what();
    EXPECT_THAT(whole, HasSubstr(path.string()));
    return whole.substr(path.string().size() + 2);
  }

  const test::TemporaryFolder folder_;
};

TEST_F(TextFileTest, LinesOfEverySystem) {
  const std::string text = "siren\n\nr\xC3\xA9gne\nlast";
  for (const std::string& content :
       {text, text + "\n", kMark + text, replaced(text, "\r\n"), replaced(text, "\r"),
        kMark + replaced(text, "\r\n") + "\r\n"}) {
    EXPECT_THAT(lines(content), ElementsAre("siren", "", "r\xC3\xA9gne", "last"));
    EXPECT_THAT(streamed(content), ElementsAre("siren", "", "r\xC3\xA9gne", "last"));
  }
  EXPECT_THAT(lines(kMark), IsEmpty());
  EXPECT_THAT(streamed(kMark), IsEmpty());
  EXPECT_THAT(streamed(""), IsEmpty());
}

TEST_F(TextFileTest, WhatIsNoUtf8IsNamed) {
  const std::string text = "siren\nrain\n";
  for (const bool little : {true, false})
    for (const bool mark : {true, false}) {
      EXPECT_EQ(refusal(utf16(text, little, mark)),
                "the text is UTF-16, not UTF-8; save it as UTF-8");
      EXPECT_THAT(test::error_of([&] { streamed(utf16(text, little, mark)); }).what(),
                  HasSubstr("UTF-16"));
    }
  EXPECT_THAT(refusal(std::string("\xFF\xFE\0\0s\0\0\0", 8)), HasSubstr("UTF-32"));
  EXPECT_EQ(refusal("siren\nr\xE9gne\n"), "line 2: byte 0xE9 is no UTF-8; save it as UTF-8");
  EXPECT_THAT(refusal(std::string("siren\nra\0in", 11)), HasSubstr("line 2: has a NUL byte"));
}

TEST_F(TextFileTest, OtherFilesAreNamed) {
  EXPECT_THAT(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"),
              HasSubstr("a Git LFS pointer instead of the file; run 'git lfs pull'"));
  EXPECT_THAT(refusal("<!DOCTYPE html>\n<html>"), HasSubstr("a web page (HTML)"));
  EXPECT_THAT(refusal(std::string("\x1F\x8B\x08\0\0\0\0\0\0\3", 10)), HasSubstr("a gzip file"));
  EXPECT_THAT(refusal(std::string("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16)),
              HasSubstr("a PNG picture"));
  // Words that also stand in messages of servers are text like any other here.
  EXPECT_THAT(lines("404\nnot found"), ElementsAre("404", "not found"));
  EXPECT_THAT(lines("{\"error\": 1}"), ElementsAre("{\"error\": 1}"));
}

// --- Users -------------------------------------------------------------------------------------

// A reader, a file that it takes, and what it makes of it as text, for comparing.
struct User {
  std::string name;  // of the file
  std::string content;
  std::function<std::string(const fs::path&)> read;
};

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& one : texts)
    all += one + "|";
  return all;
}

std::vector<User> users() {
  const std::string turns = R"("conversation": [{"from": "gpt", "value": "A dog."}])";
  return {
      {"labels.txt", "siren\nrain\n",
       [](const fs::path& path) { return joined(read_labels(path.string())); }},
      {"classes.txt", "siren\nrain\n",
       [](const fs::path& path) { return joined(read_labels(path)); }},
      {"list.txt", "a.jpg\ntext\ta dog\n",
       [](const fs::path& path) {
         ItemReader reader(path, "/root");
         std::string all;
         while (const auto item = reader.next())
           all += item->id + item->text + item->fault + "|";
         return all;
       }},
      {"captions.json", "[{\"image_name\": \"a.jpg\",\n" + turns + "}]",
       [](const fs::path& path) {
         const auto photos = read_caption_set(path);
         return photos.at(0).image_name + joined(photos.at(0).captions);
       }},
      {"labels.tsv", "image\tclass_index\na.jpg\t1\nb.jpg\t0\n",
       [](const fs::path& path) {
         std::string all;
         for (const LabelledPhoto& one : read_labels(path, 2))
           all += one.image_name + std::to_string(one.label) + "|";
         return all;
       }},
      {"synonyms.json", "{\"dog\": [\"dog\",\n\"puppy\"]}",
       [](const fs::path& path) { return joined(read_synonyms(path).at("dog")); }},
      {"questions.json", "[{\"question\": \"What is it?\",\n\"accept\": [\"a dog\"]}]",
       [](const fs::path& path) { return joined(read_text_questions(path).at(0).accept); }},
      {"config.json", "{\"a\": 1,\n\"b\": 2}",
       [](const fs::path& path) { return read_strict_json(path, kMaxBytes, 3).dump(); }},
      {"imu.csv", "acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n1,2,9,0,0,0\n1,2,9,0,0,1\n",
       [](const fs::path& path) {
         ImuOptions options;
         options.rate_hz = 100;
         return std::to_string(load_imu(path, options).samples.size());
       }},
  };
}

TEST_F(TextFileTest, EveryUserTakesTheFilesOfWindowsAndMacs) {
  for (const User& user : users()) {
    SCOPED_TRACE(user.name);
    const auto read = [&](const std::string& content) {
      return user.read(write(content, user.name));
    };
    const std::string plain = read(user.content);
    EXPECT_NE(plain, "");
    EXPECT_EQ(read(kMark + user.content), plain);
    EXPECT_EQ(read(replaced(user.content, "\r\n")), plain);
    EXPECT_EQ(read(kMark + replaced(user.content, "\r\n")), plain);
    EXPECT_EQ(read(replaced(user.content, "\r")), plain);
  }
}

TEST_F(TextFileTest, EveryUserRefusesUtf16ByName) {
  for (const User& user : users()) {
    if (user.name == "imu.csv") continue;  // instruments write tables in UTF-16; they are read
    SCOPED_TRACE(user.name);
    const fs::path path = write(utf16(user.content, true, true), user.name);
    EXPECT_THAT(test::error_of([&] { user.read(path); }).what(),
                HasSubstr(path.string() + ": the text is UTF-16, not UTF-8; save it as UTF-8"));
  }
}

TEST_F(TextFileTest, ManifestsOfModels) {
  write("version https://git-lfs.github.com/spec/v1\n", "panda.json");
  const Error error = test::error_of([&] { read_manifest(folder_.path()); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  EXPECT_THAT(error.what(), HasSubstr("a Git LFS pointer"));
}

TEST_F(TextFileTest, WeightsOfModelsThatAreNotThere) {
  const fs::path model = folder_ / "model";
  fs::copy(fs::path(PANDAGPT_FIXTURES) / "tiny-panda", model, fs::copy_options::recursive);
  test::write_text(model / "projector.gguf", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_THAT(test::error_of([&] { read_manifest(model).check_files(); }).what(),
              HasSubstr("projector.gguf: a Git LFS pointer instead of the file"));
}

// Names of files are bytes; the rest of a list is text.
TEST_F(TextFileTest, ListsMayNameFilesInOtherEncodings) {
  const std::string name = "r\xE9gne.jpg";
  test::write_text(folder_ / name, "x");
  ItemReader reader(write(name + "\nno\xE9.jpg\ntext\tr\xE9gne\n", "list"), folder_.path());
  EXPECT_EQ(reader.next()->inputs.items().front().name, (folder_ / name).string());
  EXPECT_THAT(reader.next()->fault, HasSubstr("line 2: byte 0xE9 is no UTF-8"));
  EXPECT_THAT(reader.next()->fault, HasSubstr("line 3: byte 0xE9 is no UTF-8"));
}

// --- what_is_this ------------------------------------------------------------------------------

TEST(WhatIsThis, NamesWhatLiesInAFilesPlace) {
  const auto what = [](const std::string& bytes) { return what_is_this(bytes_of(bytes)); };
  EXPECT_THAT(what(""), HasSubstr("an empty file"));
  EXPECT_THAT(what("version https://git-lfs.github.com/spec/v1\noid"), HasSubstr("Git LFS"));
  EXPECT_THAT(what("\n <!doctype HTML><title>Sign in</title>"), HasSubstr("a web page"));
  EXPECT_THAT(what("<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>"),
              HasSubstr("a server's error message"));
  EXPECT_THAT(what("{\"error\":\"Invalid credentials\"}"), HasSubstr("a server's error message"));
  EXPECT_THAT(what("Entry not found"), HasSubstr("a server's error message"));
  EXPECT_THAT(what(std::string(256, '\0')), HasSubstr("an unfinished download"));
  EXPECT_THAT(what(std::string(257, '\1') + "ustar"), HasSubstr("a tar archive"));
  EXPECT_THAT(what("PK\x03\x04..."), HasSubstr("a zip archive"));
  EXPECT_THAT(what(std::string("tjgg\3\0\0\0", 8)), HasSubstr("an old llama.cpp"));
  EXPECT_THAT(what(std::string("GGUF\3\0\0\0", 8)), HasSubstr("a GGUF file"));
  EXPECT_THAT(what("Hello"), HasSubstr("text"));
  EXPECT_THAT(what("\xFF\x0A...."), HasSubstr("JPEG XL"));
  EXPECT_EQ(what("\xFF\xFB\x90\xC4"), "a sound (MP3)") << "without a tag";
  EXPECT_EQ(what("\xFF\xF1\x50\x80"), "a sound (AAC)");
  EXPECT_EQ(what(std::string("FORM\0\0\0\0AIFF", 12)), "a sound (AIFF)");
  EXPECT_EQ(what(std::string("\0\0\0\x18"
                             "ftypM4A ",
                             12)),
            "a sound (M4A)");
  EXPECT_EQ(what(std::string("\0\0\0\x18"
                             "ftypisom",
                             12)),
            "a video (MP4 or MOV)");
  EXPECT_EQ(what("#!AMR\n\x3C\x08\x91"), "a sound (AMR)");
  EXPECT_EQ(what("\xE9t\xE9"), "text") << "Latin-1";
  EXPECT_EQ(what(std::string("\1\2\3\0\5", 5)), "");
}

}  // namespace
}  // namespace pandagpt
