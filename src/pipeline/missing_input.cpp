#include "pipeline/missing_input.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>

namespace pandagpt {
namespace {

/// What a question may ask about. kAnything: something that is seen or felt, whatever it is.
enum class Asked { kPicture, kVideo, kSound, kAnything };

/// Words, separated by spaces. "." is the end of a sentence.
using Words = std::string_view;

constexpr Words kPictures =
    "picture pictures image images photo photos pic pics photograph photographs snapshot "
    "screenshot "
    "thermal infrared";
constexpr Words kVideos = "video videos film clip footage";
constexpr Words kSounds = "sound sounds audio recording noise soundtrack";
constexpr Words kMaps = "depth thermal infrared motion";  // of which there are maps and sensors
/// Between "the" and one of the above.
constexpr Words kDescribing =
    "attached following given uploaded first second last thermal infrared depth motion audio video "
    "sound "
    "whole entire above blurry dark";
constexpr Words kPointing = "this that these those my";
constexpr Words kMeant = "the this that these those";
/// Before "the picture", where what is asked about is in it. ("Who painted the picture ..?" is
/// about the world.)
constexpr Words kInside =
    "in on of from about at to does is describe show caption identify summarize summarise analyze "
    "analyse explain see hear read";
/// Behind "the picture", where it isn't the beginning of a longer name ("the film industry").
constexpr Words kAfter =
    ". is are was and that show shows here above below do does have has look looks or for in with "
    "about i you briefly please contain contains taken sound like to made file";
/// Things of which a question without any input can't mean one.
constexpr Words kThings =
    "person persons people man men woman women boy boys girl girls child children guy lady player "
    "players user animal animals dog dogs cat cats horse horses bird birds car cars bus vehicle "
    "bicycle bike boat ball shirt hat phone";
/// What "Is this a ..?" calls something that was said, or the conversation.
constexpr Words kSaid =
    "joke test game bot chatbot robot dream scam problem question good bad real human person free "
    "valid correct right true common safe secure private new big fair trick";

bool is_one_of(std::string_view word, Words words) {
  for (std::size_t at = 0; (at = words.find(word, at)) != std::string_view::npos; ++at) {
    const std::size_t end = at + word.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' '))
      return true;
  }
  return false;
}

/// The words of a text in small letters, "." for every mark; behind the end there are only marks.
class WordList {
 public:
  explicit WordList(std::string_view text) {
    constexpr std::string_view kMarks = ".?!:;,\n";
    std::string word;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalnum(byte) != 0 || c == '\'' || byte >= 0x80) {
        word += static_cast<char>(std::tolower(byte));
        continue;
      }
      finish(word);
      if (kMarks.find(c) != std::string_view::npos) words_.emplace_back(kEnd);
    }
    finish(word);
  }

  std::size_t size() const { return words_.size(); }
  std::string_view operator[](std::size_t i) const {
    return i < words_.size() ? std::string_view(words_[i]) : kEnd;
  }
  bool begins_sentence(std::size_t i) const { return i == 0 || words_[i - 1] == kEnd; }
  /// Whether one word of each of `patterns` stands at `at`, one behind the other.
  bool has(std::size_t at, std::initializer_list<Words> patterns) const {
    return std::ranges::all_of(patterns,
                               [&](Words pattern) { return is_one_of((*this)[at++], pattern); });
  }

 private:
  static constexpr std::string_view kEnd = ".";

  void finish(std::string& word) {
    const bool is_short_is = word.size() > 2 && word.ends_with("'s");  // "what's"
    if (is_short_is) word.resize(word.size() - 2);
    if (!word.empty()) words_.push_back(word);
    if (is_short_is) words_.emplace_back("is");
    word.clear();
  }

  std::vector<std::string> words_;
};

std::optional<Asked> medium(std::string_view word) {
  if (is_one_of(word, kPictures)) return Asked::kPicture;
  if (is_one_of(word, kVideos)) return Asked::kVideo;
  if (is_one_of(word, kSounds)) return Asked::kSound;
  return std::nullopt;
}

/// "in the picture", "this photo", "describe the attached video", "the camera shows".
std::optional<Asked> named_medium(const WordList& words, std::size_t at) {
  if (!is_one_of(words[at], kMeant) && !is_one_of(words[at], kPointing)) return std::nullopt;
  std::size_t noun = at + 1;
  const auto is_noun = [&](std::size_t i) {
    return medium(words[i]) || is_one_of(words[i], "map camera sensor");
  };
  while (is_one_of(words[noun], kDescribing) && is_noun(noun + 1))
    ++noun;
  if (words.has(noun, {"camera sensor", "see sees show shows record records"}))
    return Asked::kPicture;
  if (words[noun] == "map" && is_one_of(words[noun - 1], kMaps)) return Asked::kPicture;
  const std::optional<Asked> found = medium(words[noun]);
  if (!found || !is_one_of(words[noun + 1], kAfter)) return std::nullopt;
  const bool is_inside = at > 0 && is_one_of(words[at - 1], kInside);
  return is_one_of(words[at], kPointing) || is_inside ? found : std::nullopt;
}

/// "do you see", "can you hear", "what is shown".
std::optional<Asked> perceived(const WordList& words, std::size_t at) {
  // Behind "do you see": it means to understand, or something that is said.
  constexpr Words kOtherSense =
      "why how what that as yourself from if me my where any the its themselves when between "
      "ourselves about";
  if (words.has(at, {"do can did could", "you we i", "see hear"})) {
    const bool is_how = at > 0 && is_one_of(words[at - 1], "how where why when");
    const std::string_view next = words[at + 3];
    // "Can you see pictures?" asks what the model is able to do.
    const bool is_ability = words.begins_sentence(at) && is_one_of(words[at], "can could") &&
                            (next == "." || medium(next));
    // "Do you see the dog?", but not "Do you see the problem?"
    const bool is_thing = is_one_of(next, "the any") && is_one_of(words[at + 4], kThings);
    if (!is_how && !is_ability && (is_thing || !is_one_of(next, kOtherSense)))
      return words[at + 2] == "hear" ? Asked::kSound : Asked::kPicture;
  }
  if (words.has(at, {"is are", "shown visible depicted pictured seen", "."}))
    return Asked::kPicture;
  if (words.has(at, {"is be", "heard audible", "."})) return Asked::kSound;
  return std::nullopt;
}

/// "the person doing", "this man wearing"; with nothing said before also "what is this".
std::optional<Asked> shown(const WordList& words, std::size_t at, bool is_first) {
  const auto is_doing = [&](std::size_t i) {
    return words[i].size() > 4 && words[i].ends_with("ing") &&
           is_one_of(words[i + 1], ". in on with at to here now right and there");
  };
  if (words.has(at, {"is are", kMeant, kThings}) && is_doing(at + 3)) return Asked::kAnything;
  if (words.has(at, {"what", kMeant, kThings, "is are"}) && is_doing(at + 4))
    return Asked::kAnything;
  if (!is_first || !words.begins_sentence(at)) return std::nullopt;
  // "What is this?", "What animal is this?"
  const bool is_what = words.has(at, {"what who", "is are", kPointing, "."}) ||
                       words.has(at + 2, {"is are", kPointing, "."});
  // "Is this a church?", with nothing else that "this" could be, and no word for what was said.
  const bool is_this = words.size() <= 6 && words.has(at, {"is", "this", "a an"}) &&
                       !is_one_of(words[at + 3], kSaid) &&
                       (words[at + 4] == "." || words[at + 5] == ".");
  const bool is_there = words.has(at, {"is are", "there", "a an any", kThings, "."}) ||
                        (words.has(at, {"is are", "there", "a an any"}) &&
                         (words.has(at + 4, {"here", "."}) || words.has(at + 5, {"here", "."}))) ||
                        words.has(at, {"how", "many", kThings, "are", "there", "."});
  const bool is_colour = words.has(at, {"what which", "color colour", "is are", kMeant, kThings});
  if (is_what || is_this || is_there || is_colour) return Asked::kAnything;
  return std::nullopt;
}

std::optional<Asked> asked_about(const WordList& words, bool is_first) {
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (const auto found = named_medium(words, at)) return found;
    if (const auto found = perceived(words, at)) return found;
    if (const auto found = shown(words, at, is_first)) return found;
  }
  return std::nullopt;
}

bool shows(Modality modality, Asked asked) {
  if (asked == Asked::kAnything) return true;
  return (modality == Modality::kAudio) == (asked == Asked::kSound);
}

}  // namespace

std::vector<Modality> modalities_of(const Inputs& inputs) {
  std::vector<Modality> kinds;
  for (const Input& input : inputs.items())
    kinds.push_back(input.modality);
  return kinds;
}

std::optional<std::string> missing_input(std::string_view question, std::span<const Modality> given,
                                         bool is_first, bool takes_inputs) {
  const std::optional<Asked> asked = asked_about(WordList(question), is_first);
  if (!asked || std::ranges::any_of(given, [&](Modality one) { return shows(one, *asked); }))
    return std::nullopt;
  constexpr std::array kNames{"a picture", "a video", "a sound", "a picture, a sound or the like"};
  std::string warning =
      std::string("the question asks about ") + kNames[static_cast<std::size_t>(*asked)] +
      (takes_inputs ? ", but none was given; give one, or the answer may be invented"
                    : ", which this model can't be given: its answer may be invented");
  if (asked == Asked::kSound && std::ranges::find(given, Modality::kVideo) != given.end())
    warning += " (the sound of a video has to be asked for)";
  return warning;
}

}  // namespace pandagpt
