// Tensors of a checkpoint -> bytes of a GGUF file, a slice at a time.
#pragma once

#include <ggml.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "convert/tensor_source.h"
#include "tensor/gguf_file.h"

namespace pandagpt {

/// A matrix that is made a few rows at a time.
struct RowStream {
  std::string name;  ///< for messages: "FILE: tensor NAME"
  std::int64_t n_rows = 0;
  std::int64_t row_length = 0;  ///< elements; a multiple of the block of the type that is written
  /// Fills `rows` with the rows from `first` on. Called by several threads at once.
  std::function<void(std::int64_t first, std::span<float> rows)> read;
};

/// Hands the rows to `sink` in order, converted to `type`, `n_threads` slices of a few megabytes at
/// a time. Throws Error(kModel) if a value is not finite or too large for `type`.
void stream_rows(const RowStream& stream, ggml_type type, int n_threads,
                 const GgufWriter::TensorSink& sink);

/// Hands tensor `name` of `source` to `sink`, converted to `type` in rows of `row_length` elements,
/// in row-major order. `n_threads` slices of a few megabytes are converted at a time, and what has
/// been read of the source is released, so that the memory needed does not depend on the tensor.
/// `row_length` must divide the number of elements and be a multiple of `type`'s block.
/// Throws Error(kModel) if a value is not finite or too large for `type`.
void stream_tensor(const TensorSource& source, const std::string& name, ggml_type type,
                   std::int64_t row_length, int n_threads, const GgufWriter::TensorSink& sink);

}  // namespace pandagpt
