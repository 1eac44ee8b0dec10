// Rows of .npy files as embeddings: any length, type, byte order and layout, or an error by name.
#include "train/embedding_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "media/npy.h"
#include "pandagpt/error.h"
#include "test_support.h"
#include "train_data_support.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::npy_head;
using test::TemporaryFolder;
using test::write_text;
using testing::ElementsAre;
using testing::HasSubstr;

class EmbeddingRowsTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  /// What is wrong with row `row` of a file of this content.
  std::string fault(const std::string& content, std::int64_t row = 0, std::int64_t width = 3) {
    write_text(folder_ / "bad.npy", content);
    const Error error = error_of([&] { EmbeddingRows().read({path("bad.npy"), row}, width); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("bad.npy"));
    return error.what();
  }

  const TemporaryFolder folder_;
  EmbeddingRows rows_;
};

/// The bytes of `value`, the least significant one first or last.
template <typename T>
std::string bytes_of(T value, bool big_endian) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  if (big_endian) std::ranges::reverse(bytes);
  return bytes;
}

template <typename T>
std::string array_of(const std::vector<T>& values, bool big_endian) {
  std::string all;
  for (const T value : values)
    all += bytes_of(value, big_endian);
  return all;
}

// [[1.5, -2, 0.25], [3, 4.5, -8]], and its columns one after another.
const std::vector<float> kRowMajor = {1.5F, -2, 0.25F, 3, 4.5F, -8};
const std::vector<float> kColumnMajor = {1.5F, 3, -2, 4.5F, 0.25F, -8};

TEST_F(EmbeddingRowsTest, FloatsOfEverySizeOrderAndLayout) {
  const auto data = [](const std::string& type, const std::vector<float>& values) {
    const bool big_endian = type[0] == '>';
    if (type.substr(1) == "f4") return array_of(values, big_endian);
    if (type.substr(1) == "f8")
      return array_of(std::vector<double>(values.begin(), values.end()), big_endian);
    std::vector<std::uint16_t> halves;  // exact for these: five bits of exponent, ten of mantissa
    for (const float value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      halves.push_back(static_cast<std::uint16_t>(
          (bits >> 16 & 0x8000) | (((bits >> 23 & 0xFF) - 112) << 10) | (bits >> 13 & 0x3FF)));
    }
    return array_of(halves, big_endian);
  };
  for (const char* type : {"<f2", "<f4", "<f8", ">f2", ">f4", ">f8"})
    for (const bool fortran : {false, true}) {
      const std::string name =
          std::string(type + 1) + (type[0] == '>' ? "b" : "l") + (fortran ? "f" : "c") + ".npy";
      write_text(folder_ / name, npy_head(type, "(2, 3)", fortran) +
                                     data(type, fortran ? kColumnMajor : kRowMajor));
      EXPECT_THAT(rows_.read({path(name), 0}, 3), ElementsAre(1.5F, -2, 0.25F)) << name;
      EXPECT_THAT(rows_.read({path(name), 1}, 3), ElementsAre(3, 4.5F, -8)) << name;
    }
}

TEST_F(EmbeddingRowsTest, OneRowOfOneDimensionAndIntegers) {
  for (const bool fortran : {false, true}) {
    const std::string name = fortran ? "f.npy" : "c.npy";
    write_text(folder_ / name,
               npy_head("<f4", "(3,)", fortran) + array_of<float>({1, 2, 3}, false));
    EXPECT_THAT(rows_.read({path(name), 0}, 3), ElementsAre(1, 2, 3));
    EXPECT_THAT(error_of([&] {
                  rows_.read({path(name), 1}, 3);
                }).what(),
                HasSubstr("has 1 rows, so none of number 1"));
  }
  write_text(folder_ / "i1.npy", npy_head("|i1", "(1, 3)") + std::string("\xff\x02\x7f"));
  EXPECT_THAT(rows_.read({path("i1.npy"), 0}, 3), ElementsAre(-1, 2, 127));
}

// `pandagpt embed` of 43,691 inputs with panda-mini: more values than a map may have. The file has
// holes, so that it takes no room.
TEST_F(EmbeddingRowsTest, AFileMayHaveAnyLength) {
  constexpr std::int64_t kWidth = 768;
  constexpr std::int64_t kRows = 50'000;
  ASSERT_GT(kWidth * kRows, kMaxNpyValues);
  std::vector<float> last(kWidth);
  std::iota(last.begin(), last.end(), 1.0F);
  const std::string head = npy_head("<f4", "(50000, 768)");
  write_text(folder_ / "long.npy", head);
  const auto row_at = [&](std::int64_t row) {
    return static_cast<std::streamoff>(head.size()) + row * kWidth * 4;
  };
  {
    std::fstream file(folder_ / "long.npy", std::ios::in | std::ios::out | std::ios::binary);
    for (const std::int64_t row : {kRows - 1, std::int64_t{43'690}}) {
      file.seekp(row_at(row));
      file.write(reinterpret_cast<const char*>(last.data()), kWidth * 4);
    }
  }
  ASSERT_EQ(fs::file_size(folder_ / "long.npy"), static_cast<std::uintmax_t>(row_at(kRows)));
  EXPECT_EQ(rows_.read({path("long.npy"), kRows - 1}, kWidth), last);
  EXPECT_EQ(rows_.read({path("long.npy"), 43'690}, kWidth), last);
  EXPECT_EQ(rows_.read({path("long.npy"), 17}, kWidth), std::vector<float>(kWidth));
  EXPECT_THAT(error_of([&] {
                rows_.read({path("long.npy"), kRows}, kWidth);
              }).what(),
              HasSubstr("has 50000 rows"));
  fs::resize_file(folder_ / "long.npy", static_cast<std::uintmax_t>(row_at(kRows) - 1));
  EXPECT_THAT(error_of([&] {
                EmbeddingRows().read({path("long.npy"), 0}, kWidth);
              }).what(),
              HasSubstr("the header promises (50000, 768) values, the file holds fewer"));
}

TEST_F(EmbeddingRowsTest, WhatIsNoEmbeddingIsRefusedByName) {
  const std::string six(24, '\0');
  EXPECT_THAT(fault(npy_head("<f4", "(2, 3)") + six, 0, 4), HasSubstr("is of shape (2, 3)"));
  EXPECT_THAT(fault(npy_head("<f4", "(2, 3)") + six, 2), HasSubstr("so none of number 2"));
  EXPECT_THAT(fault(npy_head("<f4", "(0, 3)") + six), HasSubstr("has 0 rows"));
  EXPECT_THAT(fault(npy_head("<f4", "()") + six), HasSubstr("is of shape ()"));
  EXPECT_THAT(fault(npy_head("<f4", "(1, 2, 3)") + six), HasSubstr("is of shape (1, 2, 3)"));
  EXPECT_THAT(fault(npy_head("<f4", "(2, 3)") + six.substr(1)), HasSubstr("the file holds fewer"));
  EXPECT_THAT(fault(npy_head("<f4", "(4000000000, 9000000000)")), HasSubstr("holds fewer"));
  EXPECT_THAT(fault(npy_head("<f4", "(2, 3)").substr(0, 30)), HasSubstr("truncated"));
  EXPECT_THAT(fault(npy_head("|O", "(2, 3)") + six), HasSubstr("has the type \"|O\""));
  EXPECT_THAT(fault(npy_head("<c8", "(2, 3)") + six), HasSubstr("has the type \"<c8\""));
  EXPECT_THAT(fault("no array"), HasSubstr("not an .npy file"));
  EXPECT_THAT(fault(""), HasSubstr("is empty"));
  EXPECT_THAT(fault(npy_head("<f8", "(1, 3)") + array_of<double>({1, 1e300, 2}, false)),
              HasSubstr("row 0 has values that are no finite numbers"));
  EXPECT_EQ(error_of([&] { rows_.read({path("none.npy"), 0}, 3); }).kind(), ErrorKind::kInput);
  EXPECT_EQ(error_of([&] {
              rows_.read({folder_.path().string(), 0}, 3);
            }).kind(),
            ErrorKind::kInput);
}

TEST_F(EmbeddingRowsTest, ManyFilesOfOneRow) {
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 200; ++i) {
      const std::string name = std::to_string(i) + ".npy";
      if (round == 0) test::write_npy(folder_ / name, 1, {static_cast<float>(i)});
      EXPECT_THAT(rows_.read({path(name), 0}, 1), ElementsAre(static_cast<float>(i)));
    }
}

}  // namespace
}  // namespace pandagpt::train
