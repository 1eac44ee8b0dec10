#include "train/bind/bind_setup.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>

#include "convert/clip_vocabulary.h"
#include "core/threads.h"
#include "encoders/encoder_keys.h"
#include "encoders/encoders.h"
#include "encoders/shared_trunk.h"
#include "encoders/tower_registry.h"
#include "pandagpt/error.h"
#include "train/bind/bpe_trainer.h"
#include "train/fnv1a.h"
#include "train/image_views.h"
#include "train/matmul.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

using torch::Tensor;
namespace keys = encoder_keys;

// Raised when what is kept of an input changes, so that older caches aren't used.
constexpr char kSampleVersion[] = "1";
constexpr std::int64_t kScaleSamples = 256;  // inputs that the input scale is measured on
constexpr float kLeastDeviation = 1e-3F;     // values that never vary are not blown up

/// FILE or FILE=WEIGHT.
std::pair<fs::path, std::optional<double>> split_weight(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos) return {text, std::nullopt};
  char* end = nullptr;
  const double weight = std::strtod(text.c_str() + equals + 1, &end);
  if (end == text.c_str() + equals + 1 || *end != '\0') return {text, std::nullopt};
  if (!(weight > 0) || !std::isfinite(weight))
    throw Error(ErrorKind::kUsage, "--data " + text + ": the weight must be positive");
  return {text.substr(0, equals), weight};
}

Bytes bytes_of(const std::vector<float>& values) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(values.data());
  return {data, data + values.size() * sizeof(float)};
}

Tensor floats_of(const Bytes& record) {
  Tensor values = torch::empty({static_cast<std::int64_t>(record.size() / sizeof(float))});
  std::memcpy(values.data_ptr<float>(), record.data(), record.size());
  return values;
}

class SetupMaker {
 public:
  SetupMaker(const BindOptions& options, const fs::path& encoders, BindSetup& setup)
      : options_(options),
        encoders_path_(encoders),
        setup_(setup),
        compute_(product_type(options.dtype)),
        n_threads_(options.threads > 0 ? options.threads : default_thread_count()) {}

  void make() {
    if (!encoders_path_.empty()) setup_.base.emplace(encoders_path_);
    setup_.settings = tower_settings(parse_senses(options_.train), options_.sizes, base());
    read_lists();
    check_senses();
    const fs::path folder =
        options_.cache.empty() ? fs::path(options_.out) / "cache" : fs::path(options_.cache);
    setup_.cache = std::make_unique<BlobStore>(folder / "inputs.bin");
    for (const TowerKind tower : senses_)
      setup_.sides[tower] = make_side(tower);
    for (std::vector<PairList>* lists : {&setup_.training, &setup_.validation})
      for (PairList& list : *lists)
        drop_failed(list);
    weigh_lists();
  }

 private:
  const GgufFile* base() const { return setup_.base ? &*setup_.base : nullptr; }

  void read_lists() {
    Templates templates;
    for (const std::string& text : options_.templates)
      add_template(text, templates);
    PairReader reader(setup_.inputs, templates);
    for (const std::string& text : options_.data) {
      const auto [path, weight] = split_weight(text);
      setup_.training.push_back(reader.read(path));
      given_weights_.push_back(weight);
      note_items(setup_.training.back(), /*training=*/true);
    }
    for (const std::string& path : options_.validation) {
      setup_.validation.push_back(reader.read(path));
      note_items(setup_.validation.back(), /*training=*/false);
    }
  }

  /// Which inputs are wanted, and for what.
  void note_items(const PairList& list, bool training) {
    senses_.insert({list.a, list.b});
    auto& items = training ? training_items_ : validation_items_;
    for (const Pair& pair : list.pairs) {
      items[list.a].insert(pair.a);
      if (list.b != TowerKind::kText) items[list.b].insert(pair.b);
    }
  }

  void check_senses() const {
    for (const TowerKind tower : parse_senses(options_.train))
      if (!training_items_.contains(tower) &&
          !(tower == TowerKind::kText && senses_.contains(tower)))
        throw Error(ErrorKind::kUsage,
                    "--train " + sense_name(tower) + ": no list of --data has this sense");
    for (const TowerKind tower : senses_) {
      if (setup_.settings.trains(tower)) continue;
      if (base() == nullptr || !has_tower(*base(), tower))
        throw Error(ErrorKind::kModel,
                    "the lists need a " + std::string(tower_name(tower)) + " tower, which " +
                        (base() == nullptr ? "no encoders file was given for"
                                           : encoders_path_.string() + " doesn't have") +
                        "; train it, too (--train), or give other --encoders");
    }
  }

  std::vector<std::int64_t> items_of(TowerKind tower, bool with_validation) const {
    std::set<std::int64_t> items;
    if (const auto found = training_items_.find(tower); found != training_items_.end())
      items = found->second;
    if (const auto found = validation_items_.find(tower);
        with_validation && found != validation_items_.end())
      items.insert(found->second.begin(), found->second.end());
    return {items.begin(), items.end()};
  }

  AugmentOptions augment_options() const {
    return {options_.augment, {options_.drop_path, options_.head_dropout, options_.patch_dropout}};
  }

  /// A tower's starting weights don't depend on what else is trained.
  void seed_for(TowerKind tower) const {
    torch::manual_seed(mix(options_.seed, static_cast<std::uint64_t>(tower)));
  }

  std::unique_ptr<Side> make_side(TowerKind tower) {
    const bool trained = setup_.settings.trains(tower);
    if (tower == TowerKind::kText) return trained ? make_text_side() : make_frozen_texts();
    if (trained && setup_.settings.towers.contains(tower)) return make_sample_side(tower);
    return make_rows_side(tower);
  }

  // --- Texts ---

  std::vector<std::string> merges_for(TowerConfig& config) const {
    if (base() != nullptr && is_continued(TowerKind::kText))
      return base()->get_str_array(keys::kTokenizerMerges);
    const int n_merges = config.vocab_size - BpeTokenizer({}, config.context_length).vocab_size();
    if (n_merges < 0)
      throw Error(ErrorKind::kUsage, "--sizes: the text tower's vocab_size " +
                                         std::to_string(config.vocab_size) + " is less than " +
                                         std::to_string(config.vocab_size - n_merges) +
                                         ", which a tokenizer has without any merge");
    std::vector<std::string> merges;
    if (!options_.merges.empty()) {
      merges = read_clip_merges(options_.merges, n_merges);
    } else {
      std::vector<std::string> texts;
      for (const TextItem& item : setup_.inputs.texts)
        texts.insert(texts.end(), item.begin(), item.end());
      merges = learn_merges(texts, n_merges);
    }
    config.vocab_size = BpeTokenizer(merges, config.context_length).vocab_size();
    return merges;
  }

  std::unique_ptr<Side> make_text_side() {
    TowerConfig& config = setup_.settings.towers.at(TowerKind::kText);
    const std::vector<std::string> merges = merges_for(config);
    const BpeTokenizer tokenizer(merges, config.context_length);
    return std::make_unique<TextSide>(make_tower(config, {}, merges), setup_.inputs.texts,
                                      tokenizer, augment_options());
  }

  std::unique_ptr<Side> make_frozen_texts() {
    std::vector<std::string> texts;
    std::vector<std::int64_t> first{0};
    for (const TextItem& item : setup_.inputs.texts) {
      texts.insert(texts.end(), item.begin(), item.end());
      first.push_back(static_cast<std::int64_t>(texts.size()));
    }
    const std::vector<float> rows = encoders().encode_texts(texts);
    return std::make_unique<RowsSide>(
        torch::tensor(rows).view({static_cast<std::int64_t>(texts.size()), -1}), first,
        std::vector<std::int64_t>{}, nullptr, augment_options());
  }

  // --- Transformers ---

  bool is_continued(TowerKind tower) const {
    return std::ranges::find(setup_.settings.continued, tower) != setup_.settings.continued.end();
  }

  std::unique_ptr<TowerModule> make_tower(const TowerConfig& config, const Tensor& input_scale,
                                          const std::vector<std::string>& merges) {
    seed_for(config.tower);
    auto tower = std::make_unique<TowerModule>(config, compute_, input_scale, merges);
    if (is_continued(config.tower)) tower->load(*base());
    return tower;
  }

  std::unique_ptr<Side> make_sample_side(TowerKind tower) {
    const TowerConfig& config = setup_.settings.towers.at(tower);
    const StemConfig& stem = config.stem;
    const MediaTransforms transforms =
        transforms_for(config, {.size = stem.input.height, .resize_short_side = stem.input.height});
    const std::string size = std::to_string(stem.input.height) + "x" +
                             std::to_string(stem.input.width) + " " + kSampleVersion;
    const std::string name = tower_name(tower);
    auto samples =
        std::make_unique<ItemCache>(*setup_.cache, setup_.inputs, name + " sample " + size);
    samples->fill(
        items_of(tower, false),
        [&](const MediaItem& item, const Bytes& content) {
          return pack(decode_sample(item, content, transforms));
        },
        n_threads_, failed_);
    auto views = std::make_unique<ItemCache>(*setup_.cache, setup_.inputs, name + " views " + size);
    std::vector<std::int64_t> measured;
    if (const auto found = validation_items_.find(tower); found != validation_items_.end())
      measured.assign(found->second.begin(), found->second.end());
    views->fill(
        measured,
        [&](const MediaItem& item, const Bytes& content) {
          return bytes_of(inference_views(item, content, transforms).values);
        },
        n_threads_, failed_);
    const Tensor scale = input_scale(*samples, tower, stem, transforms);
    return std::make_unique<SampleSide>(make_tower(config, scale, {}), std::move(samples),
                                        std::move(views), transforms, augment_options());
  }

  /// 1 / root mean square of each channel, as training sees it: a channel that is always 0 has the
  /// noise of augmentation.
  Tensor input_scale(const ItemCache& samples, TowerKind tower, const StemConfig& stem,
                     const MediaTransforms& transforms) const {
    Tensor squares = torch::zeros({stem.channels});
    std::int64_t n = 0;
    for (const std::int64_t item : items_of(tower, false)) {
      if (failed_.items.contains(item) || n == kScaleSamples) continue;
      Random random(mix(options_.seed, static_cast<std::uint64_t>(n)));
      const auto view =
          training_view(unpack(samples.get(item)), tower, transforms, options_.augment, random);
      squares += torch::tensor(view).view({stem.channels, -1}).square().mean(1);
      ++n;
    }
    if (n == 0) return torch::ones({stem.channels});
    return (squares / n).sqrt().clamp_min(kLeastDeviation).reciprocal();
  }

  // --- Features and frozen towers ---

  Encoders& encoders() {
    if (!encoders_)
      encoders_ =
          std::make_unique<Encoders>(encoders_path_, EncoderOptions{.n_threads = options_.threads});
    return *encoders_;
  }

  /// (views, F) of a picture: views as in image_views.h.
  std::vector<float> picture_rows(const MediaItem& item, const Bytes& content, bool features) {
    const Image image = decode_image(content, item.name());
    const std::string key = sha256_hex(content);
    std::vector<Image> views;
    for (int view = 0; view < options_.n_views; ++view)
      views.push_back(image_view(image, key, view));
    const MediaTransforms& transforms = encoders().transforms();
    const std::vector<float> pixels = picture_tensors(views, transforms);
    return features ? encoders().trunk().features(pixels.data(), options_.n_views)
                    : encoders().encode(TowerKind::kVision, pixels, options_.n_views);
  }

  /// (views, F) of an input that shares the pictures' trunk: what inference makes of it, and
  /// altered at random as often as pictures have views.
  std::vector<float> shared_trunk_rows(const MediaItem& item, const Bytes& content,
                                       const PatchBox& size, const MediaTransforms& transforms) {
    MediaTensor views = inference_views(item, content, transforms);
    const Sample sample = decode_sample(item, content, transforms);
    for (int view = 0; view < options_.n_views; ++view) {
      Random random(mix(mix(options_.seed, fnv1a(content.data(), content.size())),
                        static_cast<std::uint64_t>(view)));
      const auto altered = training_view(sample, item.tower, transforms, options_.augment, random);
      views.values.insert(views.values.end(), altered.begin(), altered.end());
    }
    return plane_features(encoders().trunk(), views.values, views.n_views + options_.n_views,
                          size.height, size.width, encoders().max_batch());
  }

  /// Rows of an input for a side without a transformer of its own.
  std::vector<float> rows_of(const MediaItem& item, const Bytes& content,
                             const MediaTransforms& transforms) {
    const auto head = setup_.settings.heads.find(item.tower);
    const bool has_head = head != setup_.settings.heads.end();
    if (item.tower == TowerKind::kVision) return picture_rows(item, content, has_head);
    if (has_head) return shared_trunk_rows(item, content, head->second.view, transforms);
    const MediaTensor tensor = inference_views(item, content, transforms);
    return encoders().encode(item.tower, tensor.values, 1, tensor.n_views);
  }

  /// What rows_of() depends on besides the input, for the cache.
  std::string rows_name(TowerKind tower, bool has_head) {
    std::string name = sense_name(tower) + (has_head ? " features " : " embeddings ") +
                       encoders().fingerprint() + " ";
    if (tower == TowerKind::kVision) return name + std::to_string(options_.n_views);
    if (!has_head) return name + "1";
    const PatchBox& view = setup_.settings.heads.at(tower).view;
    return name + fmt::format("{} {}x{} {} {} {}", options_.n_views, view.height, view.width,
                              options_.augment, options_.seed, kSampleVersion);
  }

  MediaTransforms row_transforms(TowerKind tower) {
    const auto head = setup_.settings.heads.find(tower);
    if (head == setup_.settings.heads.end() || tower == TowerKind::kVision)
      return encoders().transforms();
    TowerConfig config{.tower = tower};
    config.stem.input = head->second.view;
    return transforms_for(config, encoders().transforms().picture);
  }

  std::unique_ptr<Side> make_rows_side(TowerKind tower) {
    const bool has_head = setup_.settings.heads.contains(tower);
    const std::vector<std::int64_t> items = items_of(tower, true);
    ItemCache cache(*setup_.cache, setup_.inputs, rows_name(tower, has_head));
    const MediaTransforms transforms = row_transforms(tower);
    cache.fill(
        items,
        [&](const MediaItem& item, const Bytes& content) {
          return bytes_of(rows_of(item, content, transforms));
        },
        1, failed_);  // the encoders use all threads for each input
    const std::int64_t width = has_head ? encoders().trunk().n_features() : encoders().n_embd();
    const std::int64_t n_altered = has_head && tower != TowerKind::kVision ? options_.n_views : 0;
    std::vector<Tensor> rows;
    std::vector<std::int64_t> first{0};
    std::vector<std::int64_t> measured;
    for (std::int64_t item = 0; item < static_cast<std::int64_t>(setup_.inputs.media.size());
         ++item) {
      std::int64_t n_rows = 0;
      if (std::ranges::binary_search(items, item) && !failed_.items.contains(item)) {
        rows.push_back(floats_of(cache.get(item)).view({-1, width}));
        n_rows = rows.back().size(0);
      }
      first.push_back(first.back() + n_rows);
      measured.push_back(n_altered > 0 ? n_rows - n_altered : 1);
    }
    if (rows.empty()) throw Error(ErrorKind::kInput, "no " + sense_name(tower) + " could be read");
    const Tensor all = torch::cat(rows);
    return std::make_unique<RowsSide>(
        all, first, measured, has_head ? make_head(tower, all, first) : nullptr, augment_options());
  }

  /// `rows` of item i are [first[i], first[i + 1]); what is measured alone has no say in the
  /// features' mean, deviation and components.
  std::unique_ptr<TrainableEncoder> make_head(TowerKind tower, const Tensor& rows,
                                              const std::vector<std::int64_t>& first) {
    std::vector<Tensor> trained;
    for (const std::int64_t item : items_of(tower, false))
      trained.push_back(rows.slice(0, first[item], first[item + 1]));
    const Tensor features = torch::cat(trained);
    seed_for(tower);
    const TrunkHeadConfig& config = setup_.settings.heads.at(tower);
    auto head = std::make_unique<TrunkHead>(
        config, features.mean(0), features.std(0, false).clamp_min(kLeastDeviation), compute_);
    if (is_continued(tower)) head->load(*base());
    if (config.is_principal) head->use_principal_components(features);
    return head;
  }

  // --- What is left ---

  void drop_failed(PairList& list) {
    const std::size_t before = list.pairs.size();
    std::erase_if(list.pairs, [&](const Pair& pair) {
      return failed_.items.contains(pair.a) ||
             (list.b != TowerKind::kText && failed_.items.contains(pair.b));
    });
    const auto n_failed = static_cast<double>(failed_.items.size());
    if (n_failed > 1 + options_.max_failures * static_cast<double>(setup_.inputs.media.size()))
      throw Error(ErrorKind::kInput, std::to_string(failed_.items.size()) +
                                         " inputs can't be read, e.g. " + failed_.reasons.front() +
                                         "; check the lists, or allow more by --max-failures");
    if (list.pairs.size() < 2)
      throw Error(ErrorKind::kInput, list.name + ": fewer than two pairs are left");
    spdlog::info("{}: {} pairs of {} and {}, {} labels{}", list.name, list.pairs.size(),
                 sense_name(list.a), sense_name(list.b), list.labels.size(),
                 before == list.pairs.size()
                     ? ""
                     : "; left out: " + std::to_string(before - list.pairs.size()));
    setup_.failures = failed_.reasons;
  }

  void weigh_lists() {
    double sum = 0;
    for (std::size_t i = 0; i < setup_.training.size(); ++i) {
      setup_.weights.push_back(
          given_weights_[i].value_or(static_cast<double>(setup_.training[i].pairs.size())));
      sum += setup_.weights.back();
    }
    for (double& weight : setup_.weights)
      weight /= sum;
  }

  const BindOptions& options_;
  const fs::path& encoders_path_;
  BindSetup& setup_;
  torch::ScalarType compute_;
  int n_threads_;
  std::set<TowerKind> senses_;
  std::map<TowerKind, std::set<std::int64_t>> training_items_;
  std::map<TowerKind, std::set<std::int64_t>> validation_items_;
  std::vector<std::optional<double>> given_weights_;
  FailedItems failed_;
  std::unique_ptr<Encoders> encoders_;  // if something is frozen
};

}  // namespace

std::unique_ptr<BindSetup> make_bind_setup(const BindOptions& options, const fs::path& encoders) {
  auto setup = std::make_unique<BindSetup>();
  SetupMaker(options, encoders, *setup).make();
  return setup;
}

}  // namespace pandagpt::train
