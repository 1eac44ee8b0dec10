// Parts of the server on their own.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "compute_support.h"
#include "core/base64.h"
#include "core/time_limit.h"
#include "fetch/remote_media.h"
#include "media/audio.h"
#include "media/media_kind.h"
#include "server/admission.h"
#include "server/api_error.h"
#include "server/engine.h"
#include "server/file_store.h"
#include "server/generation_settings.h"
#include "server/json_fields.h"
#include "server/metrics.h"
#include "server/random_id.h"
#include "server/request_log.h"
#include "server/web_files.h"
#include "server/work_queue.h"
#include "tensor/helper_threads.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;
using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;

/// The ApiError that `call` throws.
template <typename Call>
ApiError api_error(Call call) {
  try {
    call();
  } catch (const ApiError& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return ApiError::invalid("");
}

Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

TEST(Base64, IsReadAsToolsWriteIt) {
  for (const auto& [plain, coded] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(base64(bytes_of(plain)), coded);  // RFC 4648, section 10
    EXPECT_EQ(decode_base64(coded), bytes_of(plain));
  }
  for (const char* same : {"Zm9vYg==", "Zm9vYg", "Zm9v\nYg==\n", " Zm9v\r\n\tYg= =", "Zm 9vYg"})
    EXPECT_EQ(decode_base64(same), bytes_of("foob")) << same;
  EXPECT_EQ(decode_base64("-_-_"), decode_base64("+/+/")) << "the alphabet of addresses";
  for (const char* wrong :
       {"Z", "Zg=", "Zg===", "Z===", "Zh==", "Zm9v=", "=", "Zg==Zg==", "Zm9v,", "Zm\0v"})
    EXPECT_EQ(decode_base64(wrong), std::nullopt) << wrong;
}

bool is_public(const std::string& text) {
  sockaddr_in v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    return is_public_address(reinterpret_cast<const sockaddr*>(&v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
  return is_public_address(reinterpret_cast<const sockaddr*>(&v6));
}

TEST(RemoteMedia, KnowsPublicAddresses) {
  for (const char* text : {"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.0.1",
                           "192.167.1.1", "223.255.255.254", "2606:4700::1111", "2a00:1450::1",
                           "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"})
    EXPECT_TRUE(is_public(text)) << text;
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "127.0.0.1",
                           "127.255.255.255",
                           "100.64.0.1",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.0.1",
                           "192.0.2.1",
                           "198.18.0.1",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "2001:db8::1",
                           "2001::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "::127.0.0.1",
                           "64:ff9b::10.0.0.1",
                           "2002:7f00:1::1",
                           "3fff::1"})
    EXPECT_FALSE(is_public(text)) << text;
}

TEST(JsonFields, NameWhatIsWrong) {
  const json value = json::parse(R"({"a": {"b": [1, "x"], "n": 5, "f": 1.5, "z": null}})");
  const JsonFields body(value);
  const JsonFields a = *body.object("a");
  EXPECT_EQ(a.integer("n", 0, 10), 5);
  EXPECT_EQ(a.number("f", 0, 10), 1.5);
  EXPECT_EQ(a.integer("z", 0, 10), std::nullopt) << "null is absent";
  EXPECT_EQ(a.list("b", 2).size(), 2U);
  EXPECT_THAT(api_error([&] { a.integer("f", 0, 10); }).what(), HasSubstr("'a.f'"));
  EXPECT_THAT(api_error([&] { a.integer("n", 0, 4); }).what(), HasSubstr("between 0 and 4"));
  EXPECT_THAT(api_error([&] { a.list("b", 1); }).what(), HasSubstr("at most 1"));
  EXPECT_THAT(api_error([&] { a.require("z"); }).what(), HasSubstr("is missing"));
  EXPECT_THAT(api_error([&] { body.text("a"); }).what(), HasSubstr("must be a text"));
  EXPECT_EQ(api_error([&] { a.boolean("n"); }).to_json()["error"]["param"], "a.n");
  EXPECT_THAT(api_error([&] { parse_json_object("[1]"); }).what(), HasSubstr("object"));
  std::string many = "{\"a\":[0";
  for (int i = 0; i < 600'000; ++i)
    many += ",0";
  EXPECT_THAT(api_error([&] { parse_json_object(many + "]}"); }).what(), HasSubstr("values"));
}

TEST(TimeLimit, PassesInTheMiddleOfDecodingAndIsGoneAfterwards) {
  const std::string sound = test::read_text(fs::path(PANDAGPT_FIXTURES) / "audio" / "pcm_16.wav");
  EXPECT_FALSE(TimeLimit::passed());
  {
    const TimeLimit none(0s);
    EXPECT_FALSE(TimeLimit::passed());
    const TimeLimit over(1e-9s);
    std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(TimeLimit::passed());
    const TimeLimit inner(100s);
    EXPECT_TRUE(TimeLimit::passed()) << "the outer one counts too";
    const Error error = error_of([&] { decode_audio(bytes_of(sound), "bell"); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("bell: decoding takes longer than the limit of 1e-09 s"));
    std::thread([] { EXPECT_FALSE(TimeLimit::passed()) << "of another thread"; }).join();
  }
  EXPECT_GT(decode_audio(bytes_of(sound), "bell").frames(), 0);
  bool gone = false;
  const TimeLimit cancelled(0s, [&] { return gone; });
  EXPECT_FALSE(TimeLimit::passed());
  gone = true;
  EXPECT_THAT(error_of([&] { decode_audio(bytes_of(sound), "bell"); }).what(),
              HasSubstr("nobody waits"));
}

TEST(MediaKind, IsToldByTheContent) {
  const auto kind = [](const std::string& name) {
    return media_kind(bytes_of(test::read_text(fs::path(PANDAGPT_FIXTURES) / name)), name);
  };
  EXPECT_EQ(kind("images/exif1_jpg.jpg"), Modality::kImage);
  EXPECT_EQ(kind("audio/lossy.mp3"), Modality::kAudio);
  EXPECT_EQ(kind("video/h264_25.mp4"), Modality::kVideo);
  EXPECT_EQ(kind("video/only_sound.mp4"), Modality::kAudio);
  EXPECT_EQ(error_of([&] { media_kind(bytes_of("neither"), "x"); }).kind(), ErrorKind::kInput);
}

TEST(Admission, CountsWhatIsInside) {
  Admission gate(3);
  auto two = std::make_unique<Admission::Ticket>(gate.enter(2));
  {
    const Admission::Ticket one = gate.enter(1);
    EXPECT_EQ(gate.n_inside(), 3);
    const ApiError busy = api_error([&] { gate.enter(1); });
    EXPECT_EQ(busy.status(), 503);
    EXPECT_GT(busy.retry_after(), 0);
  }
  EXPECT_EQ(gate.n_inside(), 2);
  two.reset();
  EXPECT_EQ(gate.n_inside(), 0);
  EXPECT_EQ(api_error([&] { gate.enter(4); }).status(), 400) << "it would never have room";
  gate.close();
  EXPECT_EQ(api_error([&] { gate.enter(1); }).status(), 503);
}

TEST(WorkQueue, RunsPassesErrorsOnAndGivesUpUnwantedWork) {
  WorkQueue queue(2);
  const auto wanted = [] { return false; };
  int result = 0;
  queue.run([&] { result = 42; }, wanted);
  EXPECT_EQ(result, 42);
  EXPECT_THAT(error_of([&] {
                queue.run([] { throw Error(ErrorKind::kInput, "bad picture"); }, wanted);
              }).what(),
              HasSubstr("bad picture"));
  std::atomic<bool> noticed = false;
  EXPECT_THROW(queue.run(
                   [&] {
                     while (!TimeLimit::passed())
                       std::this_thread::sleep_for(1ms);
                     noticed = true;
                   },
                   [] { return true; }),
               ClientGone);
  EXPECT_TRUE(noticed) << "the work must have ended before what it refers to goes";
  // A caller may go on a moment before the thread that worked for it has counted the work as done.
  for (int i = 0; i < 5000 && queue.size() > 0; ++i)
    std::this_thread::sleep_for(1ms);
  EXPECT_EQ(queue.size(), 0);
}

TEST(WorkQueue, PendingWorkIsWaitedForAndGivenUp) {
  WorkQueue queue(1);
  std::atomic<bool> released = false;
  std::atomic<int> n_run = 0;
  const auto first = queue.submit([&] {
    while (!released)
      std::this_thread::sleep_for(1ms);
  });
  auto second = queue.submit([&] { ++n_run; });
  EXPECT_FALSE(first->wait(5ms));
  EXPECT_FALSE(second->wait(0ms));
  second.reset();  // it has not begun
  const auto third = queue.submit([] { throw Error(ErrorKind::kInput, "bad picture"); });
  released = true;
  EXPECT_TRUE(first->wait(10s));
  EXPECT_TRUE(first->wait(0ms)) << "asked again";
  EXPECT_THAT(error_of([&] { third->wait(10s); }).what(), HasSubstr("bad picture"));
  EXPECT_EQ(n_run, 0) << "what was given up must not run";
}

TEST(WorkQueue, LeavesNoHelperThreadsBehind) {
  WorkQueue queue(1);
  const int before = test::thread_count();
  queue.run([] { test::compute(4); }, [] { return false; });
  EXPECT_TRUE(test::has_threads(before)) << test::thread_count() << " threads, not " << before;
}

TEST(Engine, LoadingLeavesNoHelperThreads) {
  ServerOptions options;
  options.model = (fs::path(PANDAGPT_FIXTURES) / "tiny-panda").string();
  Metrics metrics;
  end_helper_threads();
  const int before = test::thread_count();
  const Engine engine(options, metrics, /*files=*/nullptr);
  const int wanted = before + 1 + options.n_encoder_jobs;  // the scheduler's, the encoders'
  EXPECT_TRUE(test::has_threads(wanted)) << test::thread_count() << " threads, not " << wanted;
}

TEST(RequestId, IsTheClientsIfItIsFit) {
  EXPECT_EQ(request_id("trace.1:A_b-9"), "trace.1:A_b-9");
  for (const std::string& unfit :
       {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a\nb"),
        std::string("\xc3\xa4"), std::string("\"")}) {
    const std::string id = request_id(unfit);
    EXPECT_TRUE(id.starts_with("req-")) << id;
    EXPECT_NE(id, request_id(unfit)) << "each is another";
  }
}

TEST(RequestLog, LinesForPeopleAndForMachines) {
  RequestFacts facts;
  facts.id = "req-1";
  facts.keeps_content = true;
  Answer answer;
  answer.text = "A \"cat\"\n";
  answer.timings = {
      .queue_ms = 2.04, .prompt_tokens = 5, .reused_tokens = 7, .generated_tokens = 3};
  facts.count(answer);
  answer.timings = {
      .queue_ms = 9.06, .prompt_tokens = 0, .reused_tokens = 12, .generated_tokens = 4};
  facts.count(answer);
  facts.n_inputs = 1;
  facts.encode_ms = 1.25;
  facts.error_type = "server_error";
  std::string line;
  const auto write = [&line](const std::string& one) { line += one; };
  const RequestRecord record{"POST", "/a \"b", 200, 12.34};

  RequestLog({LogFormat::kNone, true, write}).add(record, facts);
  EXPECT_EQ(line, "");
  RequestLog({LogFormat::kJson, true, write}).add(record, facts);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  json got = json::parse(line);
  EXPECT_THAT(got["time"].get<std::string>(), testing::MatchesRegex("20..-..-..T..:..:..\\....Z"));
  got.erase("time");
  EXPECT_EQ(got, json::parse(R"({"id": "req-1", "method": "POST", "path": "/a \"b", "status": 200,
      "ms": 12.3, "inputs": 1, "encode_ms": 1.3, "prompt_tokens": 12, "cached_tokens": 7,
      "completion_tokens": 7, "queue_ms": 9.1, "error": "server_error",
      "answer": ["A \"cat\"\n", "A \"cat\"\n"]})"));
  line.clear();
  RequestLog({LogFormat::kText, true, write}).add(record, facts);
  EXPECT_EQ(line.substr(line.find("req-1")),
            "req-1 POST \"/a \\\"b\" 200 12 ms inputs=1 encode_ms=1.3 prompt_tokens=12 "
            "cached_tokens=7 completion_tokens=7 queue_ms=9.1 error=\"server_error\" "
            "answer=[\"A \\\"cat\\\"\\n\",\"A \\\"cat\\\"\\n\"]\n");
}

const std::string kOwner = owner_of_key("a key");

StoredFile stored(FileStore& store, const std::string& name, const std::string& content) {
  FileStore::Upload upload(store, kOwner);
  upload.write(bytes_of(content));
  return upload.finish(name, "test");
}

TEST(FileStore, WhatAKilledServerLeavesBehind) {
  const TemporaryFolder folder;
  FileStoreOptions options;
  options.folder = folder / "files";
  std::string id, whole;
  {
    FileStore store(options);
    id = stored(store, "x", "hello").id;
    whole = stored(store, "x", "hello").id;
  }
  const fs::path objects = options.folder / "objects";
  fs::remove(objects / id);  // killed between file and row
  const std::string stray = "file-" + std::string(kRandomIdDigits, 'a');
  test::write_text(objects / stray, "hello");  // and between row and file
  const fs::path incoming = options.folder / "incoming";
  test::write_text(incoming / "old", "half");
  fs::last_write_time(incoming / "old", fs::file_time_type::clock::now() - 25h);
  test::write_text(incoming / "new", "half");
  FileStore store(options);
  EXPECT_FALSE(fs::exists(incoming / "old"));
  EXPECT_TRUE(fs::exists(incoming / "new")) << "another server may be writing it";
  EXPECT_EQ(api_error([&] { store.use(id, kOwner); }).status(), 404) << "a row without its file";
  EXPECT_EQ(test::read_text(store.use(whole, kOwner)), "hello");
  EXPECT_FALSE(fs::exists(objects / stray)) << "a file that nobody could delete";
}

TEST(FileStore, TwoServersShareOneFolder) {
  const TemporaryFolder folder;
  FileStoreOptions options;
  options.folder = folder / "files";
  FileStore one(options), other(options);
  const StoredFile file = stored(one, "a/b\\c.txt", "hello");
  EXPECT_EQ(file.file_name, "c.txt");
  const fs::path path = other.use(file.id, kOwner);
  EXPECT_EQ(test::read_text(path), "hello");
  EXPECT_EQ(other.with_file_names(path.string() + ": bad; " + path.string() + "/x, " +
                                  (options.folder / "objects" / "x").string()),
            "c.txt: bad; c.txt/x, the uploaded filex");
  EXPECT_EQ(api_error([&] { one.find(file.id, owner_of_key("another")); }).status(), 404);
  EXPECT_EQ(api_error([&] { one.remove(file.id, ""); }).status(), 404);
  other.remove(file.id, kOwner);
  EXPECT_EQ(api_error([&] { one.find(file.id, kOwner); }).status(), 404);
  EXPECT_EQ(api_error([&] { one.find("file-../../x", kOwner); }).status(), 404);
  EXPECT_EQ(one.total_bytes(), 0U);
  options.folder = "/proc/no/such";
  EXPECT_EQ(error_of([&] { FileStore{options}; }).kind(), ErrorKind::kUsage);
}

TEST(Histogram, IsCumulative) {
  Histogram histogram({0.125, 1});
  for (const double value : {0.0625, 0.125, 0.5, 7.0})
    histogram.add(value);
  std::string text;
  histogram.write(text, "x", "a=\"b\"");
  EXPECT_EQ(text,
            "pandagpt_x_bucket{a=\"b\",le=\"0.125\"} 2\n"
            "pandagpt_x_bucket{a=\"b\",le=\"1\"} 3\n"
            "pandagpt_x_bucket{a=\"b\",le=\"+Inf\"} 4\n"
            "pandagpt_x_sum{a=\"b\"} 7.6875\n"
            "pandagpt_x_count{a=\"b\"} 4\n");
}

TEST(WebFiles, ThePageIsBuiltIn) {
  const WebFile* page = find_web_file("/");
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(page->content, test::read_text(fs::path(PANDAGPT_SOURCE_DIR) / "web" / "index.html"));
  EXPECT_EQ(find_web_file("/../index.html"), nullptr);
  // Works offline: nothing is loaded from elsewhere.
  for (const WebFile& file : web_files()) {
    if (!file.content_type.starts_with("text/")) continue;
    EXPECT_EQ(file.content.find("src=\"http"), std::string_view::npos) << file.path;
  }
}

TEST(GenerationSettings, WhatARequestDoesntSayIsTheModelFolders) {
  GenerateOptions folder;
  folder.n_beams = 4;
  folder.n_draft = 9;
  folder.max_tokens = 33;
  const auto settings = [&](const nlohmann::json& body) {
    return read_generation_settings(JsonFields(body), folder, RequestLimits{});
  };
  const GenerationSettings none = settings(nlohmann::json::object());
  EXPECT_EQ(none.options.n_beams, 4);
  EXPECT_EQ(none.options.n_draft, 9);
  EXPECT_EQ(none.options.max_tokens, 33);
  const GenerationSettings own = settings({{"n_beams", 2}, {"n_draft", 0}});
  EXPECT_EQ(own.options.n_beams, 2);
  EXPECT_EQ(own.options.n_draft, 0);
  EXPECT_EQ(settings({{"n", 2}}).options.n_beams, 1) << "a search has one answer";
}

}  // namespace
}  // namespace pandagpt
