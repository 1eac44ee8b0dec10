#include "train/bind/bind_trainer.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "core/file.h"
#include "core/progress.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/encoder_keys.h"
#include "encoders/imagebind_config.h"
#include "pandagpt/error.h"
#include "train/plot.h"
#include "train/run_start.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

// Keys that the two sides of a step are drawn with.
constexpr std::uint64_t kSideKeys[] = {0xA, 0xB};

std::string scale_name(TowerKind a, TowerKind b) {
  return "log_scale." + sense_name(a) + "-" + sense_name(b);
}

}  // namespace

double cosine_learning_rate(std::int64_t step, std::int64_t n_steps, double peak, double warmup) {
  const double warm = std::max(1.0, warmup * static_cast<double>(n_steps));
  const double s = static_cast<double>(step) + 1;
  if (s <= warm) return peak * s / warm;
  const double done = (s - warm) / std::max(1.0, static_cast<double>(n_steps) - warm);
  return peak * (1 + std::cos(std::numbers::pi * std::min(done, 1.0))) / 2;
}

BindTrainer::BindTrainer(BindOptions options, const fs::path& encoders)
    : options_(std::move(options)) {
  use_threads(options_.threads);
  make_run_folder(options_.out);
  setup_ = make_bind_setup(options_, encoders);
  std::vector<std::int64_t> sizes;
  for (const std::vector<PairList>* lists : {&setup_->training, &setup_->validation})
    for (const PairList& list : *lists)
      log_scales_.try_emplace({list.a, list.b}, torch::full({}, -std::log(options_.temperature))
                                                    .requires_grad_(!options_.fixed_temperature));
  for (const PairList& list : setup_->training) {
    if (side(list.a).encoder() == nullptr && side(list.b).encoder() == nullptr)
      throw Error(ErrorKind::kUsage, list.name + ": neither " + sense_name(list.a) + " nor " +
                                         sense_name(list.b) + " is trained; see --train");
    sizes.push_back(static_cast<std::int64_t>(list.pairs.size()));
  }
  order_ = std::make_unique<StepOrder>(sizes, setup_->weights, options_.batch_size, options_.seed);
  make_optimizer();
}

void BindTrainer::make_optimizer() {
  for (const auto& [tower, one] : setup_->sides)
    if (one->encoder() != nullptr) {
      const NamedTensors more = one->encoder()->parameters();
      parameters_.insert(parameters_.end(), more.begin(), more.end());
    }
  std::vector<Tensor> matrices;
  std::vector<Tensor> vectors;  // and temperatures: they don't decay
  std::int64_t n_parameters = 0;
  for (const auto& [name, tensor] : parameters_) {
    if (!tensor.requires_grad()) continue;
    n_parameters += tensor.numel();
    (tensor.dim() > 1 ? matrices : vectors).push_back(tensor);
    if (options_.average > 0) average_.emplace_back(name, tensor.detach().clone());
  }
  if (!options_.fixed_temperature)
    for (const auto& [senses, scale] : log_scales_)
      vectors.push_back(scale);
  const auto group = [&](const std::vector<Tensor>& tensors, double decay) {
    return torch::optim::OptimizerParamGroup(
        tensors,
        std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(options_.lr)
                                                         .betas({options_.beta1, options_.beta2})
                                                         .weight_decay(decay)));
  };
  optimizer_ = std::make_unique<torch::optim::AdamW>(
      std::vector<torch::optim::OptimizerParamGroup>{group(matrices, options_.weight_decay),
                                                     group(vectors, 0)},
      torch::optim::AdamWOptions(options_.lr));
  state_.options = options_.to_json();
  state_.data = data_digest();
  spdlog::info("{} trainable numbers in {}", n_parameters, options_.train);
}

nlohmann::json BindTrainer::data_digest() const {
  std::string text;
  std::size_t n_pairs = 0;
  const auto item = [&](TowerKind tower, std::int64_t index) {
    if (tower != TowerKind::kText) return setup_->inputs.media[index].name();
    std::string all;
    for (const std::string& one : setup_->inputs.texts[index])
      all += one + "\n";
    return all;
  };
  for (const PairList& list : setup_->training) {
    n_pairs += list.pairs.size();
    for (const Pair& pair : list.pairs)
      text += item(list.a, pair.a) + "\t" + item(list.b, pair.b) + "\t" +
              std::to_string(pair.group) + "\n";
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  return {{"pairs", n_pairs}, {"sha256", sha256_hex({bytes, text.size()})}};
}

NamedTensors BindTrainer::state_tensors() const {
  NamedTensors all = parameters_;
  for (const auto& [senses, scale] : log_scales_)
    all.emplace_back(scale_name(senses.first, senses.second), scale);
  for (const auto& [name, tensor] : average_)
    all.emplace_back("average." + name, tensor);
  return all;
}

BindTrainer::StepResult BindTrainer::train_step() {
  const auto start = Clock::now();
  const StepOrder::Step step = order_->at(state_.step);
  const PairList& list = setup_->training[step.list];
  std::vector<PairIdentity> identities;
  std::vector<std::int64_t> items[2];
  for (const std::int64_t i : step.pairs) {
    identities.push_back(list.pairs[i].identity());
    items[0].push_back(list.pairs[i].a);
    items[1].push_back(list.pairs[i].b);
  }
  const std::uint64_t key = mix(options_.seed + 1, static_cast<std::uint64_t>(state_.step));
  const Side* sides[] = {&side(list.a), &side(list.b)};
  EncoderBatch batches[] = {sides[0]->batch(items[0], mix(key, kSideKeys[0])),
                            sides[1]->batch(items[1], mix(key, kSideKeys[1]))};
  Mixed mixed;
  if (options_.mixup > 0 && sides[0]->encoder() != nullptr)
    mixed =
        mix_batch(batches[0], setup_->settings.heads.contains(list.a) ? TowerKind::kVision : list.a,
                  options_.mixup, key);  // a trunk's features aren't what they are made of
  const auto batch_side = [&](int which) {
    return BatchSide{[&, which](std::int64_t begin, std::int64_t count) {
                       return sides[which]->embed(batches[which].narrow(begin, count));
                     },
                     sides[which]->encoder() != nullptr};
  };
  const PairTargets targets = pair_targets(identities, mixed);
  const Tensor& log_scale = log_scales_.at({list.a, list.b});
  // none instead of 0: what this step's list leaves out stays as it is
  for (auto& group : optimizer_->param_groups())
    for (Tensor& tensor : group.params())
      tensor.mutable_grad().reset();
  const auto n = static_cast<std::int64_t>(step.pairs.size());
  const ContrastiveLoss result = backward_in_parts(
      n, options_.part, batch_side(0), batch_side(1),
      [&](const Tensor& a, const Tensor& b) { return info_nce(a, b, log_scale, targets); });
  const double grad_norm = apply_gradients();
  ++state_.step;
  return {&list,
          result.loss.item<double>(),
          static_cast<double>(result.n_hits) / static_cast<double>(n),
          grad_norm,
          n,
          std::chrono::duration<double>(Clock::now() - start).count()};
}

double BindTrainer::apply_gradients() {
  std::vector<Tensor> trained;
  for (auto& group : optimizer_->param_groups()) {
    trained.insert(trained.end(), group.params().begin(), group.params().end());
    static_cast<torch::optim::AdamWOptions&>(group.options())
        .lr(cosine_learning_rate(state_.step, options_.steps, options_.lr, options_.warmup));
  }
  std::erase_if(trained, [](const Tensor& tensor) { return !tensor.grad().defined(); });
  const double norm = torch::nn::utils::clip_grad_norm_(trained, options_.clip);
  if (!std::isfinite(norm))
    throw Error(ErrorKind::kInternal, "the gradient is not finite at step " +
                                          std::to_string(state_.step) +
                                          "; go on from the last checkpoint with a lower --lr");
  optimizer_->step();
  const torch::NoGradGuard no_grad;
  for (auto& [senses, scale] : log_scales_)
    scale.clamp_(0, std::log(kMaxLogitScale));
  update_average();
  return norm;
}

void BindTrainer::update_average() {
  if (average_.empty()) return;
  // in the first steps the average follows faster, lest it keep the starting values for long
  const auto step = static_cast<double>(state_.step);
  const double decay = std::min(options_.average, (1 + step) / (10 + step));
  std::size_t i = 0;
  for (const auto& [name, tensor] : parameters_)
    if (tensor.requires_grad()) average_[i++].second.lerp_(tensor, 1 - decay);
}

template <typename Use>
void BindTrainer::with_average(Use use) {
  const torch::NoGradGuard no_grad;
  const auto exchange = [&] {
    std::size_t i = 0;
    for (const auto& [name, tensor] : parameters_) {
      if (average_.empty() || !tensor.requires_grad()) continue;
      const Tensor kept = tensor.detach().clone();
      tensor.detach().copy_(average_[i].second);
      average_[i++].second.copy_(kept);
    }
  };
  exchange();
  use();
  exchange();
}

void BindTrainer::validate() {
  double quality = 0;
  double loss = 0;
  const auto n_lists = static_cast<double>(setup_->validation.size());
  nlohmann::json line = {{"step", state_.step}};
  last_validation_ = line;
  for (const PairList& list : setup_->validation) {
    const BindScore result =
        score(list, side(list.a), side(list.b), log_scales_.at({list.a, list.b}));
    quality += result.quality() / n_lists;
    loss += result.loss / n_lists;
    last_validation_["lists"][list.name] = result.values;
    last_validation_["lists"][list.name]["loss"] = result.loss;
    for (const auto& [name, value] : result.values) {
      line[fmt::format("{}{}_{}", kValidationPrefix, list.name, name)] = value;
      spdlog::info("step {}: {} {} {:.4f}", state_.step, list.name, name, value);
    }
  }
  line["validation_loss"] = loss;
  last_validation_["quality"] = line["validation_quality"] = quality;
  metrics_->write(line);
  if (state_.best_validation && *state_.best_validation <= 1 - quality) return;
  state_.best_validation = 1 - quality;  // lower is better there
  state_.best_step = state_.step;
  export_to(fs::path(options_.out) / "best");
}

bool BindTrainer::run() {
  open_run();
  Progress progress("training", options_.steps);
  while (state_.step < options_.steps) {
    if (stop_requested()) {
      save();
      write_results("stopped");
      progress.finish("stopped; run the same command to go on");
      return false;
    }
    const StepResult result = train_step();
    progress.update(state_.step, record(result));
    const bool last = state_.step == options_.steps;
    if (!setup_->validation.empty() && (state_.step % options_.validate_every == 0 || last))
      with_average([&] { validate(); });
    if (state_.step % options_.save_every == 0 || last) save();
  }
  progress.finish();
  write_results("done");
  return true;
}

void BindTrainer::open_run() {
  const fs::path out = options_.out;
  std::error_code code;
  if (options_.restart)
    for (const char* name : {kCheckpointsFolder, kMetricsFile, kTensorBoardFolder, "best"})
      fs::remove_all(out / name, code);
  if (load_checkpoint(out, state_, state_tensors(), *optimizer_))
    spdlog::info("going on from step {}", state_.step);
  metrics_.emplace(out, state_.step);
  if (setup_->failures.empty()) return;
  write_file_atomically(out / "failures.txt", [&](std::ostream& stream) {
    for (const std::string& reason : setup_->failures)
      stream << reason << '\n';
  });
  spdlog::warn("{} inputs can't be read and are left out; see {}", setup_->failures.size(),
               (out / "failures.txt").string());
}

std::string BindTrainer::record(const StepResult& result) {
  seconds_ += result.seconds;
  const double lr =
      cosine_learning_rate(state_.step - 1, options_.steps, options_.lr, options_.warmup);
  const PairList& list = *result.list;
  metrics_->write({{"step", state_.step},
                   {"list", list.name},
                   {"loss", result.loss},
                   {"accuracy", result.accuracy},
                   {"grad_norm", result.grad_norm},
                   {"lr", lr},
                   {"temperature", std::exp(-log_scales_.at({list.a, list.b}).item<double>())},
                   {"pairs", result.n_pairs},
                   {"seconds", result.seconds}});
  return fmt::format("loss {:.3f}  accuracy {:.3f}  lr {:.1e}  {:.0f} pairs/s", result.loss,
                     result.accuracy, lr, static_cast<double>(result.n_pairs) / result.seconds);
}

void BindTrainer::save() {
  save_checkpoint(options_.out, state_, state_tensors(), *optimizer_);
  with_average([&] { export_to(options_.out); });
  plot_run(options_.out, fs::path(options_.out) / "curves.svg");
}

double BindTrainer::output_scale(const TrainableEncoder& encoder) const {
  double length = options_.output_scale;
  if (length == 0 && setup_->settings.heads.contains(TowerKind::kVision))
    length = std::sqrt(static_cast<double>(setup_->settings.n_embd));
  if (length == 0 && setup_->base && has_trunk(*setup_->base))
    length = setup_->base->get_f32(encoder_keys::kOutputScale);
  if (length == 0) length = 1;
  if (encoder.tower() != TowerKind::kText) return length;
  // so that a text's product with any other embedding is the loss's logit
  for (const auto& [senses, scale] : log_scales_)
    if (senses.second == TowerKind::kText) return std::exp(scale.item<double>()) / length;
  return 1 / options_.temperature / length;
}

void BindTrainer::export_to(const fs::path& folder) const {
  std::error_code code;
  fs::create_directories(folder, code);  // writing says why, if it failed
  std::vector<ExportedEncoder> exported;
  for (const auto& [tower, one] : setup_->sides)
    if (const TrainableEncoder* encoder = one->encoder())
      exported.push_back({encoder, encoder->parameters(), output_scale(*encoder)});
  export_encoders(setup_->base ? &*setup_->base : nullptr, exported, setup_->settings.n_embd,
                  options_.export_type == "f32" ? ExportType::kF32 : ExportType::kF16,
                  folder / "encoders.gguf");
}

void BindTrainer::write_results(const std::string& status) const {
  nlohmann::json results = {{"status", status},
                            {"options", options_.to_json()},
                            {"steps", state_.step},
                            {"training_seconds_this_process", seconds_}};
  for (const PairList& list : setup_->training)
    results["data"].push_back({{"list", list.name}, {"pairs", list.pairs.size()}});
  if (!last_validation_.is_null()) {
    results["validation"] = last_validation_;
    results["best"] = {{"quality", 1 - state_.best_validation.value_or(1)},
                       {"step", state_.best_step}};
  }
  write_file_atomically(fs::path(options_.out) / "training.json",
                        [&](std::ostream& out) { out << results.dump(2) << '\n'; });
}

}  // namespace pandagpt::train
