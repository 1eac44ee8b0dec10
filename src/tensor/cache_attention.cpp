#include "tensor/cache_attention.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <span>

#include "tensor/cache_attention_kernels.h"
#include "tensor/row_tensor.h"

namespace pandagpt {
namespace {

/// The parameters of the operation, as floats.
enum Parameter { kScale = 0, kMaxBias = 1, kSoftCap = 2 };

float parameter(const ggml_tensor* node, Parameter which) {
  return std::bit_cast<float>(node->op_params[which]);
}

std::optional<CacheType> cache_type(ggml_type type) {
  switch (type) {
    case GGML_TYPE_F32:
      return CacheType::kF32;
    case GGML_TYPE_F16:
      return CacheType::kF16;
    case GGML_TYPE_BF16:
      return CacheType::kBf16;
    default:
      return std::nullopt;
  }
}

template <typename T>
const T* at(const ggml_tensor* tensor, std::int64_t i1, std::int64_t i2, std::int64_t i3) {
  const auto offset = static_cast<std::size_t>(i1) * tensor->nb[1] +
                      static_cast<std::size_t>(i2) * tensor->nb[2] +
                      static_cast<std::size_t>(i3) * tensor->nb[3];
  return reinterpret_cast<const T*>(static_cast<const std::byte*>(tensor->data) + offset);
}

/// What a query sees, in the order of the cache.
struct Sight {
  std::int32_t* cells;
  float* biases;  ///< of the mask, for each of them
  std::int64_t n_cells = 0;
  bool has_biases = false;

  /// From a row of the mask (halves: minus infinity hides a cell).
  void read(const ggml_fp16_t* mask, std::int64_t n_keys) {
    constexpr int kTogether = 4;
    constexpr std::uint64_t kAllHidden = 0xFC00FC00FC00FC00U;
    n_cells = 0;
    has_biases = false;
    std::int64_t cell = 0;
    for (; cell + kTogether <= n_keys; cell += kTogether) {
      std::uint64_t four = 0;
      std::memcpy(&four, mask + cell, sizeof(four));
      if (four == kAllHidden) continue;
      for (std::int64_t i = cell; i < cell + kTogether; ++i)
        add(mask[i], i);
    }
    for (; cell < n_keys; ++cell)
      add(mask[cell], cell);
  }

  void see_all(std::int64_t n_keys) {
    for (std::int64_t cell = 0; cell < n_keys; ++cell)
      cells[cell] = static_cast<std::int32_t>(cell);
    n_cells = n_keys;
    has_biases = false;
  }

  const float* bias() const { return has_biases ? biases : nullptr; }

  /// Whether it begins with all that `other` sees.
  bool continues(const Sight& other) const {
    return n_cells >= other.n_cells && std::equal(other.cells, other.cells + other.n_cells, cells);
  }

 private:
  void add(ggml_fp16_t mask, std::int64_t cell) {
    constexpr ggml_fp16_t kHidden = 0xFC00;
    if (mask == kHidden) return;
    cells[n_cells] = static_cast<std::int32_t>(cell);
    biases[n_cells] = ggml_fp16_to_fp32(mask);
    has_biases = has_biases || biases[n_cells] != 0;
    ++n_cells;
  }
};

/// One operation's tensors and a thread's memory.
class Attention {
 public:
  explicit Attention(const ggml_tensor* node)
      : node_(node), q_(node->src[0]), k_(node->src[1]), v_(node->src[2]), mask_(node->src[3]) {
    const std::int64_t n_keys = k_->ne[1];
    const std::int64_t scores = cache_attention_scratch(n_keys);
    scratch_ = static_cast<float*>(thread_scratch((scores + 2 * kMostQueries * n_keys) *
                                                  static_cast<std::int64_t>(sizeof(float))));
    for (int i = 0; i < kMostQueries; ++i) {
      float* own = scratch_ + scores + 2 * i * n_keys;
      sights_[static_cast<std::size_t>(i)] = {reinterpret_cast<std::int32_t*>(own), own + n_keys};
    }
  }

  std::int64_t n_groups() const { return (q_->ne[1] + kMostQueries - 1) / kMostQueries; }
  /// Groups of queries, of all heads of all sequences.
  std::int64_t n_items() const { return n_groups() * q_->ne[2] * q_->ne[3]; }

  void compute(std::int64_t item) {
    // With few groups a thread takes the heads of one after the other: they see the same cells.
    const bool heads_first = n_groups() <= kFewGroups;
    const std::int64_t n_heads = q_->ne[2];
    const std::int64_t group = heads_first ? item / n_heads % n_groups() : item % n_groups();
    const std::int64_t head = heads_first ? item % n_heads : item / n_groups() % n_heads;
    const std::int64_t sequence = item / n_groups() / n_heads;
    const std::int64_t first = group * kMostQueries;
    const auto count = static_cast<int>(std::min<std::int64_t>(kMostQueries, q_->ne[1] - first));
    look(first, count, head, sequence);
    const int step = together_ ? count : 1;
    for (int i = 0; i < count; i += step)
      attend(first, i, step, head, sequence);
  }

 private:
  static constexpr std::int64_t kFewGroups = 16;

  /// What the queries from `first` on see, unless that is known from the head before.
  void look(std::int64_t first, int count, std::int64_t head, std::int64_t sequence) {
    const Place place{first, mask_ == nullptr ? 0 : head % mask_->ne[2], sequence};
    if (place == seen_) return;
    seen_ = place;
    for (int i = 0; i < count; ++i)
      look(sights_[static_cast<std::size_t>(i)], first + i, head, sequence);
    // Those of one sequence, one after the other, see what the one before sees, and more.
    together_ = true;
    for (std::size_t i = 1; i < static_cast<std::size_t>(count); ++i)
      together_ = together_ && sights_[i].continues(sights_[i - 1]);
  }

  void look(Sight& sight, std::int64_t query, std::int64_t head, std::int64_t sequence) const {
    if (mask_ == nullptr) return sight.see_all(k_->ne[1]);
    sight.read(at<ggml_fp16_t>(mask_, query, head % mask_->ne[2], sequence % mask_->ne[3]),
               k_->ne[1]);
  }

  /// The queries first + begin to first + begin + count.
  void attend(std::int64_t first, int begin, int count, std::int64_t head, std::int64_t sequence) {
    const std::int64_t key_head = head / (q_->ne[2] / k_->ne[2]);
    const std::int64_t value_head = head / (q_->ne[2] / v_->ne[2]);
    CacheAttention attention{
        .type = *cache_type(k_->type),
        .keys = at<std::byte>(k_, 0, key_head, sequence / (q_->ne[3] / k_->ne[3])),
        .key_bytes = static_cast<std::ptrdiff_t>(k_->nb[1]),
        .values = at<std::byte>(v_, 0, value_head, sequence / (q_->ne[3] / v_->ne[3])),
        .value_bytes = static_cast<std::ptrdiff_t>(v_->nb[1]),
        .head_size = k_->ne[0],
        .value_size = v_->ne[0],
        .cells = sights_[static_cast<std::size_t>(begin + count - 1)].cells,
        .scale = parameter(node_, kScale),
        .n_queries = count,
        .queries = {},
        .n_cells = {},
        .biases = {},
        .results = {},
        .scratch = scratch_};
    for (int i = 0; i < count; ++i) {
      const Sight& sight = sights_[static_cast<std::size_t>(begin + i)];
      const std::int64_t query = first + begin + i;
      attention.queries[i] = at<float>(q_, query, head, sequence);
      attention.n_cells[i] = sight.n_cells;
      attention.biases[i] = sight.bias();
      attention.results[i] = static_cast<float*>(node_->data) +
                             ((sequence * q_->ne[1] + query) * q_->ne[2] + head) * v_->ne[0];
    }
    cache_attention_kernels().attend(attention);
  }

  const ggml_tensor* node_;
  const ggml_tensor* q_;
  const ggml_tensor* k_;
  const ggml_tensor* v_;
  const ggml_tensor* mask_;
  float* scratch_;
  std::array<Sight, kMostQueries> sights_{};
  struct Place {
    std::int64_t first = -1;  // query
    std::int64_t mask_head = 0;
    std::int64_t sequence = 0;
    bool operator==(const Place&) const = default;
  };
  Place seen_;             // of sights_
  bool together_ = false;  // sights_: each sees what the one before does, and more
};

bool has_plain_rows(const ggml_tensor* tensor) {
  return tensor->nb[0] == ggml_type_size(tensor->type);
}

}  // namespace

bool CacheAttentionOperation::computes(const ggml_tensor* node) {
  if (node->op != GGML_OP_FLASH_ATTN_EXT) return false;
  constexpr int kSinks = 4;
  const ggml_tensor* q = node->src[0];
  const ggml_tensor* k = node->src[1];
  const ggml_tensor* v = node->src[2];
  const ggml_tensor* mask = node->src[3];
  if (parameter(node, kMaxBias) != 0 || parameter(node, kSoftCap) != 0 ||
      node->src[kSinks] != nullptr)
    return false;
  if (q->type != GGML_TYPE_F32 || !cache_type(k->type) || v->type != k->type ||
      node->type != GGML_TYPE_F32 || !ggml_is_contiguous(node))
    return false;
  if (mask != nullptr && (mask->type != GGML_TYPE_F16 || !has_plain_rows(mask))) return false;
  return has_plain_rows(q) && has_plain_rows(k) && has_plain_rows(v) && is_plain(k) && is_plain(v);
}

bool CacheAttentionOperation::work_size(int /*n_threads*/, const ggml_tensor* /*node*/,
                                        std::size_t& size) {
  size = 0;
  return true;
}

bool CacheAttentionOperation::compute_forward(ComputeParams* params, ggml_tensor* node) {
  Attention attention(node);
  for (std::int64_t item = params->thread; item < attention.n_items(); item += params->n_threads)
    attention.compute(item);
  return true;
}

}  // namespace pandagpt
