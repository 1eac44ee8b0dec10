// Black-box tests of `pandagpt search`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::Arguments;
using test::Outcome;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class SearchCliTest : public test::CliTest {
 protected:
  SearchCliTest() {
    fs::create_directory(folder_ / "media");
    fs::copy(fs::path(photo()), folder_ / "media" / "\xFF\n.jpg");
    fs::copy(fs::path(PANDAGPT_FIXTURES) / "images" / "photo_coffee.jpg", folder_ / "media");
  }

  Outcome search(Arguments arguments) const {
    arguments.insert(arguments.begin(), "search");
    arguments.insert(arguments.end(), {"--db", (folder_ / "db").string()});
    return run(arguments);
  }
  Outcome index(const Arguments& more = {}) const {
    Arguments arguments{"index", (folder_ / "media").string(), "--model", "tiny-panda"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return search(arguments);
  }
};

TEST_F(SearchCliTest, IndexQueryStatus) {
  test::write_text(folder_ / "media" / "bad.png", "no picture");
  test::write_text(folder_ / "media" / "notes.txt", "no picture either");
  const Outcome indexed = index();
  EXPECT_EQ(indexed.code, 0) << indexed.err;
  EXPECT_EQ(indexed.out,
            "3 files: 0 unchanged, 2 embedded, 0 with known content, 1 failed; 0 removed\n"
            "left out: 1 file of other kinds (1 .txt)\n");
  EXPECT_THAT(indexed.err, HasSubstr("left out: "));
  EXPECT_THAT(indexed.err, HasSubstr("bad.png"));

  const fs::path page = folder_ / "page.html";
  const Outcome queried = search({"query", "--image", photo(), "-k", "1", "--html", page.string()});
  EXPECT_EQ(queried.code, 0) << queried.err;
  EXPECT_THAT(queried.out, HasSubstr("image (2 indexed)\n  1.0000  \""));
  EXPECT_THAT(queried.out, HasSubstr("\\n.jpg\"\n")) << "a name that isn't printable, as in JSON";
  EXPECT_THAT(test::read_text(page), HasSubstr("data:image/jpeg;base64,"));

  const Outcome json = search({"query", "--image", photo(), "--kind", "image", "--json"});
  const auto report = nlohmann::json::parse(json.out);
  ASSERT_EQ(report["groups"].size(), 1U);
  EXPECT_EQ(report["groups"][0]["hits"].size(), 2U);
  EXPECT_THAT(report["groups"][0]["hits"][0]["files"][0]["uri"].get<std::string>(),
              HasSubstr("/media/%FF%0A.jpg"));

  const Outcome status = search({"status", "--json"});
  const auto state = nlohmann::json::parse(status.out);
  EXPECT_EQ(state["model_name"], "tiny-panda");
  EXPECT_EQ(state["kinds"][0]["files"], 2);
  EXPECT_EQ(state["failures"].size(), 1U);
  EXPECT_THAT(search({"status", "--failures"}).out, HasSubstr("bad.png"));
}

TEST_F(SearchCliTest, ExitCodes) {
  EXPECT_EQ(search({"query", "--image", photo()}).code, 3) << "no index";
  EXPECT_EQ(search({"status"}).code, 3);
  EXPECT_EQ(search({"index", (folder_ / "none").string(), "--model", "tiny-panda"}).code, 3);
  EXPECT_EQ(search({"index", (folder_ / "media").string(), "--model", "none"}).code, 4);
  EXPECT_EQ(index({"--as", "warm:*"}).code, 2);
  ASSERT_EQ(index({"--json"}).code, 0);
  const Outcome text = search({"query", "--text", "a dog", "--weight", "0.5"});
  EXPECT_EQ(text.code, 4) << "no text tower";
  EXPECT_EQ(search({"query"}).code, 2) << "nothing to look for";
  EXPECT_EQ(search({"query", "--weight", "2", "--image", photo()}).code, 2);
  EXPECT_EQ(search({"query", "--image", photo(), "--kind", "smell"}).code, 2);
  EXPECT_EQ(search({"query", "--image", (folder_ / "none.png").string()}).code, 3);
  EXPECT_EQ(search({"query", "--image", photo(), "-k", "0"}).code, 2);
  const Outcome help = run({"search", "index", "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
}

}  // namespace
}  // namespace pandagpt
