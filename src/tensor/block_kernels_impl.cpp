// Compiled for AVX-512 with VNNI (cmake/PandagptKernels.cmake); everything else is in
// block_kernels.h.
//
// vpdpbusd adds to each of 16 int32 lanes the products of 4 unsigned with 4 signed bytes. Lane i is
// row i of a tile, the unsigned bytes are its weights (those of signed types are moved up, and what
// that adds is where the sum begins), the signed ones a token's values. For that the tile's weights
// are transposed first, once for all tokens.
#include <immintrin.h>

#include <algorithm>

#include "tensor/block_kernels.h"
#include "tensor/simd16.h"

namespace pandagpt {
namespace {

constexpr int kLanesOfTile = static_cast<int>(kBlockTileRows);
/// Vectors of 4 weights of each row in a block.
constexpr int kQuads = static_cast<int>(kBlockSize / 4);

/// What a block holds in ggml's file format.
struct BlockForm {
  int bytes;
  int data;  ///< where the weights begin
  int zero;  ///< of the unsigned bytes
};

constexpr BlockForm form_of(BlockType type) {
  switch (type) {
    case BlockType::kQ4_0:
      return {18, 2, 8};
    case BlockType::kQ4_1:
      return {20, 4, 0};
    case BlockType::kQ8_0:
      return {34, 2, 128};
  }
  return {};
}

/// A block of a tile, transposed.
struct alignas(64) TileBlock {
  std::uint8_t quads[kQuads][4 * kLanesOfTile];
  float scales[kLanesOfTile];
  float minima[kLanesOfTile];  ///< of kQ4_1
};
static_assert(sizeof(TileBlock) == block_scratch_bytes(kBlockSize));

using Rows = const std::byte* [kLanesOfTile];

PANDAGPT_INLINE __m128i load16(const std::byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

PANDAGPT_INLINE __m512i four_rows(const Rows& rows, int first, int at) {
  __m512i all = _mm512_castsi128_si512(load16(rows[first] + at));
  all = _mm512_inserti32x4(all, load16(rows[first + 4] + at), 1);
  all = _mm512_inserti32x4(all, load16(rows[first + 8] + at), 2);
  return _mm512_inserti32x4(all, load16(rows[first + 12] + at), 3);
}

/// Lane i of columns[j] is the j-th of the four dwords of row i.
PANDAGPT_INLINE void transpose(const Rows& rows, int at, __m512i (&columns)[4]) {
  const __m512i a = four_rows(rows, 0, at);
  const __m512i b = four_rows(rows, 1, at);
  const __m512i c = four_rows(rows, 2, at);
  const __m512i d = four_rows(rows, 3, at);
  const __m512i ab_low = _mm512_unpacklo_epi32(a, b);
  const __m512i ab_high = _mm512_unpackhi_epi32(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi32(c, d);
  const __m512i cd_high = _mm512_unpackhi_epi32(c, d);
  columns[0] = _mm512_unpacklo_epi64(ab_low, cd_low);
  columns[1] = _mm512_unpackhi_epi64(ab_low, cd_low);
  columns[2] = _mm512_unpacklo_epi64(ab_high, cd_high);
  columns[3] = _mm512_unpackhi_epi64(ab_high, cd_high);
}

/// The first dword of each row: a half of a float, and another or weights.
PANDAGPT_INLINE __m512i heads(const Rows& rows, int at) {
  const auto head = [&](int row) { return load_as<int>(rows[row] + at); };
  return _mm512_setr_epi32(head(0), head(1), head(2), head(3), head(4), head(5), head(6), head(7),
                           head(8), head(9), head(10), head(11), head(12), head(13), head(14),
                           head(15));
}

PANDAGPT_INLINE __m512 halves(__m512i low) {
  return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(low));
}

template <BlockType kType>
PANDAGPT_INLINE void transpose_block(const Rows& rows, int at, TileBlock& block) {
  constexpr BlockForm kForm = form_of(kType);
  const __m512i head = heads(rows, at);
  _mm512_store_ps(block.scales, halves(head));
  if constexpr (kType == BlockType::kQ4_1)
    _mm512_store_ps(block.minima, halves(_mm512_srli_epi32(head, 16)));
  __m512i columns[4];
  if constexpr (kType == BlockType::kQ8_0) {
    const __m512i sign = _mm512_set1_epi8(static_cast<char>(kForm.zero));
    for (int half = 0; half < 2; ++half) {
      transpose(rows, at + kForm.data + 16 * half, columns);
      for (int j = 0; j < 4; ++j)
        _mm512_store_si512(block.quads[4 * half + j], _mm512_xor_si512(columns[j], sign));
    }
  } else {
    const __m512i low = _mm512_set1_epi8(0x0F);
    transpose(rows, at + kForm.data, columns);
    for (int j = 0; j < 4; ++j) {
      const __m512i high = _mm512_srli_epi16(columns[j], 4);
      _mm512_store_si512(block.quads[j], _mm512_and_si512(columns[j], low));
      _mm512_store_si512(block.quads[4 + j], _mm512_and_si512(high, low));
    }
  }
}

/// The weights of a tile, block by block.
template <BlockType kType>
class TileWeights {
 public:
  explicit TileWeights(const BlockTile& tile)
      : next_tile_(reinterpret_cast<const char*>(tile.weights + kBlockTileRows * tile.row_bytes)) {
    for (std::int64_t i = 0; i < kBlockTileRows; ++i)  // those that are missing: the last one again
      rows_[i] = tile.weights + (i < tile.n_rows ? i : tile.n_rows - 1) * tile.row_bytes;
  }

  inline __attribute__((always_inline)) void transpose(std::int64_t b, TileBlock& block) const {
    // 16 rows are too many streams to be foreseen, but what comes next lies behind this tile.
    constexpr int kLine = 64;
    for (int at = 0; at < kBytes * kLanesOfTile; at += kLine)
      _mm_prefetch(next_tile_ + b * kBytes * kLanesOfTile + at, _MM_HINT_T1);
    transpose_block<kType>(rows_, static_cast<int>(b) * kBytes, block);
  }

 private:
  static constexpr int kBytes = form_of(kType).bytes;
  Rows rows_;
  const char* next_tile_;
};

/// kTokens tokens from `first` on; block_of(b) is a TileBlock.
template <BlockType kType, int kTokens, typename BlockOf>
PANDAGPT_INLINE void multiply_tokens(const BlockTile& tile, std::int64_t first,
                                     const BlockOf& block_of) {
  constexpr BlockForm kForm = form_of(kType);
  // One token's sums would wait for each other.
  constexpr int kChains = kTokens <= 2 ? 2 : 1;
  const std::int64_t n_blocks = tile.n_in / kBlockSize;
  const std::int8_t* values = tile.x.values + first * tile.n_in;
  const float* scales = tile.x.scales + first * n_blocks;
  const std::int32_t* sums = tile.x.sums + first * n_blocks;
  __m512 totals[kTokens];
  for (__m512& total : totals)
    total = _mm512_setzero_ps();
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    const TileBlock& block = block_of(b);
    __m512i dots[kTokens][kChains];
    for (int t = 0; t < kTokens; ++t) {
      for (__m512i& dot : dots[t])
        dot = _mm512_setzero_si512();
      if constexpr (kForm.zero != 0)
        dots[t][0] = _mm512_mullo_epi32(_mm512_set1_epi32(sums[t * n_blocks + b]),
                                        _mm512_set1_epi32(-kForm.zero));
    }
    for (int quad = 0; quad < kQuads; ++quad) {
      const __m512i weights = _mm512_load_si512(block.quads[quad]);
      const std::int8_t* at = values + b * kBlockSize + 4 * quad;
      for (int t = 0; t < kTokens; ++t) {
        const __m512i token = _mm512_set1_epi32(load_as<int>(at + t * tile.n_in));
        __m512i& dot = dots[t][quad % kChains];
        dot = _mm512_dpbusd_epi32(dot, weights, token);
      }
    }
    const __m512 weight_scales = _mm512_load_ps(block.scales);
    for (int t = 0; t < kTokens; ++t) {
      if constexpr (kChains == 2) dots[t][0] = _mm512_add_epi32(dots[t][0], dots[t][1]);
      __m512 part = _mm512_mul_ps(_mm512_cvtepi32_ps(dots[t][0]), weight_scales);
      if constexpr (kType == BlockType::kQ4_1)
        part = _mm512_fmadd_ps(_mm512_load_ps(block.minima),
                               _mm512_set1_ps(static_cast<float>(sums[t * n_blocks + b])), part);
      totals[t] = _mm512_fmadd_ps(part, _mm512_set1_ps(scales[t * n_blocks + b]), totals[t]);
    }
  }
  const auto rows = static_cast<__mmask16>((1U << static_cast<unsigned>(tile.n_rows)) - 1);
  for (int t = 0; t < kTokens; ++t)
    _mm512_mask_storeu_ps(tile.y + (first + t) * tile.y_stride, rows, totals[t]);
}

constexpr std::int64_t kTogether = 8;

/// `count` (1 to 8) tokens.
template <BlockType kType, typename BlockOf>
void multiply_some(const BlockTile& tile, std::int64_t first, std::int64_t count,
                   const BlockOf& block_of) {
  switch (count) {
    case 1:
      return multiply_tokens<kType, 1>(tile, first, block_of);
    case 2:
      return multiply_tokens<kType, 2>(tile, first, block_of);
    case 3:
      return multiply_tokens<kType, 3>(tile, first, block_of);
    case 4:
      return multiply_tokens<kType, 4>(tile, first, block_of);
    case 5:
      return multiply_tokens<kType, 5>(tile, first, block_of);
    case 6:
      return multiply_tokens<kType, 6>(tile, first, block_of);
    case 7:
      return multiply_tokens<kType, 7>(tile, first, block_of);
    default:
      return multiply_tokens<kType, kTogether>(tile, first, block_of);
  }
}

template <BlockType kType>
void multiply_tile(const BlockTile& tile) {
  const TileWeights<kType> weights(tile);
  auto* blocks = reinterpret_cast<TileBlock*>(tile.scratch);
  const bool is_kept = tile.n_tokens > kTogether;  // for the other tokens
  multiply_some<kType>(tile, 0, std::min(kTogether, tile.n_tokens),
                       [&](std::int64_t b) -> const TileBlock& {
                         TileBlock& block = blocks[is_kept ? b : 0];
                         weights.transpose(b, block);
                         return block;
                       });
  for (std::int64_t first = kTogether; first < tile.n_tokens; first += kTogether)
    multiply_some<kType>(tile, first, std::min(kTogether, tile.n_tokens - first),
                         [&](std::int64_t b) -> const TileBlock& { return blocks[b]; });
}

void multiply(const BlockTile& tile) {
  switch (tile.type) {
    case BlockType::kQ4_0:
      return multiply_tile<BlockType::kQ4_0>(tile);
    case BlockType::kQ4_1:
      return multiply_tile<BlockType::kQ4_1>(tile);
    case BlockType::kQ8_0:
      return multiply_tile<BlockType::kQ8_0>(tile);
  }
}

/// The largest value of a block that counts as zeros: 127 / x must be a number.
constexpr float kNothing = 1e-30F;

/// Symmetric, to +-127, halves to even.
void quantize(const float* row, std::int64_t n_in, std::int64_t token, const BlockActivations& x) {
  const std::int64_t n_blocks = n_in / kBlockSize;
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    const __m512 low = _mm512_loadu_ps(row + b * kBlockSize);
    const __m512 high = _mm512_loadu_ps(row + b * kBlockSize + 16);
    const float largest =
        _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
    const float scale = largest > kNothing ? largest / 127 : 0;
    const __m512 inverse = _mm512_set1_ps(largest > kNothing ? 127 / largest : 0);
    const __m512i low_values = _mm512_cvtps_epi32(_mm512_mul_ps(low, inverse));
    const __m512i high_values = _mm512_cvtps_epi32(_mm512_mul_ps(high, inverse));
    auto* values = reinterpret_cast<__m128i*>(x.values + token * n_in + b * kBlockSize);
    _mm_storeu_si128(values, _mm512_cvtepi32_epi8(low_values));
    _mm_storeu_si128(values + 1, _mm512_cvtepi32_epi8(high_values));
    x.scales[token * n_blocks + b] = scale;
    x.sums[token * n_blocks + b] =
        _mm512_reduce_add_epi32(_mm512_add_epi32(low_values, high_values));
  }
}

}  // namespace

extern const BlockKernels kBlockKernels_avx512_vnni;
const BlockKernels kBlockKernels_avx512_vnni = {quantize, multiply};

}  // namespace pandagpt
