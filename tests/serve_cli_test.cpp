// `pandagpt serve` with options that can't be; what it does with good ones is tested by its clients
// (replicas_test.py and the server's own tests).
#include "cli_support.h"

namespace pandagpt {
namespace {

using test::Arguments;
using test::Outcome;
using test::ScopedVariable;
using testing::HasSubstr;
using testing::IsEmpty;

class ServeCliTest : public test::CliTest {
 protected:
  void expect_refused(const Arguments& more, int code, const std::string& why) const {
    Arguments arguments{"serve", "--model", "tiny-panda", "--port", "0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(why));
    EXPECT_THAT(outcome.out, IsEmpty()) << "it must not have listened";
  }
  std::string file(const std::string& name, const std::string& content) const {
    test::write_text(folder_ / name, content);
    return (folder_ / name).string();
  }
};

TEST_F(ServeCliTest, ConfigurationsThatCantBe) {
  expect_refused({"--config", file("a.yaml", "prot: 1")}, 2, "did you mean 'port'?");
  expect_refused({"--config", file("b.yaml", "ping: never")}, 2, "b.yaml: --ping");
  expect_refused({"--config", file("c.json", "{")}, 2, "c.json");
  expect_refused({"--config", (folder_ / "none.yaml").string()}, 3, "none.yaml");
  expect_refused({"--log-format", "xml"}, 2, "--log-format");
  const ScopedVariable queue("PANDAGPT_QUEUE", "-1");
  expect_refused({}, 2, "PANDAGPT_QUEUE: --queue");
}

TEST_F(ServeCliTest, KeyFilesThatCantBe) {
  expect_refused({"--api-key-file", file("empty", "\n# a comment\n  \n")}, 2, "there is no key");
  expect_refused({"--api-key-file", (folder_ / "none").string()}, 3, "none");
}

}  // namespace
}  // namespace pandagpt
