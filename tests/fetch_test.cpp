// Downloads from a server that breaks off, lies, redirects and errs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "fetch/content_check.h"
#include "fetch/download.h"
#include "fetch/hugging_face.h"
#include "fetch/part_file.h"
#include "fetch/safe_path.h"
#include "http_server.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::file_response;
using test::HttpServer;
using test::read_text;
using test::response;
using test::ServerRequest;
using test::write_text;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string sha256(const std::string& text) {
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

/// 40 kB that don't repeat.
std::string sample() {
  std::string text;
  for (int i = 0; text.size() < 40'000; ++i)
    text += std::to_string(i * 7919) + ";";
  return text;
}

class FetchTest : public testing::Test {
 protected:
  FetchTest() { options_.retry = {.max_attempts = 3, .delay = std::chrono::milliseconds(1)}; }

  DownloadResult pull(const std::string& url, const std::string& name = "file.bin") {
    return download(http_, Url(url), target(name), options_);
  }
  Error fault(const std::string& url, const std::string& name = "file.bin") {
    return error_of([&] { pull(url, name); });
  }
  fs::path target(const std::string& name = "file.bin") const { return folder_ / name; }
  fs::path part(const std::string& name = "file.bin") const {
    return folder_ / (name + kPartEnding);
  }

  /// Leaves FILE.part with the first `n` bytes of the sample, as a lost connection would.
  void break_off_at(std::size_t n, const std::string& url, const std::string& etag = "\"v1\"") {
    PartFile file(target());
    file.restart({sha256(Url(url).text()), etag, content_.size()});
    file.append({reinterpret_cast<const std::uint8_t*>(content_.data()), n});
  }

  test::TemporaryFolder folder_;
  const std::string content_ = sample();
  DownloadOptions options_;
  HttpClient http_;
};

TEST_F(FetchTest, WholeFileWithItsHash) {
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, content_); });
  options_.sha256 = sha256(content_);
  std::vector<std::uint64_t> seen;
  options_.on_progress = [&](std::uint64_t done, std::optional<std::uint64_t> total) {
    EXPECT_EQ(total, content_.size());
    seen.push_back(done);
  };
  const DownloadResult result = pull(server.url("/file.bin"));
  EXPECT_TRUE(result.verified);
  EXPECT_FALSE(result.was_there);
  EXPECT_EQ(result.size, content_.size());
  EXPECT_EQ(read_text(target()), content_);
  EXPECT_EQ(seen.back(), content_.size());
  EXPECT_FALSE(fs::exists(part()));
  EXPECT_FALSE(fs::exists(folder_ / "file.bin.part.json"));
  EXPECT_EQ(server.requests()[0].header("accept-encoding"), "identity");

  EXPECT_TRUE(pull(server.url("/file.bin")).was_there);  // nothing is asked for
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(FetchTest, FilesThatAreThereAreNotReplaced) {
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, content_); });
  write_text(target(), "the user's own");
  EXPECT_EQ(fault(server.url("/f")).kind(), ErrorKind::kUsage);
  options_.sha256 = sha256(content_);
  EXPECT_THAT(fault(server.url("/f")).what(), HasSubstr("other content"));
  EXPECT_EQ(read_text(target()), "the user's own");
  EXPECT_TRUE(server.requests().empty());
  options_.overwrite = true;
  pull(server.url("/f"));
  EXPECT_EQ(read_text(target()), content_);
  fs::create_directory(target("folder"));
  EXPECT_THAT(fault(server.url("/f"), "folder").what(), HasSubstr("is a folder"));
}

TEST_F(FetchTest, GitIdOfSmallFiles) {
  write_text(target("hello"), "hello\n");  // as `git hash-object` says
  EXPECT_EQ(git_blob_id(target("hello")), "ce013625030ba8dba906f756967f9e9ca394464a");
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, "hello\n"); });
  options_.git_blob = "ce013625030ba8dba906f756967f9e9ca394464a";
  EXPECT_TRUE(pull(server.url("/h"), "again").verified);
  options_.git_blob.back() = 'b';
  EXPECT_THAT(fault(server.url("/h"), "other").what(), HasSubstr("git id"));
}

TEST_F(FetchTest, ConnectionLostInTheMiddleIsTakenUpAgain) {
  std::atomic<int> n = 0;
  const HttpServer server([&](const ServerRequest& r) {
    const std::string whole = file_response(r, content_);
    return ++n < 3 ? whole.substr(0, whole.size() - 9'000 / n) : whole;
  });
  options_.sha256 = sha256(content_);
  const DownloadResult result = pull(server.url("/file.bin"));
  EXPECT_EQ(read_text(target()), content_);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_FALSE(requests[0].has("range"));
  EXPECT_EQ(requests[1].header("range"), "bytes=" + std::to_string(content_.size() - 9'000) + "-");
  EXPECT_EQ(requests[1].header("if-range"), "\"v1\"");
  EXPECT_EQ(requests[2].header("range"), "bytes=" + std::to_string(content_.size() - 4'500) + "-");
  EXPECT_EQ(result.resumed_at, content_.size() - 4'500);
}

TEST_F(FetchTest, ServerThatAlwaysBreaksOffIsGivenUp) {
  const HttpServer server([&](const ServerRequest& r) {
    const std::string whole = file_response(r, content_);
    return whole.substr(0, whole.size() - 1);
  });
  const Error error = fault(server.url("/file.bin"));
  EXPECT_EQ(error.kind(), ErrorKind::kInternal);
  EXPECT_FALSE(fs::exists(target()));
  EXPECT_EQ(fs::file_size(part()), content_.size() - 1);  // for the next call
}

TEST_F(FetchTest, AnotherCallGoesOnWithThePart) {
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, content_); });
  break_off_at(12'345, server.url("/file.bin"));
  EXPECT_EQ(pull(server.url("/file.bin")).resumed_at, 12'345U);
  EXPECT_EQ(read_text(target()), content_);
  EXPECT_EQ(server.requests()[0].header("range"), "bytes=12345-");
}

TEST_F(FetchTest, PartThatIsWholeAlready) {
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, content_); });
  break_off_at(content_.size(), server.url("/file.bin"));
  pull(server.url("/file.bin"));
  EXPECT_EQ(read_text(target()), content_);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(FetchTest, ChangedFileStartsAnew) {
  std::string changed = content_;
  std::ranges::reverse(changed);
  const auto etag = [](const ServerRequest&) { return std::string("\"v2\""); };
  const HttpServer server(
      [&](const ServerRequest& r) { return file_response(r, changed, etag(r)); });
  break_off_at(12'345, server.url("/file.bin"));
  EXPECT_EQ(pull(server.url("/file.bin")).resumed_at, 0U);
  EXPECT_EQ(read_text(target()), changed);
}

TEST_F(FetchTest, ChangedFileFromAServerWithoutIfRange) {
  std::string changed = content_;
  std::ranges::reverse(changed);
  const HttpServer server([&](ServerRequest r) {
    r.headers.erase("if-range");
    return file_response(r, changed, "\"v2\"");
  });
  break_off_at(12'345, server.url("/file.bin"));
  pull(server.url("/file.bin"));
  EXPECT_EQ(read_text(target()), changed);
  EXPECT_EQ(server.requests().size(), 2U);  // the second asks for all of it
}

TEST_F(FetchTest, PartsOfUnknownOriginAreNotUsed) {
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, content_); });
  write_text(part(), "who knows");
  pull(server.url("/file.bin"));
  break_off_at(100, server.url("/another.bin"));
  options_.overwrite = true;
  pull(server.url("/file.bin"));
  break_off_at(100, server.url("/file.bin"), "");  // the server had no validator
  pull(server.url("/file.bin"));
  write_text(part(), "x");
  write_text(folder_ / "file.bin.part.json", "{ damaged");
  pull(server.url("/file.bin"));
  for (const ServerRequest& request : server.requests())
    EXPECT_FALSE(request.has("range"));
  EXPECT_EQ(read_text(target()), content_);
}

TEST_F(FetchTest, DateOfTheLastChangeServesWithoutAStrongETag) {
  const std::string date = "Tue, 01 Aug 2023 10:00:00 GMT";
  std::atomic<int> n = 0;
  const HttpServer server([&](const ServerRequest& r) {
    std::string whole =
        response("200 OK", content_, {"ETag: W/\"weak\"", "Last-Modified: " + date});
    if (r.has("range")) {
      EXPECT_EQ(r.header("if-range"), date);
      return file_response({r.target, {{"range", r.header("range")}}}, content_, "W/\"weak\"");
    }
    return ++n == 1 ? whole.substr(0, 30'000) : whole;
  });
  pull(server.url("/file.bin"));
  EXPECT_EQ(read_text(target()), content_);
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(FetchTest, WrongPartOfTheFileIsNotAppended) {
  const HttpServer server([&](const ServerRequest& r) {
    if (!r.has("range")) return file_response(r, content_);
    return response("206 Partial Content", content_.substr(5),
                    {"ETag: \"v1\"", "Content-Range: bytes 5-39999/40000"});
  });
  break_off_at(12'345, server.url("/file.bin"));
  pull(server.url("/file.bin"));
  EXPECT_EQ(read_text(target()), content_);
}

TEST_F(FetchTest, WrongHash) {
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, content_); });
  options_.sha256 = sha256("something else");
  const Error error = fault(server.url("/file.bin"));
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), HasSubstr(sha256(content_)));
  EXPECT_FALSE(fs::exists(target()));
  EXPECT_FALSE(fs::exists(part()));

  // A damaged beginning of an earlier attempt is fetched again, once.
  options_.sha256 = sha256(content_);
  {
    PartFile file(target());
    file.restart({sha256(server.url("/file.bin")), "\"v1\"", content_.size()});
    file.append(Bytes(1'000, 'x'));
  }
  pull(server.url("/file.bin"));
  EXPECT_EQ(read_text(target()), content_);
}

TEST_F(FetchTest, LengthsThatAreLies) {
  const HttpServer server([&](const ServerRequest& r) {
    if (r.target == "/longer")  // says more than it sends
      return response("200 OK", content_, {"Content-Length: 50000"});
    if (r.target == "/shorter")  // says less than it sends: the rest is never read
      return response("200 OK", content_, {"Content-Length: 30000"});
    if (r.target == "/chunks")
      return response("200 OK", "9c40\r\n" + content_.substr(0, 40'000) + "\r\n0\r\n\r\n",
                      {"Transfer-Encoding: chunked"});
    return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content_;  // says nothing
  });
  EXPECT_THAT(fault(server.url("/longer")).what(), HasSubstr("bytes remaining"));
  options_.size = content_.size();
  EXPECT_THAT(fault(server.url("/shorter"), "b").what(), HasSubstr("there should be"));
  options_.size = 39'999;
  EXPECT_THAT(fault(server.url("/chunks"), "c").what(), HasSubstr("sends more than the 39999"));
  options_.size = 40'001;
  EXPECT_THAT(fault(server.url("/chunks"), "d").what(), HasSubstr("ended after 40000 of 40001"));
  options_.size.reset();
  options_.sha256 = sha256(content_);
  EXPECT_THAT(fault(server.url("/shorter"), "e").what(), HasSubstr("SHA-256"));
  pull(server.url("/silent"), "f");
  EXPECT_EQ(read_text(target("f")), content_);
}

TEST_F(FetchTest, CutModelFilesAreNoticedWithoutAHash) {
  const std::string gguf = read_text(fs::path(PANDAGPT_FIXTURES) / "tiny-panda" / "projector.gguf");
  const HttpServer server([&](const ServerRequest& r) {
    return file_response(r, r.target == "/cut" ? gguf.substr(0, gguf.size() - 64) : gguf);
  });
  EXPECT_THAT(fault(server.url("/cut"), "m.gguf").what(), HasSubstr("not whole"));
  EXPECT_FALSE(fs::exists(target("m.gguf")));
  pull(server.url("/whole"), "n.gguf");
  EXPECT_EQ(read_text(target("n.gguf")), gguf);
}

TEST_F(FetchTest, LimitsOfSizeAndDisk) {
  const HttpServer server([&](const ServerRequest& r) {
    if (r.target == "/huge")
      return response("200 OK", content_, {"Content-Length: 999999999999999999"});
    if (r.target == "/endless") return "HTTP/1.1 200 OK\r\n\r\n" + content_ + content_;
    return response("200 OK", "");
  });
  EXPECT_THAT(fault(server.url("/huge")).what(), HasSubstr("limit"));
  options_.max_bytes = ~std::uint64_t{0};
  EXPECT_THAT(fault(server.url("/huge")).what(), HasSubstr("MiB left"));
  options_.max_bytes = 50'000;
  EXPECT_THAT(fault(server.url("/endless")).what(), HasSubstr("limit"));
  EXPECT_THAT(fault(server.url("/empty"), "e").what(), HasSubstr("empty file"));
  EXPECT_FALSE(fs::exists(part("e")));
}

TEST_F(FetchTest, WebPagesAndOtherFormatsAreRefused) {
  const HttpServer server([&](const ServerRequest& r) {
    if (r.target == "/login")
      return response("200 OK", "<!DOCTYPE html>..", {"Content-Type: text/html; charset=utf-8"});
    if (r.target == "/unmarked") return response("200 OK", " \n<HTML><body>Please log in");
    if (r.target == "/pointer")
      return response("200 OK", "version https://git-lfs.github.com/spec/v1\noid sha256:ab\n");
    if (r.target == "/packed") return response("200 OK", content_, {"Content-Encoding: gzip"});
    return response("200 OK", "not what it says");
  });
  for (const char* name : {"a.gguf", "a.safetensors", "a.pth", "a.pt", "a.zip", "a.json"}) {
    EXPECT_THAT(fault(server.url("/login"), name).what(), HasSubstr("web page"));
    EXPECT_THAT(fault(server.url("/unmarked"), name).what(), HasSubstr("web page"));
    const Error error = fault(server.url("/other"), name);
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("begins with 'not what'")) << name;
    EXPECT_FALSE(fs::exists(part(name)));
  }
  EXPECT_THAT(fault(server.url("/pointer")).what(), HasSubstr("Git LFS"));
  EXPECT_THAT(fault(server.url("/packed")).what(), HasSubstr("gzip"));
}

TEST_F(FetchTest, StatusesAndWhatIsTriedAgain) {
  std::atomic<int> n = 0;
  const HttpServer server([&](const ServerRequest& r) {
    ++n;
    if (r.target == "/flaky") {
      if (n == 1) return response("500 Internal Server Error", "oops");
      if (n == 2) return response("429 Too Many Requests", "", {"Retry-After: 0"});
      return file_response(r, content_);
    }
    if (r.target == "/later") return response("503 Unavailable", "", {"Retry-After: 86400"});
    return response(r.target.substr(1) + " Whatever", "",
                    {"X-Error-Message: Access to \x1b[31mthis repo is gated"});
  });
  pull(server.url("/flaky"));
  EXPECT_EQ(n, 3);
  const auto tries = [&](const std::string& path) {
    n = 0;
    const Error error = fault(server.url(path), "x");
    EXPECT_THAT(error.what(), HasSubstr(path == "/later" ? "503" : path.substr(1)));
    return std::pair(error.kind(), n.load());
  };
  EXPECT_EQ(tries("/404"), std::pair(ErrorKind::kInput, 1));
  EXPECT_EQ(tries("/401"), std::pair(ErrorKind::kInput, 1));
  EXPECT_EQ(tries("/403"), std::pair(ErrorKind::kInput, 1));
  EXPECT_EQ(tries("/204"), std::pair(ErrorKind::kInput, 1));
  EXPECT_EQ(tries("/500"), std::pair(ErrorKind::kInternal, 3));
  EXPECT_EQ(tries("/429"), std::pair(ErrorKind::kInternal, 3));
  EXPECT_EQ(tries("/later"), std::pair(ErrorKind::kInternal, 1));  // a day is too long
  EXPECT_THAT(fault(server.url("/403"), "x").what(), HasSubstr("?[31mthis repo is gated"));
  EXPECT_THAT(fault(server.url("/403"), "x").what(), HasSubstr("HF_TOKEN"));
}

TEST_F(FetchTest, NoServer) {
  std::string url;
  {
    const HttpServer server([](const ServerRequest&) { return ""; });
    url = server.url("/file.bin");
    EXPECT_EQ(fault(url).kind(), ErrorKind::kInternal);  // closes without a word
    EXPECT_EQ(server.requests().size(), 3U);
  }
  EXPECT_EQ(fault(url).kind(), ErrorKind::kInternal);
  EXPECT_FALSE(fs::exists(part()));
}

TEST_F(FetchTest, TokenGoesToItsServerAlone) {
  const HttpServer elsewhere([&](const ServerRequest& r) { return file_response(r, content_); });
  const HttpServer server([&](const ServerRequest& r) {
    if (r.target == "/away")
      return response("302 Found", "", {"Location: " + elsewhere.url("/signed?Signature=abc")});
    if (r.target == "/here") return response("307 Temporary Redirect", "", {"Location: /file"});
    return file_response(r, content_);
  });
  options_.token = Token("hf_secret", Url(server.url()));
  pull(server.url("/away"), "a");
  pull(server.url("/here"), "b");
  EXPECT_EQ(read_text(target("a")), content_);
  for (const ServerRequest& request : server.requests())
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret");
  const std::vector<ServerRequest> seen = elsewhere.requests();
  ASSERT_EQ(seen.size(), 1U);
  for (const auto& [name, value] : seen[0].headers)
    EXPECT_THAT(value, Not(HasSubstr("hf_secret"))) << name;
  // A token of another server isn't sent at all.
  options_.token = Token("hf_secret", Url(elsewhere.url()));
  pull(server.url("/file"), "c");
  EXPECT_FALSE(server.requests().back().has("authorization"));
}

TEST_F(FetchTest, TokenIsNotSentAnyMoreOnceAnotherServerHasSpoken) {
  std::string back;
  const HttpServer elsewhere(
      [&](const ServerRequest&) { return response("302 Found", "", {"Location: " + back}); });
  const HttpServer server([&](const ServerRequest& r) {
    if (r.target == "/away") return response("302 Found", "", {"Location: " + elsewhere.url("/")});
    return file_response(r, content_);
  });
  back = server.url("/chosen-by-elsewhere");
  options_.token = Token("hf_secret", Url(server.url()));
  pull(server.url("/away"));
  ASSERT_EQ(server.requests().size(), 2U);
  EXPECT_TRUE(server.requests()[0].has("authorization"));
  EXPECT_FALSE(server.requests()[1].has("authorization"));
}

TEST_F(FetchTest, RedirectsThatAreNotFollowed) {
  write_text(target("secret"), "local");
  std::string location;
  const HttpServer server([&](const ServerRequest&) {
    return response("302 Found", "",
                    location.empty() ? std::vector<std::string>{}
                                     : std::vector<std::string>{"Location: " + location});
  });
  for (const std::string& where :
       {"file://" + target("secret").string(), std::string("ftp://127.0.0.1/x"),
        std::string("gopher://127.0.0.1/x"), std::string("javascript:alert(1)")}) {
    location = where;
    const Error error = fault(server.url("/f"));
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr(where));
  }
  location.clear();
  EXPECT_THAT(fault(server.url("/f")).what(), HasSubstr("nowhere"));
  location = "/f";
  EXPECT_THAT(fault(server.url("/f")).what(), HasSubstr("redirects"));
}

TEST(Url, Rules) {
  const Url https("https://User:pw@Host.example:443/a/b%20c.gguf?sig=secret#x");
  EXPECT_EQ(https.host(), "host.example");
  EXPECT_EQ(https.file_name(), "b c.gguf");
  EXPECT_EQ(https.shown(), "https://Host.example:443/a/b%20c.gguf");
  EXPECT_TRUE(https.same_origin(Url("https://host.example/other")));
  EXPECT_FALSE(https.same_origin(Url("https://host.example:444/")));
  EXPECT_FALSE(https.same_origin(Url("http://host.example:443/")));
  EXPECT_EQ(https.redirected("../c").shown(), "https://Host.example:443/c");
  EXPECT_EQ(https.redirected("//cdn.example/x").host(), "cdn.example");
  EXPECT_EQ(Url("http://h/").redirected("https://h/x").scheme(), "https");
  EXPECT_THAT(error_of([&] { https.redirected("http://host.example/x"); }).what(),
              HasSubstr("leaves the encrypted connection"));
  for (const char* text : {"", "file:///etc/passwd", "ftp://h/x", "no address", "https://"})
    EXPECT_EQ(error_of([&] { Url url(text); }).kind(), ErrorKind::kUsage) << text;
  EXPECT_EQ(Url("https://h/x%00y%2F").file_name(), std::string("x\0y/", 4));
  EXPECT_EQ(percent_encode("a b/\xC3\xA4@1", true), "a%20b/%C3%A4%401");
}

TEST(TokenRules, PlainTextAndHeaderLines) {
  EXPECT_EQ(error_of([] { Token("t", Url("http://example.org")); }).kind(), ErrorKind::kUsage);
  EXPECT_EQ(error_of([] { Token("a\r\nX-Evil: 1", Url("https://h")); }).kind(), ErrorKind::kUsage);
  EXPECT_NO_THROW(Token("t", Url("http://localhost:8000")));
}

TEST(SafePath, TricksAreRefused) {
  for (const std::string& name :
       {std::string(""), std::string("../x"), std::string("a/../x"), std::string("/etc/passwd"),
        std::string("a//b"), std::string("a/"), std::string("./a"), std::string("a\\b"),
        std::string("C:\\x"), std::string("a\0b", 3), std::string("a\nb"), std::string("a\x1b[2J"),
        std::string(300, 'a'), std::string("..")}) {
    EXPECT_EQ(error_of([&] { safe_relative_path(name, "list"); }).kind(), ErrorKind::kInput)
        << name;
  }
  EXPECT_EQ(safe_relative_path("a/b c..d/\xC3\xA4.gguf", "list"), "a/b c..d/\xC3\xA4.gguf");
}

TEST_F(FetchTest, CancellingKeepsThePart) {
  std::atomic<bool> cancelled = false;
  HttpClient http({.cancelled = [&] { return cancelled.load(); }});
  const std::string large(8 << 20, 'x');
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, large); });
  options_.on_progress = [&](std::uint64_t done, std::optional<std::uint64_t>) {
    cancelled = done > (1 << 20);
  };
  const Error error = error_of([&] { download(http, Url(server.url("/f")), target(), options_); });
  EXPECT_THAT(error.what(), HasSubstr("interrupted"));
  EXPECT_THAT(error.what(), HasSubstr("file.bin.part"));
  EXPECT_GT(fs::file_size(part()), 1U << 20);
  options_.on_progress = {};
  EXPECT_GT(pull(server.url("/f")).resumed_at, 1U << 20);
  EXPECT_EQ(fs::file_size(target()), large.size());
}

TEST_F(FetchTest, OneProcessAtATime) {
  const HttpServer server([&](const ServerRequest& r) { return file_response(r, content_); });
  const PartFile other(target());
  EXPECT_THAT(fault(server.url("/f")).what(), HasSubstr("another process"));
}

TEST_F(FetchTest, ProxyOfTheEnvironment) {
  const HttpServer proxy([&](const ServerRequest& r) { return file_response(r, content_); });
  const test::ScopedVariable variable("http_proxy", proxy.url());
  pull("http://no-such-host.invalid/file.bin");
  EXPECT_EQ(read_text(target()), content_);
  EXPECT_EQ(proxy.requests()[0].target, "http://no-such-host.invalid/file.bin");
}

TEST(HubSource, Forms) {
  const HubSource all = parse_hub_source("hf:lmsys/vicuna-7b-delta-v0");
  EXPECT_EQ(all.owner + "|" + all.repo + "|" + all.revision + "|" + all.file,
            "lmsys|vicuna-7b-delta-v0|main|");
  const HubSource one = parse_hub_source("hf:a/b@refs/pr/1:sub/model.gguf");
  EXPECT_EQ(one.revision + "|" + one.file, "refs/pr/1|sub/model.gguf");
  for (const char* text : {"hf:", "hf:repo", "hf:a/b/c", "hf:a/..", "hf:../b", "hf:a/b:", "hf:a/b@",
                           "hf:a/b?x", "hf:a/ b"})
    EXPECT_EQ(error_of([&] { parse_hub_source(text); }).kind(), ErrorKind::kUsage) << text;
}

class HubTest : public FetchTest {
 protected:
  std::vector<HubFile> list(const HttpServer& server) {
    const test::ScopedVariable endpoint("HF_ENDPOINT", server.url("/"));
    return Hub().files(http_, parse_hub_source("hf:own/repo@v1.0"), options_.token, options_.retry);
  }
  static nlohmann::json entry(const std::string& path, const std::string& content) {
    return {{"type", "file"},
            {"path", path},
            {"size", content.size()},
            {"oid", std::string(40, 'a')},
            {"lfs", {{"oid", sha256(content)}, {"size", content.size()}}}};
  }
};

TEST_F(HubTest, ListOverSeveralPages) {
  std::string base;
  const HttpServer server([&](const ServerRequest& r) {
    if (r.target == "/api/models/own/repo/tree/v1.0?recursive=1")
      return response("200 OK",
                      nlohmann::json{entry("a.gguf", content_),
                                     {{"type", "directory"}, {"path", "sub"}, {"size", 0}}}
                          .dump(),
                      {"Link: <" + base + "/page2?cursor=x>; rel=\"next\""});
    if (r.target != "/page2?cursor=x") return response("404 Not Found", "");
    return response("200 OK", R"([{"type":"file","path":"sub/c.txt","size":6,
                                   "oid":"ce013625030ba8dba906f756967f9e9ca394464a"}])");
  });
  base = server.url();
  const std::vector<HubFile> files = list(server);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, "a.gguf");
  EXPECT_EQ(files[0].sha256, sha256(content_));
  EXPECT_EQ(files[0].size, content_.size());
  EXPECT_EQ(files[1].path, "sub/c.txt");
  EXPECT_EQ(files[1].git_blob, "ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST_F(HubTest, ListsThatAreTricks) {
  std::string body;
  const HttpServer server([&](const ServerRequest&) { return response("200 OK", body); });
  for (const std::string& path :
       {std::string("../x"), std::string("/etc/x"), std::string("a\\..\\x"), std::string("x\0y", 3),
        std::string("a/../../x"), std::string("x.part")}) {
    body = nlohmann::json{entry("good", "x"), entry(path, "x")}.dump();
    EXPECT_EQ(error_of([&] { list(server); }).kind(), ErrorKind::kInput) << path;
  }
  for (const char* text : {"", "{}1", "[1]", "[{}]", R"([{"type":"file","path":7,"size":1}])",
                           R"([{"type":"file","path":"x","size":-1.5e99}])",
                           R"([{"type":"file","path":"x","size":"1"}])"}) {
    body = text;
    EXPECT_EQ(error_of([&] { list(server); }).kind(), ErrorKind::kInput) << text;
  }
  body = nlohmann::json{entry("x", "x"), entry("x", "y")}.dump();
  EXPECT_THAT(error_of([&] { list(server); }).what(), HasSubstr("twice"));
}

TEST_F(HubTest, HashAndSizeOfALinkedFile) {
  const HttpServer cdn([&](const ServerRequest& r) {
    return file_response(r, r.target == "/other" ? content_.substr(1) : content_);
  });
  const HttpServer server([&](const ServerRequest& r) {
    return response(
        "302 Found", "",
        {"Location: " + cdn.url(r.target), "X-Linked-ETag: \"" + sha256(content_) + "\"",
         "X-Linked-Size: " + std::to_string(content_.size())});
  });
  options_.trusts_linked_etag = true;
  EXPECT_TRUE(pull(server.url("/file")).verified);
  EXPECT_THAT(fault(server.url("/other"), "b").what(), HasSubstr("there should be"));
  options_.sha256 = sha256("else");
  EXPECT_THAT(fault(server.url("/file"), "c").what(), HasSubstr("the server's file has"));
  EXPECT_FALSE(fs::exists(part("c")));
}

}  // namespace
}  // namespace pandagpt
