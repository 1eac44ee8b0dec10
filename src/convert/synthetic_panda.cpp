#include "convert/synthetic_panda.h"

#include <llama.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "convert/llama_tensors.h"
#include "convert/llama_vocabulary.h"
#include "core/file.h"
#include "encoders/encoder_keys.h"
#include "encoders/imagebind_tensors.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "tensor/panda_weights.h"

namespace pandagpt {
namespace {

constexpr float kDeviation = 0.02F;  // of LLaMA's and ViT's initial weights
constexpr std::int64_t kTileRows = 64;

/// Rows of random numbers, quantised once for each type and length and then written over and over:
/// quantising billions of numbers anew would take many minutes and change no measurement.
class Tiles {
 public:
  const Bytes& rows(ggml_type type, std::int64_t row_length) {
    Bytes& tile = tiles_[{type, row_length}];
    if (!tile.empty()) return tile;
    std::vector<float> values(static_cast<std::size_t>(kTileRows * row_length));
    std::mt19937 generator(static_cast<unsigned>(row_length));
    std::normal_distribution<float> normal(0, kDeviation);
    std::ranges::generate(values, [&] { return normal(generator); });
    tile.resize(static_cast<std::size_t>(kTileRows) * ggml_row_size(type, row_length));
    ggml_quantize_chunk(type, values.data(), tile.data(), 0, kTileRows, row_length, nullptr);
    return tile;
  }

 private:
  std::map<std::pair<ggml_type, std::int64_t>, Bytes> tiles_;
};

/// A file of random tensors.
class RandomFile {
 public:
  explicit RandomFile(const SyntheticPanda& panda) : panda_(panda) {}

  GgufWriter* writer() { return &writer_; }

  void add_matrix(const std::string& name, ggml_type type, std::int64_t row_length,
                  std::int64_t n_rows) {
    if (row_length % ggml_blck_size(type) != 0) type = GGML_TYPE_F32;
    writer_.add_streamed(
        name, type, {row_length, n_rows}, [=, this](const GgufWriter::TensorSink& sink) {
          const Bytes& tile = tiles_.rows(type, row_length);
          const std::size_t row = ggml_row_size(type, row_length);
          std::int64_t left = n_rows;
          for (; left > 0; left -= kTileRows)
            write(sink, ByteView(tile).first(row * std::min<std::int64_t>(left, kTileRows)));
        });
  }

  void add_constant(const std::string& name, TensorShape shape, float value) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape)
      count *= size;
    writer_.add_f32(name, shape, std::vector<float>(static_cast<std::size_t>(count), value));
  }

  void save(const std::filesystem::path& path) {
    total_ = writer_.file_size();
    writer_.write(path);
    if (panda_.on_progress) panda_.on_progress(total_, total_);
  }

 private:
  void write(const GgufWriter::TensorSink& sink, ByteView part) {
    sink(part);
    done_ += part.size();
    if (panda_.on_progress && done_ < total_) panda_.on_progress(done_, total_);
  }

  const SyntheticPanda& panda_;
  GgufWriter writer_;
  Tiles tiles_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

/// Bytes, and the words of the prompt and of plain questions with all that the tokeniser joins them
/// from, so that a question has about as many tokens as with LLaMA's own vocabulary.
LlamaVocabulary synthetic_vocabulary(std::int64_t n_rows) {
  constexpr std::string_view kSpace = "\xE2\x96\x81";  // SentencePiece's mark for a space
  constexpr std::array kWords{"###",   "Human", "Assistant", "<Img>", "</Img>",   "What", "is",
                              "in",    "the",   "picture",   "image", "Describe", "this", "Tell",
                              "about", "what",  "you",       "see",   "hear",     "and",  "a"};
  LlamaVocabulary vocabulary;
  std::set<std::string> known;
  const auto add = [&](std::string token, float score, llama_token_type type) {
    if (!known.insert(token).second) return;
    vocabulary.tokens.push_back(std::move(token));
    vocabulary.scores.push_back(score);
    vocabulary.types.push_back(type);
  };
  add("<unk>", 0, LLAMA_TOKEN_TYPE_UNKNOWN);
  add("<s>", 0, LLAMA_TOKEN_TYPE_CONTROL);
  add("</s>", 0, LLAMA_TOKEN_TYPE_CONTROL);
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte)
    add(std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">", 0, LLAMA_TOKEN_TYPE_BYTE);
  add(std::string(kSpace), -1, LLAMA_TOKEN_TYPE_NORMAL);
  for (const std::string_view word : kWords)
    for (std::size_t length = 1; length <= word.size(); ++length) {
      const std::string part(word.substr(0, length));
      add(part, -10.0F - static_cast<float>(length), LLAMA_TOKEN_TYPE_NORMAL);
      add(std::string(kSpace) + part, -5.0F - static_cast<float>(length), LLAMA_TOKEN_TYPE_NORMAL);
    }
  for (std::int64_t i = 0; static_cast<std::int64_t>(known.size()) < n_rows; ++i)
    add(std::string(kSpace) + "w" + std::to_string(i), -1000, LLAMA_TOKEN_TYPE_NORMAL);
  if (static_cast<std::int64_t>(known.size()) > n_rows)
    throw Error(ErrorKind::kUsage,
                "the synthetic vocabulary needs " + std::to_string(known.size()) + " tokens");
  vocabulary.unk = 0;
  vocabulary.bos = 1;
  vocabulary.eos = 2;
  return vocabulary;
}

/// The tensor types of llama.cpp's Q4_K_M (llama-quant.cpp): of attn_v and ffn_down, the first and
/// last eighth of the layers and every third between them are finer, as is the output.
ggml_type q4_k_m_type(const std::string& name, std::int64_t n_layers) {
  if (name == "output.weight") return GGML_TYPE_Q6_K;
  const bool is_fine =
      name.find("attn_v.") != std::string::npos || name.find("ffn_down.") != std::string::npos;
  if (!is_fine) return GGML_TYPE_Q4_K;
  const std::int64_t layer = std::stoll(name.substr(std::string_view("blk.").size()));
  const std::int64_t eighth = n_layers / 8;
  const bool more_bits = layer < eighth || layer >= 7 * n_layers / 8 || (layer - eighth) % 3 == 2;
  return more_bits ? GGML_TYPE_Q6_K : GGML_TYPE_Q4_K;
}

LlamaConfig llama_of(std::int64_t n_layers, std::int64_t n_embd, std::int64_t n_ff,
                     std::int64_t n_heads) {
  LlamaConfig config;
  config.n_layers = n_layers;
  config.n_embd = n_embd;
  config.n_ff = n_ff;
  config.n_heads = config.n_kv_heads = n_heads;
  config.head_dim = n_embd / n_heads;
  config.n_vocab = 32000;
  return config;
}

}  // namespace

LlamaConfig llama_7b() {
  return llama_of(32, 4096, 11008, 32);
}

LlamaConfig llama_13b() {
  return llama_of(40, 5120, 13824, 40);
}

void write_synthetic_llm(const SyntheticPanda& panda, const std::filesystem::path& path) {
  RandomFile file(panda);
  set_llama_metadata(file.writer(), panda.llm);
  file.writer()->set_str("general.name", "random weights of a LLaMA's shapes");
  file.writer()->set_u32("general.file_type", LLAMA_FTYPE_MOSTLY_Q4_K_M);
  file.writer()->set_u32("general.quantization_version", GGML_QNT_VERSION);
  synthetic_vocabulary(panda.llm.n_vocab).write_to(file.writer());
  for (const LlamaTensor& tensor : llama_tensors(panda.llm)) {
    if (tensor.shape.size() == 1)
      file.add_constant(tensor.name, {tensor.shape.front()}, 1);
    else
      file.add_matrix(tensor.name, q4_k_m_type(tensor.name, panda.llm.n_layers),
                      tensor.shape.back(), tensor.shape.front());
  }
  file.save(path);
}

void write_synthetic_encoders(const SyntheticPanda& panda, const std::filesystem::path& path) {
  RandomFile file(panda);
  file.writer()->set_str(encoder_keys::kArchitecture, encoder_keys::kEncodersArchitecture);
  file.writer()->set_u32(encoder_keys::kFormatVersion, encoder_keys::kEncoderFormatVersion);
  file.writer()->set_u32(encoder_keys::kEmbeddingLength,
                         static_cast<std::uint32_t>(panda.towers.front().n_embd));
  for (const TowerConfig& config : panda.towers)
    write_tower_config(*file.writer(), config);
  for (const TowerConfig& config : panda.towers)
    for (const ImageBindTensor& tensor : imagebind_tensors(config)) {
      if (tensor.shape.size() == 2)
        file.add_matrix(tensor.name, tensor.is_matrix ? GGML_TYPE_Q8_0 : GGML_TYPE_F32,
                        tensor.shape.front(), tensor.shape.back());
      else  // scales of norms, and biases
        file.add_constant(tensor.name, tensor.shape, tensor.name.ends_with("norm.weight") ? 1 : 0);
    }
  file.save(path);
}

void write_synthetic_projector(const SyntheticPanda& panda, const std::filesystem::path& path) {
  RandomFile file(panda);
  const std::int64_t n_in = panda.towers.front().n_embd;
  set_projector_metadata(file.writer(), {.n_image_tokens = 1,
                                         .n_in = static_cast<std::uint32_t>(n_in),
                                         .n_embd = static_cast<std::uint32_t>(panda.llm.n_embd)});
  file.add_matrix(projector_keys::kWeight, GGML_TYPE_F16, n_in, panda.llm.n_embd);
  file.add_constant(projector_keys::kBias, {panda.llm.n_embd}, 0);
  file.save(path);
}

void write_synthetic_adapter(const SyntheticPanda& panda, const std::filesystem::path& path) {
  RandomFile file(panda);
  set_adapter_metadata(file.writer(), "llama", panda.lora_alpha);
  for (const LlamaTensor& tensor : llama_tensors(panda.llm)) {
    if (tensor.source.find("self_attn.") == std::string::npos) continue;
    file.add_matrix(tensor.name + adapter_keys::kSuffixA, GGML_TYPE_F16, tensor.shape.back(),
                    panda.lora_rank);
    file.add_matrix(tensor.name + adapter_keys::kSuffixB, GGML_TYPE_F16, panda.lora_rank,
                    tensor.shape.front());
  }
  file.save(path);
}

}  // namespace pandagpt
