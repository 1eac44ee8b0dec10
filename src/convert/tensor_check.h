// Comparing a checkpoint with what a model of its kind must hold.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "convert/tensor_source.h"

namespace pandagpt {

/// Shapes by name, slowest dimension first.
using ExpectedTensors = std::map<std::string, std::vector<std::int64_t>>;

/// Throws Error(kModel) with the names of missing, wrongly shaped and surplus tensors: the first
/// twenty, and how many there are. `may_be_there` tells whether a tensor that is not expected does
/// no harm. `model` is for the message: "an EfficientNet-Lite".
void check_tensors(const TensorSource& source, const ExpectedTensors& expected,
                   const std::function<bool(const std::string&)>& may_be_there,
                   const std::string& model);

}  // namespace pandagpt
