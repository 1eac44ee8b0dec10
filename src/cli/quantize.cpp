// pandagpt quantize: a language model in fewer bits.
#include "convert/quantize.h"

#include <array>
#include <cstdio>

#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/output.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

struct QuantizeArguments {
  std::string input;
  std::string output;
  std::string type;
  std::string output_type;
  std::string embedding_type;
  std::string imatrix;
  QuantizeOptions options;
};

std::optional<ggml_type> parse_tensor_type(const std::string& option, const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (const auto type = find_tensor_type(name)) return type;
  throw Error(ErrorKind::kUsage,
              option + ": \"" + name + "\" is no type of a tensor; try q8_0, " + "q6_k, q4_k, f16");
}

void run_quantize(QuantizeArguments& arguments) {
  QuantizeOptions& options = arguments.options;
  options.type = parse_file_type(arguments.type);
  options.output_type = parse_tensor_type("--output-tensor-type", arguments.output_type);
  options.embedding_type = parse_tensor_type("--token-embedding-type", arguments.embedding_type);
  options.imatrix = arguments.imatrix;
  ConversionProgress progress(arguments.output);
  options.on_tensor = [&](int done, int total) { progress.quantized(done, total); };
  const QuantizeResult result = quantize_llm(arguments.input, arguments.output, options);
  constexpr double kMib = 1 << 20;
  std::array<char, 64> sizes{};
  std::snprintf(sizes.data(), sizes.size(), "%.1f -> %.1f MiB",
                static_cast<double>(result.bytes_before) / kMib,
                static_cast<double>(result.bytes_after) / kMib);
  write_output(arguments.output + ": " + sizes.data() + "\n");
}

}  // namespace

void add_quantize(CLI::App& app) {
  CLI::App* command = app.add_subcommand("quantize", "Store a language model in fewer bits");
  const auto arguments = std::make_shared<QuantizeArguments>();
  command->add_option("input", arguments->input, "the model, best in f16, bf16 or f32 (GGUF)")
      ->required();
  command->add_option("output", arguments->output, "the file to write")->required();
  command->add_option("type", arguments->type, "one of the types below")->required();
  QuantizeOptions& options = arguments->options;
  command->add_option("--threads", options.n_threads, "threads (0: one a core)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  command->add_option("--output-tensor-type", arguments->output_type,
                      "type of output.weight alone, e.g. q8_0");
  command->add_option("--token-embedding-type", arguments->embedding_type,
                      "type of token_embd.weight alone");
  command->add_flag("--leave-output-tensor", options.leave_output, "output.weight stays as it is");
  command->add_flag("--pure", options.pure,
                    "the same type for all matrices, instead of the better mixture");
  command->add_flag("--allow-requantize", options.allow_requantize,
                    "take an input that is quantised already; quality suffers");
  command->add_option(
      "--imatrix", arguments->imatrix,
      "importance matrix of llama-imatrix (GGUF); iq1, iq2, iq3_xxs and q2_k_s need one");
  command->footer(
      file_type_help() +
      "\nq3_k, q4_k and q5_k are short for their middle ones. Where a matrix' rows don't fit a "
      "type\n"
      "(k-quants take multiples of 256), llama.cpp takes the nearest one that fits.\n"
      "The output is written whole or not at all; its path is printed, with both sizes.");
  command->callback([arguments] { run_quantize(*arguments); });
}

}  // namespace pandagpt
