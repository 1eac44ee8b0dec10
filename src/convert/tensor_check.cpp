#include "convert/tensor_check.h"

#include <algorithm>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace {

constexpr std::size_t kMaxListed = 20;

}  // namespace

void check_tensors(const TensorSource& source, const ExpectedTensors& expected,
                   const std::function<bool(const std::string&)>& may_be_there,
                   const std::string& model) {
  std::vector<std::string> faults;
  for (const auto& [name, shape] : expected) {
    const auto found = source.tensors().find(name);
    if (found == source.tensors().end())
      faults.push_back(name + " is missing");
    else if (found->second.shape != shape)
      faults.push_back(name + " has the shape " + shape_text(found->second.shape) + ", expected " +
                       shape_text(shape));
  }
  for (const auto& [name, tensor] : source.tensors())
    if (!expected.contains(name) && !may_be_there(name))
      faults.push_back(name + " is not part of " + model);
  if (faults.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < std::min(faults.size(), kMaxListed); ++i)
    text += (i ? "; " : "") + faults[i];
  if (faults.size() > kMaxListed)
    text += "; and " + std::to_string(faults.size() - kMaxListed) + " more";
  throw Error(ErrorKind::kModel, source.path().string() + ": " + text);
}

}  // namespace pandagpt
