#include "convert/quantize.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <utility>
#include <vector>

#include "convert/imatrix.h"
#include "core/file.h"
#include "core/threads.h"
#include "llm/llama_log.h"
#include "llm/token_embeddings.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxBufferBytes = 256U << 20;  // of rows at work; llama.cpp's own is 8 GiB
constexpr char kOwnArchitectures[] = "pandagpt-";    // encoders and projectors
constexpr char kOutput[] = "output.weight";

// mxfp4 is used for the experts of mixture models alone.
constexpr std::array kFileTypes = std::to_array<FileType>({
    {"f32", LLAMA_FTYPE_ALL_F32, 25.10},
    {"f16", LLAMA_FTYPE_MOSTLY_F16, 12.55},
    {"bf16", LLAMA_FTYPE_MOSTLY_BF16, 12.55},
    {"q8_0", LLAMA_FTYPE_MOSTLY_Q8_0, 6.67},
    {"mxfp4_moe", LLAMA_FTYPE_MOSTLY_MXFP4_MOE, 6.67},
    {"q6_k", LLAMA_FTYPE_MOSTLY_Q6_K, 5.15},
    {"q5_1", LLAMA_FTYPE_MOSTLY_Q5_1, 4.72},
    {"q5_k_m", LLAMA_FTYPE_MOSTLY_Q5_K_M, 4.45},
    {"q5_k_s", LLAMA_FTYPE_MOSTLY_Q5_K_S, 4.33},
    {"q5_0", LLAMA_FTYPE_MOSTLY_Q5_0, 4.33},
    {"q4_1", LLAMA_FTYPE_MOSTLY_Q4_1, 3.95},
    {"q4_k_m", LLAMA_FTYPE_MOSTLY_Q4_K_M, 3.80},
    {"q4_k_s", LLAMA_FTYPE_MOSTLY_Q4_K_S, 3.59},
    {"iq4_nl", LLAMA_FTYPE_MOSTLY_IQ4_NL, 3.58},
    {"q4_0", LLAMA_FTYPE_MOSTLY_Q4_0, 3.56},
    {"iq4_xs", LLAMA_FTYPE_MOSTLY_IQ4_XS, 3.40},
    {"q3_k_l", LLAMA_FTYPE_MOSTLY_Q3_K_L, 3.35},
    {"q3_k_m", LLAMA_FTYPE_MOSTLY_Q3_K_M, 3.07},
    {"iq3_m", LLAMA_FTYPE_MOSTLY_IQ3_M, 2.90},
    {"q3_k_s", LLAMA_FTYPE_MOSTLY_Q3_K_S, 2.75},
    {"iq3_s", LLAMA_FTYPE_MOSTLY_IQ3_S, 2.75},
    {"iq3_xs", LLAMA_FTYPE_MOSTLY_IQ3_XS, 2.60},
    {"iq3_xxs", LLAMA_FTYPE_MOSTLY_IQ3_XXS, 2.52},
    {"q2_k", LLAMA_FTYPE_MOSTLY_Q2_K, 2.36},
    {"iq2_m", LLAMA_FTYPE_MOSTLY_IQ2_M, 2.20},
    {"q2_k_s", LLAMA_FTYPE_MOSTLY_Q2_K_S, 2.16},
    {"iq2_s", LLAMA_FTYPE_MOSTLY_IQ2_S, 2.05},
    {"iq2_xs", LLAMA_FTYPE_MOSTLY_IQ2_XS, 1.89},
    {"q2_0", LLAMA_FTYPE_MOSTLY_Q2_0, 1.87},
    {"iq2_xxs", LLAMA_FTYPE_MOSTLY_IQ2_XXS, 1.73},
    {"tq2_0", LLAMA_FTYPE_MOSTLY_TQ2_0, 1.72},
    {"iq1_m", LLAMA_FTYPE_MOSTLY_IQ1_M, 1.54},
    {"tq1_0", LLAMA_FTYPE_MOSTLY_TQ1_0, 1.44},
    {"iq1_s", LLAMA_FTYPE_MOSTLY_IQ1_S, 1.42},
    {"q1_0", LLAMA_FTYPE_MOSTLY_Q1_0, 0.97},
});

/// What ggml_quantize_chunk takes without an importance matrix.
constexpr std::array kTensorTypes{
    GGML_TYPE_F32,   GGML_TYPE_F16,  GGML_TYPE_BF16, GGML_TYPE_Q8_0,   GGML_TYPE_Q6_K,
    GGML_TYPE_Q5_K,  GGML_TYPE_Q5_1, GGML_TYPE_Q5_0, GGML_TYPE_Q4_K,   GGML_TYPE_Q4_1,
    GGML_TYPE_Q4_0,  GGML_TYPE_Q3_K, GGML_TYPE_Q2_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS,
    GGML_TYPE_IQ3_S, GGML_TYPE_Q2_0, GGML_TYPE_Q1_0, GGML_TYPE_MXFP4,  GGML_TYPE_TQ2_0,
    GGML_TYPE_TQ1_0};

[[noreturn]] void fail(ErrorKind kind, const fs::path& path, const std::string& what) {
  throw Error(kind, path.string() + ": " + what);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

/// llama.cpp's quantiser would reach an assertion, or do something useless, on what this refuses.
void check_input(const GgufFile& file) {
  const fs::path& path = file.path();
  constexpr char kArchitecture[] = "general.architecture";
  const std::string architecture = file.get_str(kArchitecture);
  if (architecture.starts_with(kOwnArchitectures))
    fail(ErrorKind::kModel, path, "is no language model (" + architecture + ")");
  if (file.has("general.type") && file.get_str("general.type") == "adapter")
    fail(ErrorKind::kModel, path, "is an adapter; merge it into its language model first");
  if (!file.has("tokenizer.ggml.model"))
    fail(ErrorKind::kModel, path, "is no language model (" + architecture + " without vocabulary)");
  const std::string scaling = architecture + ".rope.scaling.type";
  static constexpr std::array kScalings{"none", "linear", "yarn", "longrope"};
  if (file.has(scaling) && std::ranges::find(kScalings, file.get_str(scaling)) == kScalings.end())
    fail(ErrorKind::kModel, path,
         scaling + " is " + file.value_text(scaling) + ", which llama.cpp doesn't know");
}

/// llama.cpp falls back to other types for unfit widths, but not where a type was asked for.
void check_width(const GgufFile& file, const char* name, const std::optional<ggml_type>& type) {
  const GgufTensor* tensor = file.find_tensor(name);
  if (!type || !tensor || tensor->shape.front() % ggml_blck_size(*type) == 0) return;
  fail(ErrorKind::kUsage, file.path(),
       std::string(name) + " has rows of " + std::to_string(tensor->shape.front()) +
           " values, which can't be stored as " + ggml_type_name(*type));
}

class Quantizer {
 public:
  Quantizer(const fs::path& input, const fs::path& output, const QuantizeOptions& options)
      : input_(input), output_(output), options_(options) {
    if (!options.imatrix.empty()) importance_ = read_importance_matrix(options.imatrix);
    for (const auto& [name, values] : importance_)
      entries_.push_back({name.c_str(), values.data(), values.size()});
    entries_.push_back({});
    params_ = llama_model_quantize_default_params();
    params_.ftype = options.type;
    params_.nthread = options.n_threads > 0 ? options.n_threads : default_thread_count();
    if (options.output_type) params_.output_tensor_type = *options.output_type;
    if (options.embedding_type) params_.token_embedding_type = *options.embedding_type;
    params_.pure = options.pure;
    params_.quantize_output_tensor = !options.leave_output;
    params_.allow_requantize = options.allow_requantize;
    params_.max_buf_size = kMaxBufferBytes;
    if (!importance_.empty()) params_.imatrix = entries_.data();
  }

  /// Bytes of the result, about; nothing is written.
  std::uint64_t measure() {
    double mebibytes = 0;
    bool needs_importance = false;
    params_.dry_run = true;
    const bool done = run(output_, [&](const std::string& line) {
      std::sscanf(line.c_str(), "%*[^:]: quant size = %lf", &mebibytes);
      needs_importance |= line.find("require an imatrix") != std::string::npos;
    });
    params_.dry_run = false;
    if (!done) fail(ErrorKind::kModel, input_, cause());
    if (needs_importance)
      throw Error(ErrorKind::kUsage, file_type_name(options_.type) +
                                         " needs an importance matrix (--imatrix), which this " +
                                         "program can't make; take a type of 3 bits or more");
    return static_cast<std::uint64_t>(mebibytes * (1 << 20));
  }

  void write(const fs::path& path) {
    if (!std::ofstream(path, std::ios::binary))
      fail(ErrorKind::kInternal, output_, std::string("can't be written: ") + std::strerror(errno));
    const bool done = run(path, [&](const std::string& line) {
      int index = 0;
      int total = 0;
      if (std::sscanf(line.c_str(), "[%d/%d]", &index, &total) == 2 && options_.on_tensor)
        options_.on_tensor(index, total);
    });
    if (done) return;
    const std::string why = cause();
    if (why.find("iostream error") != std::string::npos)
      fail(ErrorKind::kInternal, output_, "can't be written (is the disk full?)");
    fail(ErrorKind::kModel, input_, why);
  }

 private:
  /// Whether llama.cpp succeeded. What `watch` throws is thrown again.
  bool run(const fs::path& to, const std::function<void(const std::string&)>& watch) {
    std::exception_ptr thrown;
    clear_llama_failure();
    const LlamaLogWatch guard([&](const std::string& line) {
      if (thrown) return;
      try {
        watch(line);
      } catch (...) {
        thrown = std::current_exception();
        throw;  // llama.cpp catches it and gives up
      }
    });
    const bool done = llama_model_quantize(input_.c_str(), to.c_str(), &params_) == 0;
    if (thrown) std::rethrow_exception(thrown);
    return done;
  }

  std::string cause() const {
    const std::string cause = cause_of_llama_failure();
    if (cause.find("requantizing") != std::string::npos)
      return "is quantised already (" + cause +
             "); quantise the f16 or f32 file instead, or add --allow-requantize";
    return cause.empty() ? "llama.cpp can't quantise it" : "can't be quantised: " + cause;
  }

  const fs::path& input_;
  const fs::path& output_;
  const QuantizeOptions& options_;
  ImportanceMatrix importance_;
  std::vector<llama_model_imatrix_data> entries_;  // ends with an empty one
  llama_model_quantize_params params_{};
};

}  // namespace

std::span<const FileType> file_types() {
  return kFileTypes;
}

std::optional<llama_ftype> find_file_type(std::string_view name) {
  std::string wanted = lower(name);
  if (wanted == "q3_k" || wanted == "q4_k" || wanted == "q5_k") wanted += "_m";
  const auto found = std::ranges::find(kFileTypes, wanted, &FileType::name);
  return found == kFileTypes.end() ? std::nullopt : std::optional(found->type);
}

std::string file_type_name(llama_ftype type) {
  const auto found = std::ranges::find(kFileTypes, type, &FileType::type);
  return found == kFileTypes.end() ? "?" : found->name;
}

std::optional<ggml_type> find_tensor_type(std::string_view name) {
  const std::string wanted = lower(name);
  for (const ggml_type type : kTensorTypes)
    if (wanted == lower(ggml_type_name(type))) return type;
  return std::nullopt;
}

QuantizeResult quantize_llm(const fs::path& input, const fs::path& output,
                            const QuantizeOptions& options) {
  redirect_llama_log();
  std::error_code code;
  if (fs::equivalent(input, output, code))
    fail(ErrorKind::kUsage, output, "the output would replace the input");
  {
    const GgufFile file(input);
    check_input(file);
    check_width(file, kTokenEmbeddings, options.embedding_type);
    check_width(file, kOutput, options.output_type);
    // Without an output matrix of its own, the embeddings are the output as well.
    if (!file.find_tensor(kOutput)) check_width(file, kTokenEmbeddings, options.output_type);
  }
  Quantizer quantizer(input, output, options);
  require_disk_room(output, quantizer.measure());
  PendingFile file(output);
  quantizer.write(file.temporary());
  file.commit();
  return {.bytes_before = fs::file_size(input), .bytes_after = fs::file_size(output)};
}

}  // namespace pandagpt
