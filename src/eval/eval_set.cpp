#include "eval/eval_set.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <set>

#include "core/text_file.h"
#include "embed/zero_shot.h"
#include "pandagpt/error.h"
#include "pandagpt/generation.h"
#include "pipeline/json_object.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{16} << 20;
constexpr int kMaxTokens = 4096;
constexpr const char* kTextOnlyName = "text alone";

Json read_json(const fs::path& path) {
  Json document = Json::parse(read_text_file(path, kMaxBytes), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw Error(ErrorKind::kInput, path.string() + ": not valid JSON");
  return document;
}

int whole_number(JsonObject& object, const char* key, int if_missing, int most) {
  if (!object.has(key)) return if_missing;
  const std::int64_t value = object.integer(key);
  if (value < 1 || value > most) object.fail(key, fmt::format("must be from 1 to {}", most));
  return static_cast<int>(value);
}

/// Reads one entry; `folder` is what its paths are relative to.
class EntryReader {
 public:
  EntryReader(EvalKind kind, JsonObject object, const fs::path& folder)
      : object_(std::move(object)), folder_(folder) {
    entry_.kind = kind;
  }

  EvalEntry read() {
    entry_.name = object_.has("name") || entry_.kind != EvalKind::kTextOnly ? object_.text("name")
                                                                            : kTextOnlyName;
    if (entry_.name.empty()) object_.fail("name", "must not be empty");
    read_list();
    if (asks()) {
      entry_.n_beams = whole_number(object_, "beams", 1, GenerateOptions::kMaxBeams);
      entry_.max_tokens = whole_number(object_, "max_tokens", entry_.max_tokens, kMaxTokens);
    }
    if (object_.has("aim")) {
      entry_.aim = object_.number("aim");
      if (*entry_.aim <= 0) object_.fail("aim", "must be above 0");
    }
    object_.warn_about_unknown_keys();
    return std::move(entry_);
  }

 private:
  bool asks() const {
    return entry_.kind != EvalKind::kRetrieval && entry_.kind != EvalKind::kZeroShot;
  }

  fs::path path(const char* key) {
    const std::string text = object_.text(key);
    if (text.empty()) object_.fail(key, "must be a path");
    return (folder_ / text).lexically_normal();
  }

  void read_list() {
    switch (entry_.kind) {
      case EvalKind::kCaptioning:
        entry_.list = path("data");
        entry_.images = path("images");
        entry_.question = object_.text("question");
        break;
      case EvalKind::kRetrieval:
        entry_.list = path("pairs");
        break;
      case EvalKind::kZeroShot:
        entry_.list = path("pairs");
        if (object_.has("templates")) entry_.templates = object_.texts("templates");
        for (const std::string& one : entry_.templates)
          if (one.find(kLabelMark) == std::string::npos)
            object_.fail("templates", fmt::format("holds \"{}\", without {{}} for the label", one));
        if (object_.has("labels")) entry_.labels = object_.texts("labels");
        break;
      case EvalKind::kAnswers:
      case EvalKind::kComposition:
        entry_.list = path("pairs");
        entry_.question = object_.text("question");
        entry_.synonyms = path("synonyms");
        break;
      case EvalKind::kTextOnly:
        entry_.list = path("questions");
        break;
    }
  }

  JsonObject object_;
  const fs::path& folder_;
  EvalEntry entry_;
};

}  // namespace

std::string to_string(EvalKind kind) {
  constexpr const char* kNames[] = {"captioning", "retrieval",   "zero_shot",
                                    "answers",    "composition", "text_only"};
  return kNames[static_cast<std::size_t>(kind)];
}

EvalSet read_eval_set(const fs::path& path) {
  std::error_code code;
  EvalSet set;
  set.file = fs::is_directory(path, code) ? path / kEvalSetName : path;
  const Json document = read_json(set.file);
  JsonObject object(document, set.file.string(), {}, ErrorKind::kInput);
  set.name = object.text("name");
  const fs::path folder = set.file.parent_path();
  for (const EvalKind kind : kAllEvalKinds) {
    const std::string key = to_string(kind);
    if (!object.has(key)) continue;
    std::vector<JsonObject> entries;
    if (kind == EvalKind::kTextOnly) {
      entries.push_back(object.object(key));
    } else {
      entries = object.objects(key);
    }
    std::set<std::string> names;
    for (JsonObject& entry : entries) {
      set.entries.push_back(EntryReader(kind, entry, folder).read());
      if (!names.insert(set.entries.back().name).second)
        entry.fail("name", fmt::format("\"{}\" is there twice", set.entries.back().name));
    }
  }
  object.warn_about_unknown_keys();
  if (set.entries.empty())
    throw Error(ErrorKind::kInput,
                set.file.string() +
                    ": holds no tasks (captioning, retrieval, zero_shot, answers, "
                    "composition, text_only)");
  return set;
}

std::vector<EvalEntry> EvalSet::selected(const std::vector<std::string>& names) const {
  if (names.empty()) return entries;
  const auto is_named = [](const EvalEntry& entry, const std::string& wanted) {
    return wanted == entry.name || wanted == to_string(entry.kind);
  };
  for (const std::string& wanted : names) {
    if (std::ranges::any_of(entries, [&](const EvalEntry& one) { return is_named(one, wanted); }))
      continue;
    std::string known;
    for (const EvalEntry& entry : entries)
      known +=
          fmt::format("{}{} \"{}\"", known.empty() ? "" : ", ", to_string(entry.kind), entry.name);
    throw Error(ErrorKind::kUsage,
                fmt::format("--only: no task is \"{}\"; there are: {}", wanted, known));
  }
  std::vector<EvalEntry> chosen;
  std::ranges::copy_if(entries, std::back_inserter(chosen), [&](const EvalEntry& entry) {
    return std::ranges::any_of(names,
                               [&](const std::string& wanted) { return is_named(entry, wanted); });
  });
  return chosen;
}

std::vector<TextQuestion> read_text_questions(const fs::path& path) {
  const Json document = read_json(path);
  if (!document.is_array() || document.empty())
    throw Error(ErrorKind::kInput, path.string() + ": not a JSON list of questions");
  std::vector<TextQuestion> questions;
  for (std::size_t i = 0; i < document.size(); ++i) {
    JsonObject object(document[i], path.string(), fmt::format("[{}]", i), ErrorKind::kInput);
    TextQuestion question{object.text("question")};
    if (question.question.empty()) object.fail("question", "must not be empty");
    if (object.has("accept")) question.accept = object.texts("accept");
    object.warn_about_unknown_keys();
    questions.push_back(std::move(question));
  }
  return questions;
}

}  // namespace pandagpt
