#include "train/checkpoint.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <torch/torch.h>

#include <fstream>
#include <map>
#include <sstream>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kKept = 2;
constexpr char kPrefix[] = "step-";

// Complete checkpoints by step.
std::map<std::int64_t, fs::path> list_checkpoints(const fs::path& out) {
  std::map<std::int64_t, fs::path> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(out / kCheckpointsFolder, code)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(kPrefix, 0) != 0) continue;
    const std::string digits = name.substr(sizeof(kPrefix) - 1);
    if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos)
      found[std::stoll(digits)] = entry.path();
  }
  return found;
}

// A run may be made longer or shorter: the schedule then follows the new length.
nlohmann::json without_length(nlohmann::json options) {
  options.erase("epochs");
  options.erase("max_steps");
  options.erase("steps");
  return options;
}

/// Through memory: libtorch's own writer of files ends the program when the disk is full.
void write_archive(torch::serialize::OutputArchive& archive, const fs::path& path) {
  std::ostringstream bytes;
  archive.save_to(bytes);
  write_file_atomically(path, [&](std::ostream& out) { out << bytes.view(); });
}

/// "53 conversations, sha256 0123abcd"
std::string describe(const nlohmann::json& data) {
  const char* what = data.contains("pairs") ? "pairs" : "conversations";
  return fmt::format("{} {}, sha256 {:.8}", data.at(what).get<std::int64_t>(), what,
                     data.at("sha256").get<std::string>());
}

void read_parameters(const fs::path& folder, const NamedTensors& parameters,
                     const torch::Device& device) {
  torch::serialize::InputArchive archive;
  archive.load_from((folder / "parameters.pt").string(), device);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : parameters) {
    torch::Tensor loaded;
    archive.read(name, loaded, true);
    TORCH_CHECK(loaded.sizes() == tensor.sizes(), name, " has another shape");
    tensor.copy_(loaded);
  }
}

}  // namespace

void save_checkpoint(const fs::path& out, const RunState& state, const NamedTensors& parameters,
                     const torch::optim::Optimizer& optimizer) {
  const fs::path folder = out / kCheckpointsFolder / (kPrefix + std::to_string(state.step));
  fs::path temporary = folder;
  temporary += ".tmp";
  std::error_code code;
  fs::remove_all(temporary, code);
  try {
    fs::create_directories(temporary);
    torch::serialize::OutputArchive archive;
    for (const auto& [name, tensor] : parameters)
      archive.write(name, tensor.detach(), true);
    write_archive(archive, temporary / "parameters.pt");
    torch::serialize::OutputArchive optimizer_archive;
    optimizer.save(optimizer_archive);
    write_archive(optimizer_archive, temporary / "optimizer.pt");
    nlohmann::json json = {{"step", state.step},
                           {"options", state.options},
                           {"data", state.data},
                           {"media", state.media}};
    if (state.best_validation) {
      json["best_validation"] = *state.best_validation;
      json["best_step"] = state.best_step;
    }
    write_file_atomically(temporary / "state.json",
                          [&](std::ostream& o) { o << json.dump(2) << '\n'; });
    fs::remove_all(folder);
    fs::rename(temporary, folder);
  } catch (const Error&) {
    fs::remove_all(temporary, code);
    throw;
  } catch (const std::exception& error) {  // libtorch's or the file system's
    fs::remove_all(temporary, code);
    throw Error(ErrorKind::kInternal, folder.string() + ": the checkpoint can't be written (" +
                                          std::string(error.what()).substr(0, 120) + ")");
  }
  auto all = list_checkpoints(out);
  while (all.size() > kKept) {
    fs::remove_all(all.begin()->second, code);
    all.erase(all.begin());
  }
}

bool load_checkpoint(const fs::path& out, RunState& state, const NamedTensors& parameters,
                     torch::optim::Optimizer& optimizer) {
  const auto all = list_checkpoints(out);
  if (all.empty()) return false;
  const fs::path folder = all.rbegin()->second;
  try {
    const auto json = nlohmann::json::parse(std::ifstream(folder / "state.json"));
    if (without_length(json.at("options")) != without_length(state.options))
      throw Error(ErrorKind::kInput,
                  folder.string() + ": was made with other settings (" +
                      nlohmann::json::diff(json.at("options"), state.options).dump() +
                      "); use another --out or --restart");
    if (json.at("data") != state.data)
      throw Error(ErrorKind::kInput,
                  folder.string() + ": was made with other data (" + describe(json.at("data")) +
                      "; now " + describe(state.data) +
                      "): put the old file back, or use another --out or --restart");
    if (json.at("media") != state.media)
      spdlog::warn(
          "files of inputs have changed since step {} was saved; they are taken as they "
          "are now",
          json.at("step").get<std::int64_t>());
    state.step = json.at("step").get<std::int64_t>();
    if (json.contains("best_validation")) {
      state.best_validation = json.at("best_validation").get<double>();
      state.best_step = json.at("best_step").get<std::int64_t>();
    }
    const torch::Device device = parameters.front().second.device();
    read_parameters(folder, parameters, device);
    torch::serialize::InputArchive optimizer_archive;
    optimizer_archive.load_from((folder / "optimizer.pt").string(), device);
    optimizer.load(optimizer_archive);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kInput, folder.string() + ": damaged checkpoint (" +
                                       std::string(error.what()).substr(0, 120) +
                                       "); remove that folder to go on from the one before");
  }
  return true;
}

void load_parameters(const fs::path& run, const NamedTensors& parameters) {
  const auto all = list_checkpoints(run);
  if (all.empty())
    throw Error(ErrorKind::kInput,
                run.string() +
                    ": has neither checkpoints nor projector.gguf to begin with; give the --out "
                    "of a run, or a model folder");
  const fs::path folder = all.rbegin()->second;
  try {
    read_parameters(folder, parameters, parameters.front().second.device());
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kInput, folder.string() + ": can't be begun with (" +
                                       std::string(error.what()).substr(0, 120) +
                                       "); it needs the same encoders, LLM and LoRA rank");
  }
}

}  // namespace pandagpt::train
