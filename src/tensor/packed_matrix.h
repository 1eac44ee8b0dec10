// Weights of linear layers, in the layout and type in which oneDNN multiplies with them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "tensor/compute_type.h"

namespace pandagpt {

/// Writes rows [first, first + count) of a row-major (n_out, n_in) matrix, in f32. Called by
/// several threads at once.
using RowReader = std::function<void(std::int64_t first, std::int64_t count, float* rows)>;

/// One copy for all threads and all shapes of products: with AVX-512 the layout is oneDNN's panels
/// of 64 output columns (kPanelColumns), any run of which is a matrix of its own; without, it is
/// the plain (n_in, n_out).
class PackedMatrix {
 public:
  /// Reads, converts and packs in parallel. kInt8 becomes kBf16 (or kF32 where bf16 is emulated) if
  /// the rounding would change the weights by more than kMaxInt8Error of their length.
  PackedMatrix(std::int64_t n_in, std::int64_t n_out, ComputeType type, const RowReader& read);

  std::int64_t n_in() const { return n_in_; }
  std::int64_t n_out() const { return n_out_; }
  ComputeType type() const { return type_; }
  std::size_t n_bytes() const { return n_bytes_; }

  /// The columns from `first` (a multiple of kPanelColumns) on, and how oneDNN finds `count` of
  /// them.
  void* columns(std::int64_t first) const;
  dnnl::memory::desc describe(std::int64_t count) const;
  /// From one panel to the next.
  std::int64_t panel_bytes() const;

  /// kInt8 only, padded with zeros to whole panels: a weight is scales()[column] * int8; sums() are
  /// those of a column's int8 weights.
  const float* scales() const { return scales_.data(); }
  const std::int32_t* sums() const { return sums_.data(); }

  /// |W - rounded W| / |W|, the mean of all output channels (root of the mean square) at which int8
  /// is given up. Normally distributed weights have 0.01.
  static constexpr double kMaxInt8Error = 0.03;

 private:
  struct Free {
    void operator()(std::uint8_t* p) const { std::free(p); }
  };

  void allocate();
  bool pack(const RowReader& read);

  std::int64_t n_in_;
  std::int64_t n_out_;
  ComputeType type_;
  bool panels_;  ///< or plain
  std::size_t n_bytes_ = 0;
  std::unique_ptr<std::uint8_t, Free> data_;
  std::vector<float> scales_;
  std::vector<std::int32_t> sums_;
};

}  // namespace pandagpt
