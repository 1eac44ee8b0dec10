#include "tensor/packed_matrix.h"

#include <omp.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/threads.h"
#include "pandagpt/error.h"
#include "tensor/row_kernels.h"

namespace pandagpt {
namespace {

using dnnl::memory;

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::int64_t kRowsOfPanel = 16;  // of groups: the "16a" in oneDNN's names of layouts

/// oneDNN's names for a type, and how many rows of a panel lie side by side (a lane of 32 bits).
struct Format {
  memory::data_type type;
  memory::format_tag panels;
  std::int64_t element_bytes;
  std::int64_t group() const { return 4 / element_bytes; }
};

Format format_of(ComputeType type) {
  switch (type) {
    case ComputeType::kInt8:
      return {memory::data_type::s8, memory::format_tag::BA16a64b4a, 1};
    case ComputeType::kBf16:
      return {memory::data_type::bf16, memory::format_tag::BA16a64b2a, 2};
    default:
      return {memory::data_type::f32, memory::format_tag::BA16a64b, 4};
  }
}

/// Rows of one output column, (count, n_in), into a panel of (n_in / group, 64, group).
template <typename T>
void fill_panel(const T* rows, std::int64_t count, std::int64_t n_in, T* panel) {
  constexpr std::int64_t kGroup = 4 / sizeof(T);
  const std::int64_t whole = n_in / kGroup;
  // Blocks of 16 columns by 16 groups stay in the first-level cache on both sides.
  for (std::int64_t c0 = 0; c0 < count; c0 += 16)
    for (std::int64_t g0 = 0; g0 < whole; g0 += 16)
      for (std::int64_t c = c0; c < std::min(c0 + 16, count); ++c)
        for (std::int64_t g = g0; g < std::min(g0 + 16, whole); ++g)
          std::memcpy(panel + (g * kPanelColumns + c) * kGroup, rows + c * n_in + g * kGroup, 4);
  for (std::int64_t c = 0; c < count; ++c)
    for (std::int64_t k = whole * kGroup; k < n_in; ++k)
      panel[(whole * kPanelColumns + c) * kGroup + k % kGroup] = rows[c * n_in + k];
}

}  // namespace

PackedMatrix::PackedMatrix(std::int64_t n_in, std::int64_t n_out, ComputeType type,
                           const RowReader& read)
    : n_in_(n_in), n_out_(n_out), type_(type), panels_(cpu_support().has_panels) {
  if (n_in < 1 || n_out < 1 || type == ComputeType::kAuto)
    throw Error(ErrorKind::kInternal, "a linear layer without inputs, outputs or type");
  if (!pack(read)) {
    type_ = cpu_support().bf16 ? ComputeType::kBf16 : ComputeType::kF32;
    pack(read);
  }
}

void PackedMatrix::allocate() {
  n_bytes_ = describe(n_out_).get_size();
  data_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(
      kPanelColumns,
      static_cast<std::size_t>(round_up(static_cast<std::int64_t>(n_bytes_), kPanelColumns)))));
  if (!data_) throw Error(ErrorKind::kInternal, "out of memory for a linear layer's weights");
#if defined(__linux__)
  // The whole pages inside only: nothing is allocated that would not be used.
  const auto begin = reinterpret_cast<std::uintptr_t>(data_.get());
  const std::uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const std::uintptr_t last = (begin + n_bytes_) / kHugePage * kHugePage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
  std::memset(data_.get(), 0, n_bytes_);
  if (type_ == ComputeType::kInt8) {
    scales_.assign(round_up(n_out_, kPanelColumns), 0.0F);
    sums_.assign(scales_.size(), 0);
  } else {
    scales_.clear();
    sums_.clear();
  }
}

// False: int8 is too coarse for these weights.
bool PackedMatrix::pack(const RowReader& read) {
  allocate();
  const std::int64_t n_panels = (n_out_ + kPanelColumns - 1) / kPanelColumns;
  double error = 0;
#pragma omp parallel for schedule(dynamic) num_threads(default_thread_count()) reduction(+ : error)
  for (std::int64_t panel = 0; panel < n_panels; ++panel) {
    const std::int64_t first = panel * kPanelColumns;
    const std::int64_t count = std::min(kPanelColumns, n_out_ - first);
    std::vector<float> rows(count * n_in_);
    read(first, count, rows.data());
    void* out = columns(first);
    if (type_ == ComputeType::kInt8) {
      std::vector<std::int8_t> bytes(rows.size());
      for (std::int64_t c = 0; c < count; ++c) {
        const WeightRounding rounding = row_kernels().quantize_weights(
            n_in_, rows.data() + c * n_in_, bytes.data() + c * n_in_);
        scales_[first + c] = rounding.scale;
        sums_[first + c] = rounding.sum;
        error += rounding.error;
      }
      fill_panel(bytes.data(), count, n_in_, static_cast<std::int8_t*>(out));
    } else if (type_ == ComputeType::kBf16) {
      std::vector<std::uint16_t> halves(rows.size());
      row_kernels().to_bf16(count * n_in_, rows.data(), halves.data());
      fill_panel(halves.data(), count, n_in_, static_cast<std::uint16_t*>(out));
    } else if (panels_) {
      fill_panel(rows.data(), count, n_in_, static_cast<float*>(out));
    } else {
      for (std::int64_t c = 0; c < count; ++c)
        for (std::int64_t k = 0; k < n_in_; ++k)
          static_cast<float*>(out)[k * n_out_ + c] = rows[c * n_in_ + k];
    }
  }
  return type_ != ComputeType::kInt8 ||
         std::sqrt(error / static_cast<double>(n_out_)) <= kMaxInt8Error;
}

std::int64_t PackedMatrix::panel_bytes() const {
  const Format format = format_of(type_);
  return round_up(n_in_, kRowsOfPanel * format.group()) * kPanelColumns * format.element_bytes;
}

void* PackedMatrix::columns(std::int64_t first) const {
  return data_.get() +
         (panels_ ? first / kPanelColumns * panel_bytes() : first * std::int64_t{sizeof(float)});
}

memory::desc PackedMatrix::describe(std::int64_t count) const {
  const Format format = format_of(type_);
  if (panels_) return {{n_in_, count}, format.type, format.panels};
  return {{n_in_, count}, format.type, memory::dims{n_out_, 1}};
}

}  // namespace pandagpt
