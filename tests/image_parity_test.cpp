// Pictures of odd shapes, modes and formats, from the file to ImageBind's tensor, against Pillow
// and torchvision (load_and_transform_vision_data).
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "media/jpeg.h"
#include "preprocess/image.h"
#include "test_support.h"

namespace pandagpt {
namespace {

const std::filesystem::path kParity = std::filesystem::path(PANDAGPT_FIXTURES) / "parity";
constexpr std::size_t kPixels = std::size_t{224} * 224;
constexpr int kFewestPictures = 30;

// The largest difference in levels of 0 to 255.
double worst_level(const std::vector<float>& tensor, const nlohmann::json& values,
                   std::size_t every) {
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t at = i * every;
    const float std = kImageBindTransform.std[at / kPixels];
    worst = std::max(worst, std::abs(tensor[at] - values[i].get<double>()) * std * 255);
  }
  return worst;
}

TEST(ImageParity, IsWithinOneLevelOfPillow) {
  constexpr double kOneLevel = 1.0001;  // and the rounding of the fixture
  const nlohmann::json manifest = nlohmann::json::parse(test::read_text(kParity / "manifest.json"));
  int compared = 0;
  for (const nlohmann::json& entry : manifest["pictures"]) {
    const std::string name = entry["file"];
    if (name.ends_with(".jpg") && !has_libjpeg()) continue;  // FFmpeg's decoder rounds otherwise
    const std::vector<float> tensor =
        image_tensor(load_image(kParity / name), kImageBindTransform, TensorLayout::kChw);
    ASSERT_EQ(tensor.size(), 3 * kPixels) << name;
    const double worst = worst_level(tensor, entry["values"], manifest["every"]);
    EXPECT_LE(worst, kOneLevel) << name;
    ++compared;
  }
  EXPECT_GE(compared, kFewestPictures);
}

}  // namespace
}  // namespace pandagpt
