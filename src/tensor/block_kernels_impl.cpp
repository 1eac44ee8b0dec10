// Compiled for AVX-512 with VNNI (cmake/PandagptKernels.cmake); everything else is in
// block_kernels.h.
//
// vpdpbusd adds to each of 16 int32 lanes the products of 4 unsigned with 4 signed bytes. Lane i is
// row i of a tile, the unsigned bytes are its weights (those of signed types are moved up, and what
// that adds is taken off again), the signed ones a token's values. For that the tile's weights are
// transposed first, once for all tokens; if there is one only, its sums are (multiply_one).
#include <immintrin.h>

#include "tensor/block_kernels.h"
#include "tensor/simd16.h"

namespace pandagpt {
namespace {

constexpr int kRows = static_cast<int>(kBlockTileRows);
/// Vectors of 4 weights of each row in a block.
constexpr int kQuads = static_cast<int>(kBlockSize / 4);

/// A type in ggml's file format (ggml-common.h: block_q4_0, ..).
struct BlockForm {
  int bytes;     ///< of what is stored together
  int data;      ///< where the weights begin
  int n_blocks;  ///< blocks of 32 in that
  int zero;      ///< of the unsigned bytes, if it is taken off in int32
  bool minima;   ///< something is added to a block's weights
  int n_scales;  ///< of a block
};

constexpr BlockForm form_of(BlockType type) {
  switch (type) {
    case BlockType::kQ40:
      return {18, 2, 1, 8, false, 1};
    case BlockType::kQ41:
      return {20, 4, 1, 0, true, 1};
    case BlockType::kQ80:
      return {34, 2, 1, 128, false, 1};
    case BlockType::kQ4K:
      return {144, 16, 8, 0, true, 1};
    case BlockType::kQ6K:
      return {210, 0, 8, 0, true, 2};
  }
  return {};
}

/// A block of a tile, transposed: weight k of row i is
/// scales[k / 16][i] * (quads[k / 4][4 i + k % 4] - zero) + minima[k / 16][i],
/// with scales[0] and minima[0] for all k where a block has one scale, without minima where the
/// form has none.
struct alignas(64) TileBlock {
  std::uint8_t quads[kQuads][4 * kRows];
  float scales[2][kRows];
  float minima[2][kRows];
};
static_assert(sizeof(TileBlock) == block_scratch_bytes(kBlockSize));

using Rows = const std::byte* [kRows];
using Columns = __m512i[4];

PANDAGPT_INLINE __m128i load16(const std::byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

PANDAGPT_INLINE __m512i four_rows(const Rows& rows, int first, int at) {
  __m512i all = _mm512_castsi128_si512(load16(rows[first] + at));
  all = _mm512_inserti32x4(all, load16(rows[first + 4] + at), 1);
  all = _mm512_inserti32x4(all, load16(rows[first + 8] + at), 2);
  return _mm512_inserti32x4(all, load16(rows[first + 12] + at), 3);
}

/// 16 bytes of each row: lane i of columns[j] is the j-th dword of row i.
PANDAGPT_INLINE void transpose(const Rows& rows, int at, Columns& columns) {
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

/// Four bytes of each row.
PANDAGPT_INLINE __m512i dwords(const Rows& rows, int at) {
  const auto dword = [&](int row) { return load_as<int>(rows[row] + at); };
  return _mm512_setr_epi32(dword(0), dword(1), dword(2), dword(3), dword(4), dword(5), dword(6),
                           dword(7), dword(8), dword(9), dword(10), dword(11), dword(12), dword(13),
                           dword(14), dword(15));
}

/// The halves in the low 16 bits.
PANDAGPT_INLINE __m512 low_halves(__m512i dwords) {
  return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(dwords));
}
PANDAGPT_INLINE __m512 high_halves(__m512i dwords) {
  return low_halves(_mm512_srli_epi32(dwords, 16));
}

/// `count` bits of each byte from bit `first` on, moved to the bottom.
template <int kFirst, int kCount>
PANDAGPT_INLINE __m512i bits(__m512i bytes) {
  constexpr char kMask = (1 << kCount) - 1;
  return _mm512_and_si512(_mm512_srli_epi16(bytes, kFirst), _mm512_set1_epi8(kMask));
}

// --- What is stored together, as TileBlocks ----------------------------------------------------

/// Types with 16 bytes of nibbles: the first 16 weights are the low ones.
PANDAGPT_INLINE void store_nibbles(const Rows& rows, int at, TileBlock& block) {
  Columns columns;
  transpose(rows, at, columns);
  for (int j = 0; j < 4; ++j) {
    _mm512_store_si512(block.quads[j], bits<0, 4>(columns[j]));
    _mm512_store_si512(block.quads[4 + j], bits<4, 4>(columns[j]));
  }
}

template <BlockType kType>
PANDAGPT_INLINE void transpose_simple(const Rows& rows, int at, TileBlock& block) {
  constexpr BlockForm kForm = form_of(kType);
  const __m512i head = dwords(rows, at);
  _mm512_store_ps(block.scales[0], low_halves(head));
  if constexpr (kForm.minima) _mm512_store_ps(block.minima[0], high_halves(head));
  if constexpr (kType != BlockType::kQ80) {
    store_nibbles(rows, at + kForm.data, block);
  } else {
    const __m512i sign = _mm512_set1_epi8(static_cast<char>(kForm.zero));
    Columns columns;
    for (int half = 0; half < 2; ++half) {
      transpose(rows, at + kForm.data + 16 * half, columns);
      for (int j = 0; j < 4; ++j)
        _mm512_store_si512(block.quads[4 * half + j], _mm512_xor_si512(columns[j], sign));
    }
  }
}

/// Six bits each of scale and minimum, in 12 bytes for 8 blocks: of the first four blocks in the
/// low bits of bytes 0 to 3 and 4 to 7, of the others four bits in bytes 8 to 11 and two in the
/// high bits of the former. (ggml-quants.c: get_scale_min_k4.)
PANDAGPT_INLINE void store_q4_k_scales(const Columns& head, TileBlock* blocks) {
  const __m512 scale = low_halves(head[0]);
  const __m512 minimum = _mm512_sub_ps(_mm512_setzero_ps(), high_halves(head[0]));
  const __m512i byte = _mm512_set1_epi32(0xFF);
  const __m512i fours[2][2] = {
      {bits<0, 6>(head[1]), bits<0, 6>(head[2])},
      {_mm512_or_si512(bits<0, 4>(head[3]), _mm512_slli_epi16(bits<6, 2>(head[1]), 4)),
       _mm512_or_si512(bits<4, 4>(head[3]), _mm512_slli_epi16(bits<6, 2>(head[2]), 4))}};
  for (int b = 0; b < 8; ++b) {
    const auto shift = static_cast<unsigned>(8 * (b % 4));
    const auto number = [&](int which) {
      return _mm512_cvtepi32_ps(
          _mm512_and_si512(_mm512_srli_epi32(fours[b / 4][which], shift), byte));
    };
    _mm512_store_ps(blocks[b].scales[0], _mm512_mul_ps(scale, number(0)));
    _mm512_store_ps(blocks[b].minima[0], _mm512_mul_ps(minimum, number(1)));
  }
}

PANDAGPT_INLINE void transpose_q4_k(const Rows& rows, int at, TileBlock* blocks) {
  constexpr int kData = form_of(BlockType::kQ4K).data;
  Columns columns;
  transpose(rows, at, columns);
  store_q4_k_scales(columns, blocks);
  for (int part = 0; part < 8; ++part) {  // two blocks share 32 bytes
    transpose(rows, at + kData + 16 * part, columns);
    const int quad = 4 * (part % 2);
    TileBlock* pair = blocks + part / 2 * 2;
    for (int j = 0; j < 4; ++j) {
      _mm512_store_si512(pair[0].quads[quad + j], bits<0, 4>(columns[j]));
      _mm512_store_si512(pair[1].quads[quad + j], bits<4, 4>(columns[j]));
    }
  }
}

/// Sixteen signed bytes, each the scale of 16 weights.
PANDAGPT_INLINE void store_q6_k_scales(const Rows& rows, int at, TileBlock* blocks) {
  constexpr int kScales = 192;
  constexpr int kZero = 32;
  // the half behind the scales, read with two bytes before it: behind it nothing may be there
  const __m512 scale = high_halves(dwords(rows, at + kScales + 14));
  Columns columns;
  transpose(rows, at + kScales, columns);
  for (int i = 0; i < 16; ++i) {
    const auto left = static_cast<unsigned>(24 - 8 * (i % 4));
    const __m512i number = _mm512_srai_epi32(_mm512_slli_epi32(columns[i / 4], left), 24);
    const __m512 own = _mm512_mul_ps(scale, _mm512_cvtepi32_ps(number));
    _mm512_store_ps(blocks[i / 2].scales[i % 2], own);
    _mm512_store_ps(blocks[i / 2].minima[i % 2], _mm512_mul_ps(own, _mm512_set1_ps(-kZero)));
  }
}

/// Four bits of a weight in the first 128 bytes, two in the next 64.
PANDAGPT_INLINE void transpose_q6_k(const Rows& rows, int at, TileBlock* blocks) {
  constexpr int kHighBits = 128;
  store_q6_k_scales(rows, at, blocks);
  for (int part = 0; part < 4; ++part) {  // 16 weights of each of four blocks
    const int group = part / 2;
    const int half = part % 2;
    Columns first;
    Columns second;
    Columns high;
    transpose(rows, at + 64 * group + 16 * half, first);
    transpose(rows, at + 64 * group + 32 + 16 * half, second);
    transpose(rows, at + kHighBits + 32 * group + 16 * half, high);
    TileBlock* four = blocks + 4 * group;
    for (int j = 0; j < 4; ++j) {
      const auto store = [&](int block, __m512i low, __m512i top) {
        _mm512_store_si512(four[block].quads[4 * half + j],
                           _mm512_or_si512(low, _mm512_slli_epi16(top, 4)));
      };
      store(0, bits<0, 4>(first[j]), bits<0, 2>(high[j]));
      store(1, bits<0, 4>(second[j]), bits<2, 2>(high[j]));
      store(2, bits<4, 4>(first[j]), bits<4, 2>(high[j]));
      store(3, bits<4, 4>(second[j]), bits<6, 2>(high[j]));
    }
  }
}

/// The weights of a tile, by what is stored together.
template <BlockType kType>
class TileWeights {
 public:
  explicit TileWeights(const BlockTile& tile)
      : next_tile_(reinterpret_cast<const char*>(tile.weights + kBlockTileRows * tile.row_bytes)) {
    for (std::int64_t i = 0; i < kBlockTileRows; ++i)  // those that are missing: the last one again
      rows_[i] = tile.weights + (i < tile.n_rows ? i : tile.n_rows - 1) * tile.row_bytes;
  }

  const Rows& rows() const { return rows_; }

  /// 16 rows are too many streams to be foreseen, but what comes next lies behind this tile. Nearer
  /// than the second level it would push out what is being read.
  PANDAGPT_INLINE_METHOD void prefetch(std::int64_t group) const {
    constexpr int kLine = 64;
    for (int at = 0; at < kBytes * kRows; at += kLine)
      _mm_prefetch(next_tile_ + group * kBytes * kRows + at, _MM_HINT_T1);
  }

  PANDAGPT_INLINE_METHOD void transpose(std::int64_t group, TileBlock* blocks) const {
    prefetch(group);
    const int at = static_cast<int>(group) * kBytes;
    if constexpr (kType == BlockType::kQ4K)
      transpose_q4_k(rows_, at, blocks);
    else if constexpr (kType == BlockType::kQ6K)
      transpose_q6_k(rows_, at, blocks);
    else
      transpose_simple<kType>(rows_, at, *blocks);
  }

 private:
  static constexpr int kBytes = form_of(kType).bytes;
  Rows rows_;
  const char* next_tile_;
};

// --- Products ----------------------------------------------------------------------------------

/// kTokens tokens' products with a block.
template <BlockType kType, int kTokens>
struct BlockSums {
  static constexpr BlockForm kForm = form_of(kType);
  static constexpr int kQuadsOfScale = kQuads / kForm.n_scales;
  /// One token's sums would wait for each other.
  static constexpr int kChains = kTokens <= 2 ? 2 : 1;

  const std::int8_t* values;  ///< of the block; of the next token n_in further on
  std::int64_t n_in;
  const std::int32_t* sums;  ///< of the block's halves; of the next token n_in / 16 further on

  std::int32_t sum(int token, int scale) const {
    const std::int32_t* own = sums + token * (n_in / kBlockHalf);
    return kForm.n_scales == 2 ? own[scale] : own[0] + own[1];
  }

  /// The int32 products of the weights that share a scale.
  PANDAGPT_INLINE_METHOD void dots(const TileBlock& block, int scale,
                                   __m512i (&products)[kTokens]) const {
    __m512i chains[kTokens][kChains];
    for (int t = 0; t < kTokens; ++t) {
      for (__m512i& chain : chains[t])
        chain = _mm512_setzero_si512();
      if constexpr (kForm.zero != 0)
        chains[t][0] =
            _mm512_mullo_epi32(_mm512_set1_epi32(sum(t, scale)), _mm512_set1_epi32(-kForm.zero));
    }
    for (int i = 0; i < kQuadsOfScale; ++i) {
      const int quad = scale * kQuadsOfScale + i;
      const __m512i weights = _mm512_load_si512(block.quads[quad]);
      for (int t = 0; t < kTokens; ++t) {
        const __m512i token = _mm512_set1_epi32(load_as<int>(values + t * n_in + 4 * quad));
        __m512i& chain = chains[t][i % kChains];
        chain = _mm512_dpbusd_epi32(chain, weights, token);
      }
    }
    for (int t = 0; t < kTokens; ++t)
      products[t] =
          kChains == 2 ? _mm512_add_epi32(chains[t][0], chains[t][kChains - 1]) : chains[t][0];
  }

  /// What they are worth, without the tokens' scales.
  PANDAGPT_INLINE_METHOD void parts(const TileBlock& block, __m512 (&worth)[kTokens]) const {
    for (int scale = 0; scale < kForm.n_scales; ++scale) {
      __m512i sums_of_products[kTokens];
      dots(block, scale, sums_of_products);
      const __m512 scales = _mm512_load_ps(block.scales[scale]);
      for (int t = 0; t < kTokens; ++t) {
        const __m512 dot = _mm512_cvtepi32_ps(sums_of_products[t]);
        worth[t] = scale == 0 ? _mm512_mul_ps(dot, scales) : _mm512_fmadd_ps(dot, scales, worth[t]);
        if constexpr (kForm.minima)
          worth[t] = _mm512_fmadd_ps(_mm512_load_ps(block.minima[scale]),
                                     _mm512_set1_ps(static_cast<float>(sum(t, scale))), worth[t]);
      }
    }
  }
};

PANDAGPT_INLINE __mmask16 tile_mask(const BlockTile& tile) {
  return static_cast<__mmask16>((1U << static_cast<unsigned>(tile.n_rows)) - 1);
}

/// kTokens tokens from `first` on; block_of(b) is a TileBlock.
template <BlockType kType, int kTokens, typename BlockOf>
PANDAGPT_INLINE void multiply_tokens(const BlockTile& tile, std::int64_t first,
                                     const BlockOf& block_of) {
  const std::int64_t n_blocks = tile.n_in / kBlockSize;
  const float* scales = tile.x.scales + first * n_blocks;
  BlockSums<kType, kTokens> sums{tile.x.values + first * tile.n_in, tile.n_in,
                                 tile.x.sums + first * (tile.n_in / kBlockHalf)};
  __m512 totals[kTokens];
  for (__m512& total : totals)
    total = _mm512_setzero_ps();
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    __m512 parts[kTokens];
    sums.parts(block_of(b), parts);
    for (int t = 0; t < kTokens; ++t)
      totals[t] = _mm512_fmadd_ps(parts[t], _mm512_set1_ps(scales[t * n_blocks + b]), totals[t]);
    sums.values += kBlockSize;
    sums.sums += kBlockSize / kBlockHalf;
  }
  for (int t = 0; t < kTokens; ++t)
    _mm512_mask_storeu_ps(tile.y + (first + t) * tile.y_stride, tile_mask(tile), totals[t]);
}

constexpr int kTogether = 8;

/// (Not std::min: see simd16.h.)
PANDAGPT_INLINE std::int64_t at_most_together(std::int64_t n_tokens) {
  return n_tokens < kTogether ? n_tokens : kTogether;
}

/// `count` tokens, 1 to kMost.
template <BlockType kType, int kMost = kTogether, typename BlockOf>
void multiply_some(const BlockTile& tile, std::int64_t first, std::int64_t count,
                   const BlockOf& block_of) {
  if constexpr (kMost > 1)
    if (count < kMost) return multiply_some<kType, kMost - 1>(tile, first, count, block_of);
  multiply_tokens<kType, kMost>(tile, first, block_of);
}

// --- One token ---------------------------------------------------------------------------------
//
// What is used once isn't worth being transposed: the products are taken as the weights lie, and
// their sums, fewer than the weights, are transposed instead. The int32 sums and what follows are
// the same.

/// In each 128-bit lane, the four sums of the four numbers that a, b, c and d have there.
PANDAGPT_INLINE __m512i sums_of_fours(__m512i a, __m512i b, __m512i c, __m512i d) {
  const auto halves = [](__m512i x, __m512i y) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(x, y), _mm512_unpackhi_epi32(x, y));
  };
  const __m512i ab = halves(a, b);
  const __m512i cd = halves(c, d);
  return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/// A row's 32 bytes, and those of the row four further on.
PANDAGPT_INLINE __m512i two_rows(const Rows& rows, int first, int at) {
  const auto load32 = [&](int row) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[row] + at));
  };
  return _mm512_inserti64x4(_mm512_castsi256_si512(load32(first)), load32(first + 4), 1);
}

/// The int32 products of the weights of a block at `at` with a token's 32 values.
PANDAGPT_INLINE __m512i dots_of_bytes(const Rows& rows, int at, const std::int8_t* values) {
  const __m512i token =
      _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)));
  const __m512i sign = _mm512_set1_epi8(static_cast<char>(form_of(BlockType::kQ80).zero));
  const auto products = [&](int row) {
    const __m512i weights = _mm512_xor_si512(two_rows(rows, row, at), sign);
    return _mm512_dpbusd_epi32(_mm512_setzero_si512(), weights, token);
  };
  const __m512i first = sums_of_fours(products(0), products(1), products(2), products(3));
  const __m512i second = sums_of_fours(products(8), products(9), products(10), products(11));
  // each has the sums of four rows in two lanes of 128 bits, then those of the next four
  constexpr int kEven = 0x88;
  constexpr int kOdd = 0xDD;
  return _mm512_add_epi32(_mm512_shuffle_i32x4(first, second, kEven),
                          _mm512_shuffle_i32x4(first, second, kOdd));
}

PANDAGPT_INLINE __m512i dots_of_nibbles(const Rows& rows, int at, const std::int8_t* values) {
  const auto sixteen = [&](int first) {
    return _mm512_broadcast_i32x4(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(values + first)));
  };
  const __m512i low = sixteen(0);
  const __m512i high = sixteen(16);
  const auto products = [&](int row) {
    const __m512i weights = four_rows(rows, row, at);
    const __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), bits<0, 4>(weights), low);
    return _mm512_dpbusd_epi32(sums, bits<4, 4>(weights), high);
  };
  return sums_of_fours(products(0), products(1), products(2), products(3));
}

template <BlockType kType>
void multiply_one(const BlockTile& tile, const TileWeights<kType>& weights) {
  constexpr BlockForm kForm = form_of(kType);
  __m512 total = _mm512_setzero_ps();
  for (std::int64_t b = 0; b < tile.n_in / kBlockSize; ++b) {
    weights.prefetch(b);
    const int at = static_cast<int>(b) * kForm.bytes;
    const std::int8_t* values = tile.x.values + b * kBlockSize;
    const std::int32_t sum = tile.x.sums[2 * b] + tile.x.sums[2 * b + 1];
    __m512i dots = kType == BlockType::kQ80
                       ? dots_of_bytes(weights.rows(), at + kForm.data, values)
                       : dots_of_nibbles(weights.rows(), at + kForm.data, values);
    if constexpr (kForm.zero != 0)
      dots = _mm512_sub_epi32(dots, _mm512_set1_epi32(kForm.zero * sum));
    const __m512i head = dwords(weights.rows(), at);
    __m512 part = _mm512_mul_ps(_mm512_cvtepi32_ps(dots), low_halves(head));
    if constexpr (kForm.minima)
      part = _mm512_fmadd_ps(high_halves(head), _mm512_set1_ps(static_cast<float>(sum)), part);
    total = _mm512_fmadd_ps(part, _mm512_set1_ps(tile.x.scales[b]), total);
  }
  _mm512_mask_storeu_ps(tile.y, tile_mask(tile), total);
}

template <BlockType kType>
void multiply_tile(const BlockTile& tile) {
  constexpr int kGroup = form_of(kType).n_blocks;
  const TileWeights<kType> weights(tile);
  if constexpr (kGroup == 1)
    if (tile.n_tokens == 1) return multiply_one<kType>(tile, weights);
  auto* blocks = reinterpret_cast<TileBlock*>(tile.scratch);
  const bool is_kept = tile.n_tokens > kTogether;  // for the other tokens
  multiply_some<kType>(tile, 0, at_most_together(tile.n_tokens),
                       [&](std::int64_t b) -> const TileBlock& {
                         TileBlock* group = blocks + (is_kept ? b / kGroup * kGroup : 0);
                         if (b % kGroup == 0) weights.transpose(b / kGroup, group);
                         return group[b % kGroup];
                       });
  for (std::int64_t first = kTogether; first < tile.n_tokens; first += kTogether)
    multiply_some<kType>(tile, first, at_most_together(tile.n_tokens - first),
                         [&](std::int64_t b) -> const TileBlock& { return blocks[b]; });
}

void multiply(const BlockTile& tile) {
  switch (tile.type) {
    case BlockType::kQ40:
      return multiply_tile<BlockType::kQ40>(tile);
    case BlockType::kQ41:
      return multiply_tile<BlockType::kQ41>(tile);
    case BlockType::kQ80:
      return multiply_tile<BlockType::kQ80>(tile);
    case BlockType::kQ4K:
      return multiply_tile<BlockType::kQ4K>(tile);
    case BlockType::kQ6K:
      return multiply_tile<BlockType::kQ6K>(tile);
  }
}

/// The largest value of a block that counts as zeros: 127 / x must be finite.
constexpr float kNothing = 1e-30F;

PANDAGPT_INLINE bool is_finite(__m512 values) {
  constexpr int kNanOrInfinity = 0x01 | 0x08 | 0x10 | 0x80;
  return _mm512_fpclass_ps_mask(values, kNanOrInfinity) == 0;
}

/// Symmetric, to +-127, halves to even. A block that isn't finite makes products that aren't
/// numbers.
void quantize(const float* row, std::int64_t n_in, std::int64_t token, const BlockActivations& x) {
  static_assert(kBlockSize == 2 * kLanes && kBlockHalf == kLanes);
  const std::int64_t n_blocks = n_in / kBlockSize;
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    const __m512 low = _mm512_loadu_ps(row + b * kBlockSize);
    const __m512 high = _mm512_loadu_ps(row + b * kBlockSize + kLanes);
    const bool finite = is_finite(low) && is_finite(high);
    const float largest =
        _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
    const bool is_nothing = !finite || largest <= kNothing;
    const __mmask16 kept = is_nothing ? 0 : 0xFFFF;
    const __m512 inverse = _mm512_set1_ps(127 / largest);
    const __m512i low_values = _mm512_maskz_cvtps_epi32(kept, _mm512_mul_ps(low, inverse));
    const __m512i high_values = _mm512_maskz_cvtps_epi32(kept, _mm512_mul_ps(high, inverse));
    auto* values = reinterpret_cast<__m128i*>(x.values + token * n_in + b * kBlockSize);
    _mm_storeu_si128(values, _mm512_cvtepi32_epi8(low_values));
    _mm_storeu_si128(values + 1, _mm512_cvtepi32_epi8(high_values));
    const float scale = is_nothing ? 0 : largest / 127;
    x.scales[token * n_blocks + b] = finite ? scale : __builtin_nanf("");
    std::int32_t* sums = x.sums + 2 * (token * n_blocks + b);
    sums[0] = _mm512_reduce_add_epi32(low_values);
    sums[1] = _mm512_reduce_add_epi32(high_values);
  }
}

}  // namespace

extern const BlockKernels kBlockKernels_avx512_vnni;
const BlockKernels kBlockKernels_avx512_vnni = {quantize, multiply};

}  // namespace pandagpt
