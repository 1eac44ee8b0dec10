#include "convert/llama_config.h"

#include <cmath>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxJsonBytes = 16U << 20;
constexpr int kMaxJsonDepth = 16;

// llama.cpp's own limits (LLAMA_MAX_LAYERS), and sizes that no LLaMA has.
constexpr std::int64_t kMaxLayers = 512;
constexpr std::int64_t kMaxHeads = 1024;
constexpr std::int64_t kMaxHeadDim = 4096;
constexpr std::int64_t kMaxWidth = 1 << 18;
constexpr std::int64_t kMaxVocabulary = 1 << 20;
constexpr std::int64_t kMaxContext = 1 << 28;

constexpr char kOtherConverter[] =
    "; llama.cpp's convert_hf_to_gguf.py may convert it, and any GGUF that llama.cpp runs is "
    "accepted";

/// A table of config.json whose fields are checked as they are read.
class Fields {
 public:
  Fields(const nlohmann::json& table, std::string file) : table_(table), file_(std::move(file)) {}

  /// nullptr if the field is missing or null.
  const nlohmann::json* find(const char* name) const {
    const auto found = table_.find(name);
    return found == table_.end() || found->is_null() ? nullptr : &*found;
  }

  std::int64_t integer(const char* name, std::int64_t max,
                       std::optional<std::int64_t> otherwise = {}) const {
    const nlohmann::json* field = find(name);
    if (!field && otherwise) return *otherwise;
    if (!field) fail(std::string("lacks ") + name);
    const bool in_range = field->is_number_integer() && *field >= 1 && *field <= max;
    if (!in_range) fail_value(name, *field, "a whole number from 1 to " + std::to_string(max));
    return field->get<std::int64_t>();
  }

  double positive(const char* name, std::optional<double> otherwise = {}) const {
    const nlohmann::json* field = find(name);
    if (!field && otherwise) return *otherwise;
    if (!field) fail(std::string("lacks ") + name);
    const auto number = field->is_number() ? static_cast<float>(field->get<double>()) : 0.0F;
    if (!(number > 0) || !std::isfinite(number)) fail_value(name, *field, "a positive number");
    return field->get<double>();
  }

  bool flag(const char* name, bool otherwise) const {
    const nlohmann::json* field = find(name);
    if (!field) return otherwise;
    if (!field->is_boolean()) fail_value(name, *field, "true or false");
    return field->get<bool>();
  }

  std::string text(const char* name, const std::string& otherwise) const {
    const nlohmann::json* field = find(name);
    if (!field) return otherwise;
    if (!field->is_string()) fail_value(name, *field, "a text");
    return field->get<std::string>();
  }

  /// A table in this table; nullptr if there is none.
  const nlohmann::json* table(const char* name) const {
    const nlohmann::json* field = find(name);
    if (field && !field->is_object()) fail_value(name, *field, "a table");
    return field;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kModel, file_ + ": " + what);
  }

  const std::string& file() const { return file_; }

 private:
  [[noreturn]] void fail_value(const char* name, const nlohmann::json& value,
                               const std::string& expected) const {
    constexpr std::size_t kMaxShown = 60;
    fail(std::string(name) + " is " + value.dump(-1, ' ', true).substr(0, kMaxShown) +
         ", expected " + expected);
  }

  const nlohmann::json& table_;
  std::string file_;
};

/// transformers 5 has a table of rope_theta and rope_type; before, rope_scaling stood beside
/// rope_theta, and its type was first called type.
void read_rope(const Fields& config, LlamaConfig* result) {
  const nlohmann::json* newer = config.table("rope_parameters");
  const nlohmann::json* scaling = newer ? newer : config.table("rope_scaling");
  result->rope_theta = config.positive("rope_theta", result->rope_theta);
  if (!scaling) return;
  const Fields fields(*scaling, config.file());
  result->rope_theta = fields.positive("rope_theta", result->rope_theta);
  const std::string type = fields.text("rope_type", fields.text("type", "default"));
  if (type == "linear")
    result->rope_factor = fields.positive("factor");
  else if (type != "default")
    config.fail("positions are scaled as \"" + type + "\", which this converter lacks" +
                kOtherConverter);
}

void check_kind(const Fields& config) {
  const std::string type = config.text("model_type", "llama");
  if (type != "llama")
    config.fail("model_type is \"" + type + "\"; this converts LLaMA and Vicuna" + kOtherConverter);
  if (const std::string act = config.text("hidden_act", "silu"); act != "silu")
    config.fail("hidden_act is \"" + act + "\", which LLaMA doesn't have");
  for (const char* bias : {"attention_bias", "mlp_bias"})
    if (config.flag(bias, false))
      config.fail(std::string(bias) + " is true, which this converter lacks" + kOtherConverter);
  if (config.find("quantization_config"))
    config.fail("the weights are quantised already; fetch the 16-bit ones");
}

}  // namespace

nlohmann::json read_json_file(const fs::path& path) {
  return read_strict_json(path, kMaxJsonBytes, kMaxJsonDepth);
}

LlamaConfig read_llama_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  const nlohmann::json document = read_json_file(path);
  const Fields config(document, path.string());
  check_kind(config);
  LlamaConfig result;
  result.n_layers = config.integer("num_hidden_layers", kMaxLayers);
  result.n_embd = config.integer("hidden_size", kMaxWidth);
  result.n_ff = config.integer("intermediate_size", kMaxWidth);
  result.n_heads = config.integer("num_attention_heads", kMaxHeads);
  result.n_kv_heads = config.integer("num_key_value_heads", kMaxHeads, result.n_heads);
  if (result.n_heads % result.n_kv_heads != 0)
    config.fail("num_key_value_heads does not divide num_attention_heads");
  if (!config.find("head_dim") && result.n_embd % result.n_heads != 0)
    config.fail("num_attention_heads does not divide hidden_size");
  result.head_dim = config.integer("head_dim", kMaxHeadDim, result.n_embd / result.n_heads);
  if (result.head_dim % 2 != 0) config.fail("the heads' width is odd");
  result.n_vocab = config.integer("vocab_size", kMaxVocabulary);
  // The first conversions of LLaMA, from before transformers had it, say max_sequence_length.
  result.n_ctx = config.integer("max_position_embeddings", kMaxContext,
                                config.integer("max_sequence_length", kMaxContext, result.n_ctx));
  result.rms_eps = config.positive("rms_norm_eps", result.rms_eps);
  result.tied = config.flag("tie_word_embeddings", false);
  read_rope(config, &result);
  return result;
}

}  // namespace pandagpt
