// Runs the program `pandagpt-train` as the processes of a job.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "test_support.h"

namespace pandagpt::test {

/// A TCP port that nobody listens on now.
inline int free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t length = sizeof(address);
  EXPECT_EQ(bind(descriptor, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length), 0);
  close(descriptor);
  return ntohs(address.sin_port);
}

/// One running `pandagpt-train`; killed, if it still runs, when this goes.
class TrainerProcess {
 public:
  using Variables = std::vector<std::pair<std::string, std::string>>;

  /// Standard output and error go to `log`. No file that it writes can grow beyond `max_file_bytes`
  /// (0: any size), as on a full disk.
  TrainerProcess(std::vector<std::string> arguments, std::filesystem::path log,
                 const Variables& variables = {}, rlim_t max_file_bytes = 0)
      : log_(std::move(log)) {
    arguments.insert(arguments.begin(), "pandagpt-train");
    std::vector<char*> argv;
    for (std::string& argument : arguments)
      argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      const int out = open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
      setenv("OMP_NUM_THREADS", "1", 1);
      if (max_file_bytes > 0) {
        const rlimit limit{max_file_bytes, max_file_bytes};
        setrlimit(RLIMIT_FSIZE, &limit);
        ::signal(SIGXFSZ, SIG_IGN);  // writing fails instead, as without room
      }
      for (const auto& [name, value] : variables)
        setenv(name.c_str(), value.c_str(), 1);
      execv(PANDAGPT_TRAIN, argv.data());
      _exit(127);
    }
  }
  TrainerProcess(TrainerProcess&& other) noexcept
      : log_(other.log_), pid_(std::exchange(other.pid_, -1)) {}
  TrainerProcess& operator=(TrainerProcess&&) = delete;
  ~TrainerProcess() {
    if (pid_ < 0) return;
    send(SIGKILL);
    wait();
  }

  void send(int signal) const { kill(pid_, signal); }
  /// Exit code; 128 + signal if one ended it.
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  bool ended() {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }
  std::string log() const { return read_text(log_); }

 private:
  std::filesystem::path log_;
  pid_t pid_ = -1;
};

}  // namespace pandagpt::test
