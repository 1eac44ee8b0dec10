// The two weight files that training PandaGPT gives, besides what it starts from: projector.gguf,
// and adapter.gguf in llama.cpp's LoRA format. One definition for the trainer and the converter,
// which write them, and for the programs that read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/gguf_file.h"

namespace pandagpt {

/// GGUF keys and tensor names of projector.gguf. `llama_proj.weight` is
/// (n_image_tokens * n_embd, n_in) row-major, `llama_proj.bias` (n_image_tokens * n_embd).
namespace projector_keys {
inline constexpr const char* kArchitecture = "pandagpt-projector";
inline constexpr const char* kImageTokens = "pandagpt.projector.n_image_tokens";  // u32
inline constexpr const char* kIn = "pandagpt.projector.n_in";                     // u32
inline constexpr const char* kEmbd = "pandagpt.projector.n_embd";                 // u32
inline constexpr const char* kWeight = "llama_proj.weight";
inline constexpr const char* kBias = "llama_proj.bias";
}  // namespace projector_keys

/// The part of projector.gguf that may be missing: a lexicon of N names, each n_words embeddings of
/// the language model's tokens. An input e becomes, beside the projector's own embeddings, those of
/// the names in the shares softmax(K e + c). `lexicon.keys.weight` K is (N, n_in) row-major,
/// `lexicon.keys.bias` c (N), `lexicon.words` (N, n_words * n_embd).
namespace lexicon_keys {
inline constexpr const char* kWords = "pandagpt.lexicon.n_words";  // u32
inline constexpr const char* kNames = "pandagpt.lexicon.names";    // str[N]
inline constexpr const char* kKeysWeight = "lexicon.keys.weight";
inline constexpr const char* kKeysBias = "lexicon.keys.bias";
inline constexpr const char* kWordsTensor = "lexicon.words";
}  // namespace lexicon_keys

/// GGUF keys and tensor names of a LoRA adapter (llama.cpp's src/llama-adapter.cpp). The tensor
/// NAME of the language model becomes NAME + scale * alpha / r * B A, with `NAME.lora_a`, A: (r,
/// columns) row-major, and `NAME.lora_b`, B: (rows, r).
namespace adapter_keys {
inline constexpr const char* kGeneralType = "general.type";  // str
inline constexpr const char* kAdapter = "adapter";           // its value
inline constexpr const char* kType = "adapter.type";         // str
inline constexpr const char* kLora = "lora";                 // its value
inline constexpr const char* kAlpha = "adapter.lora.alpha";  // f32; 0: alpha / r is 1
inline constexpr const char* kInvocationTokens = "adapter.alora.invocation_tokens";
inline constexpr const char* kSuffixA = ".lora_a";
inline constexpr const char* kSuffixB = ".lora_b";
}  // namespace adapter_keys

/// Sizes of a projector, each from 1 to kMaxProjectorSize, which keeps products far from overflow.
inline constexpr std::uint32_t kMaxProjectorSize = 1U << 16;
struct ProjectorSizes {
  std::uint32_t n_image_tokens = 1;
  std::uint32_t n_in = 0;
  std::uint32_t n_embd = 0;
};

inline constexpr std::uint32_t kMaxLexiconWords = 64;
/// What a projector file's lexicon_keys::kNames and kWords say; throws Error(kModel) if they are
/// empty or too large. Without them there is no lexicon.
struct LexiconSizes {
  std::vector<std::string> names;
  std::uint32_t n_words = 0;
};
std::optional<LexiconSizes> read_lexicon_sizes(const GgufFile& file);
void set_lexicon_metadata(GgufWriter* writer, const LexiconSizes& sizes);

/// The metadata of projector.gguf; the two tensors are the caller's.
void set_projector_metadata(GgufWriter* writer, const ProjectorSizes& sizes);

/// The metadata of adapter.gguf for a language model of `architecture` ("llama").
void set_adapter_metadata(GgufWriter* writer, const std::string& architecture, float alpha);

}  // namespace pandagpt
