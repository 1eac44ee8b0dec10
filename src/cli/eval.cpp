// pandagpt eval all | caption | imagenet: measures a model on a test set.
#include "cli/eval.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "cli/output.h"
#include "core/file.h"
#include "core/progress.h"
#include "encoders/encoders.h"
#include "eval/accuracy.h"
#include "eval/asked_together.h"
#include "eval/caption_answers.h"
#include "eval/caption_run.h"
#include "eval/caption_set.h"
#include "eval/eval_models.h"
#include "media/image.h"
#include "pandagpt/panda.h"
#include "pipeline/manifest.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
// ---- caption ----

struct CaptionOptions {
  ModelArguments model;
  CaptionSettings settings;
  std::size_t limit = 0;  // 0: all
  std::string out;
  std::string html;
  std::string svg;
  bool embed_images = false;
};

void evaluate_captions(const CaptionOptions& options) {
  std::vector<CaptionPhoto> photos = read_caption_set(options.settings.data);
  if (options.limit > 0 && photos.size() > options.limit) photos.resize(options.limit);
  const Panda panda = options.model.open();
  CaptionRun run = run_captions(panda, options.settings, std::move(photos));
  run.model_files = model_file_hashes(panda.info().folder);

  write_output(to_text(run));
  if (!options.out.empty()) write_report(options.out, to_json(run));
  if (!options.svg.empty()) write_report(options.svg, metric_chart(run));
  if (!options.html.empty()) {
    write_report(options.html, to_html(run, options.embed_images ? options.settings.images : ""));
  }
}

void add_eval_caption(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand(
      "caption",
      "answer about every photo of a test set; BLEU, ROUGE-L and CIDEr-D of the answers");
  auto options = std::make_shared<CaptionOptions>();
  options->model.add_to(*command);
  options->model.no_cache = true;  // each photo comes once, and its time counts
  add_answers_at_once(*command, options->model.options);
  command->add_option("--data", options->settings.data, "JSON list of {image_name, captions}")
      ->required();
  command->add_option("--images", options->settings.images, "folder that image_name is relative to")
      ->required();
  command->add_option("--question", options->settings.question, "what is asked")
      ->capture_default_str();
  command->add_option("--limit", options->limit, "only the first N photos; 0 is all")
      ->capture_default_str();
  command->add_option("--max-tokens", options->settings.max_tokens, "tokens of an answer at most")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--beams", options->settings.n_beams, "beams of the search; 1: greedy")
      ->check(CLI::Range(1, GenerateOptions::kMaxBeams))
      ->capture_default_str();
  command
      ->add_option("--bootstrap", options->settings.bootstrap_rounds,
                   "resamplings behind the intervals")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--seed", options->settings.bootstrap_seed, "seed of the resampling")
      ->capture_default_str();
  command->add_option("--out", options->out, "report with every answer (JSON)");
  command->add_option("--html", options->html, "page with figures and charts");
  command->add_option("--svg", options->svg, "chart of the metrics alone");
  command->add_flag("--embed-images", options->embed_images,
                    "put the pictures of the listed photos into the page");
  command->callback([options] { evaluate_captions(*options); });
}

// ---- imagenet ----

struct ImagenetOptions {
  std::string model = kDefaultModel;
  std::string encoders;
  std::string data;
  std::string images;
  int threads = 0;
  std::string out;
};

struct ClassifiedPhoto {
  std::string image_name;
  int label;
  int predicted;
  bool in_top5;
};

std::vector<ClassifiedPhoto> classify_photos(Encoders& encoders, const fs::path& folder,
                                             const std::vector<LabelledPhoto>& photos) {
  constexpr std::size_t kBatch = 16;
  ImageTrunk& trunk = encoders.trunk();
  const std::size_t classes = trunk.labels().size();
  std::vector<ClassifiedPhoto> results;
  Progress progress("photos", static_cast<std::int64_t>(photos.size()));
  for (std::size_t begin = 0; begin < photos.size(); begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, photos.size());
    std::vector<Image> images;
    for (std::size_t i = begin; i < end; ++i) {
      images.push_back(load_image(folder / photos[i].image_name));
    }
    const std::vector<float> pixels = picture_tensors(images, encoders.transforms());
    const std::vector<float> logits = trunk.logits(pixels.data(), static_cast<int>(images.size()));
    for (std::size_t i = begin; i < end; ++i) {
      const std::span<const float> row(logits.data() + (i - begin) * classes, classes);
      const auto best = static_cast<int>(std::ranges::max_element(row) - row.begin());
      results.push_back(
          {photos[i].image_name, photos[i].label, best, in_top_k(row, photos[i].label, 5)});
    }
    progress.update(static_cast<std::int64_t>(end));
  }
  progress.finish();
  return results;
}

void evaluate_imagenet(const ImagenetOptions& options) {
  const fs::path file = options.encoders.empty()
                            ? read_manifest(find_model(options.model)).encoders.path
                            : fs::path(options.encoders);
  Encoders encoders(file, {.n_threads = options.threads});
  const std::vector<std::string>& labels = encoders.trunk().labels();
  if (labels.empty()) {
    throw Error(ErrorKind::kModel,
                fmt::format("{}: its vision tower has no classifier to measure", file.string()));
  }
  const auto photos = read_labels(options.data, static_cast<int>(labels.size()));
  const auto results = classify_photos(encoders, options.images, photos);

  const auto total = static_cast<std::int64_t>(results.size());
  const auto top1 = std::ranges::count_if(
      results, [](const ClassifiedPhoto& photo) { return photo.label == photo.predicted; });
  const auto top5 = std::ranges::count_if(results, &ClassifiedPhoto::in_top5);
  nlohmann::ordered_json report = {
      {"task", "imagenet"}, {"encoders_sha256", sha256_file(file)}, {"photos", total}};
  for (const auto& [name, hits] : {std::pair{"top-1", top1}, std::pair{"top-5", top5}}) {
    const double share = static_cast<double>(hits) / static_cast<double>(total);
    const Interval interval = wilson_interval(hits, total);
    write_output(fmt::format("{:<6} {:.4f}  [{:.4f}, {:.4f}]  {} of {}\n", name, share,
                             interval.low, interval.high, hits, total));
    report[name] = {{"value", share}, {"low", interval.low}, {"high", interval.high}};
  }
  if (options.out.empty()) return;
  for (const ClassifiedPhoto& photo : results) {
    report["results"].push_back({{"image_name", photo.image_name},
                                 {"label", labels[photo.label]},
                                 {"predicted", labels[photo.predicted]},
                                 {"in_top_5", photo.in_top5}});
  }
  write_report(options.out, report.dump(1) + "\n");
}

void add_eval_imagenet(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand(
      "imagenet", "top-1 and top-5 accuracy of the vision tower's own classifier");
  auto options = std::make_shared<ImagenetOptions>();
  command->add_option("--model", options->model, "model folder or name")->capture_default_str();
  command->add_option("--encoders", options->encoders, "an encoders file instead of a model");
  command->add_option("--data", options->data, "tab-separated: image, and class_index or wnid")
      ->required();
  command->add_option("--images", options->images, "folder of the photos")->required();
  command->add_option("--threads", options->threads, "CPU threads; 0 is one a physical core")
      ->check(CLI::Range(0, 1024));
  command->add_option("--out", options->out, "report with every photo (JSON)");
  command->callback([options] { evaluate_imagenet(*options); });
}

}  // namespace

void add_answers_at_once(CLI::App& command, PandaOptions& options) {
  options.n_parallel = kAnswersAtOnce;
  command
      .add_option("--parallel", options.n_parallel,
                  "answers computed at once, each in a cache of --ctx-size positions")
      ->capture_default_str()
      ->check(CLI::Range(1, kMostAnswersAtOnce));
}

void add_eval(CLI::App& app) {
  CLI::App* eval = app.add_subcommand("eval", "measure a model on a test set");
  eval->require_subcommand(1);
  add_eval_all(*eval);
  add_eval_caption(*eval);
  add_eval_imagenet(*eval);
}

}  // namespace pandagpt
