// Tensors of a checkpoint -> bytes of a GGUF file, a slice at a time.
#pragma once

#include <ggml.h>

#include <string>

#include "convert/tensor_source.h"
#include "tensor/gguf_file.h"

namespace pandagpt {

/// Hands tensor `name` of `source` to `sink`, converted to `type` in rows of `row_length` elements,
/// in row-major order. `n_threads` slices of a few megabytes are converted at a time, and what has
/// been read of the source is released, so that the memory needed does not depend on the tensor.
/// `row_length` must divide the number of elements and be a multiple of `type`'s block.
/// Throws Error(kModel) if a value is not finite or too large for `type`.
void stream_tensor(const TensorSource& source, const std::string& name, ggml_type type,
                   std::int64_t row_length, int n_threads, const GgufWriter::TensorSink& sink);

}  // namespace pandagpt
