// A whole evaluation as a file: which lists, what is asked, what is to be reached (eval.json,
// docs/evaluation.md).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

/// What a task measures; the keys of eval.json.
enum class EvalKind { kCaptioning, kRetrieval, kZeroShot, kAnswers, kComposition, kTextOnly };
inline constexpr EvalKind kAllEvalKinds[] = {EvalKind::kCaptioning,  EvalKind::kRetrieval,
                                             EvalKind::kZeroShot,    EvalKind::kAnswers,
                                             EvalKind::kComposition, EvalKind::kTextOnly};
/// "captioning", "retrieval", "zero_shot", "answers", "composition", "text_only".
std::string to_string(EvalKind kind);

/// One entry of eval.json. Which fields are used depends on its kind.
struct EvalEntry {
  EvalKind kind = EvalKind::kCaptioning;
  std::string name;
  std::filesystem::path list;               ///< data, pairs or questions
  std::filesystem::path images = {};        ///< captioning: the photos' folder
  std::filesystem::path synonyms = {};      ///< answers, composition
  std::string question = {};                ///< captioning, answers, composition
  std::vector<std::string> templates = {};  ///< zero_shot
  std::vector<std::string> labels = {};     ///< zero_shot; empty: those of the list
  int n_beams = 1;                          ///< what is answered; 1: greedy
  int max_tokens = 48;                      ///< of an answer
  std::optional<double> aim = {};  ///< for the headline figure of the kind, docs/evaluation.md
};

struct EvalSet {
  std::string name;
  std::filesystem::path file;  ///< eval.json itself
  std::vector<EvalEntry> entries = {};

  /// Only those that `names` mention, each by kind ("zero_shot") or by name ("ESC-10 fold 4"); all
  /// if it is empty. Throws Error(kUsage) for a name that fits nothing.
  std::vector<EvalEntry> selected(const std::vector<std::string>& names) const;
};

inline constexpr const char* kEvalSetName = "eval.json";

/// Reads eval.json, or the one in the folder `path`; its paths become usable as they are. Unknown
/// keys are a warning in the log. Throws Error(kInput) that names the key.
EvalSet read_eval_set(const std::filesystem::path& path);

/// A question without inputs. An answer is right if it holds one of the accepted texts, as words;
/// without any it isn't judged.
struct TextQuestion {
  std::string question;
  std::vector<std::string> accept = {};
};
/// Reads [{"question": "..", "accept": ["paris"]}, ..]. Throws Error(kInput) that names the entry.
std::vector<TextQuestion> read_text_questions(const std::filesystem::path& path);

}  // namespace pandagpt
