#include "convert/panda_delta.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "convert/llama_config.h"
#include "convert/llama_tensors.h"
#include "convert/tensor_check.h"
#include "convert/tensor_stream.h"
#include "encoders/encoder_keys.h"
#include "pandagpt/error.h"
#include "tensor/panda_weights.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

// code/config/openllama_peft.yaml
constexpr int kReferenceRank = 32;
constexpr float kReferenceAlpha = 32;

constexpr const char* kArchitecture = "llama";
// What peft, the reference's class and DeepSpeed put before the names that transformers knows.
constexpr std::array<std::string_view, 5> kWrappers = {"state_dict", "module", "llama_model",
                                                       "base_model", "model"};
constexpr std::string_view kLoraEnd = ".default.weight";  // peft's name if none is given
constexpr const char* kFullPrefix = "llama_model.base_model.model.model.";

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kModel, path.string() + ": " + what);
}

std::string_view without_wrappers(std::string_view name) {
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view wrapper : kWrappers) {
      if (!name.starts_with(wrapper) || name.substr(wrapper.size(), 1) != ".") continue;
      name.remove_prefix(wrapper.size() + 1);
      found = true;
    }
  }
  return name;
}

/// "llama_model.base_model.model.model.layers.3.self_attn.q_proj.lora_A.default.weight" ->
/// "layers.3.self_attn.q_proj.lora_A.weight".
std::string plain_name(std::string_view name) {
  std::string plain(without_wrappers(name));
  if (plain.find(".lora_") != std::string::npos && plain.ends_with(kLoraEnd))
    plain.replace(plain.size() - kLoraEnd.size(), kLoraEnd.size(), ".weight");
  return plain;
}

std::map<std::string, std::string> plain_names(const TensorSource& source) {
  std::map<std::string, std::string> names;
  for (const auto& [name, tensor] : source.tensors()) {
    const auto [at, is_new] = names.emplace(plain_name(name), name);
    if (!is_new) fail(source.path(), "holds both " + at->second + " and " + name);
  }
  return names;
}

int size_of(const GgufFile& file, const std::string& key) {
  const std::uint32_t value = file.get_u32(key);
  if (value == 0 || value > std::numeric_limits<int>::max())
    fail(file.path(), key + " is " + std::to_string(value));
  return static_cast<int>(value);
}

/// What the names and shapes of a LLaMA's tensors depend on.
LlamaConfig read_sizes(const GgufFile& llm) {
  const std::string architecture = llm.get_str("general.architecture");
  if (architecture != kArchitecture)
    fail(llm.path(), "is of the architecture '" + architecture + "', PandaGPT's delta is for '" +
                         kArchitecture + "' (LLaMA, Vicuna)");
  const auto size = [&](const std::string& key, int otherwise = 0) {
    return otherwise > 0 && !llm.has("llama." + key) ? otherwise : size_of(llm, "llama." + key);
  };
  LlamaConfig config;
  config.n_layers = size("block_count");
  config.n_embd = size("embedding_length");
  config.n_heads = size("attention.head_count");
  config.n_kv_heads = size("attention.head_count_kv", static_cast<int>(config.n_heads));
  config.head_dim = size("attention.key_length", static_cast<int>(config.n_embd / config.n_heads));
  config.n_ctx = size("context_length");
  if (config.n_layers > static_cast<std::int64_t>(llm.tensors().size()))
    fail(llm.path(), "lacks tensors of its " + std::to_string(config.n_layers) + " layers");
  if (config.head_dim % 2 != 0)
    fail(llm.path(), "has heads of " + std::to_string(config.head_dim) + " values, an odd number");
  return config;
}

float checked_alpha(const std::optional<float>& alpha, int rank) {
  const float value = alpha.value_or(kReferenceAlpha);
  if (!std::isfinite(value) || value <= 0)
    throw Error(ErrorKind::kUsage, "LoRA's alpha must be a number above 0");
  if (!alpha && rank != kReferenceRank)
    spdlog::warn(
        "the checkpoint's LoRA has r = {}, PandaGPT's is {}; alpha {} was assumed, which "
        "only its training knows (--lora-alpha)",
        rank, kReferenceRank, kReferenceAlpha);
  return value;
}

}  // namespace

PandaDelta::PandaDelta(const fs::path& checkpoint, const fs::path& llm,
                       const PandaDeltaOptions& options)
    : source_(open_tensor_source(checkpoint)), options_(options), names_(plain_names(source_)) {
  match(GgufFile(llm));
  if (!options.encoders.empty()) {
    const GgufFile encoders(options.encoders);
    const int width = size_of(encoders, encoder_keys::kEmbeddingLength);
    if (width != n_in_)
      fail(options.encoders, "its embeddings have " + std::to_string(width) + " numbers, " +
                                 source_.path().string() + " takes " + std::to_string(n_in_));
  }
  alpha_ = checked_alpha(options.lora_alpha, rank_);
  check_values();
}

void PandaDelta::match(const GgufFile& llm) {
  const LlamaConfig config = read_sizes(llm);
  n_embd_ = static_cast<int>(config.n_embd);
  n_ctx_train_ = static_cast<int>(config.n_ctx);
  match_projector();
  for (const LlamaTensor& weight : llama_tensors(config)) {
    if (weight.source.find(".self_attn.") == std::string::npos) continue;
    llm.require_tensor(weight.name, TensorShape(weight.shape.rbegin(), weight.shape.rend()));
    match_lora(weight, weight.is_rotated ? config.head_dim : 0);
  }
  check_tensors(
      source_, expected_, [](const std::string&) { return false; },
      "PandaGPT's delta for " + llm.path().filename().string());
}

void PandaDelta::match_projector() {
  const auto weight = names_.find(projector_keys::kWeight);
  const auto lora = std::ranges::find_if(
      names_, [](const auto& name) { return name.first.ends_with(".lora_A.weight"); });
  if (weight == names_.end() || lora == names_.end())
    fail(source_.path(), std::string("is no delta checkpoint of PandaGPT: holds no ") +
                             (weight == names_.end() ? projector_keys::kWeight : "*.lora_A.*"));
  const std::vector<std::int64_t>& shape = source_.tensor(weight->second).shape;
  const std::vector<std::int64_t>& lora_shape = source_.tensor(lora->second).shape;
  const auto fits = [](std::int64_t size) { return size >= 1 && size <= kMaxProjectorSize; };
  if (shape.size() != 2 || !fits(shape[1]) || lora_shape.size() != 2 || !fits(lora_shape[0]))
    fail(source_.path(), weight->second + " " + shape_text(shape) + " or " + lora->second + " " +
                             shape_text(lora_shape) + " is no matrix of a usable size");
  n_in_ = static_cast<int>(shape[1]);
  rank_ = static_cast<int>(lora_shape[0]);
  projector_ = {{projector_keys::kWeight, expect(projector_keys::kWeight, {n_embd_, n_in_})},
                {projector_keys::kBias, expect(projector_keys::kBias, {n_embd_})}};
}

void PandaDelta::match_lora(const LlamaTensor& weight, std::int64_t head_size) {
  const std::string plain = plain_name(weight.source);
  const std::string module = plain.substr(0, plain.rfind('.'));
  adapter_.push_back({weight.name + adapter_keys::kSuffixA,
                      expect(module + ".lora_A.weight", {rank_, weight.shape[1]})});
  adapter_.push_back({weight.name + adapter_keys::kSuffixB,
                      expect(module + ".lora_B.weight", {weight.shape[0], rank_}), head_size});
}

/// The name in the checkpoint, or the usual one if it is missing there.
std::string PandaDelta::expect(const std::string& name, std::vector<std::int64_t> shape) {
  const auto found = names_.find(name);
  std::string source = found != names_.end() ? found->second : name;
  if (found == names_.end() && name.find(".lora_") != std::string::npos)
    source = kFullPrefix + name.substr(0, name.rfind('.')).append(kLoraEnd);
  expected_[source] = std::move(shape);
  return source;
}

/// A file that can't be written is better known before another one has been.
void PandaDelta::check_values() const {
  for (const std::vector<Part>* parts : {&projector_, &adapter_})
    for (const Part& part : *parts)
      stream(part, GGML_TYPE_F32, [](ByteView) {});
}

void PandaDelta::stream(const Part& part, ggml_type type,
                        const GgufWriter::TensorSink& sink) const {
  const SourceTensor& tensor = source_.tensor(part.source);
  const std::int64_t columns = tensor.shape.back();
  const auto read = [&](std::int64_t first, std::span<float> rows) {
    if (part.head_size == 0) return tensor.read_f32(first * columns, rows);
    for (std::size_t at = 0; at < rows.size(); at += static_cast<std::size_t>(columns), ++first)
      tensor.read_f32(rope_source_row(first, part.head_size) * columns,
                      rows.subspan(at, static_cast<std::size_t>(columns)));
  };
  stream_rows({.name = source_.path().string() + ": tensor " + part.source,
               .n_rows = tensor.n_elements() / columns,
               .row_length = columns,
               .read = read},
              type, /*n_threads=*/1, sink);
  source_.release(tensor.data);
}

void PandaDelta::add(GgufWriter* writer, const Part& part) const {
  const SourceTensor& tensor = source_.tensor(part.source);
  // Vectors stay f32: they are small, and ggml adds them in that type.
  const bool is_half = tensor.type == ElementType::kF16 && tensor.shape.size() > 1;
  const ggml_type type = is_half ? GGML_TYPE_F16 : GGML_TYPE_F32;
  writer->add_streamed(part.name, type, TensorShape(tensor.shape.rbegin(), tensor.shape.rend()),
                       [this, &part, type](const auto& sink) { stream(part, type, sink); });
}

GgufWriter PandaDelta::make_writer() const {
  GgufWriter writer;
  writer.set_str("general.name", options_.name);
  writer.set_str("general.license", options_.license);
  if (!options_.source.empty()) writer.set_str("general.source.url", options_.source);
  return writer;
}

void PandaDelta::write_projector(const fs::path& path) const {
  GgufWriter writer = make_writer();
  set_projector_metadata(&writer, {.n_image_tokens = 1,
                                   .n_in = static_cast<std::uint32_t>(n_in_),
                                   .n_embd = static_cast<std::uint32_t>(n_embd_)});
  for (const Part& part : projector_)
    add(&writer, part);
  writer.write(path);
}

void PandaDelta::write_adapter(const fs::path& path) const {
  GgufWriter writer = make_writer();
  set_adapter_metadata(&writer, kArchitecture, alpha_);
  for (const Part& part : adapter_)
    add(&writer, part);
  writer.write(path);
}

}  // namespace pandagpt
