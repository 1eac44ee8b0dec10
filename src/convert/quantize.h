// Language models in fewer bits, by llama.cpp's quantiser.
#pragma once

#include <ggml.h>
#include <llama.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pandagpt {

/// llama.cpp's mixture of tensor types.
using LlmFileType = llama_ftype;

/// A mixture of tensor types that llama.cpp has a name for.
struct FileType {
  const char* name;  ///< lower case
  llama_ftype type;
  double gib_7b;  ///< size of a 7B LLaMA's file
};

/// All that llama.cpp writes, the largest first.
std::span<const FileType> file_types();
/// By name, in any case; also the short names q3_k, q4_k and q5_k for the middle ones.
std::optional<llama_ftype> find_file_type(std::string_view name);
/// The type's name in the list.
std::string file_type_name(llama_ftype type);

/// A tensor type by name, in any case, if values can be stored in it without an importance matrix.
std::optional<ggml_type> find_tensor_type(std::string_view name);

struct QuantizeOptions {
  llama_ftype type = LLAMA_FTYPE_MOSTLY_Q4_K_M;
  int n_threads = 0;                             ///< 0: default_thread_count()
  std::optional<ggml_type> output_type = {};     ///< of output.weight, instead of the mixture's
  std::optional<ggml_type> embedding_type = {};  ///< of token_embd.weight
  bool pure = false;                             ///< the same type for all matrices, no mixture
  bool leave_output = false;                     ///< output.weight stays as it is
  bool allow_requantize = false;                 ///< the input may be quantised already
  /// llama.cpp's importance matrix (GGUF); empty: none. Types of fewer than 3 bits need one.
  std::filesystem::path imatrix = {};
  /// Told how many tensors are done, of how many. What it throws (derived from std::exception) ends
  /// the work.
  std::function<void(int done, int total)> on_tensor = {};
};

struct QuantizeResult {
  std::uint64_t bytes_before = 0;  ///< size of the input file
  std::uint64_t bytes_after = 0;
};

/// Writes `input` in another type to `output`, whole or not at all. Needs about 400 MB of memory
/// whatever the model's size. Throws Error(kUsage): the same file twice, a type that needs an
/// importance matrix, or one that doesn't fit the model's width; Error(kModel): not a language
/// model, damaged, or quantised already without `allow_requantize`; Error(kInternal): the disk.
QuantizeResult quantize_llm(const std::filesystem::path& input, const std::filesystem::path& output,
                            const QuantizeOptions& options);

}  // namespace pandagpt
