#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <random>

#include "convert/efficientnet.h"
#include "convert/encoder_parts.h"
#include "convert/imagenet_labels.h"
#include "convert/pickle.h"
#include "convert/tensor_source.h"
#include "convert_support.h"
#include "core/zip_reader.h"
#include "encoders/encoder_keys.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::convert_fixture;
using test::model_error;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kTinySide = 37;  // of the tiny checkpoint

std::string text_of(ByteView bytes) {
  return {bytes.begin(), bytes.end()};
}
Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

class ConvertTest : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& content) {
    fs::remove(folder_ / name);  // ext4 waits for the disk when a file is overwritten
    test::write_text(folder_ / name, content);
    return folder_ / name;
  }

  test::TemporaryFolder folder_;
};

// --- the reader --------------------------------------------------------------------------------

class ContainerTest : public testing::TestWithParam<const char*> {};

TEST_P(ContainerTest, ReadsEveryTypeAndLayout) {
  const TensorSource file = open_tensor_source(convert_fixture(GetParam()));
  std::vector<float> base(24);
  for (std::size_t i = 0; i < base.size(); ++i)
    base[i] = static_cast<float>(i);
  for (const char* name : {"f64", "f16", "bf16", "i64", "i32", "i16", "i8", "u8", "shared"}) {
    const SourceTensor& tensor = file.tensor(std::string("model.") + name);
    EXPECT_EQ(tensor.to_f32(), base) << name;
    EXPECT_THAT(tensor.shape, ElementsAre(4, 6)) << name;
  }
  EXPECT_STREQ(element_type_name(file.tensor("model.bf16").type), "bfloat16");
  EXPECT_EQ(file.tensor("model.bool").to_f32()[11], 0.0F);
  EXPECT_EQ(file.tensor("model.bool").to_f32()[12], 1.0F);
  EXPECT_THAT(file.tensor("model.transposed").shape, ElementsAre(6, 4));
  EXPECT_EQ(file.tensor("model.transposed").to_f32()[1], 6.0F);
  EXPECT_THAT(file.tensor("model.part").to_f32(), ElementsAre(8, 9, 10, 14, 15, 16));
  EXPECT_THAT(file.tensor("model.parameter").to_f32(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(file.tensor("model.scalar").to_f32(), ElementsAre(2.5F));
  EXPECT_TRUE(file.tensor("model.scalar").shape.empty());
  EXPECT_TRUE(file.tensor("model.empty").to_f32().empty());
  EXPECT_THAT(file.tensor("model.halves").to_f32(),
              ElementsAre(0.0F, -0.0F, 1.5F, -2.0F, 0x1p-24F, 65504.0F,
                          std::numeric_limits<float>::infinity()));
  EXPECT_THAT(file.tensor("list.0").to_f32(), ElementsAre(1, 1));
  EXPECT_THAT(file.tensor("7").to_f32(), ElementsAre(1));
}

TEST_P(ContainerTest, ReadsScalars) {
  const auto scalars = open_tensor_source(convert_fixture(GetParam())).scalars();
  EXPECT_EQ(scalars.at("epoch"), "3");
  EXPECT_EQ(scalars.at("negative"), "-3");
  EXPECT_EQ(scalars.at("big"), "1099511627776");
  EXPECT_EQ(scalars.at("lr"), "0.500000");
  EXPECT_EQ(scalars.at("name"), "tiny");
  EXPECT_EQ(scalars.at("done"), "True");
  EXPECT_EQ(scalars.at("none"), "None");
  EXPECT_EQ(scalars.at("list.1"), "1");
  EXPECT_EQ(scalars.at("size.1"), "6");
}

INSTANTIATE_TEST_SUITE_P(Containers, ContainerTest,
                         testing::Values("types_zip.pt", "types_legacy.pth"));

TEST(TorchReader, RefusesCodeByItsName) {
  for (const char* name : {"runs_command_zip.pt", "runs_command_legacy.pth"})
    EXPECT_THAT(model_error([&] { open_tensor_source(convert_fixture(name)); }),
                AllOf(HasSubstr(name), HasSubstr("refuses to run posix.system"),
                      HasSubstr("not a plain checkpoint")));
  EXPECT_THAT(model_error([] { open_tensor_source(convert_fixture("whole_module.pt")); }),
              HasSubstr("refuses to run torch.nn.modules.linear.Linear"));
}

TEST_F(ConvertTest, RefusesOtherFiles) {
  const fs::path text = write("text", "hello");
  EXPECT_THAT(model_error([&] { open_tensor_source(text); }),
              HasSubstr("neither a torch checkpoint"));
  EXPECT_THAT(model_error([&] { open_tensor_source(folder_ / "none"); }), HasSubstr("none"));
  const fs::path pickle = write("pickle", "\x80\x02N.");
  EXPECT_THAT(model_error([&] { open_tensor_source(pickle); }), HasSubstr("not a checkpoint"));
}

TEST_F(ConvertTest, EveryTruncationIsAnError) {
  for (const char* name : {"types_zip.pt", "types_legacy.pth"}) {
    const std::string whole = test::read_text(convert_fixture(name));
    for (std::size_t size = 1; size < whole.size(); size += 13) {
      const fs::path cut = write("cut", whole.substr(0, size));
      EXPECT_THROW(open_tensor_source(cut), Error) << name << " cut to " << size;
    }
  }
}

// Whatever stands in a file, it is read or refused; nothing else may happen.
TEST_F(ConvertTest, DamagedFilesAreReadOrRefused) {
  std::mt19937 generator(7);
  for (const char* name : {"types_zip.pt", "types_legacy.pth", "runs_command_zip.pt"}) {
    const std::string whole = test::read_text(convert_fixture(name));
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
      std::string damaged = whole;
      for (int i = 0; i < 3; ++i)
        damaged[generator() % damaged.size()] = static_cast<char>(generator());
      const fs::path path = write("damaged", damaged);
      try {
        const TensorSource file = open_tensor_source(path);
        for (const auto& [tensor_name, tensor] : file.tensors())
          tensor.to_f32();
      } catch (const Error&) {
        ++refused;
      }
    }
    EXPECT_GT(refused, 0) << name;
  }
}

// --- the pickle machine ------------------------------------------------------------------------

TEST(Pickle, RefusesDamagedPrograms) {
  using namespace std::string_literals;
  const std::pair<std::string, const char*> cases[] = {
      {"\x80\x02"s, "truncated"},
      {"\x80\x02."s, "stack is empty"},
      {"\x80\x02h\x05."s, "does not exist"},
      {"\x80\x02t."s, "mark is missing"},
      {"\x80\x02NNs."s, "stack is empty"},
      {"\x80\x02}(Nu."s, "key without a value"},
      {"\x80\x02NNa."s, "not a list"},
      {"\x80\x02X\xff\xff\xff\x7f."s, "truncated"},
      {"\x80\x02N)R."s, "refuses to run a None"},
      {"\x80\x02N}b."s, "refuses to run __setstate__ of a None"},
      {"\x80\x02"s + "cbuiltins\neval\n.", "refuses to run builtins.eval"},
      {"\x80\x04\x8c\x02os\x8c\x06system\x93."s, "refuses to run os.system"},
      {"\x80\x02"s + "ccollections\nOrderedDict\n)\x81.", "class constructor"},
      {"\x80\x02"s + "(ios\nsystem\n.", "refuses to run os.system"},
      {"\x80\x02K\x01\x85Q."s, "not a tensor's storage"},
      {"\x80\x02"s + "ctorch._utils\n_rebuild_tensor_v2\n)R.", "without storage"},
      {"I1\n."s, "text pickle"},
      {"\x80\x07N."s, "protocol 7"},
      {"\x80\x02\xff."s, "unknown instruction"},
  };
  for (const auto& [program, message] : cases) {
    const Bytes bytes = bytes_of(program);
    EXPECT_THAT(model_error([&] { read_pickle(bytes, 0, "p"); }), HasSubstr(message));
  }
}

TEST(Pickle, ListsThatHoldThemselvesAreHarmless) {
  using namespace std::string_literals;
  const PickleDocument document = read_pickle(bytes_of("\x80\x02]q\0h\0a."s), 0, "p");
  EXPECT_EQ(document[document.root].items.at(0), document.root);
}

TEST(Pickle, DeepNestingIsHarmless) {
  // A tuple of a tuple of ...
  const std::string program = "\x80\x02N" + std::string(1'000'000, '\x85') + ".";
  EXPECT_EQ(read_pickle(bytes_of(program), 0, "p").values.size(), 1'000'001U);
}

TEST(Pickle, ReadsNumbers) {
  using namespace std::string_literals;
  const auto integer = [](const std::string& program) {
    const PickleDocument document = read_pickle(bytes_of("\x80\x02" + program + "."), 0, "p");
    return document[document.root].integer;
  };
  EXPECT_EQ(integer("K\xff"s), 255);
  EXPECT_EQ(integer("M\x01\x02"s), 0x201);
  EXPECT_EQ(integer("J\xfe\xff\xff\xff"s), -2);
  EXPECT_EQ(integer("\x8a\0"s), 0);
  EXPECT_EQ(integer("\x8a\x01\xff"s), -1);
  EXPECT_EQ(integer("\x8a\x02\xff\0"s), 255);
  EXPECT_EQ(integer("\x8a\x08\0\0\0\0\0\0\0\x80"s), std::numeric_limits<std::int64_t>::min());
}

// --- zip archives ------------------------------------------------------------------------------

void put(Bytes& bytes, std::uint64_t value, int n_bytes) {
  for (int i = 0; i < n_bytes; ++i, value >>= 8)
    bytes.push_back(static_cast<std::uint8_t>(value));
}

/// An archive with the member "ab" = "xyz", whose sizes and offsets stand in the zip64 fields.
Bytes zip64_archive(int method = 0) {
  constexpr std::uint32_t kElsewhere = 0xffffffff;
  Bytes zip;
  put(zip, 0x04034b50, 4);  // local header
  put(zip, 45, 2);
  put(zip, 0, 2);
  put(zip, method, 2);
  put(zip, 0, 8);  // time, date, checksum
  put(zip, 3, 4);
  put(zip, 3, 4);
  put(zip, 2, 2);
  put(zip, 0, 2);
  for (const char c : std::string("abxyz"))
    zip.push_back(static_cast<std::uint8_t>(c));
  const std::size_t table = zip.size();
  put(zip, 0x02014b50, 4);  // its entry in the table of contents
  put(zip, 45, 2);
  put(zip, 45, 2);
  put(zip, 0, 2);
  put(zip, method, 2);
  put(zip, 0, 8);
  put(zip, kElsewhere, 4);
  put(zip, kElsewhere, 4);
  put(zip, 2, 2);
  put(zip, 28, 2);
  put(zip, 0, 10);  // comment, disk, attributes
  put(zip, kElsewhere, 4);
  zip.push_back('a');
  zip.push_back('b');
  put(zip, 1, 2);
  put(zip, 24, 2);
  put(zip, 3, 8);
  put(zip, 3, 8);
  put(zip, 0, 8);
  const std::size_t end = zip.size();
  put(zip, 0x06064b50, 4);  // zip64 end record
  put(zip, 44, 8);
  put(zip, 0, 12);
  put(zip, 1, 8);
  put(zip, 1, 8);
  put(zip, end - table, 8);
  put(zip, table, 8);
  put(zip, 0x07064b50, 4);  // its locator
  put(zip, 0, 4);
  put(zip, end, 8);
  put(zip, 1, 4);
  put(zip, 0x06054b50, 4);  // end record
  put(zip, 0, 4);
  put(zip, 0xffff, 2);
  put(zip, 0xffff, 2);
  put(zip, kElsewhere, 4);
  put(zip, kElsewhere, 4);
  put(zip, 0, 2);
  return zip;
}

TEST(Zip, UnderstandsZip64) {
  const Bytes zip = zip64_archive();
  const auto members = read_stored_zip(zip, "z");
  ASSERT_EQ(members.size(), 1U);
  EXPECT_EQ(text_of(members.at("ab")), "xyz");
}

TEST(Zip, RefusesCompressedMembers) {
  const Bytes zip = zip64_archive(8);
  EXPECT_THAT(model_error([&] { read_stored_zip(zip, "z"); }), HasSubstr("ab is compressed"));
}

TEST(Zip, HostileNumbersAreRefused) {
  const Bytes zip = zip64_archive();
  for (std::size_t at = 0; at < zip.size(); ++at) {
    Bytes damaged = zip;
    damaged[at] ^= 0x80;
    try {
      for (const auto& [name, data] : read_stored_zip(damaged, "z"))
        EXPECT_LE(data.data() + data.size(), damaged.data() + damaged.size());
    } catch (const Error&) {
    }
  }
}

// --- the converter -----------------------------------------------------------------------------

TEST_F(ConvertTest, BothContainersGiveTheSameFile) {
  const EfficientNetConversion conversion{.image_size = kTinySide};
  convert_efficientnet_lite(convert_fixture("tiny_zip.pt"), folder_ / "a.gguf", conversion);
  convert_efficientnet_lite(convert_fixture("tiny_legacy.pth"), folder_ / "b.gguf", conversion);
  EXPECT_EQ(sha256_file(folder_ / "a.gguf"), sha256_file(folder_ / "b.gguf"));
  const GgufFile file(folder_ / "a.gguf");
  EXPECT_EQ(file.get_str("general.architecture"), "pandagpt-encoders");
  EXPECT_THAT(file.get_u32_array(encoder_keys::kBlockKernels), ElementsAre(3, 3, 3, 5, 5, 3, 5, 5));
  EXPECT_THAT(file.get_u32_array(encoder_keys::kBlockStrides), ElementsAre(1, 2, 1, 2, 1, 2, 1, 1));
  EXPECT_THAT(file.get_u32_array(encoder_keys::kBlockExpansions),
              ElementsAre(1, 6, 6, 6, 6, 4, 2, 2));
}

TEST_F(ConvertTest, PartsOfAnEncodersFileBecomeItAgain) {
  const fs::path base = folder_ / "base.gguf";
  const fs::path whole = folder_ / "whole.gguf";
  const fs::path part = folder_ / "part.gguf";
  convert_efficientnet_lite(convert_fixture("tiny_zip.pt"), base, {.image_size = kTinySide});
  const GgufFile file(base);
  const std::vector<float> changed(file.tensor("vision.stem.bias").n_elements(), 0.25F);
  {
    GgufWriter writer;
    writer.copy_metadata(file);
    writer.set_f32("pandagpt.more", 2);
    for (const GgufTensor& tensor : file.tensors())
      if (tensor.name == "vision.stem.bias")
        writer.add_f32(tensor.name, tensor.shape, changed);
      else
        writer.add_tensor(tensor.name, tensor.type, tensor.shape, tensor.data);
    writer.add_f32("audio.embd.weight", {2, 3}, std::vector<float>(6, 1));
    writer.write(whole);
  }
  split_encoders(whole, base, part);
  EXPECT_EQ(GgufFile(part).tensors().size(), 2U);
  join_encoders(base, part, folder_ / "joined.gguf");
  const GgufFile expected(whole);
  const GgufFile joined(folder_ / "joined.gguf");
  EXPECT_EQ(joined.get_f32("pandagpt.more"), 2);
  EXPECT_FALSE(joined.has(kBaseHashKey));
  ASSERT_EQ(joined.tensors().size(), expected.tensors().size());
  for (const GgufTensor& tensor : expected.tensors())
    EXPECT_TRUE(std::ranges::equal(tensor.data, joined.tensor(tensor.name).data)) << tensor.name;
  const fs::path out = folder_ / "none.gguf";
  EXPECT_THAT(model_error([&] { join_encoders(whole, part, out); }),
              HasSubstr("is not the file that"));
  EXPECT_THAT(model_error([&] { join_encoders(base, base, out); }), HasSubstr("is no part of"));
  EXPECT_THAT(model_error([&] { split_encoders(part, base, out); }),
              HasSubstr("was not made from"));
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(ConvertTest, NormalisationsAreFoldedIn) {
  convert_efficientnet_lite(convert_fixture("tiny_zip.pt"), folder_ / "a.gguf",
                            {.image_size = kTinySide});
  const TensorSource torch = open_tensor_source(convert_fixture("tiny_zip.pt"));
  const GgufFile gguf(folder_ / "a.gguf");
  const auto value = [&](const std::string& name, std::size_t at) {
    return double{torch.tensor(name).to_f32()[at]};
  };
  // The output channel 2 of the head, input channel 5.
  const double scale = value("_bn1.weight", 2) / std::sqrt(value("_bn1.running_var", 2) + 1e-3);
  const std::int64_t n_in = torch.tensor("_conv_head.weight").shape[1];
  EXPECT_NEAR(gguf.read_f32("vision.head.weight")[2 * n_in + 5],
              value("_conv_head.weight", 2 * n_in + 5) * scale, 1e-6);
  EXPECT_NEAR(gguf.read_f32("vision.head.bias")[2],
              value("_bn1.bias", 2) - value("_bn1.running_mean", 2) * scale, 1e-6);
  // Kernels are stored channels-last: (y 1, x 2) of the depthwise channel 3.
  const double depthwise_scale =
      value("_blocks.0._bn1.weight", 3) / std::sqrt(value("_blocks.0._bn1.running_var", 3) + 1e-3);
  EXPECT_NEAR(gguf.read_f32("vision.block.0.depthwise.weight")[(1 * 3 + 2) * 8 + 3],
              value("_blocks.0._depthwise_conv.weight", 3 * 9 + 1 * 3 + 2) * depthwise_scale, 1e-6);
}

TEST_F(ConvertTest, EveryWrongTensorIsNamed) {
  const fs::path output = write("kept.gguf", "old");
  EXPECT_THAT(
      model_error([&] { convert_efficientnet_lite(convert_fixture("wrong_tensors.pt"), output); }),
      AllOf(HasSubstr("_bn1.bias is missing"), HasSubstr("_surplus.weight is not part of"),
            HasSubstr("_fc.bias has the shape [3], expected [7]")));
  EXPECT_EQ(test::read_text(output), "old") << "a failed run changed the file";
}

TEST_F(ConvertTest, OtherCheckpointsAreRefused) {
  EXPECT_THAT(model_error([&] {
                convert_efficientnet_lite(convert_fixture("types_zip.pt"), folder_ / "x.gguf");
              }),
              HasSubstr("_conv_stem.weight"));
  EXPECT_FALSE(fs::exists(folder_ / "x.gguf"));
}

TEST_F(ConvertTest, LabelsAreWrittenAndCounted) {
  const fs::path path = write("labels.txt", "a\r\nb\nc\nd\ne\nf\ng");
  const std::vector<std::string> labels = read_labels(path);
  EXPECT_THAT(labels, ElementsAre("a", "b", "c", "d", "e", "f", "g"));
  convert_efficientnet_lite(convert_fixture("tiny_zip.pt"), folder_ / "a.gguf",
                            {.image_size = kTinySide, .labels = labels});
  EXPECT_EQ(GgufFile(folder_ / "a.gguf").get_str_array(encoder_keys::kClassLabels), labels);
  const Error error = test::error_of([&] {
    convert_efficientnet_lite(convert_fixture("tiny_zip.pt"), folder_ / "b.gguf",
                              {.image_size = kTinySide, .labels = {"only one"}});
  });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("1 labels for a classifier of 7 classes"));
}

TEST(ImageNetLabels, AreDistinct) {
  std::vector<std::string> names(kImageNetLabels.begin(), kImageNetLabels.end());
  EXPECT_EQ(names[285], "Egyptian cat");
  EXPECT_EQ(names[999], "toilet tissue");
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace pandagpt
