// The language model on two servers of llama.cpp's RPC backend, each a process of its own.
#include "llm/rpc.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "cli_support.h"

namespace pandagpt {
namespace {

using test::Arguments;
using test::Outcome;
using testing::HasSubstr;

sockaddr_in local_address(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int free_port() {
  const int socket_id = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = local_address(0);
  EXPECT_EQ(bind(socket_id, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  getsockname(socket_id, reinterpret_cast<sockaddr*>(&address), &size);
  close(socket_id);
  return ntohs(address.sin_port);
}

/// `pandagpt rpc-server` until the end of its scope.
class Server {
 public:
  Server() : port_(free_port()) {
    Arguments arguments{"rpc-server", "--port", std::to_string(port_), "--device", "cpu",
                        "--threads",  "1"};
    std::vector<char*> argv = test::argv_of(arguments);
    child_ = fork();
    if (child_ == 0) {
      const int nowhere = open("/dev/null", O_WRONLY);
      dup2(nowhere, STDOUT_FILENO);
      dup2(nowhere, STDERR_FILENO);
      execv(PANDAGPT_CLI, argv.data());
      _exit(127);
    }
    wait_until_it_listens();
  }
  ~Server() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void wait_until_it_listens() const {
    for (int i = 0; i < 1000; ++i) {
      const int socket_id = socket(AF_INET, SOCK_STREAM, 0);
      const sockaddr_in address = local_address(port_);
      const bool listens =
          connect(socket_id, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
      close(socket_id);
      if (listens) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "the server doesn't listen";
  }

  int port_;
  pid_t child_ = 0;
};

using RpcTest = test::CliTest;

TEST_F(RpcTest, TwoServersGiveTheAnswerOfOneProcess) {
  if (!has_rpc()) GTEST_SKIP() << "this llama.cpp was built without RPC";
  const Outcome local = ask({"--image", photo(), "What is it?", "--greedy"});
  ASSERT_EQ(local.code, 0) << local.err;
  const Server one, two;
  const Outcome spread = ask({"--image", photo(), "What is it?", "--greedy", "--rpc",
                              one.endpoint() + "," + two.endpoint()});
  ASSERT_EQ(spread.code, 0) << spread.err;
  EXPECT_EQ(spread.out, local.out);
}

TEST_F(RpcTest, AServerThatIsNotThereIsNamed) {
  const std::string nobody = "127.0.0.1:" + std::to_string(free_port());
  const Outcome outcome = ask({"What is it?", "--rpc", nobody});
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(has_rpc() ? nobody : "-DGGML_RPC=ON"));
}

TEST_F(RpcTest, APortInUseIsAFault) {
  if (!has_rpc()) {
    EXPECT_THAT(run({"rpc-server"}).err, HasSubstr("-DGGML_RPC=ON"));
    return;
  }
  const Server first;
  const std::string port = first.endpoint().substr(first.endpoint().find(':') + 1);
  const Outcome second = run({"rpc-server", "--port", port, "--device", "cpu"});
  EXPECT_NE(second.code, 0);
  EXPECT_THAT(second.err, HasSubstr(port));
}

}  // namespace
}  // namespace pandagpt
