// Indexing folders and searching them, with made-up vectors (search_support.h) and with the tiny
// model folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pandagpt/embedder.h"
#include "search/folder_lock.h"
#include "search/folder_scan.h"
#include "search/index_job.h"
#include "search/preview.h"
#include "search/results_page.h"
#include "search/searcher.h"
#include "search_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const fs::path kFixtures = PANDAGPT_FIXTURES;
constexpr const char* kHostileName = "'\"<script>alert(1)</script>&\n\x1b[31m\xff.png";

/// Root may read everything; as somebody else this thread may not.
class AsNobody {
 public:
  AsNobody() : user_(setfsuid(kNobody)) {}
  ~AsNobody() { setfsuid(static_cast<uid_t>(user_)); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  int user_;
};

class SearchTest : public testing::Test {
 protected:
  SearchTest() {
    fs::create_directories(media());
    options_.scan.folder = media();
    options_.database = database();
    options_.commit_seconds = 0;
    options_.batch_size = 2;
  }

  fs::path media() const { return folder_ / "media"; }
  fs::path database() const { return folder_ / "db"; }
  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((media() / name).parent_path());
    test::write_text(media() / name, content);
  }
  void write_five() const {
    write("a.png", "1 0 0 0");
    write("b.png", "1 1 0 0");
    write("c/d.jpg", "0 1 0 0");
    write("c/e.jpg", "0 1 1 0");
    write("c/f/g.webp", "0 0 1 0");
  }
  IndexJobResult index() const { return run_index_job(encoder_, options_); }
  std::string failure() const {
    return test::error_of([&] { index(); }).what();
  }
  std::vector<SearchGroup> search(const std::string& text, int k = 10,
                                  const std::vector<Modality>& kinds = {}) const {
    SearchQuery query;
    query.texts.push_back({text});
    return Searcher(database(), kinds).search(query_vector(encoder_, query), k);
  }
  /// First paths of the pictures found.
  std::vector<std::string> pictures(const std::string& text) const {
    std::vector<std::string> names;
    for (const SearchGroup& group : search(text, 10, {Modality::kImage}))
      for (const SearchHit& hit : group.hits)
        names.push_back(hit.item.files.front().path.lexically_relative(media()).string());
    return names;
  }
  std::vector<std::string> scanned() const {
    std::vector<std::string> found;
    for (const FoundFile& file : scan_folder(options_.scan).files)
      found.push_back(to_string(file.state.named_kind) + " " +
                      file.path.lexically_relative(media()).string());
    return found;
  }

  test::TemporaryFolder folder_;
  test::FakeEncoder encoder_;
  IndexJobOptions options_;
};

// ---- Finding files ----

TEST_F(SearchTest, KindsFollowFromNamesRulesAndContent) {
  for (const char* name : {"a.JPG", "b.mp4", "c.wav", "d.txt", ".hidden.png", "ir/x.png",
                           "ir/raw/y.png", "imu.csv", "skip/z.png"})
    write(name, "x");
  write("photo", "\xFF\xD8\xFF\xE0");
  write("readme", "text");
  options_.scan.rules = {parse_kind_rule("thermal:ir/*"), parse_kind_rule("imu:imu.csv")};
  options_.scan.excludes = {"skip"};
  EXPECT_THAT(scanned(), ElementsAre("image a.JPG", "image photo", "video b.mp4", "audio c.wav",
                                     "thermal ir/raw/y.png", "thermal ir/x.png", "imu imu.csv"));
  options_.scan.hidden = true;
  EXPECT_THAT(scanned(), testing::Contains("image .hidden.png"));
  for (const char* wrong : {"thermal", "thermal:", "warm:*.png", ":x"})
    EXPECT_EQ(test::error_of([&] { parse_kind_rule(wrong); }).kind(), ErrorKind::kUsage);
}

TEST_F(SearchTest, LogsOfRobotsAreTakenByTopicAndStep) {
  write("a.png", "1 0 0 0");
  fs::copy_file(kFixtures / "logs" / "ros2_zstd.mcap", media() / "run.mcap");
  EXPECT_EQ(index().n_embedded, 1);  // without a step logs are left out, and counted
  options_.scan.log_step = 0.5;
  options_.scan.rules = {parse_kind_rule("thermal:*#/thermal")};
  options_.scan.excludes = {"*#/camera/*ompressed*"};
  std::vector<std::string> found;
  for (const FoundFile& file : scan_folder(options_.scan).files)
    found.push_back(to_string(file.state.named_kind) + " " +
                    file.path.string().substr(fs::canonical(media()).string().size() + 1));
  EXPECT_THAT(found,
              ElementsAre("image a.png", "image run.mcap#/camera/color@0",
                          "image run.mcap#/camera/color@0.5", "thermal run.mcap#/thermal@0",
                          "thermal run.mcap#/thermal@0.5", "depth run.mcap#/camera/depth/rvl@0",
                          "depth run.mcap#/camera/depth/rvl@0.5", "depth run.mcap#/camera/depth@0",
                          "depth run.mcap#/camera/depth@0.5", "depth run.mcap#/camera/metres@0",
                          "depth run.mcap#/camera/metres@0.5", "imu run.mcap#/imu@0-5"));
  // The model of this test takes no depth.
  EXPECT_EQ(index().n_embedded, 5);
  const IndexJobResult again = index();
  EXPECT_EQ(again.n_unchanged, 6);
  EXPECT_EQ(again.n_embedded, 0);
  fs::last_write_time(media() / "run.mcap",
                      fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_EQ(index().n_embedded, 5);
}

TEST_F(SearchTest, LinksAndSpecialFiles) {
  write("a/b.png", "1 0 0 0");
  fs::create_directory_symlink(media(), media() / "a" / "loop");
  fs::create_symlink(media() / "a" / "b.png", media() / "link.png");
  fs::create_symlink("nowhere", media() / "dangling.png");
  ASSERT_EQ(mkfifo((media() / "pipe.png").c_str(), 0600), 0);
  EXPECT_THAT(scanned(), ElementsAre("image a/b.png", "image link.png"));
  options_.scan.follow_links = true;
  EXPECT_THAT(scanned(), ElementsAre("image a/b.png", "image link.png"));
}

TEST_F(SearchTest, FoldersThatCannotBeRead) {
  options_.scan.folder = folder_ / "none";
  EXPECT_EQ(test::error_of([&] { index(); }).kind(), ErrorKind::kInput);
  options_.scan.folder = media() / "a.png";
  write_five();
  EXPECT_THAT(failure(), HasSubstr("no folder"));
  options_.scan.folder = media();
  index();

  fs::permissions(media() / "c", fs::perms::none);
  {
    const AsNobody nobody;
    const ScanResult scan = scan_folder(options_.scan);
    EXPECT_THAT(scan.files, SizeIs(2));
    EXPECT_THAT(scan.unreadable, ElementsAre(fs::canonical(media()) / "c"));
  }
  fs::permissions(media() / "c", fs::perms::owner_all);
}

// ---- Indexing ----

TEST_F(SearchTest, ARepeatedRunDoesOnlyWhatHasChanged) {
  write_five();
  IndexJobResult result = index();
  EXPECT_EQ(result.n_embedded, 5);
  EXPECT_EQ(encoder_.n_embedded, 5);
  EXPECT_THAT(pictures("1 0.1 0 0"),
              ElementsAre("a.png", "b.png", "c/d.jpg", "c/e.jpg", "c/f/g.webp"));

  result = index();
  EXPECT_EQ(result.n_unchanged, 5);
  EXPECT_EQ(encoder_.n_embedded, 5) << "nothing is encoded";

  write("a.png", "0 0 0 1.5");                                 // changed
  fs::remove(media() / "b.png");                               // removed
  fs::rename(media() / "c" / "d.jpg", media() / "moved.jpg");  // moved
  write("c/copy.jpg", "0 1 1 0");                              // a copy of c/e.jpg
  fs::last_write_time(media() / "c/f/g.webp",
                      fs::file_time_type::clock::now() + std::chrono::seconds(5));  // touched
  result = index();
  EXPECT_EQ(result.n_embedded, 1);
  EXPECT_EQ(result.n_known, 3);
  EXPECT_EQ(result.n_removed, 2);
  EXPECT_EQ(result.n_unchanged, 1);
  EXPECT_EQ(encoder_.n_embedded, 6);
  EXPECT_THAT(pictures("0 0 0 1"), ElementsAre("a.png", "moved.jpg", "c/copy.jpg", "c/f/g.webp"));
  EXPECT_THAT(search("0 1 1 0")[0].hits[0].item.files, SizeIs(2)) << "the copy";
}

TEST_F(SearchTest, ContentThatMovedBetweenFilesIsKept) {
  write("a.png", "1 0 0 0");
  index();
  write("a.png", "0 1 0 0.5");
  write("b.png", "1 0 0 0");
  const IndexJobResult result = index();
  EXPECT_EQ(result.n_embedded, 1);
  EXPECT_EQ(result.n_known, 1);
  EXPECT_THAT(pictures("1 0 0 0"), ElementsAre("b.png", "a.png"));
}

TEST_F(SearchTest, SameSizeAndTimeAreTrustedUnlessToldOtherwise) {
  write("a.png", "1 0 0 0");
  const auto time = fs::last_write_time(media() / "a.png");
  index();
  write("a.png", "0 1 0 0");
  fs::last_write_time(media() / "a.png", time);
  EXPECT_EQ(index().n_unchanged, 1);
  options_.rehash = true;
  EXPECT_EQ(index().n_embedded, 1);
}

TEST_F(SearchTest, FailuresAreListedAndTriedAgain) {
  write_five();
  write("bad.png", "damaged");
  write("empty.png", "");
  IndexJobResult result = index();
  EXPECT_EQ(result.n_embedded, 5);
  ASSERT_THAT(result.failures, SizeIs(2));
  EXPECT_EQ(result.failures[0].path.filename(), "bad.png");
  EXPECT_THAT(result.failures[0].error, HasSubstr("damaged"));
  EXPECT_THAT(Store::open(database()).failures(), SizeIs(2));
  EXPECT_THAT(index().failures, SizeIs(2));
  write("bad.png", "0 0 0 1");
  EXPECT_THAT(index().failures, SizeIs(1));
  write("a.png", "damaged too");
  index();
  EXPECT_THAT(pictures("1 0 0 0"), Not(testing::Contains("a.png"))) << "its old content is gone";
}

TEST_F(SearchTest, EverythingThatIsLeftOutIsCountedAndListed) {
  write_five();
  for (const char* name : {"a.txt", "b.TXT", "c/d.pdf", "noending", ".hidden/x.png", ".DS_Store"})
    write(name, "text");
  write("photo.unknown", "\xFF\xD8\xFF\xE0 a picture by its content");
  write("skip/z.txt", "x");
  fs::create_directory_symlink(media() / "c", media() / "linked");
  fs::create_symlink(media() / "gone", media() / "dangling.png");
  options_.scan.excludes = {"skip"};
  const IndexJobResult result = index();
  EXPECT_EQ(result.n_found, 6) << "five, and the one by its content";
  std::map<std::string, LeftOutReason> left_out;
  for (const LeftOutFile& one : result.left_out_files)
    left_out[one.path.lexically_relative(media()).string()] = one.reason;
  EXPECT_THAT(left_out,
              testing::UnorderedElementsAre(testing::Pair("a.txt", LeftOutReason::kOtherKind),
                                            testing::Pair("b.TXT", LeftOutReason::kOtherKind),
                                            testing::Pair("c/d.pdf", LeftOutReason::kOtherKind),
                                            testing::Pair("noending", LeftOutReason::kOtherKind),
                                            testing::Pair(".hidden", LeftOutReason::kHidden),
                                            testing::Pair(".DS_Store", LeftOutReason::kHidden),
                                            testing::Pair("linked", LeftOutReason::kLink),
                                            testing::Pair("dangling.png", LeftOutReason::kNoFile)));
  EXPECT_THAT(left_out_summary(result.left_out_files),
              HasSubstr("4 files of other kinds (2 .txt, 1 .pdf, 1 without an ending); 2: its name "
                        "starts with a dot"));
  EXPECT_THAT(Store::open(database()).left_out(), SizeIs(8));
  fs::remove(media() / "a.txt");
  write("b.TXT", "2 files fewer");
  index();
  EXPECT_THAT(Store::open(database()).left_out(), SizeIs(7));
  EXPECT_EQ(left_out_summary({}), "");
}

// Indexes of earlier versions lack the table of what was left out.
TEST_F(SearchTest, IndexesOfEarlierVersionsAreTaken) {
  write_five();
  index();
  Database(database() / "search.db", Database::Missing::kFail).run("DROP TABLE left_out");
  EXPECT_THAT(Store::open(database()).left_out(), IsEmpty());
  write("a.txt", "x");
  EXPECT_EQ(index().n_unchanged, 5);
  EXPECT_THAT(Store::open(database()).left_out(), SizeIs(1));
}

TEST_F(SearchTest, PhotosOfPhonesAreNotOverlooked) {
  for (const char* name : {"a.jfif", "IMG_2.HEIC", "b.avif", "c.jxl", "d.jp2", "e.dng", "f.CR3"})
    write(name, "1 0 0 0");
  write("g.mts", "no film");
  write("h.amr", "no sound");
  const IndexJobResult result = index();
  EXPECT_EQ(result.n_found, 9);
  EXPECT_EQ(result.n_embedded + result.n_known, 7);
  EXPECT_THAT(result.failures, SizeIs(2)) << "what can't be read is a failure, with its reason";
  EXPECT_THAT(result.left_out_files, IsEmpty());
}

// A film that is called .jpg, a picture that is called .mp4; a rule is believed.
TEST_F(SearchTest, WrongEndingsGiveWayToTheContent) {
  const std::string film = test::read_text(kFixtures / "video" / "h264_25.mp4");
  ASSERT_FALSE(film.empty());
  write("film.jpg", film);
  write("picture.mp4", test::read_text(kFixtures / "images" / "png_rgb.png"));
  options_.scan.rules = {parse_kind_rule("thermal:*.tif")};
  IndexJobResult result = index();
  const Store store = Store::open(database());
  EXPECT_EQ(store.n_files(Modality::kVideo), 1);
  EXPECT_THAT(result.failures, SizeIs(1)) << "the picture reaches the made-up encoder as one";
  EXPECT_THAT(result.failures.front().error, HasSubstr("PNG"));
  EXPECT_EQ(index().n_unchanged, 1);
}

TEST_F(SearchTest, NothingThatCanBeIndexed) {
  EXPECT_THAT(failure(), HasSubstr("no file below it"));
  EXPECT_FALSE(fs::exists(database()));
  write("bad.png", "damaged");
  EXPECT_THAT(failure(), HasSubstr("none of the 1 files"));
  write_five();
  index();
  fs::remove_all(media());
  fs::create_directory(media());
  EXPECT_THAT(failure(), HasSubstr("stays as it was"));
  EXPECT_THAT(search("1 0 0 0")[0].hits, SizeIs(5)) << "as when a disk isn't mounted";
}

TEST_F(SearchTest, KindsThatTheModelDoesNotTake) {
  write("a.png", "1 0 0 0");
  write("b.depth.png", "1 0 0 0");
  options_.scan.rules = {parse_kind_rule("depth:*.depth.png")};
  const IndexJobResult result = index();
  EXPECT_EQ(result.n_found, 1);
  EXPECT_EQ(result.left_out.at(Modality::kDepth), 1);
  fs::remove(media() / "a.png");
  EXPECT_THAT(failure(), HasSubstr("1 depth"));
}

TEST_F(SearchTest, SeveralFoldersShareAnIndex) {
  write("a/1.png", "1 0 0 0");
  write("b/2.png", "0 1 0 0");
  options_.scan.folder = media() / "a";
  index();
  options_.scan.folder = media() / "b";
  EXPECT_EQ(index().n_removed, 0);
  EXPECT_THAT(pictures("1 0 0 0"), ElementsAre("a/1.png", "b/2.png"));
}

TEST_F(SearchTest, TheIndexInsideTheFolderIsLeftOut) {
  write("a.png", "1 0 0 0");
  options_.database = media() / "index";
  index();
  test::write_text(options_.database / "x.png", "1 0 0 0");
  EXPECT_EQ(index().n_found, 1);
}

TEST_F(SearchTest, AKilledRunGoesOnWhereItStopped) {
  for (int i = 0; i < 20; ++i)
    write(std::to_string(100 + i) + ".png", "1 " + std::to_string(i) + " 0 0");
  options_.n_workers = 1;
  const pid_t child = fork();
  if (child == 0) {
    encoder_.kill_after = 9;
    index();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  ASSERT_THAT(search("1 0 0 0")[0].hits, SizeIs(8)) << "without FAISS's file";

  const IndexJobResult result = index();
  EXPECT_EQ(result.n_unchanged, 8);
  EXPECT_EQ(encoder_.n_embedded, 12);
  EXPECT_THAT(search("1 0 0 0", 100)[0].hits, SizeIs(20));
}

TEST_F(SearchTest, TwoProcessesAtOnce) {
  write_five();
  {
    const FolderLock other(database());
    EXPECT_THAT(failure(), HasSubstr("is writing this index"));
  }
  EXPECT_EQ(index().n_embedded, 5);
}

TEST_F(SearchTest, AnotherModelNeedsANewIndex) {
  write_five();
  index();
  encoder_.fingerprint = "f2";
  EXPECT_EQ(test::error_of([&] { index(); }).kind(), ErrorKind::kModel);
  const Searcher searcher(database(), {});
  const Error error = test::error_of([&] { searcher.require_model(encoder_.stamp()); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  EXPECT_THAT(error.what(), HasSubstr("--rebuild"));
  options_.rebuild = true;
  EXPECT_EQ(index().n_embedded, 5);
}

TEST_F(SearchTest, FilmsAndSoundsSayWhatTheyAre) {
  fs::copy(kFixtures / "video" / "h264_25.mp4", media());
  fs::copy(kFixtures / "video" / "only_sound.mp4", media());
  fs::copy(kFixtures / "audio" / "pcm_16.wav", media());
  EXPECT_EQ(index().n_embedded, 3);
  const std::vector<SearchGroup> groups = search(test::FakeEncoder::kStreamed);
  ASSERT_THAT(groups, SizeIs(2));
  EXPECT_EQ(groups[0].kind, Modality::kVideo);
  ASSERT_THAT(groups[0].hits, SizeIs(1));
  EXPECT_FLOAT_EQ(groups[0].hits[0].score, 1) << "without the kind's factor";
  const MediaFacts film = groups[0].hits[0].item.content.facts;
  EXPECT_EQ(film.width, 96);
  EXPECT_DOUBLE_EQ(film.frames_per_second, 25);
  EXPECT_GT(film.seconds, 0);
  EXPECT_EQ(groups[1].kind, Modality::kAudio);
  EXPECT_THAT(groups[1].hits, SizeIs(2)) << "a film without pictures is a sound";
  EXPECT_GT(groups[1].hits[0].item.content.facts.sample_rate, 0);
}

// ---- Queries ----

TEST_F(SearchTest, PartsOfAQueryAreWeightedDirections) {
  write("q.png", "0 5 0 0");
  SearchQuery query;
  query.texts.push_back({"1 0 0 0", 3.0F});
  query.inputs.add_file(Modality::kImage, (media() / "q.png").string(), 4.0F);
  const std::vector<float> vector = query_vector(encoder_, query);
  EXPECT_NEAR(vector[0], 0.6F, 1e-6F) << "factors of kinds don't count";
  EXPECT_NEAR(vector[1], 0.8F, 1e-6F);

  const auto kind_of = [&](const SearchQuery& wrong) {
    return test::error_of([&] { query_vector(encoder_, wrong); }).kind();
  };
  EXPECT_EQ(kind_of({}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({.texts = {{"1 0 0 0"}, {"2 0 0 0", -1}}, .inputs = {}}), ErrorKind::kUsage);
  EXPECT_EQ(kind_of({.texts = {{"1 0 0 0", INFINITY}}, .inputs = {}}), ErrorKind::kUsage);
}

TEST_F(SearchTest, ResultsComeByKind) {
  write_five();
  write("t/x.png", "1 0 0 0");
  options_.scan.rules = {parse_kind_rule("thermal:t/*")};
  index();
  const std::vector<SearchGroup> all = search("1 0 0 0", 2);
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].n_indexed, 5);
  EXPECT_THAT(all[0].hits, SizeIs(2));
  EXPECT_THAT(all[1].hits, SizeIs(1));
  EXPECT_THAT(search("1 0 0 0", 2, {Modality::kThermal}), SizeIs(1));
  EXPECT_THAT(search("1 0 0 0", 2, {Modality::kAudio}), IsEmpty());
}

TEST_F(SearchTest, HostileNamesStayDataInThePage) {
  write(kHostileName, "1 0 0 0");
  EXPECT_EQ(index().n_embedded, 1);
  EXPECT_EQ(index().n_unchanged, 1) << "found again by its bytes";
  EXPECT_THAT(pictures("1 0 0 0"), ElementsAre(kHostileName));

  ResultsPage page;
  page.query.texts.push_back({"<b>1</b>"});
  page.groups = search("1 0 0 0");
  const std::string html = to_html(page);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
  EXPECT_THAT(html, Not(HasSubstr("\xff")));
  EXPECT_THAT(html, Not(HasSubstr("\x1b")));
  EXPECT_THAT(html, HasSubstr("%22%3Cscript%3Ealert%281%29%3C/script%3E%26%0A%1B%5B31m%FF.png\""));
}

TEST_F(SearchTest, ThePageShowsPicturesFramesAndWaveforms) {
  fs::copy(kFixtures / "video" / "h264_25.mp4", media());
  fs::copy(kFixtures / "audio" / "pcm_16.wav", media());
  index();
  ResultsPage page;
  page.query.inputs.add_file(Modality::kImage,
                             (kFixtures / "images" / "photo_coffee.jpg").string());
  page.groups = search(test::FakeEncoder::kStreamed);
  fs::remove(media() / "pcm_16.wav");
  const std::string gone = to_html(page);
  EXPECT_THAT(gone, HasSubstr(">gone<"));
  fs::copy(kFixtures / "audio" / "pcm_16.wav", media());
  const std::string html = to_html(page);
  EXPECT_THAT(html, HasSubstr("<svg class=\"wave\""));
  const std::string mark = "src=\"data:image/jpeg;base64,/9j/";
  const std::size_t first = html.find(mark);
  ASSERT_NE(first, std::string::npos) << "the query's picture";
  EXPECT_NE(html.find(mark, first + 1), std::string::npos) << "the film's frame";
  EXPECT_THAT(html, Not(HasSubstr("http")));
}

TEST(PreviewTest, JpegsAreReadAgainAsWritten) {
  Image image{16, 16, Bytes(std::size_t{16} * 16 * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(i / 48 * 15);  // a gradient, top to bottom
  const Image read = decode_image(to_jpeg(image), "preview");
  ASSERT_EQ(read.width, 16);
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    EXPECT_NEAR(read.rgb[i], image.rgb[i], 8) << i;
}

TEST(PreviewTest, UnreadableFilesGetABox) {
  test::TemporaryFolder folder;
  test::write_text(folder / "x.png", "no picture");
  EXPECT_THAT(preview_html(folder / "x.png", Modality::kImage), HasSubstr("class=\"box\""));
  EXPECT_THAT(preview_html(folder / "none.csv", Modality::kImu), HasSubstr(">imu<"));
}

// ---- A real model ----

TEST_F(SearchTest, APictureFindsItself) {
  for (const char* name : {"photo_coffee.jpg", "photo_chelsea.jpg", "png_rgb.png", "bmp_p.bmp"})
    fs::copy(kFixtures / "images" / name, media());
  EmbedderOptions one_thread;
  one_thread.n_threads = 1;
  const Embedder embedder((kFixtures / "tiny-panda").string(), one_thread);
  const EmbedderEncoder encoder(embedder, "tiny-panda");
  EXPECT_EQ(run_index_job(encoder, options_).n_embedded, 4);
  SearchQuery query;
  query.inputs.add_file(Modality::kImage, (kFixtures / "images" / "photo_coffee.jpg").string());
  const Searcher searcher(database(), {});
  searcher.require_model(encoder.stamp());
  const auto groups = searcher.search(query_vector(encoder, query), 2);
  ASSERT_THAT(groups, SizeIs(1));
  ASSERT_THAT(groups[0].hits, SizeIs(2));
  EXPECT_EQ(groups[0].hits[0].item.files[0].path.filename(), "photo_coffee.jpg");
  EXPECT_NEAR(groups[0].hits[0].score, 1, 1e-5);
  EXPECT_GT(groups[0].hits[0].item.content.facts.width, 0);
}

}  // namespace
}  // namespace pandagpt
