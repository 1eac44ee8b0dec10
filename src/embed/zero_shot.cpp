#include "embed/zero_shot.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <sstream>

#include "core/text_file.h"
#include "pandagpt/error.h"
#include "pipeline/embedding_math.h"

namespace pandagpt {
namespace {

constexpr std::size_t kTextBatch = 64;
constexpr std::uint64_t kMaxLabelFileBytes = 64 << 20;

constexpr const char* kClipTemplates[] = {
    "a bad photo of a {}.",
    "a photo of many {}.",
    "a sculpture of a {}.",
    "a photo of the hard to see {}.",
    "a low resolution photo of the {}.",
    "a rendering of a {}.",
    "graffiti of a {}.",
    "a bad photo of the {}.",
    "a cropped photo of the {}.",
    "a tattoo of a {}.",
    "the embroidered {}.",
    "a photo of a hard to see {}.",
    "a bright photo of a {}.",
    "a photo of a clean {}.",
    "a photo of a dirty {}.",
    "a dark photo of the {}.",
    "a drawing of a {}.",
    "a photo of my {}.",
    "the plastic {}.",
    "a photo of the cool {}.",
    "a close-up photo of a {}.",
    "a black and white photo of the {}.",
    "a painting of the {}.",
    "a painting of a {}.",
    "a pixelated photo of the {}.",
    "a sculpture of the {}.",
    "a bright photo of the {}.",
    "a cropped photo of a {}.",
    "a plastic {}.",
    "a photo of the dirty {}.",
    "a jpeg corrupted photo of a {}.",
    "a blurry photo of the {}.",
    "a photo of the {}.",
    "a good photo of the {}.",
    "a rendering of the {}.",
    "a {} in a video game.",
    "a photo of one {}.",
    "a doodle of a {}.",
    "a close-up photo of the {}.",
    "a photo of a {}.",
    "the origami {}.",
    "the {} in a video game.",
    "a sketch of a {}.",
    "a doodle of the {}.",
    "a origami {}.",
    "a low resolution photo of a {}.",
    "the toy {}.",
    "a rendition of the {}.",
    "a photo of the clean {}.",
    "a photo of a large {}.",
    "a rendition of a {}.",
    "a photo of a nice {}.",
    "a photo of a weird {}.",
    "a blurry photo of a {}.",
    "a cartoon {}.",
    "art of a {}.",
    "a sketch of the {}.",
    "a embroidered {}.",
    "a pixelated photo of a {}.",
    "itap of the {}.",
    "a jpeg corrupted photo of the {}.",
    "a good photo of a {}.",
    "a plushie {}.",
    "a photo of the nice {}.",
    "a photo of the small {}.",
    "a photo of the weird {}.",
    "the cartoon {}.",
    "art of the {}.",
    "a drawing of the {}.",
    "a photo of the large {}.",
    "a black and white photo of a {}.",
    "the plushie {}.",
    "a dark photo of a {}.",
    "itap of a {}.",
    "graffiti of the {}.",
    "a toy {}.",
    "itap of my {}.",
    "a photo of a cool {}.",
    "a photo of a small {}.",
    "a tattoo of the {}.",
};
static_assert(std::size(kClipTemplates) == 80);

std::string filled(const std::string& prompt, const std::string& label) {
  std::string text = prompt;
  const std::string mark = kLabelMark;
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + label.size()))
    text.replace(at, mark.size(), label);
  return text;
}

std::vector<float> embed_all(const Embedder& embedder, const std::vector<std::string>& texts) {
  std::vector<float> rows;
  for (std::size_t begin = 0; begin < texts.size(); begin += kTextBatch) {
    const std::size_t n = std::min(kTextBatch, texts.size() - begin);
    const std::vector<float> more = embedder.embed_texts({texts.data() + begin, n});
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

/// (n, width) of equal lengths -> (width) of the same length.
std::vector<float> mean_direction(std::span<const float> rows, std::size_t width) {
  std::vector<float> mean(width);
  for (std::size_t i = 0; i < rows.size(); ++i)
    mean[i % width] += rows[i];
  bring_to_length_one(mean);
  const double length = length_of(rows.first(width));
  for (float& value : mean)
    value = static_cast<float>(value * length);
  return mean;
}

}  // namespace

std::span<const char* const> clip_templates() {
  return kClipTemplates;
}

std::vector<std::string> filled_templates(const std::vector<std::string>& templates,
                                          const std::string& label) {
  if (templates.empty()) return {label};
  std::vector<std::string> texts;
  for (const std::string& one : templates)
    texts.push_back(filled(one, label));
  return texts;
}

ZeroShotClassifier::ZeroShotClassifier(const Embedder& embedder,
                                       const std::vector<std::string>& labels,
                                       const std::vector<std::string>& templates)
    : width_(static_cast<std::size_t>(embedder.width())) {
  if (labels.empty()) throw Error(ErrorKind::kUsage, "no labels are given");
  for (const std::string& one : templates)
    if (one.find(kLabelMark) == std::string::npos)
      throw Error(ErrorKind::kUsage, "the template '" + one + "' has no {} for the label");
  if (templates.empty()) {
    rows_ = embed_all(embedder, labels);
    return;
  }
  for (const std::string& label : labels) {
    const std::vector<std::string> prompts = filled_templates(templates, label);
    const std::vector<float> rows = embed_all(embedder, prompts);
    const std::vector<float> row = prompts.size() == 1 ? rows : mean_direction(rows, width_);
    rows_.insert(rows_.end(), row.begin(), row.end());
  }
}

std::vector<LabelScore> ZeroShotClassifier::classify(std::span<const float> embedding) const {
  if (embedding.size() != width_)
    throw Error(ErrorKind::kUsage, "an embedding of " + std::to_string(embedding.size()) +
                                       " numbers, the labels have " + std::to_string(width_));
  std::vector<LabelScore> scores(rows_.size() / width_);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i].label = i;
    scores[i].logit = static_cast<float>(
        std::inner_product(embedding.begin(), embedding.end(),
                           rows_.begin() + static_cast<std::ptrdiff_t>(i * width_), 0.0));
  }
  std::ranges::stable_sort(scores, std::greater<>(), &LabelScore::logit);
  double sum = 0;
  for (const LabelScore& score : scores)
    sum += std::exp(double{score.logit} - scores.front().logit);
  for (LabelScore& score : scores)
    score.probability =
        static_cast<float>(std::exp(double{score.logit} - scores.front().logit) / sum);
  return scores;
}

std::vector<std::string> checked_labels(std::vector<std::string> labels) {
  std::set<std::string> seen;
  for (std::string& label : labels) {
    const std::size_t begin = label.find_first_not_of(" \t\r");
    if (begin == std::string::npos) throw Error(ErrorKind::kUsage, "a label is empty");
    label = label.substr(begin, label.find_last_not_of(" \t\r") + 1 - begin);
    if (!seen.insert(label).second)
      throw Error(ErrorKind::kUsage, "the label '" + label + "' is given twice");
  }
  if (labels.empty()) throw Error(ErrorKind::kUsage, "no labels are given");
  return labels;
}

std::vector<std::string> split_labels(const std::string& list) {
  std::vector<std::string> labels;
  std::istringstream stream(list);
  for (std::string label; std::getline(stream, label, ',');)
    labels.push_back(label);
  return checked_labels(std::move(labels));
}

std::vector<std::string> read_labels(const std::string& path) {
  std::vector<std::string> labels = read_text_lines(path, kMaxLabelFileBytes);
  std::erase_if(labels, [](const std::string& label) {
    return label.find_first_not_of(" \t") == std::string::npos;
  });
  return checked_labels(std::move(labels));
}

}  // namespace pandagpt
