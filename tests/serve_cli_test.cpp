// `pandagpt serve` with options that can't be; what it does with good ones is tested by its clients
// (replicas_test.py and the server's own tests). And the environment that it gives itself.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <thread>

#include "cli_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
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
  /// The variables that say how OpenMP's threads wait, of a server that listens. It must have kept
  /// its process id and its arguments, and end by SIGTERM.
  std::set<std::string> waiting_of_a_server() const {
    fs::remove(out_file());  // an earlier one's
    const pid_t server = start({"serve", "--model", "tiny-panda", "--port", "0", "--no-files"});
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (test::read_text(out_file()).empty() && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const fs::path process = fs::path("/proc") / std::to_string(server);
    std::istringstream variables(test::read_text(process / "environ"));
    std::set<std::string> found;
    for (std::string variable; std::getline(variables, variable, '\0');)
      if (variable.starts_with("GOMP_SPINCOUNT=") || variable.starts_with("OMP_WAIT_POLICY="))
        found.insert(variable);
    using namespace std::string_literals;
    EXPECT_EQ(test::read_text(process / "cmdline"),
              "pandagpt\0serve\0--model\0tiny-panda\0--port\0"s + "0\0--no-files\0"s);
    kill(server, SIGTERM);
    const Outcome outcome = outcome_of(server);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.out, testing::StartsWith("http://127.0.0.1:"));
    return found;
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
  expect_refused({"--api-key-file", file("wide", std::string("\xFF\xFEk\0e\0y\0", 8))}, 3,
                 "the text is UTF-16, not UTF-8; save it as UTF-8");
  expect_refused({"--api-key-file", file("latin", "cl\xE9\n")}, 3, "line 1: byte 0xE9 is no UTF-8");
}

TEST_F(ServeCliTest, OpenMpSpinsBrieflyUnlessTheUserSaysOtherwise) {
  unsetenv("GOMP_SPINCOUNT");
  unsetenv("OMP_WAIT_POLICY");
  EXPECT_THAT(waiting_of_a_server(), testing::ElementsAre("GOMP_SPINCOUNT=3000"));
  {
    const ScopedVariable own("GOMP_SPINCOUNT", "77");
    EXPECT_THAT(waiting_of_a_server(), testing::ElementsAre("GOMP_SPINCOUNT=77"));
  }
  const ScopedVariable own("OMP_WAIT_POLICY", "passive");
  EXPECT_THAT(waiting_of_a_server(), testing::ElementsAre("OMP_WAIT_POLICY=passive"));
}

}  // namespace
}  // namespace pandagpt
