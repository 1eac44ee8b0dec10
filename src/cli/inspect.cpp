// pandagpt inspect: what is inside a weight file, without running anything of it.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "cli/commands.h"
#include "cli/encoder_summary.h"
#include "cli/inspect_log.h"
#include "cli/output.h"
#include "convert/tensor_source.h"
#include "core/utf8.h"
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

bool is_gguf(const std::string& path) {
  if (std::filesystem::is_directory(path)) return false;
  const MappedFile file(path);
  return file.bytes().size() >= 4 && std::memcmp(file.bytes().data(), "GGUF", 4) == 0;
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

}  // namespace

void add_inspect(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "inspect", "Show the metadata and tensors of a weight file, or the topics of a robot's log");
  const auto path = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  command
      ->add_option(
          "file", *path,
          "a GGUF file, a torch or safetensors checkpoint (file or folder), or a robot's log "
          "(MCAP, ROS 1 bag)")
      ->required();
  command->add_flag("--json", *json, "print JSON");
  command->callback([path, json] {
    if (const auto log = summarize_log(*path)) return print_log(*path, *log, *json);
    const Contents contents = is_gguf(*path) ? read_gguf(*path) : read_checkpoint(*path);
    *json ? print_json(*path, contents) : print(*path, contents);
  });
  command->footer(
      "Nothing in the file is run: a checkpoint that would run code is refused by name.");
}

}  // namespace pandagpt
