// What `pandagpt-train bind` computes: the loss and its gradients against PyTorch's, and trained
// encoders against the inference graphs that they are exported for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "convert/efficientnet.h"
#include "encoders/encoders.h"
#include "encoders/imagebind_tensors.h"
#include "encoders/shared_trunk.h"
#include "imagebind_fixtures.h"
#include "test_support.h"
#include "train/bind/contrastive.h"
#include "train/bind/encoder_export.h"
#include "train/bind/layers.h"
#include "train/bind/tower_module.h"
#include "train/bind/trunk_head.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;
using test::tiny_config;
using test::tiny_values;
using torch::Tensor;

constexpr double kOutputScale = 3;

const GgufFile& reference() {
  static const GgufFile file(fs::path(PANDAGPT_FIXTURES) / "bind" / "reference.gguf");
  return file;
}

Tensor expected(const std::string& name) {
  const GgufTensor& tensor = reference().tensor(name);
  std::vector<std::int64_t> shape(tensor.shape.rbegin(), tensor.shape.rend());
  return torch::tensor(reference().read_f32(name)).view(shape);
}

std::vector<std::int32_t> expected_tokens() {
  const GgufTensor& tensor = reference().tensor("towers.text");
  std::vector<std::int32_t> tokens(tensor.data.size() / sizeof(std::int32_t));
  std::memcpy(tokens.data(), tensor.data.data(), tensor.data.size());
  return tokens;
}

double difference(const Tensor& actual, const Tensor& wanted) {
  EXPECT_EQ(actual.numel(), wanted.numel());
  return (actual.reshape({-1}) - wanted.reshape({-1})).abs().max().item<double>();
}

Tensor unit(const Tensor& x) {
  return torch::nn::functional::normalize(x, torch::nn::functional::NormalizeFuncOptions().dim(1));
}

// --- The loss ------------------------------------------------------------------------------------

// As SAME, PARTNER and SHARE in tools/reference/make_bind_fixtures.py.
const std::vector<PairIdentity> kDistinct = {{0, 0, -1}, {1, 1, -1}, {2, 2, -1},
                                             {3, 3, -1}, {4, 4, -1}, {5, 5, -1}};
const std::vector<PairIdentity> kWithDuplicates = {{0, 0, -1}, {1, 1, -1}, {2, 0, -1},
                                                   {3, 3, 7},  {4, 4, -1}, {5, 5, 7}};
const Mixed kMixed = {{1, 2, 0, 5, 4, 3}, {0.75F, 0.5F, 0.625F, 0.75F, 0.875F, 0.5F}};

struct LossCase {
  std::string name;
  PairTargets targets;
};

void PrintTo(const LossCase& one, std::ostream* out) {
  *out << one.name;
}

class ContrastiveLossTest : public testing::TestWithParam<LossCase> {};

TEST_P(ContrastiveLossTest, LossAndGradientsEqualPyTorchs) {
  const auto leaf = [](const char* name) { return expected(name).clone().requires_grad_(true); };
  const Tensor a = leaf("loss.a");
  const Tensor b = leaf("loss.b");
  const Tensor log_scale = leaf("loss.log_scale");
  const ContrastiveLoss result = info_nce(a, b, log_scale.squeeze(), GetParam().targets);
  result.loss.backward();
  const std::string& name = GetParam().name;
  EXPECT_LT(difference(result.loss, expected(name + ".loss")), 1e-6);
  EXPECT_LT(difference(a.grad(), expected(name + ".grad_a")), 1e-6);
  EXPECT_LT(difference(b.grad(), expected(name + ".grad_b")), 1e-6);
  EXPECT_LT(difference(log_scale.grad(), expected(name + ".grad_log_scale")), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Cases, ContrastiveLossTest,
                         testing::Values(LossCase{"plain", pair_targets(kDistinct)},
                                         LossCase{"duplicates", pair_targets(kWithDuplicates)},
                                         LossCase{"mixed", pair_targets(kWithDuplicates, kMixed)}),
                         [](const auto& one) { return one.param.name; });

TEST(PairTargetsTest, PairsOfTheSameThingAreNoNegatives) {
  const PairTargets targets = pair_targets(kWithDuplicates);
  EXPECT_TRUE(torch::equal(targets.weight, torch::eye(6)));
  Tensor hidden = torch::zeros({6, 6}, torch::kBool);
  for (const auto& [i, j] : {std::pair{0, 2}, {2, 0}, {3, 5}, {5, 3}})
    hidden[i][j] = true;
  EXPECT_TRUE(torch::equal(targets.hidden, hidden));
}

TEST(PairTargetsTest, MixedWithItsLikeAPairStaysWhole) {
  const PairTargets targets = pair_targets(kWithDuplicates, kMixed);
  EXPECT_TRUE(torch::allclose(targets.weight.sum(1), torch::ones({6})));
  EXPECT_EQ(targets.weight[2][2].item<float>(), 1);  // mixed with pair 0, which has its text
  EXPECT_EQ(targets.weight[3][3].item<float>(), 1);  // mixed with pair 5 of its group
  EXPECT_EQ(targets.weight[0][1].item<float>(), 0.25F);
  EXPECT_FALSE((targets.hidden & (targets.weight > 0)).any().item<bool>());
}

// --- Towers --------------------------------------------------------------------------------------

TowerModule module_of(TowerKind tower, int seed = 1) {
  torch::manual_seed(seed);
  const TowerConfig config = tiny_config(tower);
  const Tensor scale =
      config.is_text() ? Tensor() : torch::linspace(0.5, 1.5, config.stem.channels);
  return TowerModule(config, torch::kFloat32, scale);
}

/// tests/fixtures/imagebind/tiny.pth as an encoders file.
fs::path tiny_file(const TemporaryFolder& folder) {
  const fs::path path = folder / "tiny.gguf";
  test::write_tiny_encoders(path);
  return path;
}

EncoderBatch batch_of(const TowerConfig& config) {
  if (!config.is_text()) {
    constexpr std::int64_t kInputs = 3;
    return {torch::tensor(tiny_values(kInputs * config.stem.input_length())).view({kInputs, -1}),
            {}};
  }
  const auto tokens = expected_tokens();
  return {torch::tensor(tokens).to(torch::kInt64).view({-1, config.context_length}), {}};
}

TEST(BindGradientTest, EqualPyTorchsForWholeTowers) {
  const TemporaryFolder folder;
  const GgufFile file(tiny_file(folder));
  TowerModule imu(tiny_config(TowerKind::kImu), torch::kFloat32);
  TowerModule text(tiny_config(TowerKind::kText), torch::kFloat32);
  imu.load(file);
  text.load(file);
  const ContrastiveLoss result =
      info_nce(imu.forward({expected("towers.imu"), {}}), text.forward(batch_of(text.config())),
               torch::tensor(std::log(5.0)), pair_targets({{0, 0, -1}, {1, 1, -1}, {2, 2, -1}}));
  result.loss.backward();
  EXPECT_LT(difference(result.loss, expected("towers.loss")), 1e-5);
  for (const TowerModule* tower : {&imu, &text}) {
    const NamedTensors parameters = tower->parameters();
    for (const ImageBindTensor& tensor : imagebind_tensors(tower->config())) {
      const auto found =
          std::ranges::find(parameters, tensor.name, &NamedTensors::value_type::first);
      if (found == parameters.end()) continue;  // the scale
      const Tensor wanted = expected("grad." + tensor.source);
      EXPECT_LT(difference(found->second.grad(), wanted),
                1e-5 + 2e-4 * wanted.abs().max().item<double>())
          << tensor.name;
    }
  }
}

TEST(BindGradientTest, PartsOfABatchGiveTheGradientsOfTheWhole) {
  TowerModule imu = module_of(TowerKind::kImu);
  TowerModule text = module_of(TowerKind::kText, 2);
  constexpr std::int64_t kPairs = 6;
  Random random(1);
  EncoderBatch a{torch::randn({kPairs, imu.config().stem.input_length()}),
                 imu.draw_noise(kPairs, {0.3, 0.2, 0.4}, random)};
  EncoderBatch b = batch_of(text.config());
  b = {torch::cat({b.values, b.values.roll(1, 1)}), text.draw_noise(kPairs, {0.3, 0.2, 0}, random)};
  const Tensor log_scale = torch::tensor(1.5).requires_grad_(true);
  const PairTargets targets = pair_targets(kWithDuplicates);

  const auto gradients = [&](std::int64_t part) {
    NamedTensors parameters = imu.parameters();
    const NamedTensors more = text.parameters();
    parameters.insert(parameters.end(), more.begin(), more.end());
    parameters.emplace_back("log_scale", log_scale);
    for (auto& [name, tensor] : parameters)
      tensor.mutable_grad().reset();
    const ContrastiveLoss loss = backward_in_parts(
        kPairs, part, {[&](auto begin, auto n) { return imu.forward(a.narrow(begin, n)); }, true},
        {[&](auto begin, auto n) { return text.forward(b.narrow(begin, n)); }, true},
        [&](const Tensor& x, const Tensor& y) { return info_nce(x, y, log_scale, targets); });
    std::vector<Tensor> result{loss.loss.detach()};
    for (const auto& [name, tensor] : parameters)
      if (tensor.requires_grad()) result.push_back(tensor.grad().clone());
    return result;
  };
  const auto whole = gradients(0);
  for (const std::int64_t part : {1, 4}) {
    const auto parts = gradients(part);
    for (std::size_t i = 0; i < whole.size(); ++i)
      EXPECT_LT(difference(parts[i], whole[i]), 1e-5) << i << " in parts of " << part;
  }
}

TEST(BindGradientTest, AFrozenSideGetsNone) {
  const Tensor weight = torch::randn({4, 4}).requires_grad_(true);
  const Tensor x = torch::randn({3, 4});
  const Tensor frozen = torch::randn({3, 4});
  const PairTargets targets = pair_targets({{0, 0, -1}, {1, 1, -1}, {2, 2, -1}});
  const auto run = [&](std::int64_t part) {
    weight.mutable_grad().reset();
    backward_in_parts(3, part,
                      {[&](auto begin, auto n) { return x.narrow(0, begin, n).mm(weight); }, true},
                      {[&](auto begin, auto n) { return frozen.narrow(0, begin, n); }, false},
                      [&](const Tensor& a, const Tensor& b) {
                        return info_nce(a, b, torch::tensor(1.0), targets);
                      });
    return weight.grad().clone();
  };
  EXPECT_LT(difference(run(2), run(0)), 1e-6);
  EXPECT_FALSE(frozen.grad().defined());
}

TEST(BindLayersTest, Bfloat16ProductsStayNearFloats) {
  torch::manual_seed(1);
  const Tensor x = torch::randn({5, 7, 32}).requires_grad_(true);
  const Tensor weight = torch::randn({24, 32}).requires_grad_(true);
  const Tensor bias = torch::randn({24}).requires_grad_(true);
  std::vector<std::vector<Tensor>> results;
  for (const auto compute : {torch::kFloat32, torch::kBFloat16}) {
    for (const Tensor& leaf : {x, weight, bias})
      const_cast<Tensor&>(leaf).mutable_grad().reset();
    const Tensor y = linear(x, weight, bias, compute);
    y.square().sum().backward();
    results.push_back({y.detach(), x.grad().clone(), weight.grad().clone(), bias.grad().clone()});
  }
  EXPECT_LT(difference(results[0][0], torch::nn::functional::linear(x, weight, bias)), 1e-4);
  for (std::size_t i = 0; i < results[0].size(); ++i)
    EXPECT_LT(difference(results[0][i], results[1][i]),
              0.02 * results[0][i].abs().max().item<double>());
}

// --- Export --------------------------------------------------------------------------------------

class TowerExportTest : public testing::TestWithParam<TowerKind> {
 protected:
  TemporaryFolder folder_;
};

std::vector<float> flat(const Tensor& tensor) {
  const Tensor values = tensor.contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}

std::vector<float> inferred(const fs::path& path, TowerKind tower, const EncoderBatch& batch,
                            bool portable) {
  Encoders encoders(path,
                    {.n_threads = 1, .portable = portable, .compute_type = ComputeType::kF32});
  const int n = static_cast<int>(batch.size());
  if (tower == TowerKind::kText) return encoders.encode_text(expected_tokens(), n);
  return encoders.encode(tower, flat(batch.values), n);
}

// The training module and both inference graphs are three definitions of one model.
TEST_P(TowerExportTest, InferenceComputesWhatWasTrained) {
  const TowerKind tower = GetParam();
  const TowerModule module = module_of(tower);
  const EncoderBatch batch = batch_of(module.config());
  const torch::NoGradGuard no_grad;
  const double length = module.config().has_logit_scale() ? kOutputScale : 1;
  const std::vector<float> trained = flat(unit(module.forward(batch)) * length);
  const ExportedEncoder exported{&module, module.parameters(), length};
  export_encoders(nullptr, {&exported, 1}, module.config().n_embd, ExportType::kF32,
                  folder_ / "new.gguf");
  for (const bool portable : {false, true})
    EXPECT_LT(largest_difference(inferred(folder_ / "new.gguf", tower, batch, portable), trained),
              1e-3F);
  // and read back
  TowerModule again = module_of(tower, 99);
  again.load(GgufFile(folder_ / "new.gguf"));
  EXPECT_LT(largest_difference(flat(unit(again.forward(batch)) * length), trained), 1e-5F);
}

TEST_P(TowerExportTest, OtherTowersStayToTheBit) {
  const TowerKind tower = GetParam();
  const GgufFile base(tiny_file(folder_));
  const TowerModule module = module_of(tower);
  const ExportedEncoder exported{&module, module.parameters(), kOutputScale};
  export_encoders(&base, {&exported, 1}, module.config().n_embd, ExportType::kF16,
                  folder_ / "new.gguf");
  const GgufFile written(folder_ / "new.gguf");
  EXPECT_EQ(written.tensors().size(), base.tensors().size());
  const std::string own = std::string(tower_name(tower)) + ".";
  for (const GgufTensor& tensor : base.tensors()) {
    const GgufTensor& now = written.tensor(tensor.name);
    if (tensor.name.starts_with(own)) {
      EXPECT_EQ(now.shape, tensor.shape) << tensor.name;
    } else {
      EXPECT_EQ(now.type, tensor.type);
      EXPECT_TRUE(std::ranges::equal(now.data, tensor.data)) << tensor.name;
    }
  }
  EXPECT_EQ(read_tower_config(written, tower), module.config());
  EXPECT_NO_THROW(Encoders(folder_ / "new.gguf", {.n_threads = 1}));
}

INSTANTIATE_TEST_SUITE_P(Towers, TowerExportTest, testing::ValuesIn(kImageBindTowers),
                         [](const auto& one) { return tower_name(one.param); });

TEST(TowerModuleTest, AStillPictureStandsForAllFrames) {
  const TowerModule module = module_of(TowerKind::kVision);
  const StemConfig& stem = module.config().stem;
  const Tensor still = torch::randn({2, stem.channels, 1, stem.input.height, stem.input.width});
  const Tensor film = still.expand({-1, -1, stem.input.frames, -1, -1}).contiguous();
  const torch::NoGradGuard no_grad;
  EXPECT_LT(difference(module.forward({still.view({2, -1}), {}}),
                       module.forward({film.view({2, -1}), {}})),
            1e-6);
}

TEST(TowerModuleTest, NoiseLeavesOutWhatItSays) {
  const TowerModule module = module_of(TowerKind::kAudio);
  constexpr std::int64_t kInputs = 50;
  Random random(1);
  const Noise noise = module.draw_noise(kInputs, {0.4, 0.25, 0.75}, random);
  const std::int64_t n_patches = module.config().stem.n_patches();
  ASSERT_EQ(noise.kept_patches.size(1), std::llround(0.25 * static_cast<double>(n_patches)));
  for (std::int64_t i = 0; i < kInputs; ++i) {
    const auto kept = std::get<0>(at::_unique(noise.kept_patches[i]));
    EXPECT_EQ(kept.numel(), noise.kept_patches.size(1));  // none twice
    EXPECT_GE(kept.min().item<std::int64_t>(), 0);
    EXPECT_LT(kept.max().item<std::int64_t>(), n_patches);
  }
  const double last_block =
      (noise.drop_path.narrow(1, 2, 2) == 0).to(torch::kFloat32).mean().item<double>();
  EXPECT_NEAR(last_block, 0.4, 0.15);
  EXPECT_NEAR(noise.head_dropout.mean().item<double>(), 1, 0.05);
  const torch::NoGradGuard no_grad;
  const EncoderBatch batch{torch::randn({kInputs, module.config().stem.input_length()}), noise};
  EXPECT_LT(difference(module.forward(batch).narrow(0, 7, 5), module.forward(batch.narrow(7, 5))),
            1e-5);
}

// --- The head of a convolutional trunk -----------------------------------------------------------

class TrunkHeadTest : public testing::TestWithParam<std::int64_t> {
 protected:
  /// A trunk of a few channels.
  fs::path base() {
    const fs::path path = folder_ / "base.gguf";
    convert_efficientnet_lite(fs::path(PANDAGPT_FIXTURES) / "convert/tiny_zip.pt", path,
                              {.image_size = 37});
    return path;
  }

  TemporaryFolder folder_;
};

TEST_P(TrunkHeadTest, InferenceComputesWhatWasTrained) {
  constexpr std::int64_t kWidth = 10;
  const fs::path base = this->base();
  std::vector<Image> pictures(3, Image{50, 40, Bytes(50 * 40 * 3)});
  for (std::size_t i = 0; i < pictures.size(); ++i)
    for (std::size_t j = 0; j < pictures[i].rgb.size(); ++j)
      pictures[i].rgb[j] = static_cast<std::uint8_t>((i * 31 + 1) * j * 7919 % 251);
  Encoders base_encoders(base, {.n_threads = 1});
  ImageTrunk& trunk = base_encoders.trunk();
  const std::int64_t n_features = trunk.n_features();
  const std::vector<float> pixels = picture_tensors(pictures, base_encoders.transforms());
  const Tensor features = torch::tensor(trunk.features(pixels.data(), 3)).view({3, n_features});
  torch::manual_seed(1);
  TrunkHead head({.n_features = n_features, .n_hidden = GetParam(), .n_embd = kWidth},
                 features.mean(0), features.std(0, false).clamp_min(1e-3), torch::kFloat32);
  const torch::NoGradGuard no_grad;
  const std::vector<float> trained = flat(unit(head.forward({features, {}})) * kOutputScale);
  const GgufFile file(base);
  const ExportedEncoder exported{&head, head.parameters(), kOutputScale};
  export_encoders(&file, {&exported, 1}, kWidth, ExportType::kF32, folder_ / "new.gguf");
  for (const bool portable : {false, true}) {
    Encoders encoders(folder_ / "new.gguf", {.n_threads = 1, .portable = portable});
    EXPECT_EQ(encoders.n_embd(), kWidth);
    EXPECT_LT(largest_difference(encoders.encode(TowerKind::kVision, pixels, 3), trained), 1e-3F);
    EXPECT_EQ(encoders.trunk().labels(), trunk.labels());
  }
  TrunkHead again({.n_features = n_features, .n_hidden = GetParam(), .n_embd = kWidth},
                  features.mean(0), features.std(0, false), torch::kFloat32);
  again.load(GgufFile(folder_ / "new.gguf"));
  EXPECT_LT(largest_difference(flat(unit(again.forward({features, {}})) * kOutputScale), trained),
            1e-4F);
}

TEST_P(TrunkHeadTest, AnotherSenseSeesThroughTheTrunk) {
  constexpr int kViews = 3;
  constexpr std::int64_t kWidth = 10;
  const PatchBox view{1, 12, 20};
  const fs::path base = this->base();
  torch::manual_seed(2);
  const Tensor sounds = torch::randn({kViews, view.height * view.width});
  Encoders base_encoders(base, {.n_threads = 1});
  ImageTrunk& trunk = base_encoders.trunk();
  const std::int64_t n_features = trunk.n_features();
  const Tensor features =
      torch::tensor(plane_features(trunk, flat(sounds), kViews, view.height, view.width, 2))
          .view({kViews, n_features});
  TrunkHead head({.tower = TowerKind::kAudio,
                  .view = view,
                  .n_features = n_features,
                  .n_hidden = GetParam(),
                  .n_embd = kWidth},
                 features.mean(0), features.std(0, false).clamp_min(1e-3), torch::kFloat32);
  TrunkHead pictures({.n_features = n_features, .n_embd = kWidth}, features.mean(0),
                     features.std(0, false).clamp_min(1e-3), torch::kFloat32);
  const torch::NoGradGuard no_grad;
  const std::vector<float> trained = flat(unit(head.forward({features, {}})) * kOutputScale);
  const GgufFile file(base);
  const std::vector<ExportedEncoder> exported{{&head, head.parameters(), kOutputScale},
                                              {&pictures, pictures.parameters(), kOutputScale}};
  export_encoders(&file, exported, kWidth, ExportType::kF32, folder_ / "new.gguf");
  for (const bool portable : {false, true}) {
    Encoders encoders(folder_ / "new.gguf", {.n_threads = 1, .portable = portable});
    EXPECT_EQ(encoders.view_length(TowerKind::kAudio), view.height * view.width);
    EXPECT_LT(largest_difference(encoders.encode(TowerKind::kAudio, flat(sounds), kViews), trained),
              1e-3F);
    EXPECT_THROW(encoders.encode(TowerKind::kAudio, std::vector<float>(7), 1), Error);
  }
  // the trunk comes along when the pictures themselves aren't wanted
  Encoders alone(folder_ / "new.gguf", {.n_threads = 1, .towers = {TowerKind::kAudio}});
  EXPECT_FALSE(alone.has(TowerKind::kVision));
  EXPECT_LT(largest_difference(alone.encode(TowerKind::kAudio, flat(sounds), kViews), trained),
            1e-3F);
}

TEST(PrincipalComponents, AreThoseOfTheFeaturesAndStay) {
  constexpr std::int64_t kFeatures = 6;
  constexpr std::int64_t kWidth = 2;
  torch::manual_seed(3);
  // two directions hold nearly everything
  const Tensor basis = torch::randn({kWidth, kFeatures});
  const Tensor features =
      torch::randn({200, kWidth}).matmul(basis) + 0.01 * torch::randn({200, kFeatures}) + 5;
  TrunkHead head({.n_features = kFeatures, .n_embd = kWidth, .is_principal = true},
                 features.mean(0), features.std(0, false), torch::kFloat32);
  head.use_principal_components(features);
  const torch::NoGradGuard no_grad;
  const Tensor embeddings = head.forward({features, {}});
  EXPECT_LT(embeddings.mean(0).abs().max().item<double>(), 1e-4);  // centred
  const Tensor covariance = embeddings.t().matmul(embeddings) / 200;
  EXPECT_LT(std::abs(covariance[0][1].item<double>()), 1e-3);
  EXPECT_GT(covariance[0][0].item<double>(), covariance[1][1].item<double>());
  EXPECT_NEAR(covariance.diagonal().sum().item<double>(), kFeatures, 0.01);  // of deviation 1 each
  for (const auto& [name, tensor] : head.parameters())
    EXPECT_FALSE(tensor.requires_grad()) << name;
  EXPECT_THROW(head.use_principal_components(features.narrow(0, 0, 1)), Error);
}

TEST(TrunkPicture, IsGreyCentredAndStretched) {
  const std::vector<float> view = {1, 1, 1, 5, 5, 5};  // two rows
  std::vector<float> pixels(8 * 8 * 3);
  trunk_picture(view, 2, 3, 8, pixels.data());
  EXPECT_NEAR(std::accumulate(pixels.begin(), pixels.end(), 0.0), 0, 1e-4);
  EXPECT_FLOAT_EQ(pixels.front(), -0.5F);
  EXPECT_FLOAT_EQ(pixels.back(), 0.5F);
  for (std::size_t i = 0; i < pixels.size(); i += 3)
    EXPECT_TRUE(pixels[i] == pixels[i + 1] && pixels[i] == pixels[i + 2]);
  trunk_picture(std::vector<float>(6, 3), 2, 3, 8, pixels.data());
  EXPECT_EQ(pixels, std::vector<float>(8 * 8 * 3, 0));
}

INSTANTIATE_TEST_SUITE_P(Hidden, TrunkHeadTest, testing::Values(0, 9));

}  // namespace
}  // namespace pandagpt::train
