// Black-box tests of `pandagpt models pull`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli_support.h"
#include "core/file.h"
#include "http_server.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::Arguments;
using test::file_response;
using test::HttpServer;
using test::Outcome;
using test::read_text;
using test::response;
using test::ServerRequest;
using test::write_text;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kFixtures = PANDAGPT_FIXTURES;

/// A server that holds tiny-panda as Hugging Face would.
class PullCliTest : public test::CliTest {
 protected:
  PullCliTest()
      : home_("XDG_DATA_HOME", (folder_ / "data").string()),
        endpoint_("HF_ENDPOINT", server_.url()),
        token_("HF_TOKEN", "hf_secret") {}

  Outcome pull(Arguments arguments) const {
    arguments.insert(arguments.begin(), {"models", "pull"});
    return run(arguments);
  }

  std::string answer(const ServerRequest& request) const {
    const std::string list = "/api/models/own/panda/tree/main?recursive=1";
    if (request.target == list) return response("200 OK", listing().dump());
    const std::string prefix = "/own/panda/resolve/main/";
    if (!request.target.starts_with(prefix)) return response("404 Not Found", "");
    const std::string name = request.target.substr(prefix.size());
    const std::string content = name == "notes/empty" ? "" : read_text(model_ / name);
    return file_response(request, content, "\"" + name + "\"");
  }

  nlohmann::json listing() const {
    auto list = nlohmann::json::array();
    list.push_back({{"type", "file"}, {"path", "notes/empty"}, {"size", 0}, {"oid", "0"}});
    for (const auto& entry : fs::directory_iterator(model_)) {
      const std::string name = entry.path().filename().string();
      list.push_back({{"type", "file"}, {"path", name}, {"size", fs::file_size(entry.path())}});
      if (name == "panda.json") {
        list.back()["oid"] = git_blob_id(entry.path());
      } else {
        list.back()["lfs"] = {{"oid", sha256_file(entry.path())}};
      }
    }
    return list;
  }

  const fs::path model_ = kFixtures / "tiny-panda";
  HttpServer server_{[this](const ServerRequest& request) { return answer(request); }};
  test::ScopedVariable home_;
  test::ScopedVariable endpoint_;
  test::ScopedVariable token_;
};

TEST_F(PullCliTest, ModelFolderIsReadyToUse) {
  const Outcome outcome = pull({"hf:own/panda"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const fs::path folder = folder_ / "data" / "pandagpt" / "models" / "panda";
  EXPECT_TRUE(outcome.out.ends_with((folder / "panda.json").string() + "\n")) << outcome.out;
  EXPECT_TRUE(fs::exists(folder / "notes" / "empty"));
  for (const ServerRequest& request : server_.requests())
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret");

  const test::ScopedVariable no_others("PANDAGPT_MODELS", "");
  EXPECT_THAT(run({"models"}).out, HasSubstr(folder.string()));
  EXPECT_EQ(run({"ask", "--model", "panda", "--threads", "1", "Who are you?"}).code, 0);

  // Again: all is there, and nothing but the list is asked for.
  const std::size_t before = server_.requests().size();
  EXPECT_EQ(pull({"hf:own/panda"}).code, 0);
  EXPECT_EQ(server_.requests().size(), before + 1);
}

TEST_F(PullCliTest, ChosenFilesAndSingleOnes) {
  const std::string to = (folder_ / "to").string();
  ASSERT_EQ(pull({"hf:own/panda", "--include", "*.gguf", "--exclude", "llm*", "--to", to}).code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "to" / "projector.gguf"));
  EXPECT_FALSE(fs::exists(folder_ / "to" / "llm.gguf"));
  EXPECT_FALSE(fs::exists(folder_ / "to" / "panda.json"));
  EXPECT_THAT(pull({"hf:own/panda", "--include", "nothing", "--to", to}).err, HasSubstr("no file"));

  const std::string one = (folder_ / "one.gguf").string();
  const Outcome outcome = pull({"hf:own/panda:llm.gguf", "-o", one});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, one + "\n");
  EXPECT_EQ(sha256_file(one), sha256_file(model_ / "llm.gguf"));
}

TEST_F(PullCliTest, AddressWithHash) {
  const std::string url = server_.url("/own/panda/resolve/main/llm.gguf");
  const std::string hash = sha256_file(model_ / "llm.gguf");
  const std::string to = (folder_ / "to").string();
  EXPECT_EQ(pull({url, "--to", to, "--sha256", hash}).code, 0);
  EXPECT_EQ(pull({url, "--to", to, "--sha256", hash}).code, 0);
  EXPECT_EQ(server_.requests().size(), 1U);
  const Outcome again = pull({url, "--to", to});
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("--force"));
  EXPECT_EQ(pull({url, "--to", to, "--force"}).code, 0);
  const Outcome wrong =
      pull({url, "-o", (folder_ / "x").string(), "--sha256", std::string(64, '0')});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.err, HasSubstr(hash));
  EXPECT_FALSE(fs::exists(folder_ / "x"));
}

TEST_F(PullCliTest, WrongUsage) {
  for (const Arguments& arguments : {Arguments{},
                                     {"file:///etc/passwd"},
                                     {"ftp://host/x"},
                                     {"hf:own"},
                                     {"nonsense"},
                                     {server_.url("/x"), "--sha256", "abc"},
                                     {server_.url("/x"), "--include", "*"},
                                     {server_.url("/x"), "-o", "a", "--to", "b"},
                                     {"hf:own/panda", "-o", "x"},
                                     {"hf:own/panda", "--sha256", std::string(64, 'a')},
                                     {"http://example.invalid/x", "--token", "secret"}}) {
    const Outcome outcome = pull(arguments);
    EXPECT_EQ(outcome.code, 2) << testing::PrintToString(arguments) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
  }
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_EQ(pull({server_.url("/")}).code, 3);  // an address without a file name
  EXPECT_EQ(pull({server_.url("/x/..%2f..%2fevil")}).code, 3);
  EXPECT_EQ(pull({"hf:own/absent", "--to", folder_.path().string()}).code, 3);
  EXPECT_THAT(run({"models", "pull", "--help"}).out, HasSubstr("pandagpt models pull"));
}

TEST_F(PullCliTest, InterruptKeepsThePart) {
  const std::string large(4 << 20, 'x');
  std::atomic<pid_t> child = 0;
  std::atomic<bool> stops = true;
  const HttpServer server([&](const ServerRequest& request) {
    if (!stops) return file_response(request, large);
    while (child == 0) {
    }
    kill(child, SIGINT);
    return file_response(request, large);
  });
  const std::string target = (folder_ / "file.bin").string();
  const std::string url = server.url("/file.bin");
  child = fork();
  if (child == 0) {
    std::vector<std::string> arguments{"models", "pull", url, "-o", target};
    const std::vector<char*> argv = test::argv_of(arguments);
    execv(PANDAGPT_CLI, argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_FALSE(fs::exists(target));
  stops = false;
  EXPECT_EQ(pull({url, "-o", target}).code, 0);
  EXPECT_EQ(fs::file_size(target), large.size());
}

}  // namespace
}  // namespace pandagpt
