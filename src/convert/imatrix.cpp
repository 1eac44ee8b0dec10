#include "convert/imatrix.h"

#include <cmath>
#include <string_view>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace {

constexpr std::string_view kSumsSuffix = ".in_sum2";
constexpr std::string_view kCountsSuffix = ".counts";

}  // namespace

ImportanceMatrix read_importance_matrix(const std::filesystem::path& path) {
  const GgufFile file(path);
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::kModel, path.string() + ": " + what);
  };
  ImportanceMatrix matrix;
  for (const GgufTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kSumsSuffix)) continue;
    const std::string name = tensor.name.substr(0, tensor.name.size() - kSumsSuffix.size());
    std::vector<float> values = file.read_f32(tensor.name);
    const std::vector<float> counts = file.read_f32(name + std::string(kCountsSuffix));
    if (values.size() % counts.size() != 0) fail("sums and counts of " + name + " don't match");
    const std::size_t width = values.size() / counts.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float count = counts[i / width];
      values[i] = count > 0 ? values[i] / count : 1.0F;  // an expert that was never asked
      if (!std::isfinite(values[i])) fail("values of " + name + " are not finite");
    }
    matrix.emplace(name, std::move(values));
  }
  if (matrix.empty()) fail("holds no importance matrix (tensors named *.in_sum2)");
  return matrix;
}

}  // namespace pandagpt
