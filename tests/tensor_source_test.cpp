#include "convert/tensor_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>

#include "convert_support.h"
#include "pandagpt/error.h"
#include "safetensors_writer.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::convert_fixture;
using test::model_error;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class TensorSourceTest : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& content) {
    fs::remove(folder_ / name);  // ext4 waits for the disk when a file is overwritten
    test::write_text(folder_ / name, content);
    return folder_ / name;
  }
  std::string error_of_file(const std::string& content) {
    const fs::path path = write("file", content);
    return model_error([&] { open_tensor_source(path); });
  }

  test::TemporaryFolder folder_;
};

TEST(Safetensors, ReadsEveryType) {
  const TensorSource source = open_tensor_source(convert_fixture("types.safetensors"));
  EXPECT_EQ(source.format(), "safetensors");
  EXPECT_EQ(source.scalars().at("format"), "pt");
  std::vector<float> base(24);
  for (std::size_t i = 0; i < base.size(); ++i)
    base[i] = static_cast<float>(i);
  for (const char* name :
       {"f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"}) {
    EXPECT_EQ(source.tensor(name).to_f32(), base) << name;
    EXPECT_THAT(source.tensor(name).shape, ElementsAre(4, 6)) << name;
  }
  EXPECT_STREQ(element_type_name(source.tensor("bf16").type), "bfloat16");
  EXPECT_EQ(source.tensor("bool").to_f32()[11], 0.0F);
  EXPECT_EQ(source.tensor("bool").to_f32()[12], 1.0F);
  EXPECT_THAT(source.tensor("scalar").to_f32(), ElementsAre(2.5F));
  EXPECT_TRUE(source.tensor("empty").to_f32().empty());
  EXPECT_THAT(model_error([&] { source.tensor("none"); }), HasSubstr("tensor none is missing"));
}

TEST(SourceTensor, SlicesAreThoseOfTheWhole) {
  const TensorSource source = open_tensor_source(convert_fixture("types_zip.pt"));
  for (const char* name : {"model.f16", "model.transposed", "model.part"}) {
    const SourceTensor& tensor = source.tensor(name);
    const std::vector<float> whole = tensor.to_f32();
    for (std::size_t first = 0; first < whole.size(); ++first) {
      std::vector<float> rest(whole.size() - first);
      tensor.read_f32(static_cast<std::int64_t>(first), rest);
      EXPECT_TRUE(std::equal(rest.begin(), rest.end(), whole.begin() + first)) << name << first;
    }
  }
  EXPECT_TRUE(source.tensor("model.f16").is_contiguous());
  EXPECT_FALSE(source.tensor("model.transposed").is_contiguous());
}

TEST(TensorTable, RefusesBadNames) {
  const auto error_of_name = [](const std::string& name) {
    return model_error([&] {
      TensorTable table("f");
      table.add_scalar("taken", "");
      table.add(name, {});
    });
  };
  EXPECT_THAT(error_of_name(""), HasSubstr("f: holds a value without a name"));
  EXPECT_THAT(error_of_name("taken"), HasSubstr("two values are called taken"));
  EXPECT_THAT(error_of_name(std::string(2000, 'a')), HasSubstr("2000 bytes"));
  // Cut, overlong, surrogate, beyond Unicode, a stray byte; then what would move a cursor.
  for (const char* name : {"a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80",
                           "\x1b[2J", "a\nb", "\x7f", "\xc2\x9b"})
    EXPECT_THAT(error_of_name(name), HasSubstr("not printable UTF-8"));
  TensorTable table("f");
  table.add("größe.重み.🐼", {});
  EXPECT_EQ(table.take_tensors().size(), 1U);
}

// --- hostile safetensors -----------------------------------------------------------------------

TEST_F(TensorSourceTest, RefusesHostileHeaders) {
  const std::string good = R"("shape":[2],"dtype":"F32","data_offsets":[0,8])";
  const std::pair<std::string, const char*> cases[] = {
      {R"({"a":{)" + good + R"(},"a":{)" + good + "}}", "the key \"a\" twice"},
      {R"({"a":{"dtype":"F16",)" + good + "}}", "the key \"dtype\" twice"},
      {R"({"a":{"shape":[2],"dtype":"F32"}})", "has no data_offsets"},
      {R"({"a":{"shape":[2],"data_offsets":[0,8]}})", "has no dtype"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,8]}})", "has no shape"},
      {R"({"a":{"shape":[2],"dtype":"F31","data_offsets":[0,8]}})", "the type \"F31\""},
      {R"({"a":{"shape":[2],"dtype":7,"data_offsets":[0,8]}})", "the type 7"},
      {R"({"a":{"shape":[-2],"dtype":"F32","data_offsets":[0,8]}})", "not a whole number from 0"},
      {R"({"a":{"shape":[2.0],"dtype":"F32","data_offsets":[0,8]}})", "not a whole number"},
      {R"({"a":{"shape":[2e30],"dtype":"F32","data_offsets":[0,8]}})", "not a whole number"},
      {R"({"a":{"shape":[18446744073709551615],"dtype":"F32","data_offsets":[0,8]}})",
       "not a whole"},
      {R"({"a":{"shape":[4611686018427387904,8],"dtype":"F32","data_offsets":[0,8]}})",
       "larger than"},
      {R"({"a":{"shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2],"dtype":"F32","data_offsets":[0,8]}})",
       "up to 16 sizes"},
      {R"({"a":{"shape":2,"dtype":"F32","data_offsets":[0,8]}})", "up to 16 sizes"},
      {R"({"a":{"shape":[2],"dtype":"F32","data_offsets":[0]}})", "no two offsets"},
      {R"({"a":{"shape":[2],"dtype":"F32","data_offsets":[-8,0]}})", "not a whole number from 0"},
      {R"({"a":{"shape":[2],"dtype":"F32","data_offsets":[8,0]}})", "outside of the file"},
      {R"({"a":{"shape":[2],"dtype":"F32","data_offsets":[4,12]}})", "outside of the file"},
      {R"({"a":{"shape":[2],"dtype":"F32","data_offsets":[0,4]}})", "offsets for 4 bytes"},
      {R"({"a":{"shape":[1],"dtype":"F32","data_offsets":[0,4]}})", "belong to no tensor"},
      {R"({"a":{"shape":[1],"dtype":"F32","data_offsets":[4,8]}})", "leaves a gap"},
      {R"({"a":{)" + good + R"(},"b":{)" + good + "}}", "tensor b overlaps"},
      {R"({"a":{)" + good + R"(},"__metadata__":{"k":1}})", "not text"},
      {R"({"a":{)" + good + R"(},"__metadata__":[]})", "not a table"},
      {R"({"a":[2]})", "has no dtype"},
      {R"({"a":{"shape":[[2]],"dtype":"F32","data_offsets":[0,8]}})", "nested too deeply"},
      {R"({"":{)" + good + "}}", "without a name"},
      {R"({"a\u001b[2J":{)" + good + "}}", "not printable"},
      {"{\"a\xff\":{" + good + "}}", "JSON is damaged"},
      {R"({"a":{)" + good + "}", "JSON is damaged"},
      {"{\"a\":1e999}", "JSON is damaged"},
  };
  for (const auto& [header, message] : cases)
    EXPECT_THAT(error_of_file(test::safetensors_bytes(header, std::string(8, '\0'))),
                HasSubstr(message))
        << header;
}

TEST_F(TensorSourceTest, RefusesHostileHeaderLengths) {
  std::string bytes = test::safetensors_bytes("{}", "");
  EXPECT_TRUE(open_tensor_source(write("good", bytes)).tensors().empty());
  bytes[0] = 3;
  EXPECT_THAT(error_of_file(bytes), HasSubstr("header is truncated"));
  bytes[7] = '\x7f';
  EXPECT_THAT(error_of_file(bytes), HasSubstr("its header takes"));
}

TEST_F(TensorSourceTest, EveryTruncationIsAnError) {
  const std::string whole = test::read_text(convert_fixture("types.safetensors"));
  for (std::size_t size = 1; size < whole.size(); size += 7)
    EXPECT_THROW(open_tensor_source(write("cut", whole.substr(0, size))), Error) << size;
}

TEST_F(TensorSourceTest, DamagedFilesAreReadOrRefused) {
  std::mt19937 generator(3);
  const std::string whole = test::read_text(convert_fixture("types.safetensors"));
  int refused = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = whole;
    damaged[generator() % 1200] = static_cast<char>(generator());
    try {
      const TensorSource source = open_tensor_source(write("damaged", damaged));
      for (const auto& [name, tensor] : source.tensors())
        tensor.to_f32();
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

// --- shards ------------------------------------------------------------------------------------

class ShardTest : public TensorSourceTest {
 protected:
  ShardTest() {
    write("model-1.safetensors",
          test::safetensors_bytes({{"a", {{2}, {1, 2}}}, {"x", {{1}, {9}}}}));
    write("model-2.safetensors", test::safetensors_bytes({{"b", {{1, 2}, {3, 4}}}}));
  }
  std::string error_of_index(const std::string& index) {
    const fs::path path = write("bad.safetensors.index.json", index);
    return model_error([&] { open_tensor_source(path); });
  }
};

TEST_F(ShardTest, AreReadThroughTheirIndex) {
  write("model.safetensors.index.json",
        R"({"metadata":{"total_size":16},
            "weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})");
  for (const fs::path& path : {folder_.path(), folder_ / "model.safetensors.index.json"}) {
    const TensorSource source = open_tensor_source(path);
    EXPECT_EQ(source.tensors().size(), 2U) << "only what the index names";
    EXPECT_THAT(source.tensor("a").to_f32(), ElementsAre(1, 2));
    EXPECT_THAT(source.tensor("b").to_f32(), ElementsAre(3, 4));
    source.release(source.tensor("b").data);
    EXPECT_THAT(source.tensor("b").to_f32(), ElementsAre(3, 4)) << "read again after its release";
  }
}

TEST_F(ShardTest, OfTorchAreReadToo) {
  fs::copy_file(convert_fixture("types_zip.pt"), folder_ / "pytorch_model-1.bin");
  fs::copy_file(convert_fixture("types_legacy.pth"), folder_ / "pytorch_model-2.bin");
  write("pytorch_model.bin.index.json", R"({"weight_map":{"model.f16":"pytorch_model-1.bin",
                                                          "model.f64":"pytorch_model-2.bin"}})");
  const TensorSource source = open_tensor_source(folder_.path());
  EXPECT_EQ(source.format(), "torch checkpoint");
  EXPECT_EQ(source.tensor("model.f16").to_f32(), source.tensor("model.f64").to_f32());
}

TEST_F(ShardTest, FoldersWithOneFile) {
  EXPECT_THAT(model_error([&] { open_tensor_source(folder_.path()); }),
              AllOf(HasSubstr("holds no checkpoint"), HasSubstr("pytorch_model.bin.index.json")));
  fs::rename(folder_ / "model-1.safetensors", folder_ / "model.safetensors");
  EXPECT_THAT(open_tensor_source(folder_.path()).tensor("x").to_f32(), ElementsAre(9));
}

TEST_F(ShardTest, HostileIndexesAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"weight_map":{"a":"../model-1.safetensors"}})", "not beside the index"},
      {R"({"weight_map":{"a":"/etc/passwd"}})", "not beside the index"},
      {R"({"weight_map":{"a":".."}})", "not beside the index"},
      {R"({"weight_map":{"a":""}})", "not beside the index"},
      {R"({"weight_map":{"c":"model-1.safetensors"}})", "lacks tensor c"},
      {R"({"weight_map":{"a":"model-3.safetensors"}})", "can't be opened"},
      {R"({"weight_map":{"a":"model-1.safetensors","a":"model-2.safetensors"}})", "twice"},
      {R"({"weight_map":{"a":1}})", "is not text"},
      {R"({"weight_map":{}})", "no weight_map"},
      {R"({"weight_map":[]})", "no weight_map"},
      {"{}", "no weight_map"},
      {"[]", "not a table"},
      {R"({"weight_map":)", "damaged"},
  };
  for (const auto& [index, message] : cases)
    EXPECT_THAT(error_of_index(index), HasSubstr(message)) << index;
}

TEST_F(TensorSourceTest, WrongFilesAreCalledByName) {
  EXPECT_THAT(error_of_file("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
              HasSubstr(", but a Git LFS pointer instead of the file; run 'git lfs pull'"));
  EXPECT_THAT(error_of_file("<!DOCTYPE html><html></html>"), HasSubstr("a web page (HTML)"));
  EXPECT_THAT(error_of_file("{\"error\":\"Unauthorized\"}"), HasSubstr("a server's error message"));
  EXPECT_THAT(error_of_file(std::string("\x1F\x8B\x08\0\0\0\0\0\0\3", 10)),
              HasSubstr("a gzip file; unpack it first"));
  EXPECT_THAT(error_of_file(std::string("GGUF\3\0\0\0", 8)), HasSubstr("a GGUF file"));
  EXPECT_THAT(error_of_file(""), HasSubstr("the file is empty"));
}

TEST_F(TensorSourceTest, ShardsWithoutTheirIndexAreCalledByName) {
  write("model-00001-of-00002.safetensors", "x");
  write("model-00002-of-00002.safetensors", "x");
  EXPECT_THAT(model_error([&] { open_tensor_source(folder_.path()); }),
              AllOf(HasSubstr("has shards of a checkpoint (model-00001-of-00002.safetensors)"),
                    HasSubstr("not their index (model.safetensors.index.json)")));
  write("model.safetensors.index.json", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_THAT(model_error([&] { open_tensor_source(folder_.path()); }),
              HasSubstr("a Git LFS pointer"));
}

}  // namespace
}  // namespace pandagpt
