#include "convert/lora_merge.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "convert/quantize.h"
#include "convert/tensor_stream.h"
#include "core/file.h"
#include "core/threads.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "tensor/panda_weights.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kCopyBytes = 8 << 20;  // of a tensor that stays, at a time

[[noreturn]] void fail(const GgufFile& file, const std::string& what) {
  throw Error(ErrorKind::kModel, file.path().string() + ": " + what);
}

struct LoraPair {
  const GgufTensor* a = nullptr;  // (r, columns)
  const GgufTensor* b = nullptr;  // (rows, r)
};

using LoraPairs = std::map<std::string, LoraPair>;  // by the name of the base's tensor

std::string text_or_empty(const GgufFile& file, const char* key) {
  return file.has(key) ? file.get_str(key) : std::string();
}

/// Whether it is an adapter for this base, by the metadata.
void check_metadata(const GgufFile& adapter, const GgufFile& base) {
  if (text_or_empty(adapter, adapter_keys::kGeneralType) != adapter_keys::kAdapter ||
      text_or_empty(adapter, adapter_keys::kType) != adapter_keys::kLora)
    fail(adapter, "is no LoRA adapter (general.type 'adapter', adapter.type 'lora')");
  if (text_or_empty(base, adapter_keys::kGeneralType) == adapter_keys::kAdapter)
    fail(base, "is an adapter itself; the base comes first, then the adapter");
  if (adapter.has(adapter_keys::kInvocationTokens))
    fail(adapter, "acts only after certain tokens (aLoRA), so it can't be merged");
  if (base.has("split.count") && base.get_u32("split.count") > 1)
    fail(base, "is one part of several; join them by llama.cpp's 'llama-gguf-split --merge'");
  const std::string wanted = base.get_str("general.architecture");
  const std::string found = adapter.get_str("general.architecture");
  if (found != wanted)
    fail(adapter, "is for the architecture '" + found + "', the base is '" + wanted + "'");
}

LoraPairs read_pairs(const GgufFile& adapter) {
  LoraPairs pairs;
  for (const GgufTensor& tensor : adapter.tensors()) {
    const bool is_a = tensor.name.ends_with(adapter_keys::kSuffixA);
    if (!is_a && !tensor.name.ends_with(adapter_keys::kSuffixB))
      fail(adapter, "tensor " + tensor.name + " is no part of a LoRA pair (lora_a, lora_b)");
    LoraPair& pair = pairs[tensor.name.substr(0, tensor.name.rfind('.'))];
    (is_a ? pair.a : pair.b) = &tensor;
  }
  if (pairs.empty()) fail(adapter, "holds no tensors");
  return pairs;
}

void check_pair(const GgufFile& adapter, const GgufFile& base, const std::string& name,
                const LoraPair& pair) {
  if (pair.a == nullptr || pair.b == nullptr)
    fail(adapter,
         name + " has no " + (pair.a == nullptr ? adapter_keys::kSuffixA : adapter_keys::kSuffixB));
  const GgufTensor* weight = base.find_tensor(name);
  if (weight == nullptr)
    fail(adapter,
         "tensor " + name + " is not in " + base.path().string() + ": made for another model");
  // llama.cpp swaps the two for the embeddings' table.
  if (name.starts_with("token_embd.")) fail(adapter, "LoRA of token embeddings can't be merged");
  const auto sizes = [](const GgufTensor& tensor) {
    TensorShape shape = tensor.shape;
    if (shape.size() == 1) shape.push_back(1);
    return shape;
  };
  const TensorShape a = sizes(*pair.a);
  const TensorShape b = sizes(*pair.b);
  const TensorShape w = sizes(*weight);
  if (w.size() != 2 || a.size() != 2 || b.size() != 2 || a[0] != w[0] || b[1] != w[1] ||
      a[1] != b[0])
    fail(adapter, name + ": lora_a " + shape_text(a) + " and lora_b " + shape_text(b) +
                      " don't fit the base's " + shape_text(w) + ": made for another model");
}

/// The type that a changed tensor is stored in.
ggml_type type_after(const GgufFile& base, const GgufTensor& weight, bool keep_types) {
  if (!ggml_is_quantized(weight.type)) return weight.type;
  if (!keep_types) return GGML_TYPE_F16;
  if (ggml_quantize_requires_imatrix(weight.type))
    throw Error(ErrorKind::kUsage, base.path().string() + ": tensor " + weight.name +
                                       " has the type " + ggml_type_name(weight.type) +
                                       ", which takes an importance matrix to write; merge to f16");
  return weight.type;
}

/// One tensor of the base with its LoRA pair. `factor` is scale * alpha / r.
class MergedTensor {
 public:
  MergedTensor(const GgufFile& base, const GgufFile& adapter, const GgufTensor& weight,
               const LoraPair& pair, float factor)
      : base_(base),
        weight_(weight),
        rank_(pair.a->n_elements() / weight.shape[0]),
        a_(adapter.read_f32(pair.a->name)),
        b_(adapter.read_f32(pair.b->name)) {
    for (float& value : b_)
      value *= factor;
  }

  void stream(ggml_type type, int n_threads, const GgufWriter::TensorSink& sink) const {
    const std::int64_t columns = weight_.shape[0];
    stream_rows({.name = base_.path().string() + " merged: tensor " + weight_.name,
                 .n_rows = weight_.n_elements() / columns,
                 .row_length = columns,
                 .read = [this](std::int64_t first, std::span<float> rows) { read(first, rows); }},
                type, n_threads, sink);
    base_.release(weight_);
  }

 private:
  void read(std::int64_t first, std::span<float> rows) const {
    const auto columns = static_cast<std::size_t>(weight_.shape[0]);
    for (std::size_t at = 0; at < rows.size(); at += columns, ++first) {
      const std::span<float> row = rows.subspan(at, columns);
      base_.read_row_f32(weight_, first, row);
      add_product(b_.data() + first * rank_, row);
    }
  }

  /// row += b A, with b: (r).
  void add_product(const float* b, std::span<float> row) const {
    const std::size_t columns = row.size();
    std::int64_t i = 0;
    for (; i + 4 <= rank_; i += 4) {  // four at a time: the row is read and written less often
      const float* a = a_.data() + i * static_cast<std::int64_t>(columns);
      for (std::size_t j = 0; j < columns; ++j)
        row[j] += b[i] * a[j] + b[i + 1] * a[columns + j] + b[i + 2] * a[2 * columns + j] +
                  b[i + 3] * a[3 * columns + j];
    }
    for (; i < rank_; ++i) {
      const float* a = a_.data() + i * static_cast<std::int64_t>(columns);
      for (std::size_t j = 0; j < columns; ++j)
        row[j] += b[i] * a[j];
    }
  }

  const GgufFile& base_;
  const GgufTensor& weight_;
  std::int64_t rank_;
  std::vector<float> a_;  // (r, columns)
  std::vector<float> b_;  // (rows, r), with the factor
};

class Merge {
 public:
  Merge(const fs::path& base, const fs::path& adapter, const LoraMerge& options)
      : base_(base),
        adapter_(adapter),
        options_(options),
        n_threads_(options.n_threads > 0 ? options.n_threads : default_thread_count()) {
    check_metadata(adapter_, base_);
    pairs_ = read_pairs(adapter_);
    for (const auto& [name, pair] : pairs_)
      check_pair(adapter_, base_, name, pair);
    check_options();
    alpha_ = adapter_.has(adapter_keys::kAlpha) ? adapter_.get_f32(adapter_keys::kAlpha) : 0;
  }

  void write(const fs::path& output) {
    GgufWriter writer;
    writer.copy_metadata(base_);
    for (const GgufTensor& tensor : base_.tensors())
      add(&writer, tensor);
    total_ = writer.file_size();
    writer.write(output);
    if (options_.on_progress) options_.on_progress(total_, total_);
  }

 private:
  void check_options() const {
    if (!std::isfinite(options_.scale))
      throw Error(ErrorKind::kUsage, "the adapter's scale must be a finite number");
    const bool is_quantized = std::ranges::any_of(
        base_.tensors(), [](const GgufTensor& tensor) { return ggml_is_quantized(tensor.type); });
    if (options_.type && is_quantized && !options_.allow_requantize)
      throw Error(ErrorKind::kUsage,
                  base_.path().string() +
                      ": is quantised, and another type would round all of it " +
                      "again; merge into an f16 base, keep its types (--type base), or allow it " +
                      "(--allow-requantize)");
  }

  void add(GgufWriter* writer, const GgufTensor& tensor) {
    const auto found = pairs_.find(tensor.name);
    if (found == pairs_.end()) {
      writer->add_streamed(tensor.name, tensor.type, tensor.shape,
                           [this, &tensor](const auto& sink) { copy(tensor, counted(sink)); });
      return;
    }
    const LoraPair& pair = found->second;
    const ggml_type type = type_after(base_, tensor, options_.keep_types);
    writer->add_streamed(tensor.name, type, tensor.shape,
                         [this, &tensor, &pair, type](const auto& sink) {
                           MergedTensor(base_, adapter_, tensor, pair, factor(pair))
                               .stream(type, n_threads_, counted(sink));
                         });
  }

  /// As llama.cpp has it (src/llama-adapter.h, get_scale).
  float factor(const LoraPair& pair) const {
    const auto rank = static_cast<float>(pair.b->shape[0]);
    return alpha_ == 0 ? options_.scale : options_.scale * alpha_ / rank;
  }

  void copy(const GgufTensor& tensor, const GgufWriter::TensorSink& sink) const {
    for (std::size_t at = 0; at < tensor.data.size(); at += kCopyBytes)
      sink(tensor.data.subspan(at, std::min(kCopyBytes, tensor.data.size() - at)));
    base_.release(tensor);
  }

  GgufWriter::TensorSink counted(const GgufWriter::TensorSink& sink) {
    return [this, &sink](ByteView part) {
      sink(part);
      done_ += part.size();
      if (options_.on_progress) options_.on_progress(done_, total_);
    };
  }

  GgufFile base_;
  GgufFile adapter_;
  const LoraMerge& options_;
  int n_threads_;
  LoraPairs pairs_;
  float alpha_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

void merge_lora(const fs::path& base, const fs::path& adapter, const fs::path& output,
                const LoraMerge& options) {
  Merge merge(base, adapter, options);
  for (const fs::path& input : {base, adapter}) {
    std::error_code code;
    if (fs::equivalent(input, output, code))
      throw Error(ErrorKind::kUsage, output.string() + ": the output would replace an input");
  }
  if (!options.type) return merge.write(output);
  const PendingFile merged(output.string() + ".merged");  // removed at the end
  merge.write(merged.temporary());
  quantize_llm(merged.temporary(), output,
               {.type = *options.type,
                .n_threads = options.n_threads,
                .allow_requantize = options.allow_requantize,
                .on_tensor = options.on_quantized});
}

}  // namespace pandagpt
