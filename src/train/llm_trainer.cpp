#include "train/llm_trainer.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "core/file.h"
#include "core/progress.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "train/export.h"
#include "train/initial_weights.h"
#include "train/matmul.h"
#include "train/mix.h"
#include "train/plot.h"
#include "train/run_start.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kValidationBatch =
    64;                                 // conversations at a time; no gradients, so memory is small
constexpr double kMinDeviation = 1e-3;  // features that never vary are not blown up

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

torch::Device choose_device(const std::string& name, int local_rank) {
  if (name == "cpu" || (name == "auto" && !torch::cuda::is_available())) return torch::kCPU;
  const auto gpu = [](int number) {
    return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(number));
  };
  const int n_gpus = static_cast<int>(torch::cuda::device_count());
  if (name == "auto" || name == "cuda") {
    if (n_gpus > 0) return gpu(local_rank % n_gpus);
  } else if (name.starts_with("cuda:")) {
    int number = -1;
    const auto [end, code] = std::from_chars(name.data() + 5, name.data() + name.size(), number);
    if (code == std::errc() && end == name.data() + name.size() && number >= 0 && number < n_gpus)
      return gpu(number);
  } else {
    throw Error(ErrorKind::kUsage, "--device " + name + ": auto, cpu, cuda or cuda:N was expected");
  }
  throw Error(ErrorKind::kUsage,
              fmt::format("--device {}: this libtorch sees {} GPUs; use --device cpu, or build "
                          "with a libtorch for CUDA",
                          name, n_gpus));
}

torch::ScalarType choose_compute(const std::string& dtype, const std::string& base_type,
                                 torch::Device device) {
  const bool base_decides = base_type == "f32" || base_type == "bf16";
  if (base_decides && dtype != "auto" && dtype != base_type)
    throw Error(ErrorKind::kUsage, "--base-type " + base_type + " with --dtype " + dtype +
                                       ": the base is multiplied in the type it is held in");
  const std::string& type = base_decides ? base_type : dtype;
  if (type != "f32" && !device.is_cpu()) return torch::kBFloat16;
  return product_type(type);
}

/// One scale for all features, the root of their mean variance: a scale for each would blow up the
/// space's small directions, which are mostly noise, to the size of the large ones.
Tensor common_deviation(const std::vector<double>& deviations) {
  const Tensor each = torch::tensor(deviations, torch::kFloat32);
  return torch::sqrt(torch::mean(each * each))
      .clamp_min(kMinDeviation)
      .expand(each.sizes())
      .clone();
}

}  // namespace

double learning_rate(std::int64_t step, std::int64_t n_steps, double peak, double warmup) {
  const double warm = std::max(1.0, warmup * static_cast<double>(n_steps));
  const double s = static_cast<double>(step) + 1;
  if (s <= warm) return peak * s / warm;
  return peak * std::max(0.0, (static_cast<double>(n_steps) - s) /
                                  std::max(1.0, static_cast<double>(n_steps) - warm));
}

LlmTrainer::LlmTrainer(LlmTrainOptions options, const LlmFiles& files, Processes& processes)
    : options_(std::move(options)),
      files_(files),
      processes_(processes),
      device_(choose_device(options_.device, processes.local_rank())),
      compute_(choose_compute(options_.dtype, options_.base_type, device_)) {
  use_threads(options_.threads);
  make_run_folder(options_.out);

  if (!options_.init.empty()) projector_.lexicon = read_lexicon(options_.init);
  const std::int64_t n_words = projector_.lexicon ? projector_.lexicon->n_words : 0;
  data_ = std::make_unique<LlmData>(options_, files_, n_words, processes_);
  model_ = std::make_unique<LlamaLora>(
      GgufFile(files_.llm),
      LoraOptions{options_.lora_rank, options_.lora_alpha, options_.lora_dropout}, compute_,
      MemoryOptions{options_.base_type == "quantized", options_.checkpoint_activations, device_});
  make_parameters();

  for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch)
    n_steps_ += static_cast<std::int64_t>(
        order_epoch(data_->train().sources(), order_options(), epoch).size());
  if (options_.max_steps > 0) n_steps_ = std::min(n_steps_, options_.max_steps);
  compare_processes();
}

void LlmTrainer::make_parameters() {
  const std::int64_t n_in = data_->features().n_features();
  const std::int64_t n_out = options_.n_image_tokens * model_->config().n_embd;
  if (auto& lexicon = projector_.lexicon) {
    if (lexicon->keys.size(1) != n_in ||
        lexicon->words.size(1) != lexicon->n_words * model_->config().n_embd)
      throw Error(ErrorKind::kModel,
                  fmt::format("{}/{}: its lexicon is for other encoders or another language model",
                              options_.init, kProjectorFile));
    for (Tensor* tensor : {&lexicon->keys, &lexicon->bias, &lexicon->words})
      *tensor = tensor->to(device_);
  }
  const MediaFeatures::Moments moments = data_->moments();
  projector_.mean = torch::tensor(moments.mean, torch::kFloat32).to(device_);
  projector_.deviation = common_deviation(moments.deviation).to(device_);

  // all random starting values come from here, in a fixed order
  torch::manual_seed(options_.seed);
  const torch::nn::Linear start(n_in, n_out);
  projector_.weight = start->weight.detach().clone().to(device_).requires_grad_(true);
  projector_.bias = start->bias.detach().clone().to(device_).requires_grad_(true);
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> trainable;
  for (const auto& [name, tensor] : parameters())
    if (tensor.requires_grad()) trainable.push_back(tensor);
  for (const auto& [name, tensor] : model_->named_parameters())
    if (name.ends_with(".lora_a"))  // drawn on the CPU: the same on every device
      tensor.copy_(torch::nn::init::kaiming_uniform_(torch::empty(tensor.sizes()), std::sqrt(5.0)));
  optimizer_ =
      std::make_unique<torch::optim::AdamW>(trainable, torch::optim::AdamWOptions(options_.lr)
                                                           .betas({options_.beta1, options_.beta2})
                                                           .weight_decay(options_.weight_decay));
  // the backward pass comes from the last layer; the projector is what it reaches last
  std::reverse(trainable.begin(), trainable.end());
  std::rotate(trainable.begin(), trainable.begin() + 2, trainable.end());
  gradients_ = std::make_unique<GradientBuckets>(trainable, processes_);
  state_.options = options_.to_json();
  state_.options["order"] = kOrderVersion;
  if (projector_.lexicon) state_.options["n_words"] = projector_.lexicon->n_words;
  state_.data = data_->identity();
  state_.media = data_->features().content_digest();
}

OrderOptions LlmTrainer::order_options() const {
  return {options_.batch_size, options_.answers_per_group, options_.seed};
}

NamedTensors LlmTrainer::parameters() const {
  NamedTensors named = model_->named_parameters();
  named.insert(named.end(), {{"projector.weight", projector_.weight},
                             {"projector.bias", projector_.bias},
                             {"projector.mean", projector_.mean},
                             {"projector.deviation", projector_.deviation}});
  if (const auto& lexicon = projector_.lexicon)
    named.insert(named.end(), {{"lexicon.keys", lexicon->keys},
                               {"lexicon.bias", lexicon->bias},
                               {"lexicon.words", lexicon->words}});
  return named;
}

void LlmTrainer::compare_processes() {
  processes_.require_same("the settings", options_.to_json().dump());
  processes_.require_same("the training conversations", state_.data.dump());
  // the same everywhere even if the machines' encoders differ in a last bit
  for (const auto& [name, tensor] : parameters())
    processes_.broadcast(tensor.detach());
}

void LlmTrainer::add_gradients(const TrainingSet::Loaded& step, const MicroBatch& part,
                               std::int64_t n_labels, std::int64_t epoch, Tensor& totals) {
  const auto step_key = mix(options_.seed, static_cast<std::uint64_t>(state_.step));
  const MediaFeatures& all = data_->features();
  const auto view = [&](std::int64_t input) {
    const std::uint64_t draw = mix(step_key, static_cast<std::uint64_t>(input + epoch));
    return static_cast<int>(draw % static_cast<std::uint64_t>(all.n_views(input)));
  };
  const auto features = [&](std::int64_t example, FeatureRows& rows) {
    const Example& e = step.examples[static_cast<std::size_t>(example)];
    data_->train().add_features(e.source, rows, view);
  };
  PackedBatch packed = pack(step.examples, part.groups, features, all.n_features());
  packed.first_token = part.first_token;
  packed.first_feature = part.first_feature;
  packed.move_to(device_);
  const Tensor images = projector_.images(packed, model_->config().n_embd, options_.feature_dropout,
                                          mix(step_key, 1));
  const Tensor hidden = model_->forward(packed, images, true, step_key);
  const CrossEntropy result =
      cross_entropy(hidden, packed.targets, model_->head(), static_cast<double>(n_labels));
  result.loss_sum.backward();
  totals +=
      torch::tensor({result.loss_total, static_cast<double>(result.n_correct),
                     static_cast<double>(packed.n_sequences), static_cast<double>(packed.n_tokens)},
                    torch::kFloat64);
}

double LlmTrainer::apply_gradients() {
  std::vector<Tensor> trainable;
  for (const auto& [name, tensor] : parameters())
    if (tensor.requires_grad()) trainable.push_back(tensor);
  const double grad_norm = torch::nn::utils::clip_grad_norm_(trainable, options_.clip);
  if (!std::isfinite(grad_norm))
    throw Error(ErrorKind::kInternal, "the gradient is not finite at step " +
                                          std::to_string(state_.step) +
                                          "; train anew (--restart, or another --out) with a "
                                          "lower --lr");
  for (auto& group : optimizer_->param_groups())
    static_cast<torch::optim::AdamWOptions&>(group.options())
        .lr(learning_rate(state_.step, n_steps_, options_.lr, options_.warmup));
  optimizer_->step();
  return grad_norm;
}

StepResult LlmTrainer::train_step(const Batch& batch, std::int64_t epoch) {
  const auto start = Clock::now();
  const TrainingSet::Loaded step = data_->train().load(batch);
  const StepShare share = share_of_step(step.examples, step.batch, processes_.rank(),
                                        processes_.size(), options_.micro_batch);
  gradients_->zero();
  Tensor totals = torch::zeros({4}, torch::kFloat64);
  for (std::size_t i = 0; i < share.parts.size(); ++i) {
    if (i + 1 == share.parts.size()) gradients_->travel();
    add_gradients(step, share.parts[i], share.n_labels, epoch, totals);
  }
  gradients_->finish();
  processes_.sum(totals);
  const double grad_norm = apply_gradients();
  ++state_.step;
  const auto n_labels = static_cast<double>(share.n_labels);
  const auto* sums = totals.data_ptr<double>();
  return {sums[0] / n_labels,
          sums[1] / n_labels,
          grad_norm,
          static_cast<std::int64_t>(sums[2]),
          static_cast<std::int64_t>(sums[3]),
          seconds_since(start)};
}

bool LlmTrainer::asked_to_stop() {
  const Tensor asked = torch::full({1}, stop_requested() ? 1.0 : 0.0, torch::kFloat64);
  processes_.sum(asked);
  return asked.item<double>() > 0;
}

void LlmTrainer::validate() {
  const torch::NoGradGuard no_grad;
  const Tensor totals = torch::zeros({3}, torch::kFloat64);  // loss, correct, labels
  auto* sums = totals.data_ptr<double>();
  const TrainingSet& set = *data_->validation();
  const std::vector<Batch> batches =
      order_epoch(set.sources(), {kValidationBatch, options_.answers_per_group, 0}, 0);
  for (auto i = static_cast<std::size_t>(processes_.rank()); i < batches.size();
       i += static_cast<std::size_t>(processes_.size())) {
    const TrainingSet::Loaded loaded = set.load(batches[i]);
    const auto features = [&](std::int64_t example, FeatureRows& rows) {
      set.add_features(loaded.examples[static_cast<std::size_t>(example)].source, rows,
                       [](std::int64_t) { return 0; });
    };
    PackedBatch packed =
        pack(loaded.examples, loaded.batch, features, data_->features().n_features());
    packed.move_to(device_);
    const Tensor images = projector_.images(packed, model_->config().n_embd, 0, 0);
    const CrossEntropy result = cross_entropy(model_->forward(packed, images, false, 0),
                                              packed.targets, model_->head(), 1.0);
    sums[0] += result.loss_total;
    sums[1] += static_cast<double>(result.n_correct);
    sums[2] += static_cast<double>(result.n_labels);
  }
  processes_.sum(totals);
  last_validation_ = {sums[0] / sums[2], sums[1] / sums[2]};
  log({{"step", state_.step},
       {"validation_loss", last_validation_->loss},
       {"validation_accuracy", last_validation_->accuracy}});
  spdlog::info("step {}: validation loss {:.4f}, accuracy {:.4f}", state_.step,
               last_validation_->loss, last_validation_->accuracy);
  if (state_.best_validation && *state_.best_validation <= last_validation_->loss) return;
  state_.best_validation = last_validation_->loss;
  state_.best_step = state_.step;
  if (processes_.is_first()) export_weights(fs::path(options_.out) / "best");
}

bool LlmTrainer::run() {
  open_run();
  std::optional<Progress> progress;
  if (processes_.is_first()) progress.emplace("training", n_steps_);
  std::int64_t epoch_begin = 0;
  for (std::int64_t epoch = 0; epoch < options_.epochs && state_.step < n_steps_; ++epoch) {
    const std::vector<Batch> batches =
        order_epoch(data_->train().sources(), order_options(), epoch);
    const auto n_batches = static_cast<std::int64_t>(batches.size());
    for (std::int64_t i = std::max<std::int64_t>(0, state_.step - epoch_begin);
         i < n_batches && state_.step < n_steps_; ++i) {
      if (asked_to_stop()) {
        save();
        write_results("stopped");
        if (progress) progress->finish("stopped; run the same command to go on");
        return false;
      }
      const StepResult result = train_step(batches[static_cast<std::size_t>(i)], epoch);
      const std::string note = record(result, epoch);
      if (progress) progress->update(state_.step, note);
      report_step();
    }
    epoch_begin += n_batches;
  }
  if (progress) progress->finish();
  write_results("done");
  return true;
}

void LlmTrainer::report_step() {
  const bool last = state_.step == n_steps_;
  const auto is_due = [&](std::int64_t every) { return state_.step % every == 0 || last; };
  if (data_->validation() != nullptr && is_due(options_.validate_every)) validate();
  if (samples_ && is_due(options_.sample_every)) ask_samples();
  if (is_due(options_.save_every)) save();
}

void LlmTrainer::ask_samples() {
  const fs::path weights = fs::path(options_.out) / "samples.tmp";
  export_weights(weights);
  samples_->ask(state_.step, weights, *metrics_);
  std::error_code code;
  fs::remove_all(weights, code);
}

void LlmTrainer::open_run() {
  std::error_code code;
  const fs::path out = options_.out;
  if (options_.restart && processes_.is_first())
    for (const char* name : {kCheckpointsFolder, kMetricsFile, kTensorBoardFolder, "best"})
      fs::remove_all(out / name, code);
  processes_.wait_for_all();
  if (load_checkpoint(options_.out, state_, parameters(), *optimizer_))
    spdlog::info("going on from step {}", state_.step);
  else if (!options_.init.empty())
    load_initial_weights(options_.init, parameters(), options_.n_image_tokens, projector_, *model_);
  processes_.require_same("the checkpoint in --out (which has to be one folder for all)",
                          std::to_string(state_.step));
  if (!processes_.is_first()) return;
  metrics_.emplace(out, state_.step);
  if (data_->questions().empty()) return;
  samples_.emplace(
      SampleWriter::Options{.llm = files_.llm,
                            .prompt = files_.prompt,
                            .out = out,
                            .n_ctx = static_cast<int>(options_.max_length + options_.sample_tokens),
                            .n_threads = at::get_num_threads(),
                            .max_tokens = static_cast<int>(options_.sample_tokens)},
      data_->questions(), state_.step);
}

std::string LlmTrainer::record(const StepResult& result, std::int64_t epoch) {
  seconds_ += result.seconds;
  const double lr = learning_rate(state_.step - 1, n_steps_, options_.lr, options_.warmup);
  log({{"step", state_.step},
       {"epoch", epoch},
       {"loss", result.loss},
       {"accuracy", result.accuracy},
       {"grad_norm", result.grad_norm},
       {"lr", lr},
       {"conversations", result.n_sequences},
       {"tokens", result.n_tokens},
       {"seconds", result.seconds}});
  return fmt::format("loss {:.3f}  accuracy {:.3f}  lr {:.1e}  {:.0f} tokens/s", result.loss,
                     result.accuracy, lr, static_cast<double>(result.n_tokens) / result.seconds);
}

void LlmTrainer::save() {
  if (!processes_.is_first()) return;
  save_checkpoint(options_.out, state_, parameters(), *optimizer_);
  export_weights(options_.out);
  plot_run(options_.out, fs::path(options_.out) / "curves.svg");
}

void LlmTrainer::export_weights(const fs::path& folder) const {
  std::error_code code;
  fs::create_directories(folder, code);  // writing says why, if it failed
  const ExportType type = options_.export_type == "f32" ? ExportType::kF32 : ExportType::kF16;
  export_projector(projector_, options_.n_image_tokens, type, folder / kProjectorFile);
  export_adapter(*model_, type, folder / kAdapterFile);
}

void LlmTrainer::log(const nlohmann::json& line) {
  if (metrics_) metrics_->write(line);
}

void LlmTrainer::write_results(const std::string& status) {
  if (!processes_.is_first()) return;
  nlohmann::json data = state_.data;
  data["path"] = fs::path(options_.data).filename().string();
  data["sources"] = data_->train().n_sources();
  data["cut"] = data_->train().n_cut();
  data["left_out"] = data_->train().left_out().size();
  nlohmann::json results = {{"status", status},
                            {"options", options_.to_json()},
                            {"data", data},
                            {"llm_sha256", sha256_file(files_.llm)},
                            {"encoder_fingerprint", data_->features().encoder_fingerprint()},
                            {"device", device_.str()},
                            {"compute", compute_ == torch::kBFloat16 ? "bf16" : "f32"},
                            {"processes", processes_.size()},
                            {"steps", state_.step},
                            {"training_seconds_this_process", seconds_}};
  if (last_validation_)
    results["validation"] = {{"loss", last_validation_->loss},
                             {"accuracy", last_validation_->accuracy},
                             {"best_loss", state_.best_validation.value_or(0)},
                             {"best_step", state_.best_step}};
  write_file_atomically(fs::path(options_.out) / "training.json",
                        [&](std::ostream& out) { out << results.dump(2) << '\n'; });
}

}  // namespace pandagpt::train
