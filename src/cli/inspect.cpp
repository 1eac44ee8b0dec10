// pandagpt inspect: what is inside a weight file, without running anything of it; what an input
// was taken for; the topics of a robot's log.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/encoder_summary.h"
#include "cli/inspect_inputs.h"
#include "cli/inspect_log.h"
#include "cli/options.h"
#include "cli/output.h"
#include "convert/safetensors.h"
#include "convert/tensor_source.h"
#include "convert/torch_reader.h"
#include "core/utf8.h"
#include "core/zip_reader.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace {

/// One line of the tensor table, whatever the file's format.
struct TensorLine {
  std::string name;
  std::string type;
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;
};

/// One value of the metadata.
struct MetadataLine {
  std::string key;
  std::string value;
};

struct Contents {
  std::string format;
  std::string shape_order;
  std::vector<MetadataLine> metadata;
  std::vector<TensorLine> tensors;
  std::vector<TowerSummary> towers;  ///< of an encoders file
};

Contents read_gguf(const std::string& path) {
  const GgufFile file(path);
  Contents contents{"GGUF", "fastest dimension first", {}, {}, summarize_towers(file)};
  for (const std::string& key : file.keys())
    contents.metadata.push_back({key, file.value_text(key)});
  for (const GgufTensor& tensor : file.tensors())
    contents.tensors.push_back(
        {tensor.name, ggml_type_name(tensor.type), tensor.shape, tensor.data.size()});
  return contents;
}

Contents read_checkpoint(const std::string& path) {
  const TensorSource file = open_tensor_source(path);
  Contents contents{file.format(), "slowest dimension first", {}, {}, {}};
  for (const auto& [key, value] : file.scalars())
    contents.metadata.push_back({key, is_printable_utf8(value) ? value : "(not printable)"});
  for (const auto& [name, tensor] : file.tensors())
    contents.tensors.push_back({name, element_type_name(tensor.type), tensor.shape,
                                tensor.n_elements() * element_type_size(tensor.type)});
  return contents;
}

bool is_gguf(ByteView bytes) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
}

/// A whole zip archive without a checkpoint in it: NPZ files, recordings of phones.
bool is_other_archive(ByteView bytes, const std::string& path) {
  constexpr std::string_view kPickle = "data.pkl";
  try {
    return std::ranges::none_of(read_zip_table(bytes, path), [&](const auto& member) {
      return member.first.ends_with(kPickle);
    });
  } catch (const Error&) {  // a pickle, or damaged: whoever reads it says so
    return false;
  }
}

/// A weight file, or a folder with a checkpoint or with nothing that is known.
bool holds_weights(const std::string& path) {
  if (path == "-") return false;
  if (std::filesystem::is_directory(path)) return true;
  const MappedFile file(path);
  const ByteView bytes = file.bytes();
  return is_gguf(bytes) || is_safetensors(bytes) || path.ends_with(".index.json") ||
         (is_torch_checkpoint(bytes) && !is_other_archive(bytes, path));
}

std::string towers_text(const std::vector<TowerSummary>& towers) {
  std::string text = "towers\n";
  for (const TowerSummary& tower : towers)
    text += fmt::format("  {:<7}  {}, {:.2f} M parameters, {:.2f} MiB as {}{}{}\n", tower.tower,
                        tower.architecture, static_cast<double>(tower.parameters) / 1e6,
                        static_cast<double>(tower.bytes) / (1 << 20), tower.types,
                        tower.sizes.empty() ? "" : ": ", tower.sizes);
  return text;
}

void print(const std::string& path, const Contents& contents) {
  std::uint64_t bytes = 0;
  std::size_t width = 0;
  for (const TensorLine& tensor : contents.tensors) {
    bytes += tensor.bytes;
    width = std::max(width, tensor.name.size());
  }
  std::string text = fmt::format("{}: {}, {} metadata values, {} tensors, {:.2f} MiB of weights\n",
                                 path, contents.format, contents.metadata.size(),
                                 contents.tensors.size(), static_cast<double>(bytes) / (1 << 20));
  for (const MetadataLine& line : contents.metadata)
    text += fmt::format("  {} = {}\n", line.key, line.value);
  if (!contents.towers.empty()) text += towers_text(contents.towers);
  if (!contents.tensors.empty()) text += fmt::format("tensors ({})\n", contents.shape_order);
  for (const TensorLine& tensor : contents.tensors)
    text += fmt::format("  {:<{}}  {:<8}  {}\n", tensor.name, width, tensor.type,
                        shape_text(tensor.shape));
  write_output(text);
}

void print_json(const std::string& path, const Contents& contents) {
  nlohmann::ordered_json report{{"file", path}, {"format", contents.format}};
  report["metadata"] = nlohmann::ordered_json::object();
  for (const MetadataLine& line : contents.metadata)
    report["metadata"][line.key] = line.value;
  for (const TowerSummary& tower : contents.towers)
    report["towers"].push_back({{"tower", tower.tower},
                                {"architecture", tower.architecture},
                                {"sizes", tower.sizes},
                                {"types", tower.types},
                                {"parameters", tower.parameters},
                                {"bytes", tower.bytes}});
  report["tensors"] = nlohmann::ordered_json::array();
  for (const TensorLine& tensor : contents.tensors)
    report["tensors"].push_back({{"name", tensor.name},
                                 {"type", tensor.type},
                                 {"shape", tensor.shape},
                                 {"bytes", tensor.bytes}});
  write_json(report);
}

struct InspectArguments {
  std::string path;
  InputArguments inputs;
  bool json = false;
};

void inspect_weights(const std::string& path, bool json) {
  const bool gguf = !std::filesystem::is_directory(path) && is_gguf(MappedFile(path).bytes());
  const Contents contents = gguf ? read_gguf(path) : read_checkpoint(path);
  json ? print_json(path, contents) : print(path, contents);
}

void run_inspect(const InspectArguments& arguments) {
  arguments.inputs.check_standard_input();
  Inputs inputs = arguments.inputs.inputs();
  if (arguments.path.empty() == inputs.empty())
    throw Error(ErrorKind::kUsage, inputs.empty()
                                       ? "there is no file: pandagpt inspect FILE"
                                       : "give a file, or inputs by their options, not both");
  if (!inputs.empty()) return inspect_inputs(inputs, arguments.json);
  if (const auto log = summarize_log(arguments.path))
    return print_log(arguments.path, *log, arguments.json);
  if (holds_weights(arguments.path)) return inspect_weights(arguments.path, arguments.json);
  inspect_inputs(arguments.inputs.completed(inputs_to_inspect(arguments.path)), arguments.json);
}

}  // namespace

void add_inspect(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "inspect",
      "Show what a file is: an input's format, device, unit, rate, and why it is taken "
      "so; a weight file's metadata and tensors; a robot's log's topics");
  const auto arguments = std::make_shared<InspectArguments>();
  command
      ->add_option("file", arguments->path,
                   "an input of any kind; a robot's log (MCAP, ROS 1 bag); a GGUF file, or a torch "
                   "or safetensors checkpoint (file or folder)")
      ->type_name("FILE");
  arguments->inputs.add_to(*command);
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments] { run_inspect(*arguments); });
  command->footer(
      "Nothing in a weight file is run: a checkpoint that would run code is refused by name.\n\n"
      "Examples:\n"
      "  pandagpt inspect oven.jpg\n"
      "  pandagpt inspect --depth room.png --depth-encoding tum\n"
      "  pandagpt inspect encoders.gguf");
}

}  // namespace pandagpt
