// Runs the program `pandagpt` for black-box tests.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "test_support.h"

namespace pandagpt::test {

using Arguments = std::vector<std::string>;

inline std::vector<char*> argv_of(const Arguments& arguments) {
  static std::string program = "pandagpt";
  std::vector<char*> argv{program.data()};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  return argv;
}

struct Outcome {
  int code = -1;  ///< exit code; 128 + signal if one ended it
  std::string out;
  std::string err;
};

// Root may read everything; without these two capabilities it may not (for others a no-op).
inline void obey_permissions() {
  prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
  prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0);
}

class CliTest : public testing::Test {
 protected:
  CliTest()
      : models_("PANDAGPT_MODELS", PANDAGPT_FIXTURES),
        data_("XDG_DATA_HOME", "/nowhere"),
        cache_("XDG_CACHE_HOME", (folder_ / "cache").string()),
        state_("XDG_STATE_HOME", (folder_ / "state").string()) {}

  /// Runs the program with `input` as standard input; standard output to `out_path`.
  Outcome run(const Arguments& arguments, const std::string& input = "",
              const std::string& out_path = "") const {
    return outcome_of(start(arguments, input, out_path), out_path);
  }

  /// The same in two steps: a process, and what it has become.
  pid_t start(const Arguments& arguments, const std::string& input = "",
              const std::string& out_path = "") const {
    write_text(folder_ / "stdin", input);
    std::vector<char*> argv = argv_of(arguments);
    const pid_t child = fork();
    if (child == 0) {
      const auto redirect = [](const std::filesystem::path& path, int flags, int descriptor) {
        dup2(open(path.c_str(), flags, 0600), descriptor);
      };
      redirect(folder_ / "stdin", O_RDONLY, STDIN_FILENO);
      redirect(out_file(out_path), O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
      redirect(folder_ / "stderr", O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
      obey_permissions();
      execv(PANDAGPT_CLI, argv.data());
      _exit(127);
    }
    return child;
  }
  Outcome outcome_of(pid_t child, const std::string& out_path = "") const {
    int status = 0;
    waitpid(child, &status, 0);
    Outcome outcome;
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (out_path.empty()) outcome.out = read_text(out_file(out_path));
    outcome.err = read_text(folder_ / "stderr");
    return outcome;
  }
  std::filesystem::path out_file(const std::string& out_path = "") const {
    return out_path.empty() ? folder_ / "stdout" : std::filesystem::path(out_path);
  }

  Outcome ask(Arguments more, const std::string& input = "") const {
    more.insert(more.begin(), {"ask", "--model", "tiny-panda", "--threads", "1"});
    return run(more, input);
  }

  std::string photo() const {
    return (std::filesystem::path(PANDAGPT_FIXTURES) / "images" / "exif1_jpg.jpg").string();
  }

  /// One line on standard error that names the file, nothing on standard output.
  void expect_unreadable(const std::string& file, const std::string& why) const {
    const Outcome outcome = ask({"--image", file, "What is it?"});
    EXPECT_EQ(outcome.code, 3) << file << ": " << outcome.err;
    EXPECT_THAT(outcome.out, testing::IsEmpty());
    EXPECT_THAT(outcome.err, testing::HasSubstr(std::filesystem::path(file).filename().string()));
    EXPECT_THAT(outcome.err, testing::HasSubstr(why));
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }

  TemporaryFolder folder_;
  ScopedVariable models_;
  ScopedVariable data_;
  ScopedVariable cache_;
  ScopedVariable state_;
};

}  // namespace pandagpt::test
