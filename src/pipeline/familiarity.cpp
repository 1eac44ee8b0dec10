#include "pipeline/familiarity.h"

#include <cmath>
#include <numeric>
#include <string>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {

Familiarity::Familiarity(const std::filesystem::path& path, int n_in) {
  const GgufFile file(path);
  for (const Modality modality : kAllModalities) {
    const std::string name = "familiarity." + to_string(modality);
    if (file.find_tensor(name + ".weight") == nullptr) continue;
    directions_[modality] = {file.read_f32(name + ".weight", {n_in}),
                             file.read_f32(name + ".bias", {1}).front()};
  }
  if (directions_.empty())
    throw Error(ErrorKind::kModel,
                path.string() + ": has no tensor 'familiarity.image.weight' or of another kind");
}

std::optional<float> Familiarity::score(Modality modality, std::span<const float> embedding) const {
  const auto found = directions_.find(modality);
  if (found == directions_.end()) return std::nullopt;
  const std::vector<float>& weight = found->second.weight;
  const float product =
      std::inner_product(embedding.begin(), embedding.end(), weight.begin(), 0.0F);
  const float square =
      std::inner_product(embedding.begin(), embedding.end(), embedding.begin(), 0.0F);
  return (square > 0 ? product / std::sqrt(square) : 0.0F) + found->second.bias;
}

}  // namespace pandagpt
