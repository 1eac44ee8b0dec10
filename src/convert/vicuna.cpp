#include "convert/vicuna.h"

#include <ggml.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "convert/llama_config.h"
#include "convert/llama_tensors.h"
#include "convert/llama_vocabulary.h"
#include "convert/quantize.h"
#include "convert/tensor_check.h"
#include "convert/tensor_source.h"
#include "convert/tensor_stream.h"
#include "core/file.h"
#include "core/threads.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

/// The tensor type of a file type that is written directly.
std::optional<ggml_type> direct_type(llama_ftype type) {
  switch (type) {
    case LLAMA_FTYPE_ALL_F32:
      return GGML_TYPE_F32;
    case LLAMA_FTYPE_MOSTLY_F16:
      return GGML_TYPE_F16;
    case LLAMA_FTYPE_MOSTLY_BF16:
      return GGML_TYPE_BF16;
    case LLAMA_FTYPE_MOSTLY_Q8_0:
      return GGML_TYPE_Q8_0;
    default:
      return std::nullopt;
  }
}

bool is_float(ElementType type) {
  return type == ElementType::kF64 || type == ElementType::kF32 || type == ElementType::kF16 ||
         type == ElementType::kBf16;
}

/// An open folder whose tensors are all there and have the right shapes.
struct Weights {
  explicit Weights(const fs::path& folder)
      : config(read_llama_config(folder)), source(open_tensor_source(folder)) {
    ExpectedTensors expected;
    for (const LlamaTensor& tensor : llama_tensors(config))
      expected[tensor.source] = tensor.shape;
    check_tensors(
        source, expected,
        [this](const std::string& name) { return is_unused_llama_tensor(name, config); },
        "a LLaMA");
    for (const auto& [name, shape] : expected)
      if (const ElementType type = source.tensor(name).type; !is_float(type))
        throw Error(ErrorKind::kModel, folder.string() + ": tensor " + name + " holds " +
                                           element_type_name(type) +
                                           " values; fetch weights that are not quantised");
  }

  LlamaConfig config;
  TensorSource source;
};

void check_delta(const Weights& base, const Weights& delta) {
  const auto compare = [&](const char* what, std::int64_t of_base, std::int64_t of_delta) {
    if (of_base != of_delta)
      throw Error(ErrorKind::kModel,
                  delta.source.path().string() + ": is no delta of this base: " + what + " is " +
                      std::to_string(of_delta) + ", the base's is " + std::to_string(of_base));
  };
  const LlamaConfig& a = base.config;
  const LlamaConfig& b = delta.config;
  compare("num_hidden_layers", a.n_layers, b.n_layers);
  compare("hidden_size", a.n_embd, b.n_embd);
  compare("intermediate_size", a.n_ff, b.n_ff);
  compare("num_attention_heads", a.n_heads, b.n_heads);
  compare("num_key_value_heads", a.n_kv_heads, b.n_kv_heads);
  compare("the heads' width", a.head_dim, b.head_dim);
  compare("tie_word_embeddings", a.tied, b.tied);
  if (a.n_vocab > b.n_vocab) compare("vocab_size", a.n_vocab, b.n_vocab);
}

/// As torch's .half() does: to the nearest, ties to even.
void round_to_half(std::span<float> values) {
  std::vector<ggml_fp16_t> halves(values.size());
  const auto count = static_cast<std::int64_t>(values.size());
  ggml_fp32_to_fp16_row(values.data(), halves.data(), count);
  ggml_fp16_to_fp32_row(halves.data(), values.data(), count);
}

/// "6.7B": the number of weights as llama.cpp's converter writes it, with two digits at least.
std::string size_label(std::int64_t n_weights) {
  constexpr std::pair<double, char> kUnits[] = {{1e12, 'T'}, {1e9, 'B'}, {1e6, 'M'}, {1e3, 'K'}};
  const auto* unit = kUnits;
  while (unit->second != 'K' && static_cast<double>(n_weights) <= unit->first)
    ++unit;
  const double scaled = static_cast<double>(n_weights) / unit->first;
  const double whole = std::nearbyint(scaled);
  const int decimals = whole < 1 ? 2 : whole < 10 ? 1 : 0;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f%c", decimals, scaled, unit->second);
  return text.data();
}

/// The last part of a folder's name, also where it is given as "." or "vicuna/".
std::string folder_name(const fs::path& folder) {
  return fs::weakly_canonical(folder).filename().string();
}

class Conversion {
 public:
  Conversion(const fs::path& folder, const VicunaConversion& options)
      : options_(options),
        base_(folder),
        config_(base_.config),
        tokenizer_folder_(folder),
        n_threads_(options.n_threads > 0 ? options.n_threads : default_thread_count()) {
    if (options.delta.empty()) return;
    delta_.emplace(options.delta);
    check_delta(base_, *delta_);
    config_.n_vocab = delta_->config.n_vocab;
    if (fs::exists(options.delta / "tokenizer.model")) tokenizer_folder_ = options.delta;
  }

  void run(const fs::path& output) {
    if (const auto type = direct_type(options_.type)) return write(output, *type, options_.type);
    const bool is_bf16 = source().tensor("model.norm.weight").type == ElementType::kBf16;
    fs::path name = output;
    const PendingFile halves(name += is_bf16 ? ".bf16" : ".f16");
    write(halves.temporary(), is_bf16 ? GGML_TYPE_BF16 : GGML_TYPE_F16,
          is_bf16 ? LLAMA_FTYPE_MOSTLY_BF16 : LLAMA_FTYPE_MOSTLY_F16);
    QuantizeOptions quantize;
    quantize.type = options_.type;
    quantize.n_threads = n_threads_;
    quantize.on_tensor = options_.on_quantized;
    quantize_llm(halves.temporary(), output, quantize);
  }

 private:
  const TensorSource& source() const { return base_.source; }

  void write(const fs::path& output, ggml_type type, llama_ftype file_type) {
    GgufWriter writer;
    const std::vector<LlamaTensor> tensors = llama_tensors(config_);
    add_metadata(&writer, tensors, file_type);
    read_llama_vocabulary(tokenizer_folder_, config_.n_vocab).write_to(&writer);
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    for (const LlamaTensor& tensor : tensors)
      add_tensor(&writer, tensor, type, [&](ByteView part) {
        done += part.size();
        if (options_.on_progress) options_.on_progress(done, total);
      });
    total = writer.file_size();
    writer.write(output);
    if (options_.on_progress) options_.on_progress(total, total);
  }

  void add_metadata(GgufWriter* writer, const std::vector<LlamaTensor>& tensors,
                    llama_ftype file_type) const {
    std::int64_t n_weights = 0;
    for (const LlamaTensor& tensor : tensors)
      n_weights += tensor.shape.front() * (tensor.shape.size() > 1 ? tensor.shape.back() : 1);
    const fs::path named = options_.delta.empty() ? source().path() : options_.delta;
    writer->set_str("general.type", "model");
    writer->set_str("general.name", options_.name.empty() ? folder_name(named) : options_.name);
    writer->set_str("general.size_label", size_label(n_weights));
    if (!options_.license.empty()) writer->set_str("general.license", options_.license);
    if (!options_.source.empty()) writer->set_str("general.source.url", options_.source);
    writer->set_u32("general.file_type", file_type);
    writer->set_u32("general.quantization_version", GGML_QNT_VERSION);
    set_llama_metadata(writer, config_);
  }

  /// `count` is told of every part that is written.
  void add_tensor(GgufWriter* writer, const LlamaTensor& tensor, ggml_type type,
                  std::function<void(ByteView)> count) const {
    const std::int64_t width = tensor.shape.back();
    const bool is_matrix = tensor.shape.size() > 1;
    if (!is_matrix) type = GGML_TYPE_F32;
    if (width % ggml_blck_size(type) != 0) type = GGML_TYPE_F16;  // as llama.cpp's converter
    const TensorShape shape(tensor.shape.rbegin(), tensor.shape.rend());
    const auto produce = [=, this](const GgufWriter::TensorSink& sink) {
      const RowStream stream{
          .name = source().path().string() + ": tensor " + tensor.source,
          .n_rows = is_matrix ? tensor.shape.front() : 1,
          .row_length = width,
          .read = [&](std::int64_t first, std::span<float> rows) { read(tensor, first, rows); }};
      stream_rows(stream, type, n_threads_, [&](ByteView part) {
        sink(part);
        count(part);
      });
      for (const Weights* weights : {&base_, delta_ ? &*delta_ : nullptr})
        if (weights) weights->source.release(weights->source.tensor(tensor.source).data);
    };
    writer->add_streamed(tensor.name, type, shape, produce);
  }

  /// Rows of llama.cpp's matrix from `first` on.
  void read(const LlamaTensor& tensor, std::int64_t first, std::span<float> rows) const {
    if (!tensor.is_rotated) return read_run(tensor, first, rows);
    const std::size_t width = tensor.shape.back();
    for (std::size_t at = 0; at < rows.size(); at += width, ++first)
      read_run(tensor, rope_source_row(first, config_.head_dim), rows.subspan(at, width));
  }

  /// Rows of transformers' matrix from `first` on, with the delta added.
  void read_run(const LlamaTensor& tensor, std::int64_t first, std::span<float> rows) const {
    const SourceTensor& of_base = source().tensor(tensor.source);
    const std::int64_t begin = first * tensor.shape.back();
    if (!delta_) return read_values(source(), of_base, tensor, begin, rows);
    const SourceTensor& of_delta = delta_->source.tensor(tensor.source);
    read_values(delta_->source, of_delta, tensor, begin, rows);
    if (of_delta.type != ElementType::kF16) round_to_half(rows);
    const std::int64_t n_base = std::max<std::int64_t>(of_base.n_elements() - begin, 0);
    std::vector<float> values(rows.size());  // zeros in rows that the base lacks
    const std::span<float> found =
        std::span(values).first(std::min(rows.size(), static_cast<std::size_t>(n_base)));
    if (!found.empty()) read_values(source(), of_base, tensor, begin, found);
    if (of_base.type != ElementType::kF16) round_to_half(found);
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i] += values[i];
    round_to_half(rows);
  }

  /// Rotated tensors are read row by row, and given back as a whole.
  static void read_values(const TensorSource& source, const SourceTensor& values,
                          const LlamaTensor& tensor, std::int64_t begin, std::span<float> out) {
    if (tensor.is_rotated)
      values.read_f32(begin, out);
    else
      source.read_f32(values, begin, out);
  }

  const VicunaConversion& options_;
  Weights base_;
  std::optional<Weights> delta_;
  LlamaConfig config_;
  fs::path tokenizer_folder_;
  int n_threads_;
};

/// An output among the input's files may replace an earlier output, and nothing else.
void check_output(const fs::path& folder, const fs::path& output) {
  std::error_code code;
  const fs::path parent = output.has_parent_path() ? output.parent_path() : ".";
  if (!fs::equivalent(parent, folder, code) || !fs::exists(output)) return;
  if (output.extension() != ".gguf")
    throw Error(ErrorKind::kUsage,
                output.string() + ": the output would replace a part of the input");
}

}  // namespace

void convert_vicuna(const fs::path& folder, const fs::path& output,
                    const VicunaConversion& conversion) {
  check_output(folder, output);
  if (!conversion.delta.empty()) check_output(conversion.delta, output);
  Conversion(folder, conversion).run(output);
}

}  // namespace pandagpt
