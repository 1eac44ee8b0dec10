// pandagpt classify: which of the given labels fits an input best.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "embed/zero_shot.h"

namespace pandagpt {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kClipTemplateSet = "clip";
constexpr const char* kNoTemplate = "none";

struct ClassifyArguments {
  EmbedderArguments model;
  InputArguments inputs;
  std::string labels;
  std::string labels_file;
  std::vector<std::string> templates;
  int top_k = 5;
  bool sum = false;
  bool json = false;
};

std::vector<std::string> template_list(const std::vector<std::string>& given) {
  if (given.empty() || given == std::vector<std::string>{kNoTemplate}) return {};
  if (given == std::vector<std::string>{kClipTemplateSet})
    return {clip_templates().begin(), clip_templates().end()};
  return given;
}

void write_scores(const std::string& name, std::vector<LabelScore> scores,
                  const std::vector<std::string>& labels, const ClassifyArguments& arguments) {
  scores.resize(std::min(scores.size(), static_cast<std::size_t>(arguments.top_k)));
  if (arguments.json) {
    Json list = Json::array();
    for (const LabelScore& score : scores)
      list.push_back({{"label", labels[score.label]},
                      {"probability", score.probability},
                      {"logit", score.logit}});
    write_json({{"input", name}, {"labels", std::move(list)}});
    return;
  }
  std::string text = name + "\n";
  for (const LabelScore& score : scores)
    text += fmt::format("  {:>6.2f} %  {}\n", 100 * score.probability, labels[score.label]);
  write_output(text);
}

void run_classify(const ClassifyArguments& arguments) {
  const Inputs inputs = arguments.inputs.inputs();
  if (inputs.empty()) throw Error(ErrorKind::kUsage, "no input is given (--image, --audio, ..)");
  if (arguments.labels.empty() == arguments.labels_file.empty())
    throw Error(ErrorKind::kUsage, "give either --labels or --labels-file");
  arguments.inputs.check_standard_input(arguments.labels_file == "-" ? "the list of labels" : "");
  const std::vector<std::string> labels = arguments.labels_file.empty()
                                              ? split_labels(arguments.labels)
                                              : read_labels(arguments.labels_file);
  const Embedder embedder = arguments.model.open();
  const ZeroShotClassifier classifier(embedder, labels, template_list(arguments.templates));
  if (arguments.sum) {
    write_scores("all inputs", classifier.classify(embedder.combine(inputs)), labels, arguments);
    return;
  }
  const auto width = static_cast<std::size_t>(embedder.width());
  const std::vector<float> rows = embedder.embed(inputs);
  for (std::size_t i = 0; i < inputs.items().size(); ++i)
    write_scores(inputs.items()[i].name,
                 classifier.classify(std::span(rows).subspan(i * width, width)), labels, arguments);
}

}  // namespace

void add_classify(CLI::App& app) {
  const auto arguments = std::make_shared<ClassifyArguments>();
  CLI::App* command =
      app.add_subcommand("classify", "Which of your labels fits a picture, sound, .. (zero-shot)");
  arguments->inputs.add_to(*command);
  command->add_option("--labels", arguments->labels, "labels, separated by commas");
  command->add_option("--labels-file", arguments->labels_file, "labels, one a line");
  command
      ->add_option("--template", arguments->templates,
                   "prompt with {} for the label, e.g. \"a photo of a {}.\" (any number of "
                   "times; their mean counts); clip: CLIP's 80; default: the label itself")
      ->take_all();
  command->add_option("-k,--top-k", arguments->top_k, "how many labels to print")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--sum", arguments->sum,
                    "classify the inputs together: their directions, each times its --weight");
  command->add_flag("--json", arguments->json, "print one JSON object an input");
  arguments->model.add_to(*command);
  command->footer(
      "Example:\n"
      "  pandagpt classify --model imagebind-huge --audio bark.wav --labels \"dog, rain, car\"\n"
      "Probabilities are the softmax of the embeddings' scalar products, as in ImageBind.");
  command->callback([arguments] { run_classify(*arguments); });
}

}  // namespace pandagpt
