#include "train/metrics.h"

#include <utility>
#include <vector>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

constexpr const char* kStep = "step";

std::string tag_of(const std::string& key) {
  return key.starts_with(kValidationPrefix) ? "validation/" + key.substr(kValidationPrefix.size())
                                            : "train/" + key;
}

}  // namespace

MetricsLog::MetricsLog(const fs::path& out, std::int64_t last_step)
    : path_(out / kMetricsFile), tensorboard_(out / kTensorBoardFolder, last_step) {
  keep_steps(path_, last_step);
  out_.open(path_, std::ios::app);
  if (!out_) throw Error(ErrorKind::kInternal, path_.string() + ": can't be written");
}

void MetricsLog::write(const nlohmann::json& line) {
  out_ << line.dump() << '\n' << std::flush;
  if (!out_)
    throw Error(ErrorKind::kInternal, path_.string() + ": writing failed; is the disk full?");
  std::vector<std::pair<std::string, double>> points;
  for (const auto& [key, value] : line.items())
    if (key != kStep && value.is_number()) points.emplace_back(tag_of(key), value.get<double>());
  tensorboard_.scalars(line.at(kStep).get<std::int64_t>(), points);
}

void keep_steps(const fs::path& lines, std::int64_t last_step) {
  std::ifstream in(lines);
  if (!in) return;
  std::string kept;
  for (std::string text; std::getline(in, text);) {
    const auto line = nlohmann::json::parse(text, nullptr, false);
    if (line.is_object() && line.value(kStep, last_step + 1) <= last_step) kept += text + '\n';
  }
  in.close();
  write_file_atomically(lines, [&](std::ostream& out) { out << kept; });
}

}  // namespace pandagpt::train
