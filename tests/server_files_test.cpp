// Uploaded files: whose they are, how long they stay, what is refused.
#include <fstream>

#include "http_server.h"
#include "pandagpt/embedder.h"
#include "pipeline/embedding_math.h"
#include "pipeline/manifest.h"
#include "server/file_store.h"
#include "server_media_support.h"
#include "store/sqlite.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::data_address;
using test::error_of;
using test::example;
using test::fixture_bytes;
using test::picture_part;
using test::read_text;
using test::Reply;
using test::reply_of;
using test::ServerMediaTest;
using test::write_text;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(ServerMediaTest, UploadsAreUsedByTheirId) {
  const std::string bytes = fixture_bytes("images/exif1_jpg.jpg");
  const Reply reply = upload(bytes, "../../etc/pass wd.jpg");
  ASSERT_EQ(reply.status, 200) << reply.body;
  const json file = reply.value();
  const std::string id = file["id"];
  EXPECT_THAT(id, testing::MatchesRegex("file-[0-9a-f]{32}"));
  EXPECT_EQ(file["filename"], "pass wd.jpg");
  EXPECT_EQ(file["bytes"], bytes.size());
  EXPECT_EQ(file["purpose"], "vision");
  EXPECT_EQ(get("/v1/files/" + id).value()["id"], id);
  json body = about(picture_of(id));
  body.update({{"temperature", 3}, {"top_p", 1}, {"seed", 4}, {"max_tokens", 24}});
  json inline_body = body;
  inline_body["messages"][0]["content"][0] = picture_part();
  EXPECT_EQ(text_of(chat(body)), text_of(chat(inline_body)));
  const Reply gone = reply_of(server().client().Delete("/v1/files/" + id));
  EXPECT_EQ(gone.value()["deleted"], true);
  EXPECT_EQ(get("/v1/files/" + id).status, 404);
  EXPECT_EQ(chat(body).status, 404);
  EXPECT_EQ(n_stored(), 0);
}

TEST_F(ServerMediaTest, WithoutKeysNobodySeesWhatOthersHaveUploaded) {
  const std::string bytes = fixture_bytes("images/exif1_jpg.jpg");
  const std::string id = upload(bytes, "mine.jpg").value()["id"];
  const Reply again = upload(bytes, "too.jpg");
  EXPECT_NE(again.value()["id"], id) << "the id would tell that somebody has the same file";
  for (const std::string& path : {std::string("/v1/files"), "/v1/files/" + id + "/content"}) {
    const Reply reply = get(path);
    EXPECT_EQ(reply.status, 403) << path;
    EXPECT_THAT(reply.error(), AllOf(HasSubstr("--api-key"), Not(HasSubstr("mine.jpg"))));
  }
  // One's deletion leaves the other's.
  EXPECT_EQ(remove(again.value()["id"]).status, 200);
  EXPECT_EQ(chat(about(picture_of(id))).status, 200);
}

TEST_F(ServerMediaTest, AFileBelongsToTheKeyThatStoredIt) {
  ServerOptions with = options();
  with.api_keys = {"ann's", "ben's"};
  start(with);
  const httplib::Headers ann{{"X-Api-Key", "ann's"}}, ben{{"Authorization", "Bearer ben's"}};
  const std::string bytes = fixture_bytes("images/exif1_jpg.jpg");
  const std::string id = upload(bytes, "mine.jpg", ann).value()["id"];
  const std::string other = upload(bytes, "too.jpg", ben).value()["id"];
  EXPECT_NE(id, other);
  const auto listed = [&](const httplib::Headers& who) {
    std::vector<std::string> ids;
    const json list = get("/v1/files", who).value();
    for (const json& file : list["data"])
      ids.push_back(file["id"]);
    return ids;
  };
  EXPECT_THAT(listed(ann), testing::ElementsAre(id));
  EXPECT_THAT(listed(ben), testing::ElementsAre(other));
  EXPECT_EQ(get("/v1/files/" + id + "/content", ann).body, bytes);
  const Reply nothing = get("/v1/files/file-" + std::string(32, '0'), ben);
  ASSERT_EQ(nothing.status, 404);
  const auto same_as_nothing = [&](const Reply& reply) {
    EXPECT_EQ(reply.status, 404);
    std::string error = reply.error();
    if (const std::size_t at = error.find(id); at != std::string::npos)
      error.replace(at, id.size(), "file-" + std::string(32, '0'));
    EXPECT_EQ(error, nothing.error()) << "it tells that there is such a file";
  };
  same_as_nothing(get("/v1/files/" + id, ben));
  same_as_nothing(get("/v1/files/" + id + "/content", ben));
  same_as_nothing(remove(id, ben));
  same_as_nothing(post("/v1/chat/completions", about(picture_of(id)), ben));
  same_as_nothing(post("/v1/embeddings", {{"input", picture_of(id)}}, ben));
  EXPECT_EQ(post("/v1/chat/completions", about(picture_of(id)), ann).status, 200);
  EXPECT_THAT(read_text(folder_ / "files" / "files.db"), Not(HasSubstr("ann's")));

  start(options());  // the same folder without keys: nobody's files are theirs
  EXPECT_EQ(get("/v1/files/" + id).status, 404);
  EXPECT_EQ(remove(id).status, 404);
  start(with);
  EXPECT_EQ(remove(id, ann).status, 200);
  EXPECT_THAT(listed(ben), testing::ElementsAre(other));
}

TEST_F(ServerMediaTest, FilesOfVersionsWithoutOwnersAreDiscarded) {
  const fs::path files = folder_ / "files";
  const std::string old = "file-" + sha256_hex(Bytes{1, 2, 3});
  fs::create_directories(files / "objects");
  write_text(files / "objects" / old, "somebody's");
  {
    Database database(files / "files.db", Database::Missing::kCreate);
    database.run(
        "CREATE TABLE files (id TEXT PRIMARY KEY, file_name TEXT NOT NULL, purpose TEXT NOT NULL, "
        "bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, "
        "used_at INTEGER NOT NULL);"
        "INSERT INTO files VALUES ('" +
        old + "', 'a', 'b', 10, 0, 9000000000, 0)");
  }
  EXPECT_EQ(get("/v1/files/" + old).status, 404);
  EXPECT_EQ(n_stored(), 0);
  const std::string id = upload("abc").value()["id"];
  write_text(files / "objects" / ("file-" + std::string(32, 'a')), "of a killed server");
  start(options());
  EXPECT_EQ(get("/v1/files/" + id).status, 200);
  EXPECT_EQ(n_stored(), 1) << "what no row knows is deleted";

  {
    Database database(files / "files.db", Database::Missing::kFail);
    database.run("PRAGMA user_version = 99");
  }
  EXPECT_THAT(error_of([&] { FileStore(options().files); }).what(), HasSubstr("newer version"));
}

TEST_F(ServerMediaTest, FaultsNameFilesAsTheirUsersDo) {
  const std::string broken = "\x89PNG\r\n\x1a\n" + std::string(50, 'x');
  const std::string id = upload(broken, "C:\\holiday\\my cat.png").value()["id"];
  const std::string message = refused(about(picture_of(id)));
  EXPECT_THAT(message, AllOf(StartsWith("my cat.png: "), Not(HasSubstr(id)),
                             Not(HasSubstr(folder_.path().string()))));
  EXPECT_THAT(post("/v1/embeddings", {{"input", picture_of(id)}}).error(),
              StartsWith("my cat.png: "));
  json part = picture_of(id);
  part["image_url"] = {{"url", data_address(broken, "image/png")}, {"filename", "/tmp/my dog.png"}};
  EXPECT_THAT(refused(about(part)), StartsWith("my dog.png: "));
  part["image_url"]["filename"] = "a\nb\x1b[31m.png";
  EXPECT_THAT(refused(about(part)), StartsWith("messages[0].content[0].image_url.url: "));
  part["image_url"]["filename"] = 7;
  EXPECT_THAT(refused(about(part)), HasSubstr("image_url.filename"));
  EXPECT_THAT(
      refused(about({{"type", "imu"}, {"imu", {{"csv", "no table"}, {"filename", "walk.csv"}}}})),
      HasSubstr("no imu tower"));
}

TEST_F(ServerMediaTest, NamesInFormsMayHaveQuotes) {
  const auto name_of = [&](const std::string& name) {
    return upload("abc", name).value()["filename"].get<std::string>();
  };
  EXPECT_EQ(name_of("my %22cat%22 50%.png"), "my \"cat\" 50%.png");
  EXPECT_EQ(name_of("caf\xC3\xA9 \xF0\x9F\x90\xBC.png"), "caf\xC3\xA9 \xF0\x9F\x90\xBC.png");
  EXPECT_EQ(name_of("two%0Alines.png"), "the uploaded file") << "no name that can be shown";
  EXPECT_EQ(name_of(std::string(300, 'x')), "the uploaded file");
}

TEST_F(ServerMediaTest, MotionIsNamedAsItsFile) {
  start(six_senses());
  EXPECT_THAT(
      refused(about({{"type", "imu"}, {"imu", {{"csv", "no table"}, {"filename", "walk.csv"}}}})),
      StartsWith("walk.csv: "));
}

TEST_F(ServerMediaTest, UploadsThatCantBe) {
  ServerOptions with = options();
  with.files.max_file_bytes = 10'000;
  with.files.max_total_bytes = 25'000;
  start(with);
  EXPECT_EQ(upload(std::string(20'000, 'x')).status, 413);
  EXPECT_EQ(upload("").status, 400);
  EXPECT_EQ(post("/v1/files", {{"file", "x"}}).status, 400);
  for (const char* path : {"/v1/files/..%2f..%2fetc%2fpasswd", "/v1/files/../files.db",
                           "/v1/files/file-abc", "/v1/files/"})
    EXPECT_EQ(get(path).status, 404) << path;
  // The least recently used one makes room.
  const std::string a = upload(std::string(9'000, 'a')).value()["id"];
  const std::string b = upload(std::string(9'000, 'b')).value()["id"];
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // times are whole seconds
  post("/v1/embeddings", {{"input", picture_of(a)}});
  const std::string c = upload(std::string(9'000, 'c')).value()["id"];
  EXPECT_EQ(get("/v1/files/" + a).status, 200);
  EXPECT_EQ(get("/v1/files/" + b).status, 404);
  EXPECT_EQ(get("/v1/files/" + c).status, 200);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "files" / "incoming"), {}), 0)
      << "nothing half written stays";
}

TEST_F(ServerMediaTest, UploadsExpire) {
  ServerOptions with = options();
  with.files.seconds_to_live = 1;
  start(with);
  const std::string id = upload("abc").value()["id"];
  EXPECT_EQ(get("/v1/files/" + id).status, 200);
  EXPECT_EQ(get("/props").value()["keeps"]["files_seconds"], 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  EXPECT_EQ(get("/v1/files/" + id).status, 404);
  upload("def");
  EXPECT_FALSE(fs::exists(folder_ / "files" / "objects" / id));
}

}  // namespace
}  // namespace pandagpt
