// Options from the command line, from variables and from files: which goes first, and what is
// wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "config/config_file.h"
#include "config/environment.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using test::error_of;
using test::ScopedVariable;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPrefix = "PANDAGPT_CONFIG_TEST_";

ScopedVariable variable(const std::string& name, const std::string& value) {
  return {kPrefix + name, value};
}

struct Options {
  int port = 1;
  std::vector<std::string> keys;
  bool has_metrics = true;
  bool is_open = false;
};

class OptionSourcesTest : public testing::Test {
 protected:
  Options parse(std::vector<std::string> arguments = {}) {
    Options options;
    CLI::App app;
    app.add_option("--port,--p2", options.port)->check(CLI::Range(0, 100));
    app.add_option("--api-key", options.keys)->delimiter(',');
    app.add_flag("!--no-metrics", options.has_metrics);
    app.add_flag("--open", options.is_open);
    add_config_option(app);
    std::ranges::reverse(arguments);  // as CLI11 takes them
    app.parse(arguments);
    apply_environment(app, kPrefix);
    apply_config(app);
    unknown_ = unknown_variables(app, kPrefix, {std::string(kPrefix) + "OTHERS"});
    return options;
  }
  std::vector<std::string> with_file(const std::string& content,
                                     std::vector<std::string> arguments = {}) {
    const std::filesystem::path path = folder_ / "c.yaml";
    test::write_text(path, content);
    arguments.insert(arguments.end(), {"--config", path.string()});
    return arguments;
  }

  const TemporaryFolder folder_;
  std::vector<std::string> unknown_;
};

TEST_F(OptionSourcesTest, TheCommandLineGoesBeforeVariablesAndTheseBeforeTheFile) {
  const std::string file = "port: 30\n";
  EXPECT_EQ(parse().port, 1);
  EXPECT_EQ(parse(with_file(file)).port, 30);
  const ScopedVariable set = variable("PORT", "20");
  EXPECT_EQ(parse(with_file(file)).port, 20);
  EXPECT_EQ(parse(with_file(file, {"--port", "10"})).port, 10);
  EXPECT_EQ(parse(with_file(file, {"--p2", "11"})).port, 11);
}

TEST_F(OptionSourcesTest, TheFileMayBeNamedByAVariable) {
  test::write_text(folder_ / "d.json", R"({"p2": 7, "api_key": ["a", "b"], "open": true})");
  const ScopedVariable set = variable("CONFIG", (folder_ / "d.json").string());
  const Options options = parse();
  EXPECT_EQ(options.port, 7);
  EXPECT_THAT(options.keys, ElementsAre("a", "b"));
  EXPECT_TRUE(options.is_open);
}

TEST_F(OptionSourcesTest, FlagsThatStandForNo) {
  EXPECT_FALSE(parse({"--no-metrics"}).has_metrics);
  EXPECT_FALSE(parse(with_file("no-metrics: true")).has_metrics);
  EXPECT_TRUE(parse(with_file("no-metrics: false")).has_metrics);
  EXPECT_FALSE(parse(with_file("open: false")).is_open);
  const ScopedVariable set = variable("NO_METRICS", "1");
  const ScopedVariable open = variable("OPEN", "true");
  EXPECT_FALSE(parse().has_metrics);
  EXPECT_TRUE(parse().is_open);
  EXPECT_FALSE(parse(with_file("no-metrics: false")).has_metrics) << "the variable goes first";
}

TEST_F(OptionSourcesTest, ListsAndEmptyVariables) {
  const ScopedVariable keys = variable("API_KEY", "a,b");
  const ScopedVariable port = variable("PORT", "");
  const Options options = parse();
  EXPECT_THAT(options.keys, ElementsAre("a", "b"));
  EXPECT_EQ(options.port, 1);
}

TEST_F(OptionSourcesTest, WrongValuesAreNamedWithTheirSource) {
  for (const char* wrong : {"many", "101"}) {
    const ScopedVariable set = variable("PORT", wrong);
    const Error error = error_of([&] { parse(); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr(std::string(kPrefix) + "PORT: --port"));
  }
  const ScopedVariable flag = variable("OPEN", "perhaps");
  EXPECT_THAT(error_of([&] { parse(); }).what(), HasSubstr("OPEN: "));
  EXPECT_TRUE(parse(with_file("open: perhaps", {"--open"})).is_open)
      << "the command line is enough";
}

TEST_F(OptionSourcesTest, VariablesThatNoOptionHas) {
  const ScopedVariable keys = variable("API_KEYS", "secret");
  const ScopedVariable others = variable("OTHERS", "x");
  const ScopedVariable nothing = variable("ZZZZZZZZ", "x");
  parse();
  EXPECT_THAT(unknown_, ElementsAre(std::string(kPrefix) + "API_KEYS; did you mean 'api-key'?",
                                    std::string(kPrefix) + "ZZZZZZZZ"));
}

}  // namespace
}  // namespace pandagpt
