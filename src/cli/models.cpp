// pandagpt models: which model folders there are, and whether their files are whole.
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/pull.h"
#include "pipeline/manifest.h"

namespace pandagpt {
namespace {

constexpr double kBytesPerMib = 1 << 20;

// Empty when the folder is ready to use.
std::string fault_of(const Manifest& manifest) {
  try {
    manifest.check_files();
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

double megabytes_of(const Manifest& manifest) {
  double bytes = 0;
  for (const ManifestFile& file : manifest.files()) {
    std::error_code missing;
    const auto size = std::filesystem::file_size(file.path, missing);
    if (!missing) bytes += static_cast<double>(size);
  }
  return bytes / kBytesPerMib;
}

void list(bool json) {
  auto report = nlohmann::ordered_json::array();
  for (const auto& folder : list_models()) {
    try {
      const Manifest manifest = read_manifest(folder);
      const std::string fault = fault_of(manifest);
      report.push_back({{"name", folder.filename().string()},
                        {"folder", folder.string()},
                        {"licence", manifest.licence},
                        {"licence_note", manifest.licence_note},
                        {"limitations", manifest.limitations},
                        {"provenance", manifest.provenance},
                        {"megabytes", megabytes_of(manifest)},
                        {"ready", fault.empty()}});
      if (!fault.empty()) report.back()["fault"] = fault;
    } catch (const Error& error) {
      report.push_back({{"name", folder.filename().string()},
                        {"folder", folder.string()},
                        {"ready", false},
                        {"fault", error.what()}});
    }
  }
  if (json) return write_json(report);
  std::string text;
  for (const auto& model : report) {
    text += fmt::format("{:<20} {:>9}  {}\n", model["name"].get<std::string>(),
                        model.contains("megabytes")
                            ? fmt::format("{:.0f} MiB", model["megabytes"].get<double>())
                            : "?",
                        model["folder"].get<std::string>());
    text += fmt::format("{:<20} licence: {}\n", "", model.value("licence", "unknown"));
    for (const char* note : {"licence_note", "limitations"})
      if (const std::string line = model.value(note, ""); !line.empty())
        text += fmt::format("{:<20} {}\n", "", line);
    if (model.contains("fault"))
      text += fmt::format("{:<20} not ready: {}\n", "", model["fault"].get<std::string>());
  }
  write_output(text);
  if (report.empty()) {
    std::string places;
    for (const auto& folder : model_search_path()) {
      places += "\n  " + folder.string();
    }
    spdlog::warn("no model folder in{}", places);
  }
}

void verify(const std::string& model) {
  const Manifest manifest = read_manifest(find_model(model));
  manifest.verify();
  for (const ManifestFile& file : manifest.files()) {
    write_output(fmt::format("{:<10} {}  {}\n", file.role, file.sha256, file.path.string()));
  }
}

}  // namespace

void add_list(CLI::App& app) {
  const auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("list", "The same as 'models list'")->alias("ls");
  command->add_flag("--json", *json, "print JSON");
  command->callback([json] { list(*json); });
}

void add_models(CLI::App& app) {
  CLI::App* command = app.add_subcommand("models", "List, download, verify or hash model folders");
  command->require_subcommand(0, 1);
  const auto json = std::make_shared<bool>(false);
  const auto model = std::make_shared<std::string>(kDefaultModel);

  command->add_flag("--json", *json, "print JSON");
  CLI::App* list_command = command->add_subcommand("list", "the model folders in the search path");
  list_command->add_flag("--json", *json, "print JSON");

  CLI::App* verify_command =
      command->add_subcommand("verify", "compare every file's SHA-256 with the manifest");
  verify_command->add_option("model", *model, "model folder or name")->capture_default_str();
  verify_command->callback([model] { verify(*model); });

  CLI::App* hash_command = command->add_subcommand(
      "hash", "write every file's SHA-256 and size into the folder's panda.json");
  hash_command->add_option("model", *model, "model folder or name")->required();
  hash_command->callback([model] { record_hashes(find_model(*model)); });

  add_pull(*command);

  command->callback([command, list_command, json] {
    if (command->get_subcommands().empty() || list_command->parsed()) list(*json);
  });
  command->footer(
      "A model is looked for in the folders of $PANDAGPT_MODELS (separated by colons), in\n"
      "$XDG_DATA_HOME/pandagpt/models (~/.local/share/pandagpt/models without it), and in the\n"
      "source tree's models/.");
}

}  // namespace pandagpt
