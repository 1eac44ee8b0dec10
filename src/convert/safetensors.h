// Reads safetensors files: a JSON header of names, types, shapes and offsets, then the raw tensors.
// Format and its rules: huggingface/safetensors, README.md "Format".
#pragma once

#include "convert/source_tensor.h"
#include "core/file.h"

namespace pandagpt {

/// Whether `bytes` start like a safetensors file: the header's length, then "{".
bool is_safetensors(ByteView bytes);

/// Fills `table` with views into `bytes`; the strings of "__metadata__" become scalars.
/// Throws Error(kModel): a header that is too long or damaged, a name or field twice, an unknown
/// type, a negative or overflowing size, or tensors that overlap, leave gaps or end behind the
/// file.
void read_safetensors(ByteView bytes, TensorTable* table);

}  // namespace pandagpt
