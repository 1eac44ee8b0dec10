// Zero-shot classification: labels are texts, and the nearest one wins.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pandagpt/embedder.h"

namespace pandagpt {

/// Stands for the label in a template, as in CLIP's prompts: "a photo of a {}."
inline constexpr const char* kLabelMark = "{}";

/// The 80 prompts that CLIP was evaluated on ImageNet with (Radford et al., arXiv:2103.00020,
/// section 3.1.4).
std::span<const char* const> clip_templates();

/// The label in each of the templates; without any, the label itself.
std::vector<std::string> filled_templates(const std::vector<std::string>& templates,
                                          const std::string& label);

struct LabelScore {
  std::size_t label = 0;  ///< index into the labels
  float logit = 0;        ///< the embeddings' scalar product
  float probability = 0;  ///< softmax over all labels
};

/// Labels embedded once, for any number of inputs.
class ZeroShotClassifier {
 public:
  /// Every label is put into every template; a label's embedding is the mean direction of its
  /// prompts at the text tower's own length, so that one template gives ImageBind's scores exactly.
  /// Without templates the label itself is the prompt. Throws Error(kModel) without a text tower,
  /// Error(kUsage) without labels or for a template without its mark.
  ZeroShotClassifier(const Embedder& embedder, const std::vector<std::string>& labels,
                     const std::vector<std::string>& templates);

  /// All labels, the likeliest first. `embedding` is (width), as Embedder gives it.
  std::vector<LabelScore> classify(std::span<const float> embedding) const;

 private:
  std::size_t width_;
  std::vector<float> rows_;  // (n_labels, width)
};

/// The labels without white space around them, which is not their own. Throws Error(kUsage) for an
/// empty or repeated label, and without labels.
std::vector<std::string> checked_labels(std::vector<std::string> labels);
/// "a, b,c" -> {"a", "b", "c"}. Throws as checked_labels.
std::vector<std::string> split_labels(const std::string& list);
/// One label a line. Throws Error(kInput) if the file can't be read, and as checked_labels.
std::vector<std::string> read_labels(const std::string& path);

}  // namespace pandagpt
