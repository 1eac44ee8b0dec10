// Embeddings that are kept: keys, bounds, several processes, crashes, damaged files.
#include "pipeline/embedding_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/file.h"
#include "core/file_stamp.h"
#include "pandagpt/embedder.h"
#include "pandagpt/panda.h"
#include "pipeline/embedding_store.h"
#include "pipeline/input_encoder.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::Optional;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const fs::path kEncoders = kFixtures / "tiny-panda" / "encoders.gguf";
const fs::path kPhoto = kFixtures / "images" / "exif1_jpg.jpg";
const fs::path kOtherPhoto = kFixtures / "images" / "photo_coffee.jpg";
constexpr std::size_t kWidth = 3;

std::vector<float> vector_of(int n) {
  return {static_cast<float>(n), 0.5F, -1.0F};
}

Input image(const fs::path& path) {
  Input input;
  input.name = path.string();
  return input;
}

/// Ends the process as a crash would, without destructors.
[[noreturn]] void die() {
  kill(getpid(), SIGKILL);
  _exit(1);
}

/// Runs `work` in a process of its own, which has no threads or locks of this one's.
template <typename Work>
pid_t in_process(Work work) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    work();
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

int exit_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void make_old(const fs::path& path) {
  const timespec past[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), past, 0), 0);
}

class EmbeddingCacheTest : public testing::Test {
 protected:
  fs::path file() const { return folder_ / "cache" / "embeddings.db"; }
  EmbeddingCacheOptions on_disk() const { return {.file = file()}; }

  /// A cache as a new process has it.
  std::unique_ptr<EmbeddingCache> open(const std::string& encoder = "encoder") const {
    auto cache = std::make_unique<EmbeddingCache>(on_disk());
    if (cache->wants_encoder()) cache->set_encoder(encoder);
    return cache;
  }

  test::TemporaryFolder folder_;
};

TEST_F(EmbeddingCacheTest, MemoryEvictsWhatWasUsedLongestAgo) {
  EmbeddingCacheOptions options;
  options.max_memory_bytes = 3 * 80;  // three of them
  EmbeddingCache cache(options);
  EXPECT_FALSE(cache.wants_encoder());
  for (const int n : {1, 2, 3})
    cache.put(std::to_string(n), vector_of(n));
  EXPECT_THAT(cache.find("1", kWidth), Optional(vector_of(1)));
  cache.put("4", vector_of(4));
  EXPECT_EQ(cache.find("2", kWidth), std::nullopt);
  for (const int n : {1, 3, 4})
    EXPECT_THAT(cache.find(std::to_string(n), kWidth), Optional(vector_of(n)));
}

TEST_F(EmbeddingCacheTest, DiskOutlivesTheProcess) {
  open()->put("a", vector_of(1));
  EXPECT_THAT(open()->find("a", kWidth), Optional(vector_of(1)));
  EXPECT_EQ(open()->find("b", kWidth), std::nullopt);
  EXPECT_EQ(open("another encoder")->find("a", kWidth), std::nullopt);
  EXPECT_EQ(open()->find("a", kWidth + 1), std::nullopt);  // of another width
  EXPECT_EQ(fs::status(file().parent_path()).permissions(), fs::perms::owner_all);
}

TEST_F(EmbeddingCacheTest, StoreEvictsInOrderOfUse) {
  EmbeddingStore store(file(), {.max_embeddings = 3});
  for (const int n : {1, 2, 3})
    store.put(std::to_string(n), vector_of(n));
  EXPECT_TRUE(store.find("1"));
  store.put("2", vector_of(2));  // counts as a use
  store.put("4", vector_of(4));
  EXPECT_FALSE(store.find("3"));
  store.put("5", vector_of(5));
  EXPECT_FALSE(store.find("1"));
  EXPECT_EQ(store.n_embeddings(), 3);
  for (const int n : {2, 4, 5})
    EXPECT_THAT(store.find(std::to_string(n)), Optional(vector_of(n)));
}

TEST_F(EmbeddingCacheTest, StoreIsBoundedInBytes) {
  {
    EmbeddingStore store(file(), {.max_bytes = 10'000});
    for (int n = 0; n < 200; ++n) {
      store.put(std::to_string(n), vector_of(n));
      EXPECT_LE(store.bytes(), 10'000U);
    }
    EXPECT_GT(store.n_embeddings(), 30);
    EXPECT_TRUE(store.find("199"));
  }
  EmbeddingStore smaller(file(), {.max_bytes = 1'000});
  smaller.put("new", vector_of(1));
  EXPECT_LE(smaller.bytes(), 1'000U);
  EXPECT_TRUE(smaller.find("new"));
}

TEST_F(EmbeddingCacheTest, HashesOfFilesAreBoundedAndDependOnTheStamp) {
  EmbeddingStore store(file(), {.max_hashes = 2});
  const FileStamp stamp{1, 2, 3, 4, 5};
  const std::string hash(64, 'a');
  for (const char* path : {"/a", "/b", "/c"})
    store.put_hash(path, stamp, hash);
  EXPECT_FALSE(store.find_hash("/a", stamp));
  EXPECT_THAT(store.find_hash("/c", stamp), Optional(hash));
  for (const FileStamp& other :
       {FileStamp{9, 2, 3, 4, 5}, FileStamp{1, 9, 3, 4, 5}, FileStamp{1, 2, 9, 4, 5},
        FileStamp{1, 2, 3, 9, 5}, FileStamp{1, 2, 3, 4, 9}})
    EXPECT_FALSE(store.find_hash("/c", other));
}

TEST_F(EmbeddingCacheTest, TwoProcessesAtOnce) {
  constexpr int kRows = 150;
  const auto write = [&](int first) {
    EmbeddingStore store(file());
    for (int n = first; n < first + kRows; ++n) {
      store.put(std::to_string(n), vector_of(n));
      store.find(std::to_string(first));
    }
  };
  const pid_t one = in_process([&] { write(0); });
  const pid_t two = in_process([&] { write(100); });  // some are the same
  EXPECT_EQ(exit_of(one), 0);
  EXPECT_EQ(exit_of(two), 0);
  EmbeddingStore store(file());
  EXPECT_EQ(store.n_embeddings(), 250);
  for (int n = 0; n < 250; ++n)
    EXPECT_THAT(store.find(std::to_string(n)), Optional(vector_of(n)));
}

TEST_F(EmbeddingCacheTest, WhatKilledProcessesHavePutIsThere) {
  constexpr int kRounds = 5, kRows = 20;
  for (int round = 0; round < kRounds; ++round) {
    int done[2];
    ASSERT_EQ(pipe(done), 0);
    const pid_t child = in_process([&] {
      EmbeddingStore store(file());
      for (int n = 0;; ++n) {
        store.put(std::to_string(round) + "/" + std::to_string(n), vector_of(n));
        if (write(done[1], "!", 1) != 1) return;
      }
    });
    close(done[1]);
    char mark = 0;
    for (int n = 0; n < kRows; ++n)
      EXPECT_EQ(read(done[0], &mark, 1), 1);
    kill(child, SIGKILL);  // in the middle of whatever comes next
    exit_of(child);
    close(done[0]);
  }
  const pid_t child = in_process([&] {  // in the middle of a change
    EmbeddingStore store(file());
    Database database(file(), Database::Missing::kFail);
    Transaction transaction(database, /*write=*/true);
    database.run("DELETE FROM embeddings");
    die();
  });
  exit_of(child);
  EmbeddingStore store(file());
  for (int round = 0; round < kRounds; ++round)
    for (int n = 0; n < kRows; ++n)
      EXPECT_THAT(store.find(std::to_string(round) + "/" + std::to_string(n)),
                  Optional(vector_of(n)));
  const std::int64_t before = store.n_embeddings();
  store.put("after", vector_of(7));
  EXPECT_EQ(store.n_embeddings(), before + 1);
}

TEST_F(EmbeddingCacheTest, DamagedFilesAreMovedAside) {
  const auto fill = [&] {
    for (int n = 0; n < 100; ++n)
      open()->put(std::to_string(n), std::vector<float>(300, 1.0F));
    Database(file(), Database::Missing::kFail).run("PRAGMA wal_checkpoint(TRUNCATE)");
  };
  const auto expect_new = [&](const std::string& what) {
    const auto cache = open();
    EXPECT_EQ(cache->find("99", 300), std::nullopt) << what;
    cache->put("new", vector_of(1));
    EXPECT_THAT(open()->find("new", kWidth), Optional(vector_of(1))) << what;
    EXPECT_TRUE(fs::exists(file().string() + ".damaged")) << what;
    fs::remove_all(file().parent_path());
  };
  fill();
  test::write_text(file(), std::string(5'000, 'x'));
  expect_new("no database at all");

  fill();
  fs::resize_file(file(), fs::file_size(file()) / 2);
  expect_new("cut");

  fill();
  {
    std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
    for (std::streamoff at = 4096; at < static_cast<std::streamoff>(fs::file_size(file()));
         at += 512)
      out.seekp(at).write("damage here", 11);
  }
  expect_new("overwritten");

  fill();
  Database(file(), Database::Missing::kFail)
      .run("UPDATE embeddings SET vector = zeroblob(1200)");  // one that only a checksum shows
  expect_new("other numbers");
}

TEST_F(EmbeddingCacheTest, EmptyAndOldFilesAreFilledAnew) {
  open()->put("a", vector_of(1));
  Database(file(), Database::Missing::kFail).run("PRAGMA user_version = 99");
  EXPECT_EQ(open()->find("a", kWidth), std::nullopt);
  open()->put("b", vector_of(2));
  EXPECT_THAT(open()->find("b", kWidth), Optional(vector_of(2)));
  fs::remove_all(file().parent_path());
  fs::create_directory(file().parent_path());
  test::write_text(file(), "");
  open()->put("c", vector_of(3));
  EXPECT_THAT(open()->find("c", kWidth), Optional(vector_of(3)));
}

TEST_F(EmbeddingCacheTest, ForeignDatabasesAreLeftAlone) {
  fs::create_directory(file().parent_path());
  Database(file(), Database::Missing::kCreate).run("CREATE TABLE letters (text)");
  const auto cache = open();
  cache->put("a", vector_of(1));
  EXPECT_THAT(cache->find("a", kWidth), Optional(vector_of(1)));  // from memory
  Database(file(), Database::Missing::kFail).run("INSERT INTO letters VALUES ('still here')");
}

TEST_F(EmbeddingCacheTest, FoldersThatCannotBeWrittenAreDoneWithout) {
  const pid_t child = in_process([&] {
    fs::create_directory(file().parent_path());
    fs::permissions(file().parent_path(), fs::perms::owner_read | fs::perms::owner_exec);
    if (getuid() == 0 && setuid(65534) != 0) _exit(2);
    EmbeddingCache cache(on_disk());
    if (cache.wants_encoder()) _exit(3);
    cache.put("a", vector_of(1));
    _exit(cache.find("a", kWidth) == vector_of(1) ? 0 : 4);
  });
  EXPECT_EQ(exit_of(child), 0);
  EmbeddingCache nowhere({.file = "/proc/no/such/folder/cache.db"});
  nowhere.put("a", vector_of(1));
  EXPECT_TRUE(nowhere.find("a", kWidth));
}

TEST_F(EmbeddingCacheTest, KeysAreOfContentKindAndSensor) {
  EmbeddingCache cache({});
  const auto key = cache.key_of(image(kPhoto));
  ASSERT_TRUE(key);
  fs::copy(kPhoto, folder_ / "copy.dat");
  EXPECT_EQ(cache.key_of(image(folder_ / "copy.dat")), key);
  Input buffer = image("memory");
  buffer.bytes = read_file(kPhoto, 1 << 24);
  buffer.weight = 3;
  EXPECT_EQ(cache.key_of(buffer), key);
  EXPECT_NE(cache.key_of(image(kOtherPhoto)), key);

  Input thermal = image(kPhoto);
  thermal.modality = Modality::kThermal;
  const auto plain = cache.key_of(thermal);
  EXPECT_NE(plain, key);
  thermal.sensor.thermal_coldest = 1.0;
  const auto ranged = cache.key_of(thermal);
  EXPECT_NE(ranged, plain);
  thermal.sensor.thermal_coldest = 1.5;
  EXPECT_NE(cache.key_of(thermal), ranged);
  Input picture = image(kPhoto);
  picture.sensor.thermal_coldest = 1.0;  // says nothing about a picture
  EXPECT_EQ(cache.key_of(picture), key);

  Input with_part = image(kPhoto);
  with_part.parts = {{kOtherPhoto, {}}};
  const auto of_two = cache.key_of(with_part);
  EXPECT_NE(of_two, key);
  with_part.parts = {{kPhoto, {}}};
  EXPECT_NE(cache.key_of(with_part), of_two);
  with_part.parts = {{"-", {}}};
  EXPECT_FALSE(cache.key_of(with_part));
  EXPECT_FALSE(cache.key_of(image("-")));
  EXPECT_FALSE(cache.key_of(image(folder_.path())));
  EXPECT_FALSE(cache.key_of(image(folder_ / "absent")));
  EXPECT_FALSE(cache.key_of(image("/dev/zero")));
}

TEST_F(EmbeddingCacheTest, HugeFilesAreKnownByTheirStamp) {
  const fs::path path = folder_ / "film.mp4";
  test::write_text(path, "");
  fs::resize_file(path, 2ULL << 30);  // takes no room
  EmbeddingCache cache({});
  EXPECT_FALSE(cache.key_of(image(path)));  // written just now
}

TEST_F(EmbeddingCacheTest, LargeFilesAreHashedOnce) {
  const fs::path path = folder_ / "large.gguf";
  test::write_text(path, std::string(5 << 20, 'x'));
  const std::string right = sha256_file(path);
  EXPECT_EQ(open()->file_sha256(path), right);
  // Made up, so that it shows where the answer comes from.
  const std::string recorded(64, 'f');
  EXPECT_EQ(open()->file_sha256(path, recorded), recorded);
  EXPECT_EQ(open()->file_sha256(path), recorded);
  std::ofstream(path, std::ios::app) << "more";
  EXPECT_EQ(open()->file_sha256(path), sha256_file(path));
  // The same size and date, but written to: the inode's own time tells.
  open()->file_sha256(path, recorded);
  test::write_text(path, std::string((5 << 20) + 4, 'y'));
  make_old(path);
  EXPECT_EQ(open()->file_sha256(path), sha256_file(path));
}

class CachedEncoderTest : public EmbeddingCacheTest {
 protected:
  std::unique_ptr<InputEncoder> encoder(EmbeddingCacheOptions cache,
                                        EncoderOptions options = {.n_threads = 1}) const {
    return std::make_unique<InputEncoder>(kEncoders, options, "tiny", std::move(cache));
  }
  static int n_cached(const InputEncoder& encoder, const std::vector<Input>& inputs) {
    EncodingReport report;
    encoder.encode(inputs, &report);
    return report.n_cached;
  }
};

TEST_F(CachedEncoderTest, TheSamePictureIsEncodedOnce) {
  const auto one = encoder({});
  const std::vector<float> fresh = one->encode({image(kPhoto), image(kOtherPhoto)});
  EncodingReport report;
  EXPECT_EQ(one->encode({image(kOtherPhoto), image(kPhoto)}, &report).size(), fresh.size());
  EXPECT_EQ(report.n_cached, 2);
  EXPECT_EQ(one->encode({image(kPhoto), image(kOtherPhoto)}), fresh);  // bit by bit, in order
  const fs::path copy = folder_ / "renamed.jpg";
  fs::copy(kPhoto, copy);
  EXPECT_EQ(n_cached(*one, {image(copy)}), 1);
  fs::copy(kOtherPhoto, copy, fs::copy_options::overwrite_existing);
  EXPECT_EQ(n_cached(*one, {image(copy)}), 1);  // the other picture's
  std::ofstream(copy, std::ios::app) << "changed";
  EXPECT_EQ(n_cached(*one, {image(copy)}), 0);
  EXPECT_EQ(n_cached(*encoder({.keeps_embeddings = false}), {image(kPhoto)}), 0);
}

TEST_F(CachedEncoderTest, OtherProcessesAndOtherArithmetic) {
  const std::vector<float> fresh = encoder(on_disk())->encode({image(kPhoto)});
  const auto another = encoder(on_disk());
  EncodingReport report;
  EXPECT_EQ(another->encode({image(kPhoto)}, &report), fresh);
  EXPECT_EQ(report.n_cached, 1);
  EXPECT_EQ(n_cached(*encoder(on_disk(), {.n_threads = 1, .portable = true}), {image(kPhoto)}), 0);
  EXPECT_EQ(n_cached(*encoder(on_disk(), {.n_threads = 1, .compute_type = ComputeType::kF32}),
                     {image(kPhoto)}),
            0);
  EXPECT_EQ(n_cached(*encoder({.keeps_embeddings = false, .file = file()}), {image(kPhoto)}), 0);
}

TEST_F(CachedEncoderTest, UnreadableInputsFailAsWithoutACache) {
  const auto one = encoder(on_disk());
  const fs::path text = folder_ / "text.jpg";
  test::write_text(text, "no picture");
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(test::error_of([&] { one->encode({image(text)}); }).kind(), ErrorKind::kInput);
}

TEST_F(CachedEncoderTest, EncodersThatAreGoneStillEncode) {
  const fs::path copy = folder_ / "encoders.gguf";
  fs::copy(kEncoders, copy);
  const InputEncoder one(copy, {.n_threads = 1}, "tiny", on_disk());
  fs::remove(copy);
  EXPECT_EQ(n_cached(one, {image(kPhoto)}), 0);
  EXPECT_EQ(n_cached(one, {image(kPhoto)}), 1);  // from memory
}

TEST_F(CachedEncoderTest, ThreadsShareIt) {
  const auto one = encoder(on_disk());
  const std::vector<float> expected = one->encode({image(kPhoto)});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i)
        EXPECT_EQ(one->encode({image(i % 2 == 0 ? kPhoto : kOtherPhoto)}).size(), expected.size());
    });
  for (std::thread& thread : threads)
    thread.join();
}

TEST_F(CachedEncoderTest, PandaChatAndEmbedder) {
  const std::string model = (kFixtures / "tiny-panda").string();
  Inputs inputs;
  inputs.add_file(Modality::kImage, kPhoto.string());
  {
    const Panda panda(model, {.n_threads = 1, .cache_file = file().string()});
    EXPECT_EQ(panda.ask(inputs, "What?").timings.cached_inputs, 0);
    EXPECT_EQ(panda.ask(inputs, "What?").timings.cached_inputs, 1);
    Chat chat = panda.start_chat();
    chat.set_inputs(inputs);
    EXPECT_EQ(chat.ask("What?", panda.default_options()).timings.cached_inputs, 1);
    EXPECT_EQ(chat.ask("And?", panda.default_options()).timings.cached_inputs, 0);
  }
  const Panda later(model, {.n_threads = 1, .cache_file = file().string()});
  EXPECT_EQ(later.ask(inputs, "What?").timings.cached_inputs, 1);
  const Panda without(model, {.n_threads = 1, .use_cache = false});
  without.ask(inputs, "What?");
  EXPECT_EQ(without.ask(inputs, "What?").timings.cached_inputs, 0);
  const Embedder embedder(model, {.n_threads = 1, .cache_file = file().string()});
  EXPECT_EQ(embedder.embed(inputs), later.embed(inputs));
  EXPECT_EQ(embedder.fingerprint(), Encoders(kEncoders, {.n_threads = 1}).fingerprint());
}

}  // namespace
}  // namespace pandagpt
