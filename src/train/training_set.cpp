#include "train/training_set.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "core/progress.h"
#include "pandagpt/error.h"
#include "pipeline/input_json.h"
#include "train/fnv1a.h"
#include "train/mix.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kProgressEvery = 1000;  // records

}  // namespace

bool DataPart::contains(const std::string& about) const {
  if (validation_share <= 0) return true;
  constexpr double kScale = 1.0 / 9007199254740992.0;  // 2^-53
  const std::uint64_t hash = mix(0, fnv1a(about.data(), about.size()));
  return (static_cast<double>(hash >> 11) * kScale < validation_share) == is_validation;
}

TrainingSet::TrainingSet(std::shared_ptr<const ConversationFile> file,
                         ConversationTokenizer& tokenizer, MediaFeatures& features,
                         const DataPart& part, int n_views)
    : file_(std::move(file)), tokenizer_(tokenizer), features_(features), n_views_(n_views) {
  Progress progress("reading " + file_->path().filename().string(), file_->size());
  for (std::int64_t entry = 0; entry < file_->size(); ++entry) {
    if (entry % kProgressEvery == 0) progress.update(entry);
    try {
      take(entry, part);
    } catch (const BadObject& bad) {
      if (!part.is_validation) left_out_.push_back({entry, bad.what()});  // it is on neither side
    }
  }
  progress.finish();
  seen_ = {};
  if (n_repeated_ > 0)
    spdlog::warn(
        "{}: {} conversations are there more than once (the same inputs, questions and answers); "
        "each is trained on as often as it is there",
        file_->path().string(), n_repeated_);
}

std::size_t TrainingSet::content_hash(const Conversation& conversation) const {
  std::string content = about(conversation);
  for (const Turn& turn : conversation.turns)
    content += '\0' + turn.question + '\0' + turn.answer;
  return std::hash<std::string>()(content);
}

void TrainingSet::take(std::int64_t entry, const DataPart& part) {
  const Conversation conversation = file_->read(entry);
  if (!part.contains(about(conversation))) return;
  if (!seen_.insert(content_hash(conversation)).second) ++n_repeated_;
  if (tokenizer_.is_too_long(conversation)) {
    if (!tokenizer_(conversation).has_labels()) {
      left_out_.push_back({entry, "no answer begins within --max-length"});
      return;
    }
    ++n_cut_;
  }
  entries_.push_back(entry);
  sources_.push_back(source_of(conversation.inputs));
}

/// File names as the data has them: the split shouldn't change with the folder they lie in.
std::string TrainingSet::about(const Conversation& conversation) const {
  if (conversation.inputs.empty())
    return conversation.turns.front().question + '\n' + conversation.turns.front().answer;
  std::string names;
  for (const Input& input : conversation.inputs.items())
    names += to_string(input.modality) + ' ' +
             fs::path(input.name).lexically_proximate(file_->media_root()).string() + '\n';
  return names;
}

std::int64_t TrainingSet::source_of(const Inputs& inputs) {
  if (inputs.empty()) return kNoSource;
  std::vector<Part> parts;
  std::size_t hash = 0;
  for (const Input& input : inputs.items()) {
    parts.push_back({features_.add(input, n_views_), input.weight});
    hash = mix(hash, static_cast<std::uint64_t>(parts.back().input));
  }
  const auto [begin, end] = sources_by_hash_.equal_range(hash);
  for (auto known = begin; known != end; ++known)
    if (parts_[static_cast<std::size_t>(known->second)] == parts) return known->second;
  sources_by_hash_.emplace(hash, n_sources());
  parts_.push_back(std::move(parts));
  return n_sources() - 1;
}

void TrainingSet::leave_out_unreadable() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::string* failure = nullptr;
    if (sources_[i] != kNoSource)
      for (const Part& part : parts_[static_cast<std::size_t>(sources_[i])])
        if (!features_.failure(part.input).empty()) failure = &features_.failure(part.input);
    if (failure != nullptr) {
      left_out_.push_back({entries_[i], *failure});
      continue;
    }
    entries_[kept] = entries_[i];
    sources_[kept++] = sources_[i];
  }
  entries_.resize(kept);
  sources_.resize(kept);
}

void TrainingSet::require_few_left_out(double max_bad) const {
  const bool too_many =
      static_cast<double>(left_out_.size()) > max_bad * static_cast<double>(file_->size());
  if (!too_many && !entries_.empty()) return;
  if (left_out_.empty())
    throw Error(ErrorKind::kInput, file_->path().string() +
                                       ": no conversation is left here; with --validation-split, "
                                       "one side got none");
  throw Error(ErrorKind::kInput,
              fmt::format("{}: {} of {} conversations can't be used (--max-bad {:g}); entry {}: {}",
                          file_->path().string(), left_out_.size(), file_->size(), max_bad,
                          left_out_.front().entry, left_out_.front().reason));
}

std::string TrainingSet::digest() const {
  std::uint32_t hash = fnv1a(entries_.data(), entries_.size() * sizeof(std::int64_t));
  hash = fnv1a(sources_.data(), sources_.size() * sizeof(std::int64_t), hash);
  return fmt::format("{} conversations, {:08x}", entries_.size(), hash);
}

Example TrainingSet::read(std::int64_t index) const {
  Example example;
  if (kept_ && kept_->find(index, example)) return example;
  const std::int64_t entry = this->entry(index);
  try {
    example = tokenizer_(file_->read(entry));
  } catch (const BadObject& bad) {  // it was good when training began
    throw Error(ErrorKind::kInput,
                fmt::format("{}: entry {}: {}", file_->path().string(), entry, bad.what()));
  }
  if (kept_) kept_->keep(index, example);
  return example;
}

TrainingSet::Loaded TrainingSet::load(const Batch& batch) const {
  Loaded loaded;
  for (const Group& group : batch) {
    loaded.batch.emplace_back();
    for (const std::int64_t index : group) {
      loaded.examples.push_back(read(index));
      loaded.examples.back().source = sources_[static_cast<std::size_t>(index)];
      loaded.batch.back().push_back(static_cast<std::int64_t>(loaded.examples.size()) - 1);
    }
  }
  return loaded;
}

void write_left_out(const std::vector<const TrainingSet*>& sets, const fs::path& path) {
  write_file_atomically(path, [&](std::ostream& out) {
    for (const TrainingSet* set : sets)
      for (const LeftOut& one : set->left_out())
        out << nlohmann::json{{"data", set->file().path().string()},
                              {"entry", one.entry},
                              {"reason", one.reason}}
                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
            << '\n';
  });
}

}  // namespace pandagpt::train
