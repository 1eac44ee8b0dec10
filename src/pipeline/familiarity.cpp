#include "pipeline/familiarity.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {

Modality judged_as(Modality modality) {
  return modality == Modality::kVideo ? Modality::kImage : modality;
}

Familiarity::Familiarity(const std::filesystem::path& path, int n_in,
                         const std::function<int(Modality)>& n_statistics) {
  const GgufFile file(path);
  for (const Modality modality : kAllModalities) {
    const std::string name = "familiarity." + to_string(modality);
    Measures found;
    if (file.find_tensor(name + ".weight") != nullptr)
      found.direction = {file.read_f32(name + ".weight", {n_in}),
                         file.read_f32(name + ".bias", {1}).front()};
    if (const GgufTensor* weights = file.find_tensor(name + ".log_weight")) {
      const std::int64_t n = weights->n_elements();
      const std::int64_t width = n_statistics(modality);
      if (width == 0)
        throw Error(ErrorKind::kModel, path.string() + ": tensor '" + name +
                                           ".log_weight': there are no statistics of this input");
      found.mixture = {file.read_f32(name + ".mean", {width, n}),
                       file.read_f32(name + ".whitening", {width, width, n}),
                       file.read_f32(name + ".log_weight", {n})};
    }
    if (found.direction || found.mixture) measures_[modality] = std::move(found);
  }
  if (measures_.empty())
    throw Error(ErrorKind::kModel,
                path.string() + ": has no tensor 'familiarity.image.weight' or of another kind");
}

float Familiarity::along(const Direction& direction, std::span<const float> embedding) {
  const float product =
      std::inner_product(embedding.begin(), embedding.end(), direction.weight.begin(), 0.0F);
  const float square =
      std::inner_product(embedding.begin(), embedding.end(), embedding.begin(), 0.0F);
  return (square > 0 ? product / std::sqrt(square) : 0.0F) + direction.bias;
}

float Familiarity::density(const Mixture& mixture, std::span<const float> statistics) {
  const std::size_t width = statistics.size();
  std::vector<double> exponents;
  std::vector<float> difference(width);
  for (std::size_t i = 0; i < mixture.log_weight.size(); ++i) {
    std::ranges::transform(statistics, std::span(mixture.mean).subspan(i * width, width),
                           difference.begin(), std::minus<>());
    double square = 0;
    for (std::size_t row = 0; row < width; ++row) {
      const auto factors = std::span(mixture.whitening).subspan((i * width + row) * width, width);
      const double product =
          std::inner_product(difference.begin(), difference.end(), factors.begin(), 0.0);
      square += product * product;
    }
    exponents.push_back(mixture.log_weight[i] - square / 2);
  }
  const double most = std::ranges::max(exponents);
  double sum = 0;
  for (const double exponent : exponents)
    sum += std::exp(exponent - most);
  return static_cast<float>(most + std::log(sum));
}

std::optional<float> Familiarity::score(Modality modality, std::span<const float> embedding,
                                        std::span<const float> statistics) const {
  auto found = measures_.find(modality);
  if (found == measures_.end()) found = measures_.find(judged_as(modality));
  if (found == measures_.end()) return std::nullopt;
  const Measures& measures = found->second;
  float least = std::numeric_limits<float>::max();
  if (measures.direction) least = along(*measures.direction, embedding);
  if (measures.mixture) least = std::min(least, density(*measures.mixture, statistics));
  return least;
}

}  // namespace pandagpt
