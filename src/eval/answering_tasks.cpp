// Tasks in which the language model answers: captions, names of classes, compositions, text alone.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <functional>
#include <set>

#include "embed/pairs.h"
#include "eval/asked_together.h"
#include "eval/caption_answers.h"
#include "eval/eval_task.h"
#include "eval/naming.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNoLanguageModel = "an encoders file has no language model";

/// A task whose answers are the model's, to one question about each of some inputs.
class AnsweringTask : public EvalTask {
 public:
  using EvalTask::EvalTask;

  bool answers() const override { return true; }

  std::string obstacle(EvalModels& models) const override {
    if (!models.answers()) return kNoLanguageModel;
    const std::vector<Modality> takes = models.panda().info().modalities;
    for (const TowerKind tower : senses())
      if (std::ranges::find(takes, input_of({.tower = tower, .path = {}}).modality) == takes.end())
        return "no " + sense_name(tower) + " tower";
    return "";
  }

 protected:
  /// Those of the inputs.
  virtual std::set<TowerKind> senses() const = 0;

  /// The question about the items together. Throws Error(kInput) if an archive can't be read.
  Asked about(std::span<const MediaItem> items, MediaItemReader& reader) const {
    Asked asked{.question = entry().question};
    for (const MediaItem& item : items)
      asked.inputs.add(input_of(item, item.member.empty() ? Bytes{} : reader.read(item)));
    return asked;
  }

  GenerateOptions options(const Panda& panda) const {
    return likeliest_answer(panda, entry().max_tokens, entry().n_beams);
  }

  /// Asks `n_each` questions about each of the rows 0 to n - 1, and calls `judge(row, answers)` in
  /// their order; rows with an input that can't be read are left out. How many are there without
  /// them.
  std::int64_t for_each_readable(
      const Panda& panda, std::size_t n, std::size_t n_each, TaskReport& report,
      const std::function<Asked(std::size_t row, std::size_t which)>& question,
      const std::function<void(std::size_t row, std::vector<std::string>& answers)>& judge) const {
    UnreadableItems unreadable(n);
    std::vector<std::string> answers;
    ask_together(
        panda, "answers", n * n_each,
        [&](std::size_t at) { return question(at / n_each, at % n_each); }, options(panda),
        [&](std::size_t at, AskedAnswer asked) {
          const std::size_t row = at / n_each;
          if (asked.error && !unreadable.has(row)) unreadable.add(row, *asked.error);
          answers.push_back(std::move(asked.answer.text));
          if (answers.size() < n_each) return;
          if (!unreadable.has(row)) judge(row, answers);
          answers.clear();
        });
    report.unreadable = unreadable.reasons();
    return static_cast<std::int64_t>(n - report.unreadable.size());
  }

  /// The items' paths as the list has them.
  std::string names_of(std::span<const MediaItem> items) const {
    std::string names;
    for (const MediaItem& item : items)
      names += (names.empty() ? "" : ", ") +
               fs::path(item.name()).lexically_relative(entry().list.parent_path()).string();
    return names;
  }

  std::string question_setting() const {
    return fmt::format(
        "\"{}\", {}, at most {} tokens", entry().question,
        entry().n_beams > 1 ? fmt::format("{} beams", entry().n_beams) : std::string("greedy"),
        entry().max_tokens);
  }
};

class CaptioningTask : public AnsweringTask {
 public:
  CaptioningTask(const EvalEntry& entry, const EvalSettings& settings)
      : AnsweringTask(entry, settings),
        photos_(spread(read_caption_set(entry.list), settings.limit)) {
    std::vector<MediaItem> items;
    for (const CaptionPhoto& photo : photos_)
      items.push_back({.tower = TowerKind::kVision, .path = entry.images / photo.image_name});
    require_files(items, entry.list);
  }

  void run(EvalModels& models, TaskReport& report) const override {
    report.captions = run_captions(models.panda(),
                                   {.data = entry().list,
                                    .images = entry().images,
                                    .question = entry().question,
                                    .max_tokens = entry().max_tokens,
                                    .n_beams = entry().n_beams,
                                    .bootstrap_rounds = settings().rounds,
                                    .bootstrap_seed = settings().seed},
                                   photos_);
    report.image_root = entry().images;
    report.setting = question_setting();
    for (const int metric : {kBleu4, kRougeL, kCiderD})
      report.figures.push_back({.name = caption_metric_name(metric),
                                .value = report.captions->report.scores[metric],
                                .interval = report.captions->intervals[metric],
                                .n = static_cast<std::int64_t>(photos_.size()),
                                .aim = metric == kCiderD ? entry().aim : std::nullopt});
  }

 protected:
  std::set<TowerKind> senses() const override { return {TowerKind::kVision}; }

 private:
  std::vector<CaptionPhoto> photos_;
};

class NamingTask : public AnsweringTask {
 public:
  NamingTask(const EvalEntry& entry, const EvalSettings& settings)
      : AnsweringTask(entry, settings),
        list_(read_labelled_list(entry.list, inputs_)),
        classes_(read_synonyms(entry.synonyms), list_.labels, entry.synonyms) {
    require_files(inputs_.media, entry.list);
    list_.pairs = spread(std::move(list_.pairs), settings.limit);
  }

  void run(EvalModels& models, TaskReport& report) const override {
    const Panda& panda = models.panda();
    std::int64_t n_right = 0, n_only = 0;
    std::size_t n_named = 0;
    MediaItemReader reader;
    const auto item_of = [&](std::size_t row) {
      return std::span(&inputs_.media[static_cast<std::size_t>(list_.pairs[row].a)], 1);
    };
    const auto question = [&](std::size_t row, std::size_t /*which*/) {
      return about(item_of(row), reader);
    };
    const auto judge = [&](std::size_t row, std::vector<std::string>& answers) {
      std::string& answer = answers.front();
      const auto label = static_cast<std::size_t>(list_.pairs[row].label);
      const Naming naming = classes_.judge(answer, label);
      n_right += naming.right ? 1 : 0;
      n_only += naming.only ? 1 : 0;
      n_named += naming.n_named;
      report.answers.push_back({.input = names_of(item_of(row)),
                                .question = entry().question,
                                .answer = std::move(answer),
                                .expected = list_.labels[label],
                                .right = naming.right});
    };
    const std::int64_t n =
        for_each_readable(panda, list_.pairs.size(), /*n_each=*/1, report, question, judge);
    report.setting = question_setting() + fmt::format(", {} classes", list_.labels.size());
    report.figures.push_back(share_figure("right class named", n_right, n));
    report.figures.back().aim = entry().aim;
    report.figures.push_back(share_figure("right class named and no other", n_only, n));
    report.figures.push_back({.name = "classes named in an answer",
                              .value = static_cast<double>(n_named) / static_cast<double>(n),
                              .n = n,
                              .is_share = false});
  }

 protected:
  std::set<TowerKind> senses() const override { return {list_.a}; }

 private:
  InputTable inputs_;
  PairList list_;
  ClassNames classes_;
};

/// Several senses at once; each is asked about alone as well, so that a thing that isn't named
/// together can be told from one that isn't known.
class CompositionTask : public AnsweringTask {
 public:
  CompositionTask(const EvalEntry& entry, const EvalSettings& settings)
      : AnsweringTask(entry, settings),
        rows_(read_compositions(entry.list)),
        names_(distinct_names(rows_)),
        classes_(read_synonyms(entry.synonyms), names_, entry.synonyms) {
    for (const Composition& row : rows_) {
      require_files(row.media, entry.list);
      if (senses_of(row) != senses_of(rows_.front()))
        throw Error(ErrorKind::kInput,
                    entry.list.string() + ": the rows have different senses; make a list for each");
    }
    rows_ = spread(std::move(rows_), settings.limit);
  }

  void run(EvalModels& models, TaskReport& report) const override {
    const Panda& panda = models.panda();
    const std::size_t n_senses = rows_.front().media.size();
    std::int64_t n_all = 0;
    std::vector<std::int64_t> together(n_senses), alone(n_senses);
    MediaItemReader reader;
    // The first question is about all senses, the others about one each.
    const auto question = [&](std::size_t at, std::size_t which) {
      const std::span<const MediaItem> media = rows_[at].media;
      return about(which == 0 ? media : media.subspan(which - 1, 1), reader);
    };
    const auto judge = [&](std::size_t at, std::vector<std::string>& answers) {
      const Composition& row = rows_[at];
      std::string& answer = answers.front();
      bool all = true;
      for (std::size_t i = 0; i < n_senses; ++i) {
        const bool named = names(answer, row.names[i]);
        all = all && named;
        together[i] += named ? 1 : 0;
        alone[i] += names(answers[i + 1], row.names[i]) ? 1 : 0;
      }
      n_all += all ? 1 : 0;
      report.answers.push_back({.input = names_of(row.media),
                                .question = entry().question,
                                .answer = std::move(answer),
                                .expected = fmt::format("{}", fmt::join(row.names, " + ")),
                                .right = all});
    };
    const std::int64_t n =
        for_each_readable(panda, rows_.size(), 1 + n_senses, report, question, judge);
    report.setting = question_setting();
    add_figures(n, n_all, together, alone, report);
  }

 protected:
  std::set<TowerKind> senses() const override { return senses_of(rows_.front()); }

 private:
  static std::set<TowerKind> senses_of(const Composition& row) {
    std::set<TowerKind> senses;
    for (const MediaItem& item : row.media)
      senses.insert(item.tower);
    return senses;
  }

  static std::vector<std::string> distinct_names(const std::vector<Composition>& rows) {
    std::set<std::string> names;
    for (const Composition& row : rows)
      names.insert(row.names.begin(), row.names.end());
    return {names.begin(), names.end()};
  }

  bool names(const std::string& answer, const std::string& name) const {
    const auto at = std::ranges::lower_bound(names_, name) - names_.begin();
    return classes_.judge(answer, static_cast<std::size_t>(at)).right;
  }

  void add_figures(std::int64_t n, std::int64_t n_all, const std::vector<std::int64_t>& together,
                   const std::vector<std::int64_t>& alone, TaskReport& report) const {
    report.figures.push_back(share_figure("all named", n_all, n));
    report.figures.back().aim = entry().aim;
    for (std::size_t i = 0; i < together.size(); ++i) {
      const std::string sense = sense_name(rows_.front().media[i].tower);
      report.figures.push_back(share_figure(sense + " named", together[i], n));
      report.figures.push_back(share_figure(sense + " named when alone", alone[i], n));
    }
  }

  std::vector<Composition> rows_;
  std::vector<std::string> names_;  // sorted
  ClassNames classes_;
};

/// What the language model still knows: the same questions with the adapter and without.
class TextOnlyTask : public AnsweringTask {
 public:
  TextOnlyTask(const EvalEntry& entry, const EvalSettings& settings)
      : AnsweringTask(entry, settings),
        questions_(spread(read_text_questions(entry.list), settings.limit)) {
    for (const TextQuestion& question : questions_)
      accepted_.emplace_back(question.accept.begin(), question.accept.end());
  }

  void run(EvalModels& models, TaskReport& report) const override {
    const std::vector<std::string> answers = ask_all(models.panda());
    const bool compares = models.has_adapter();
    std::vector<std::string> before;
    if (compares) before = ask_all(models.panda(/*use_adapter=*/false));
    std::int64_t n_judged = 0, n_right = 0, n_right_before = 0;
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      const bool judged = !accepted_[i].empty();
      const bool right = accepts(i, answers[i]);
      const bool right_before = compares && accepts(i, before[i]);
      n_judged += judged ? 1 : 0;
      n_right += right ? 1 : 0;
      n_right_before += right_before ? 1 : 0;
      report.answers.push_back(
          {.question = questions_[i].question,
           .answer = answers[i],
           .expected = fmt::format("{}", fmt::join(questions_[i].accept, " | ")),
           .right = right,
           .judged = judged,
           .before = compares ? std::optional(before[i]) : std::nullopt,
           .right_before = right_before});
    }
    report.setting =
        fmt::format("{} questions, greedy, at most {} tokens{}", questions_.size(),
                    entry().max_tokens, compares ? "" : "; the model has no adapter to leave out");
    if (n_judged == 0) return;
    report.figures.push_back(share_figure("right", n_right, n_judged));
    report.figures.back().aim = entry().aim;
    if (compares)
      report.figures.push_back(share_figure("right without the adapter", n_right_before, n_judged));
  }

 protected:
  std::set<TowerKind> senses() const override { return {}; }

 private:
  std::vector<std::string> ask_all(const Panda& panda) const {
    std::vector<std::string> answers;
    ask_together(
        panda, "questions", questions_.size(),
        [&](std::size_t i) { return Asked{.question = questions_[i].question}; }, options(panda),
        [&](std::size_t /*i*/, AskedAnswer asked) {
          answers.push_back(std::move(asked.answer.text));
        });
    return answers;
  }

  bool accepts(std::size_t question, const std::string& answer) const {
    const std::vector<std::string> words = words_of(answer);
    return std::ranges::any_of(accepted_[question],
                               [&](const Phrase& phrase) { return phrase.occurs_in(words); });
  }

  std::vector<TextQuestion> questions_;
  std::vector<std::vector<Phrase>> accepted_;  // by question
};

}  // namespace

std::unique_ptr<EvalTask> make_answering_task(const EvalEntry& entry,
                                              const EvalSettings& settings) {
  switch (entry.kind) {
    case EvalKind::kCaptioning:
      return std::make_unique<CaptioningTask>(entry, settings);
    case EvalKind::kAnswers:
      return std::make_unique<NamingTask>(entry, settings);
    case EvalKind::kComposition:
      return std::make_unique<CompositionTask>(entry, settings);
    case EvalKind::kTextOnly:
      return std::make_unique<TextOnlyTask>(entry, settings);
    case EvalKind::kRetrieval:
    case EvalKind::kZeroShot:
      break;
  }
  throw Error(ErrorKind::kInternal, "the task " + entry.name + " isn't answered");
}

}  // namespace pandagpt
