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
  Streamer(const RowStream& stream, ggml_type type) : stream_(stream), type_(type) {}

  void run(int n_threads, const GgufWriter::TensorSink& sink) {
    const std::int64_t n_slices = (stream_.n_rows + rows_per_slice() - 1) / rows_per_slice();
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
  }

 private:
  std::int64_t rows_per_slice() const {
    return std::max<std::int64_t>(1, kSliceElements / stream_.row_length);
  }

  Bytes convert(std::int64_t slice) const {
    const std::int64_t first = slice * rows_per_slice();
    const std::int64_t rows = std::min(rows_per_slice(), stream_.n_rows - first);
    const std::int64_t count = rows * stream_.row_length;
    Bytes result(ggml_row_size(type_, stream_.row_length) * rows);
    if (type_ == GGML_TYPE_F32) {
      read(first, {reinterpret_cast<float*>(result.data()), static_cast<std::size_t>(count)});
      return result;
    }
    std::vector<float> values(count);
    read(first, values);
    ggml_quantize_chunk(type_, values.data(), result.data(), 0, rows, stream_.row_length, nullptr);
    return result;
  }

  void read(std::int64_t first, std::span<float> values) const {
    stream_.read(first, values);
    const float limit = largest_value(type_);
    bool fits = true;
    for (const float value : values)
      fits &= std::abs(value) <= limit;  // false for NaN
    if (!fits)
      throw Error(ErrorKind::kModel, stream_.name +
                                         " holds values that are not finite or too large for " +
                                         ggml_type_name(type_));
  }

  const RowStream& stream_;
  ggml_type type_;
};

}  // namespace

void stream_rows(const RowStream& stream, ggml_type type, int n_threads,
                 const GgufWriter::TensorSink& sink) {
  Streamer(stream, type).run(n_threads, sink);
}

void stream_tensor(const TensorSource& source, const std::string& name, ggml_type type,
                   std::int64_t row_length, int n_threads, const GgufWriter::TensorSink& sink) {
  const SourceTensor& tensor = source.tensor(name);
  const auto read = [&](std::int64_t first, std::span<float> rows) {
    source.read_f32(tensor, first * row_length, rows);
  };
  stream_rows({.name = source.path().string() + ": tensor " + name,
               .n_rows = tensor.n_elements() / row_length,
               .row_length = row_length,
               .read = read},
              type, n_threads, sink);
  source.release(tensor.data);
}

}  // namespace pandagpt
