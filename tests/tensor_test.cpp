#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "tensor/graph.h"
#include "tensor/image_ops.h"
#include "tensor/onednn_linear.h"
#include "tensor/transpose.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  std::vector<float> values(count);
  for (float& value : values)
    value = uniform(generator);
  return values;
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}

template <typename Call>
std::string model_error(const Call& call) {
  const Error error = test::error_of(call);
  EXPECT_EQ(error.kind(), ErrorKind::kModel) << error.what();
  return error.what();
}

class GgufTest : public testing::Test {
 protected:
  // ggml reports each damaged file on standard error too.
  GgufTest() {
    ggml_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  }
  ~GgufTest() override { ggml_log_set(nullptr, nullptr); }

  fs::path write_sample() {
    GgufWriter writer;
    writer.set_str("general.architecture", "sample");
    writer.set_u32("a.u32", 7);
    writer.set_f32("a.f32", 0.25F);
    writer.set_bool("a.bool", true);
    writer.set_u32_array("a.u32s", std::vector<std::uint32_t>{1, 2, 3});
    writer.set_f32_array("a.f32s", std::vector<float>{0.5F, 1.5F});
    writer.set_str_array("a.strs", std::vector<std::string>{"one", "two"});
    writer.add_f32("w", {3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});
    writer.add_f16("h", {5}, std::vector<float>{0, 1, -2, 0.5F, 65504});
    writer.write(folder_ / "sample.gguf");
    return folder_ / "sample.gguf";
  }

  test::TemporaryFolder folder_;
};

TEST_F(GgufTest, ReadsWhatWasWritten) {
  const GgufFile file(write_sample());
  EXPECT_EQ(file.get_str("general.architecture"), "sample");
  EXPECT_EQ(file.get_u32("a.u32"), 7U);
  EXPECT_EQ(file.get_f32("a.f32"), 0.25F);
  EXPECT_TRUE(file.get_bool("a.bool"));
  EXPECT_THAT(file.get_u32_array("a.u32s"), ElementsAre(1, 2, 3));
  EXPECT_THAT(file.get_f32_array("a.f32s"), ElementsAre(0.5F, 1.5F));
  EXPECT_THAT(file.get_str_array("a.strs"), ElementsAre("one", "two"));
  EXPECT_THAT(file.require_tensor("w", {3, 2}).shape, ElementsAre(3, 2));
  EXPECT_THAT(file.read_f32("w"), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(file.read_f32("h", {5}), ElementsAre(0, 1, -2, 0.5F, 65504));
  EXPECT_EQ(file.tensor("h").type, GGML_TYPE_F16);
  EXPECT_EQ(file.find_tensor("none"), nullptr);
  EXPECT_EQ(file.value_text("a.strs"), "[\"one\", \"two\"]");
  EXPECT_EQ(file.value_text("a.u32s"), "[1, 2, 3]");
}

TEST_F(GgufTest, DequantisesBlocks) {
  const std::vector<float> values = random_values(64, 3);
  Bytes blocks(ggml_row_size(GGML_TYPE_Q8_0, 64));
  ggml_quantize_chunk(GGML_TYPE_Q8_0, values.data(), blocks.data(), 0, 1, 64, nullptr);
  GgufWriter writer;
  writer.add_tensor("q", GGML_TYPE_Q8_0, {64}, blocks);
  writer.write(folder_ / "q.gguf");
  EXPECT_LT(largest_difference(GgufFile(folder_ / "q.gguf").read_f32("q"), values), 1.0F / 127);
}

TEST_F(GgufTest, ErrorsNameFileAndKey) {
  const GgufFile file(write_sample());
  EXPECT_THAT(model_error([&] { file.get_u32("a.none"); }), HasSubstr("a.none"));
  EXPECT_THAT(model_error([&] { file.get_u32("a.f32"); }), HasSubstr("sample.gguf: a.f32"));
  EXPECT_THAT(model_error([&] { file.get_f32("a.u32"); }), HasSubstr("a.u32"));
  EXPECT_THAT(model_error([&] { file.get_str("a.u32"); }), HasSubstr("string"));
  EXPECT_THAT(model_error([&] { file.get_bool("a.u32"); }), HasSubstr("boolean"));
  EXPECT_THAT(model_error([&] { file.get_f32_array("a.u32s"); }), HasSubstr("array"));
  EXPECT_THAT(model_error([&] { file.get_str_array("a.u32"); }), HasSubstr("array"));
  EXPECT_THAT(model_error([&] { file.tensor("none"); }), HasSubstr("none"));
  const std::string wrong = model_error([&] { file.require_tensor("w", {2, 3}); });
  EXPECT_THAT(wrong, HasSubstr("[3, 2]"));
  EXPECT_THAT(wrong, HasSubstr("expected [2, 3]"));
}

TEST_F(GgufTest, RefusesWhatIsNotGguf) {
  test::write_text(folder_ / "text", "this is a text, not a model");
  EXPECT_THAT(model_error([&] { GgufFile(folder_ / "text"); }), HasSubstr("not a GGUF file"));
  test::write_text(folder_ / "page", "<!doctype html><html>");
  EXPECT_THAT(model_error([&] { GgufFile(folder_ / "page"); }),
              HasSubstr("not a GGUF file, but a web page (HTML)"));
  EXPECT_THAT(model_error([&] { GgufFile(folder_ / "none"); }), HasSubstr("none"));
}

TEST_F(GgufTest, RefusesEveryTruncation) {
  const std::string whole = test::read_text(write_sample());
  const std::size_t padding = 22;  // behind the last tensor: 10 bytes, written to 32
  for (std::size_t size = 1; size + padding < whole.size(); size += 7) {
    fs::remove(folder_ / "cut");  // ext4 waits for the disk when a file is overwritten
    test::write_text(folder_ / "cut", whole.substr(0, size));
    EXPECT_THROW(GgufFile(folder_ / "cut"), Error) << size;
  }
}

TEST_F(GgufTest, WriterRefusesWrongSizes) {
  GgufWriter writer;
  EXPECT_THROW(writer.add_f32("w", {3, 2}, std::vector<float>(5)), Error);
  EXPECT_THROW(writer.add_f32("w", {}, {}), Error);
  EXPECT_THROW(writer.add_f32(std::string(80, 'w'), {1}, std::vector<float>(1)), Error);
  writer.add_f32("w", {1}, std::vector<float>(1));
  EXPECT_THROW(writer.add_f32("w", {1}, std::vector<float>(1)), Error);
}

struct LinearCase {
  int rows;
  int n_in;
  int n_out;
  LinearActivation activation;
  bool residual;
};

std::vector<float> plain_linear(const LinearCase& c, const std::vector<float>& x,
                                const std::vector<float>& w, const std::vector<float>& b,
                                const std::vector<float>& residual) {
  std::vector<float> y;
  for (int row = 0; row < c.rows; ++row) {
    for (int out = 0; out < c.n_out; ++out) {
      double sum = b[out];
      for (int in = 0; in < c.n_in; ++in)
        sum += double{x[row * c.n_in + in]} * w[out * c.n_in + in];
      if (c.activation == LinearActivation::kRelu6) sum = std::clamp(sum, 0.0, 6.0);
      if (c.residual) sum += residual[row * c.n_out + out];
      y.push_back(static_cast<float>(sum));
    }
  }
  return y;
}

class LinearTest : public testing::TestWithParam<LinearCase> {};

TEST_P(LinearTest, EqualsThePlainSum) {
  const LinearCase& c = GetParam();
  const auto x = random_values(std::size_t(c.rows) * c.n_in, 1);
  const auto w = random_values(std::size_t(c.n_in) * c.n_out, 2);
  const auto b = random_values(c.n_out, 3);
  const auto residual = random_values(std::size_t(c.rows) * c.n_out, 4);
  const std::vector<float> expected = plain_linear(c, x, w, b, residual);
  OnednnLinear layer(c.n_in, c.n_out, w, b, c.activation);
  for (const int n_threads : {1, 2, 3}) {
    const ComputeBackend backend(n_threads);
    ComputeGraph graph(backend, [&](GraphBuilder& builder) {
      ggml_tensor* added = c.residual ? builder.input("residual", {c.n_out, c.rows}) : nullptr;
      builder.output("y", layer.apply(builder, builder.input("x", {c.n_in, c.rows}), added));
    });
    graph.set_input("x", x);
    if (c.residual) graph.set_input("residual", residual);
    graph.compute();
    // Sums of n_in products of numbers up to one, in 24-bit floats.
    EXPECT_LT(largest_difference(graph.output("y"), expected), 1e-6F * static_cast<float>(c.n_in))
        << n_threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LinearTest,
                         testing::Values(LinearCase{1, 5, 3, LinearActivation::kNone, false},
                                         LinearCase{1, 320, 1280, LinearActivation::kRelu6, false},
                                         LinearCase{7, 64, 200, LinearActivation::kNone, true},
                                         LinearCase{49, 33, 129, LinearActivation::kRelu6, true},
                                         LinearCase{300, 27, 32, LinearActivation::kRelu6, false},
                                         LinearCase{301, 96, 24, LinearActivation::kNone, true}));

TEST(Linear, RefusesWrongSizes) {
  EXPECT_THROW(OnednnLinear(3, 2, std::vector<float>(5), {}), Error);
  EXPECT_THROW(OnednnLinear(3, 2, std::vector<float>(6), std::vector<float>(3)), Error);
}

TEST(SameWindow, FollowsTensorFlow) {
  // in, kernel, stride -> out, before, after
  const auto check = [](int in, int kernel, int stride, int out, int before, int after) {
    const SameWindow window = same_window(in, kernel, stride);
    EXPECT_EQ(window.out, out);
    EXPECT_EQ(window.pad_before, before);
    EXPECT_EQ(window.pad_after, after);
  };
  check(224, 3, 2, 112, 0, 1);
  check(112, 3, 1, 112, 1, 1);
  check(56, 5, 2, 28, 1, 2);
  check(7, 5, 1, 7, 2, 2);
  check(37, 3, 2, 19, 1, 1);
  check(4, 1, 2, 2, 0, 0);
}

/// (n, h', w', kernel, kernel, c) windows of a picture (n, h, w, c), zeros outside.
std::vector<float> plain_windows(const std::vector<float>& x, int c, int w, int h, int n,
                                 int kernel, int stride) {
  const SameWindow across = same_window(w, kernel, stride);
  const SameWindow down = same_window(h, kernel, stride);
  std::vector<float> windows;
  for (int image = 0; image < n; ++image)
    for (int oy = 0; oy < down.out; ++oy)
      for (int ox = 0; ox < across.out; ++ox)
        for (int ky = 0; ky < kernel; ++ky)
          for (int kx = 0; kx < kernel; ++kx)
            for (int channel = 0; channel < c; ++channel) {
              const auto iy = oy * stride - down.pad_before + ky;
              const auto ix = ox * stride - across.pad_before + kx;
              const bool inside = iy >= 0 && iy < h && ix >= 0 && ix < w;
              windows.push_back(inside ? x[((image * h + iy) * w + ix) * c + channel] : 0.0F);
            }
  return windows;
}

class WindowTest : public testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(WindowTest, PatchesAndDepthwiseEqualThePlainLoops) {
  const auto [kernel, stride, c] = GetParam();
  const int w = 13;
  const int h = 9;
  const int n = 2;
  const int taps = kernel * kernel;
  const auto x = random_values(std::size_t(c) * w * h * n, 1);
  const auto weight = random_values(std::size_t(taps) * c, 2);
  const auto bias = random_values(c, 3);
  const std::vector<float> windows = plain_windows(x, c, w, h, n, kernel, stride);
  std::vector<float> expected(windows.size() / taps);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    double sum = bias[i % c];
    for (int tap = 0; tap < taps; ++tap)
      sum += double{weight[tap * c + i % c]} * windows[(i / c * taps + tap) * c + i % c];
    expected[i] = static_cast<float>(std::clamp(sum, 0.0, 6.0));
  }
  const DepthwiseConv layer(kernel, stride, c, weight, bias);
  for (const int n_threads : {1, 2}) {
    const ComputeBackend backend(n_threads);
    ComputeGraph graph(backend, [&](GraphBuilder& builder) {
      ggml_tensor* input = builder.input("x", {c, w, h, n});
      builder.output("patches", extract_patches(builder, input, kernel, stride));
      builder.output("depthwise", layer.apply(builder, input));
    });
    graph.set_input("x", x);
    graph.compute();
    EXPECT_EQ(graph.output("patches"), windows);
    EXPECT_LT(largest_difference(graph.output("depthwise"), expected), 1e-5F);
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, WindowTest,
                         testing::Combine(testing::Values(3, 5), testing::Values(1, 2),
                                          testing::Values(3, 16, 40)));

TEST(DepthwiseConv, RefusesWhatItCannotDo) {
  EXPECT_THROW(DepthwiseConv(7, 1, 1, std::vector<float>(49), std::vector<float>(1)), Error);
  EXPECT_THROW(DepthwiseConv(3, 3, 1, std::vector<float>(9), std::vector<float>(1)), Error);
  EXPECT_THROW(DepthwiseConv(3, 1, 2, std::vector<float>(9), std::vector<float>(2)), Error);
}

TEST(MeanOverPixels, IsTheMeanOfEachChannel) {
  const ComputeBackend backend(2);
  ComputeGraph graph(backend, [](GraphBuilder& builder) {
    builder.output("y", mean_over_pixels(builder, builder.input("x", {2, 2, 2, 2})));
  });
  graph.set_input("x", std::vector<float>{1, 10, 2, 20, 3, 30, 4, 40, 5, 0, 5, 0, 5, 0, 5, 8});
  graph.compute();
  EXPECT_THAT(graph.output("y"), ElementsAre(2.5F, 25.0F, 5.0F, 2.0F));
}

TEST(ComputeGraph, RefusesWrongInputs) {
  const ComputeBackend backend(1);
  ComputeGraph graph(backend, [](GraphBuilder& builder) {
    builder.output("y", mean_over_pixels(builder, builder.input("x", {2, 2, 1, 1})));
  });
  EXPECT_THROW(graph.set_input("x", std::vector<float>(3)), Error);
  EXPECT_THROW(graph.set_input("z", std::vector<float>(4)), Error);
  EXPECT_THROW(graph.output("z"), Error);
}

TEST(TransposeEach, SwapsRowsAndColumns) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  EXPECT_THAT(transpose_each(values, 2, 2, 3), ElementsAre(1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12));
}

}  // namespace
}  // namespace pandagpt
