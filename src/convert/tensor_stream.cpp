#include "convert/tensor_stream.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <future>
#include <limits>
#include <span>
#include <vector>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::int64_t kSliceElements = 1 << 20;  // 4 MiB as f32

/// The largest magnitude that `type` can hold.
float largest_value(ggml_type type) {
  constexpr float kLargestHalf = 65504.0F;
  if (type == GGML_TYPE_F16) return kLargestHalf;
  if (type == GGML_TYPE_Q8_0) return kLargestHalf * 127;  // a half for a scale, times an int8
  return std::numeric_limits<float>::max();
}

class Streamer {
 public:
  Streamer(const TensorSource& source, const std::string& name, ggml_type type,
           std::int64_t row_length)
      : source_(source),
        name_(name),
        tensor_(source.tensor(name)),
        type_(type),
        row_length_(row_length),
        n_rows_(tensor_.n_elements() / row_length) {}

  void run(int n_threads, const GgufWriter::TensorSink& sink) {
    const std::int64_t n_slices = (n_rows_ + rows_per_slice() - 1) / rows_per_slice();
    std::deque<std::future<Bytes>> underway;  // in order; writing overlaps with converting
    std::int64_t next = 0;
    while (next < n_slices || !underway.empty()) {
      while (next < n_slices && static_cast<int>(underway.size()) <= n_threads) {
        const auto policy = n_slices == 1 ? std::launch::deferred : std::launch::async;
        underway.push_back(std::async(policy, [this, slice = next++] { return convert(slice); }));
      }
      sink(underway.front().get());
      underway.pop_front();
    }
    source_.release(tensor_.data);
  }

 private:
  std::int64_t rows_per_slice() const {
    return std::max<std::int64_t>(1, kSliceElements / row_length_);
  }

  Bytes convert(std::int64_t slice) const {
    const std::int64_t first = slice * rows_per_slice() * row_length_;
    const std::int64_t rows = std::min(rows_per_slice(), n_rows_ - slice * rows_per_slice());
    const std::int64_t count = rows * row_length_;
    Bytes result(ggml_row_size(type_, row_length_) * rows);
    if (type_ == GGML_TYPE_F32) {
      read(first, {reinterpret_cast<float*>(result.data()), static_cast<std::size_t>(count)});
      return result;
    }
    std::vector<float> values(count);
    read(first, values);
    ggml_quantize_chunk(type_, values.data(), result.data(), 0, rows, row_length_, nullptr);
    return result;
  }

  void read(std::int64_t first, std::span<float> values) const {
    tensor_.read_f32(first, values);
    if (tensor_.is_contiguous()) {
      const std::size_t element = element_type_size(tensor_.type);
      source_.release(tensor_.data.subspan(first * element, values.size() * element));
    }
    const float limit = largest_value(type_);
    bool fits = true;
    for (const float value : values)
      fits &= std::abs(value) <= limit;  // false for NaN
    if (!fits)
      throw Error(ErrorKind::kModel, source_.path().string() + ": tensor " + name_ +
                                         " holds values that are not finite or too large for " +
                                         ggml_type_name(type_));
  }

  const TensorSource& source_;
  const std::string& name_;
  const SourceTensor& tensor_;
  ggml_type type_;
  std::int64_t row_length_;
  std::int64_t n_rows_;
};

}  // namespace

void stream_tensor(const TensorSource& source, const std::string& name, ggml_type type,
                   std::int64_t row_length, int n_threads, const GgufWriter::TensorSink& sink) {
  Streamer(source, name, type, row_length).run(n_threads, sink);
}

}  // namespace pandagpt
