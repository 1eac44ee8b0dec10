// Products of block-quantised weights with a few rows of activations, by the CPU's instructions for
// int8 dot products.
//
// Letters of shapes: T tokens (rows of activations), N outputs (rows of weights), K inputs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pandagpt {

/// ggml's types whose 32 (kQ6K: 16) consecutive weights of a row share a scale, and with some a
/// minimum: its block_q4_0 and so on. Those of the K types are stored in eights.
enum class BlockType { kQ40, kQ41, kQ80, kQ4K, kQ6K };

/// Weights of a block.
inline constexpr std::int64_t kBlockSize = 32;
inline constexpr std::int64_t kBlockHalf = 16;
/// Rows of weights that are computed together.
inline constexpr std::int64_t kBlockTileRows = 16;

/// Activations (T, K) in blocks as well: x[t][k] is about scales[t][k / 32] * values[t][k].
struct BlockActivations {
  std::int8_t* values;  ///< (T, K)
  float* scales;        ///< (T, K / 32)
  std::int32_t* sums;   ///< (T, K / 16), of half a block's values
};

/// y[t][i] = sum over k of x[t][k] w[i][k], for a tile of rows i.
struct BlockTile {
  BlockType type;
  const std::byte* weights;  ///< the tile's first row
  std::ptrdiff_t row_bytes;  ///< from one row to the next
  std::int64_t n_rows;       ///< 1 to kBlockTileRows
  std::int64_t n_in;         ///< K, a multiple of 32, of 256 for the K types
  BlockActivations x;
  std::int64_t n_tokens;
  std::byte* scratch;     ///< block_scratch_bytes(K), aligned to 64, one for each thread
  float* y;               ///< of the first row; token t's at y + t * y_stride
  std::int64_t y_stride;  ///< elements
};

/// For a tile's weights in the order that the kernel wants: bytes, scales, minima.
constexpr std::int64_t block_scratch_bytes(std::int64_t n_in) {
  constexpr auto kScales = 4 * static_cast<std::int64_t>(sizeof(float));
  return n_in / kBlockSize * kBlockTileRows * (kBlockSize + kScales);
}

/// The sums of a block are taken in int32 and added in the order of k, whatever T and the number of
/// rows: a token gets the same bits alone and among others.
struct BlockKernels {
  /// Row `token` of x, (K) floats.
  void (*quantize)(const float* row, std::int64_t n_in, std::int64_t token,
                   const BlockActivations& x);
  void (*multiply)(const BlockTile& tile);
};

/// nullptr where the CPU has no AVX-512 with VNNI.
const BlockKernels* block_kernels();

}  // namespace pandagpt
