#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/digest.h"
#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

class CoreTest : public testing::Test {
 protected:
  CoreTest() {
    folder_ = fs::temp_directory_path() /
              ("pandagpt_core_" +
               std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~CoreTest() override { fs::remove_all(folder_); }

  ErrorKind kind_of(const std::function<void()>& call, std::string* message = nullptr) {
    try {
      call();
    } catch (const Error& error) {
      if (message) *message = error.what();
      return error.kind();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorKind::kInternal;
  }

  fs::path folder_;
};

TEST_F(CoreTest, Sha256OfKnownText) {
  // FIPS 180-2, appendix B.1
  const std::string text = "abc";
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}),
            expected);
  std::ofstream(folder_ / "abc") << text;
  EXPECT_EQ(sha256_file(folder_ / "abc"), expected);
  EXPECT_EQ(to_hex(sha256(text)), expected);
  EXPECT_EQ(sha256_of_file(folder_ / "abc"), sha256(text));
  EXPECT_EQ(sha256_from_hex(expected), sha256(text));
  for (const std::string& wrong : {expected.substr(1), expected + "0", "BA" + expected.substr(2),
                                   "g" + expected.substr(1), std::string()}) {
    EXPECT_FALSE(sha256_from_hex(wrong)) << wrong;
    EXPECT_FALSE(is_sha256(wrong)) << wrong;
  }
  EXPECT_TRUE(is_sha256(expected));
  EXPECT_EQ(git_blob_id(folder_ / "abc"), "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");  // git's
}

TEST_F(CoreTest, ReadFileRefusesWhatIsNotAFile) {
  std::string message;
  EXPECT_EQ(kind_of([&] { read_file(folder_ / "nothing", 10); }, &message), ErrorKind::kInput);
  EXPECT_NE(message.find("no such file"), std::string::npos) << message;
  EXPECT_EQ(kind_of([&] { read_file(folder_, 10); }, &message), ErrorKind::kInput);
  EXPECT_NE(message.find("folder"), std::string::npos) << message;
  std::ofstream(folder_ / "empty");
  EXPECT_EQ(kind_of([&] { read_file(folder_ / "empty", 10); }, &message), ErrorKind::kInput);
  EXPECT_NE(message.find("empty"), std::string::npos) << message;
  std::ofstream(folder_ / "large") << "12345678901";
  EXPECT_EQ(kind_of([&] { read_file(folder_ / "large", 10); }, &message), ErrorKind::kInput);
  EXPECT_NE(message.find("limit"), std::string::npos) << message;
}

TEST_F(CoreTest, FailedWriteKeepsTheOldContent) {
  const fs::path path = folder_ / "kept";
  write_file_atomically(path, [](std::ostream& out) { out << "old"; });
  EXPECT_THROW(write_file_atomically(path,
                                     [](std::ostream& out) {
                                       out << "half";
                                       throw Error(ErrorKind::kInternal, "stopped half way");
                                     }),
               Error);
  const Bytes bytes = read_file(path, 10);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1) << "a temporary file was left";
}

TEST_F(CoreTest, MappedFileSeesTheBytes) {
  std::ofstream(folder_ / "m") << "mapped";
  const MappedFile file(folder_ / "m");
  EXPECT_EQ(std::string(file.bytes().begin(), file.bytes().end()), "mapped");
  EXPECT_EQ(kind_of([&] { MappedFile(folder_ / "none"); }), ErrorKind::kModel);
}

}  // namespace
}  // namespace pandagpt
