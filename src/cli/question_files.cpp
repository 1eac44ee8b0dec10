#include "cli/question_files.h"

#include <filesystem>
#include <string_view>

#include "cli/typed_path.h"
#include "media/media_kind.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kSentenceSigns = "?!.,;:)";
constexpr std::string_view kSentenceEnds = "?!.:\n";

std::string noun_of(Modality modality) {
  switch (modality) {
    case Modality::kVideo:
      return "the video";
    case Modality::kAudio:
      return "the sound";
    default:
      return "the picture";
  }
}

struct FoundFile {
  std::string path;
  Modality modality;
  std::size_t end;  // of its name in the line
};

/// Not ".mp3/.wav", which is no path.
bool begins_as_path(const std::string& word) {
  return word.starts_with('/') || word.starts_with("./") || word.starts_with("../") ||
         word.starts_with('~') || word.starts_with("file:");
}

/// The file that a word names, maybe with signs of the sentence behind it. Throws Error(kInput) for
/// the path of a medium that isn't there: the model would make something up.
std::optional<FoundFile> file_of(const TypedWord& word) {
  std::string path = word.text;
  std::string missing;
  for (std::size_t end = word.end; !path.empty(); --end) {
    const std::string file = expand_path(path);
    const auto modality = modality_of_extension(file);
    std::error_code ignored;
    if (modality && std::filesystem::is_regular_file(file, ignored))
      return FoundFile{file, *modality, end};
    if (modality && begins_as_path(path)) missing = file;
    if (kSentenceSigns.find(path.back()) == std::string_view::npos) break;
    path.pop_back();
  }
  if (!missing.empty()) throw Error(ErrorKind::kInput, missing + ": no such file");
  return std::nullopt;
}

}  // namespace

Modality kind_of_dropped(const std::string& file) {
  if (const auto modality = modality_of_extension(file)) return *modality;
  throw Error(ErrorKind::kUsage, file +
                                     ": what is it? Type /imu, /depth, /thermal, /image, /video "
                                     "or /audio in front of it");
}

QuestionFiles take_question_files(const std::string& question) {
  QuestionFiles result;
  std::size_t at = 0;
  for (const TypedWord& word : typed_words(question)) {
    const std::optional<FoundFile> file = file_of(word);
    if (!file) continue;
    result.inputs.add_file(file->modality, file->path);
    result.question += question.substr(at, word.begin - at);
    const std::size_t last = result.question.find_last_not_of(" \t");
    const bool begins_sentence =
        last == std::string::npos ||
        kSentenceEnds.find(result.question[last]) != std::string_view::npos;
    if (!begins_sentence) result.question += noun_of(file->modality);
    at = file->end;
    if (begins_sentence) at = std::min(question.find_first_not_of(" \t", at), question.size());
  }
  if (result.inputs.empty()) return {{}, question};
  result.question += question.substr(at);
  const std::size_t begin = result.question.find_first_not_of(" \t\n");
  if (begin == std::string::npos) {
    result.question.clear();
  } else {
    result.question =
        result.question.substr(begin, result.question.find_last_not_of(" \t\n") - begin + 1);
  }
  return result;
}

}  // namespace pandagpt
