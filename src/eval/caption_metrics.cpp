#include "eval/caption_metrics.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <unordered_map>
#include <unordered_set>

#include "eval/caption_tokenizer.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr int kMaxOrder = 4;
constexpr const char* kNames[] = {"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr-D"};

using WordId = std::int32_t;
/// Word ids of an n-gram; unused places hold -1.
using Ngram = std::array<WordId, kMaxOrder>;

struct NgramHash {
  std::size_t operator()(const Ngram& ngram) const {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const WordId id : ngram)
      hash = (hash ^ static_cast<std::uint32_t>(id)) * 0x100000001b3ULL;
    return hash ^ (hash >> 29);
  }
};

template <typename Value>
using NgramMap = std::unordered_map<Ngram, Value, NgramHash>;
/// Counts of all n-grams, by order - 1.
using NgramCounts = std::array<NgramMap<int>, kMaxOrder>;

/// One caption, ready to be compared.
struct Sentence {
  std::vector<std::string> tokens;  // for ROUGE-L
  int words = 0;                    // for BLEU: a no-break space separates words there
  NgramCounts ngrams;
};

class Vocabulary {
 public:
  WordId id(const std::string& word) {
    return ids_.emplace(word, static_cast<WordId>(ids_.size())).first->second;
  }

 private:
  std::unordered_map<std::string, WordId> ids_;
};

Sentence prepare(const std::string& caption, Vocabulary& vocabulary) {
  static const std::string kNoBreakSpace = "\xC2\xA0";
  Sentence sentence;
  sentence.tokens = tokenize_caption(caption);
  std::vector<WordId> ids;
  for (const std::string& token : sentence.tokens) {
    std::size_t begin = 0;
    while (begin <= token.size()) {
      const std::size_t end = std::min(token.find(kNoBreakSpace, begin), token.size());
      if (end > begin) ids.push_back(vocabulary.id(token.substr(begin, end - begin)));
      begin = end + kNoBreakSpace.size();
    }
  }
  sentence.words = static_cast<int>(ids.size());
  for (std::size_t begin = 0; begin < ids.size(); ++begin) {
    Ngram ngram;
    ngram.fill(-1);
    for (std::size_t order = 0; order < kMaxOrder && begin + order < ids.size(); ++order) {
      ngram[order] = ids[begin + order];
      ++sentence.ngrams[order][ngram];
    }
  }
  return sentence;
}

struct PreparedCase {
  Sentence answer;
  std::vector<Sentence> references;
};

// ---- BLEU (bleu_scorer.py, option "closest") ----

BleuCounts bleu_counts(const PreparedCase& one) {
  BleuCounts counts;
  counts.answer_length = one.answer.words;
  int nearest = one.references.front().words;
  for (const Sentence& reference : one.references) {
    const int distance = std::abs(reference.words - one.answer.words);
    const int best = std::abs(nearest - one.answer.words);
    if (distance < best || (distance == best && reference.words < nearest)) {
      nearest = reference.words;
    }
  }
  counts.reference_length = nearest;
  for (int order = 0; order < kMaxOrder; ++order) {
    counts.guessed[order] = std::max(0, one.answer.words - order);
    for (const auto& [ngram, count] : one.answer.ngrams[order]) {
      int most = 0;
      for (const Sentence& reference : one.references) {
        const auto found = reference.ngrams[order].find(ngram);
        if (found != reference.ngrams[order].end()) most = std::max(most, found->second);
      }
      counts.correct[order] += std::min(most, count);
    }
  }
  return counts;
}

void add(BleuCounts& total, const BleuCounts& one) {
  for (int order = 0; order < kMaxOrder; ++order) {
    total.correct[order] += one.correct[order];
    total.guessed[order] += one.guessed[order];
  }
  total.answer_length += one.answer_length;
  total.reference_length += one.reference_length;
}

/// Writes BLEU-1..4 into `scores`. The two constants keep empty answers defined; they are part of
/// the reference's numbers.
void write_bleu(const BleuCounts& counts, CaptionScores& scores) {
  constexpr double kSmall = 1e-9, kTiny = 1e-15;
  const double ratio = (counts.answer_length + kTiny) / (counts.reference_length + kSmall);
  const double brevity = ratio < 1 ? std::exp(1 - 1 / ratio) : 1;
  double product = 1;
  for (int order = 0; order < kMaxOrder; ++order) {
    product *= (counts.correct[order] + kTiny) / (counts.guessed[order] + kSmall);
    scores[kBleu1 + order] = std::pow(product, 1.0 / (order + 1)) * brevity;
  }
}

// ---- ROUGE-L (rouge.py) ----

int longest_common_subsequence(const std::vector<std::string>& a,
                               const std::vector<std::string>& b) {
  std::vector<int> row(b.size() + 1, 0);
  for (const std::string& word : a) {
    int diagonal = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int above = row[j];
      row[j] = word == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row[b.size()];
}

/// Python's "".split(" ") is one empty word.
std::vector<std::string> rouge_words(const Sentence& sentence) {
  return sentence.tokens.empty() ? std::vector<std::string>{""} : sentence.tokens;
}

double rouge_l(const PreparedCase& one) {
  constexpr double kBeta = 1.2;
  const std::vector<std::string> answer = rouge_words(one.answer);
  double precision = 0, recall = 0;
  for (const Sentence& sentence : one.references) {
    const std::vector<std::string> reference = rouge_words(sentence);
    const double common = longest_common_subsequence(reference, answer);
    precision = std::max(precision, common / static_cast<double>(answer.size()));
    recall = std::max(recall, common / static_cast<double>(reference.size()));
  }
  if (precision == 0 || recall == 0) return 0;
  return (1 + kBeta * kBeta) * precision * recall / (recall + kBeta * kBeta * precision);
}

// ---- CIDEr-D (cider_scorer.py) ----

class CiderScorer {
 public:
  explicit CiderScorer(const std::vector<PreparedCase>& cases)
      : log_images_(std::log(static_cast<double>(cases.size()))) {
    for (const PreparedCase& one : cases) {
      std::unordered_set<Ngram, NgramHash> seen;
      for (const Sentence& reference : one.references) {
        for (const auto& counts : reference.ngrams) {
          for (const auto& entry : counts)
            seen.insert(entry.first);
        }
      }
      for (const Ngram& ngram : seen)
        ++images_with_[ngram];
    }
  }

  double score(const PreparedCase& one) const {
    const Vector answer = vector_of(one.answer);
    double sum = 0;
    for (const Sentence& reference : one.references)
      sum += similarity(answer, vector_of(reference));
    constexpr double kScale = 10;
    return kScale * sum / kMaxOrder / static_cast<double>(one.references.size());
  }

 private:
  struct Vector {
    std::array<NgramMap<double>, kMaxOrder> weights;  // term frequency x inverse document frequency
    std::array<double, kMaxOrder> norm{};
    double length = 0;  // the reference counts bigrams
  };

  Vector vector_of(const Sentence& sentence) const {
    Vector vector;
    for (int order = 0; order < kMaxOrder; ++order) {
      for (const auto& [ngram, count] : sentence.ngrams[order]) {
        const auto found = images_with_.find(ngram);
        const double images = found == images_with_.end() ? 1 : std::max(1, found->second);
        const double weight = count * (log_images_ - std::log(images));
        vector.weights[order][ngram] = weight;
        vector.norm[order] += weight * weight;
        if (order == 1) vector.length += count;
      }
      vector.norm[order] = std::sqrt(vector.norm[order]);
    }
    return vector;
  }

  /// Summed over the orders: clipped cosine, with a penalty on the difference in length.
  static double similarity(const Vector& answer, const Vector& reference) {
    constexpr double kSigma = 6;
    const double delta = answer.length - reference.length;
    const double penalty = std::exp(-delta * delta / (2 * kSigma * kSigma));
    double sum = 0;
    for (int order = 0; order < kMaxOrder; ++order) {
      double value = 0;
      for (const auto& [ngram, weight] : answer.weights[order]) {
        const auto found = reference.weights[order].find(ngram);
        if (found != reference.weights[order].end()) {
          value += std::min(weight, found->second) * found->second;
        }
      }
      const double norms = answer.norm[order] * reference.norm[order];
      sum += (norms != 0 ? value / norms : value) * penalty;
    }
    return sum;
  }

  double log_images_;
  NgramMap<int> images_with_;  // in how many images' references an n-gram occurs
};

std::vector<PreparedCase> prepare_all(std::span<const CaptionCase> cases) {
  if (cases.empty()) throw Error(ErrorKind::kInput, "No captions to score: the set is empty");
  Vocabulary vocabulary;
  std::vector<PreparedCase> prepared;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (cases[i].references.empty()) {
      throw Error(ErrorKind::kInput,
                  "Image " + std::to_string(i) + " of the set has no reference caption");
    }
    PreparedCase one{.answer = prepare(cases[i].answer, vocabulary), .references = {}};
    for (const std::string& text : cases[i].references) {
      one.references.push_back(prepare(text, vocabulary));
    }
    prepared.push_back(std::move(one));
  }
  return prepared;
}

}  // namespace

const char* caption_metric_name(int metric) {
  return kNames[metric];
}

CaptionReport score_captions(std::span<const CaptionCase> cases) {
  const std::vector<PreparedCase> prepared = prepare_all(cases);
  const CiderScorer cider(prepared);
  CaptionReport report;
  BleuCounts total;
  for (const PreparedCase& one : prepared) {
    CaptionScores scores{};
    report.bleu.push_back(bleu_counts(one));
    add(total, report.bleu.back());
    write_bleu(report.bleu.back(), scores);
    scores[kRougeL] = rouge_l(one);
    scores[kCiderD] = cider.score(one);
    report.per_image.push_back(scores);
    report.scores[kRougeL] += scores[kRougeL] / static_cast<double>(prepared.size());
    report.scores[kCiderD] += scores[kCiderD] / static_cast<double>(prepared.size());
  }
  write_bleu(total, report.scores);
  return report;
}

std::array<Interval, kCaptionMetricCount> bootstrap_intervals(const CaptionReport& report,
                                                              int rounds, std::uint64_t seed) {
  const std::size_t images = report.per_image.size();
  if (images == 0 || rounds < 1) {
    throw Error(ErrorKind::kUsage, "Bootstrap intervals need an image and at least one round");
  }
  std::mt19937_64 random(seed);
  std::array<std::vector<double>, kCaptionMetricCount> samples;
  for (int round = 0; round < rounds; ++round) {
    BleuCounts total;
    CaptionScores scores{};
    for (std::size_t i = 0; i < images; ++i) {
      const std::size_t drawn = random() % images;
      add(total, report.bleu[drawn]);
      for (const int metric : {kRougeL, kCiderD}) {
        scores[metric] += report.per_image[drawn][metric] / static_cast<double>(images);
      }
    }
    write_bleu(total, scores);
    for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
      samples[metric].push_back(scores[metric]);
    }
  }
  std::array<Interval, kCaptionMetricCount> intervals;
  for (int metric = 0; metric < kCaptionMetricCount; ++metric) {
    intervals[metric] = percentile_interval(samples[metric]);
  }
  return intervals;
}

}  // namespace pandagpt
