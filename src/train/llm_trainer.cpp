#include "train/llm_trainer.h"

#include <omp.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>

#include "core/file.h"
#include "core/progress.h"
#include "core/threads.h"
#include "encoders/encoders.h"
#include "llm/llm_model.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "train/export.h"
#include "train/matmul.h"
#include "train/metrics.h"
#include "train/random.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t stop_requested = 0;

constexpr std::int64_t kValidationBatch =
    64;                                 // conversations at a time; no gradients, so memory is small
constexpr double kMinDeviation = 1e-3;  // features that never vary are not blown up

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

torch::ScalarType choose_compute(const std::string& dtype, const std::string& base_type) {
  const bool base_decides = base_type == "f32" || base_type == "bf16";
  if (base_decides && dtype != "auto" && dtype != base_type)
    throw Error(ErrorKind::kUsage, "--base-type " + base_type + " with --dtype " + dtype +
                                       ": the base is multiplied in the type it is held in");
  return product_type(base_decides ? base_type : dtype);
}

}  // namespace

double learning_rate(std::int64_t step, std::int64_t n_steps, double peak, double warmup) {
  const double warm = std::max(1.0, warmup * static_cast<double>(n_steps));
  const double s = static_cast<double>(step) + 1;
  if (s <= warm) return peak * s / warm;
  return peak * std::max(0.0, (static_cast<double>(n_steps) - s) /
                                  std::max(1.0, static_cast<double>(n_steps) - warm));
}

LlmTrainer::LlmTrainer(LlmTrainOptions options, const Inputs& inputs, Processes& processes)
    : options_(std::move(options)),
      inputs_(inputs),
      processes_(processes),
      compute_(choose_compute(options_.dtype, options_.base_type)) {
  const int threads = options_.threads > 0 ? options_.threads : default_thread_count();
  omp_set_num_threads(threads);
  at::set_num_threads(threads);
  std::error_code code;
  fs::create_directories(options_.out, code);
  if (code) throw Error(ErrorKind::kInput, options_.out + ": can't be created: " + code.message());

  train_ = load_split(options_.data, options_.n_views);
  if (!options_.validation.empty()) validation_ = load_split(options_.validation, 1);
  model_ = std::make_unique<LlamaLora>(
      GgufFile(inputs_.llm),
      LoraOptions{options_.lora_rank, options_.lora_alpha, options_.lora_dropout}, compute_,
      MemoryOptions{options_.base_type == "quantized", options_.checkpoint_activations});
  make_parameters();

  for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch)
    n_steps_ += static_cast<std::int64_t>(order_epoch(train_.data, order_options(), epoch).size());
  if (options_.max_steps > 0) n_steps_ = std::min(n_steps_, options_.max_steps);
  compare_processes();
}

LlmTrainer::Split LlmTrainer::load_split(const std::string& path, int n_views) {
  const std::vector<Conversation> conversations = read_conversations(path);
  const LlmModel vocabulary(inputs_.llm, LlmOptions{.n_gpu_layers = 0, .vocab_only = true});
  Split split;
  split.data = tokenize(
      conversations, [&](std::string_view text) { return vocabulary.tokenize_piece(text); },
      {inputs_.prompt, vocabulary.bos(), options_.n_image_tokens, options_.max_length});
  split.features = load_features_together(split.data.images, n_views);
  for (const std::string& failure : split.features.failures)
    spdlog::warn("left out: {}", failure);
  std::erase_if(split.data.examples, [&](const Example& e) {
    return split.features.present[static_cast<std::size_t>(e.image)] == 0;
  });
  spdlog::info("{}: {} conversations about {} pictures ({} cut at {} tokens, {} left out)", path,
               split.data.examples.size(), split.data.images.size(), split.data.n_truncated,
               options_.max_length, conversations.size() - split.data.examples.size());
  if (split.data.examples.empty())
    throw Error(ErrorKind::kInput, path + ": nothing is left to train on");
  return split;
}

FeatureTable LlmTrainer::load_features_together(const std::vector<std::string>& images,
                                                int n_views) {
  Encoders encoders(inputs_.encoders, {.n_threads = options_.threads});
  encoder_fingerprint_ = encoders.fingerprint();
  const fs::path folder =
      options_.cache.empty() ? fs::path(options_.out) / "cache" : fs::path(options_.cache);
  const auto load = [&](const std::vector<std::string>& some) {
    FeatureCache cache(folder, encoder_fingerprint_, encoders.n_embd(), processes_.rank());
    return load_features(some, options_.images, encoders, cache, n_views);
  };
  if (processes_.size() > 1) {
    std::vector<std::string> share;
    for (auto i = static_cast<std::size_t>(processes_.rank()); i < images.size();
         i += static_cast<std::size_t>(processes_.size()))
      share.push_back(images[i]);
    load(share);
    processes_.wait_for_all();
  }
  return load(images);  // all are in the cache now, unless the processes don't share its folder
}

void LlmTrainer::make_parameters() {
  const std::int64_t n_in = train_.features.n_features;
  const std::int64_t n_out = options_.n_image_tokens * model_->config().n_embd;
  const auto n_images = static_cast<std::int64_t>(train_.data.images.size());
  const Tensor all = torch::from_blob(train_.features.values.data(),
                                      {n_images * train_.features.n_views, n_in}, torch::kFloat32);
  projector_.mean = all.mean(0);
  projector_.deviation = all.std(0, false).clamp_min(kMinDeviation);

  // all random starting values come from here, in a fixed order
  torch::manual_seed(options_.seed);
  const torch::nn::Linear start(n_in, n_out);
  projector_.weight = start->weight.detach().clone().requires_grad_(true);
  projector_.bias = start->bias.detach().clone().requires_grad_(true);
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> trainable;
  for (const auto& [name, tensor] : parameters())
    if (tensor.requires_grad()) trainable.push_back(tensor);
  for (const auto& [name, tensor] : model_->named_parameters())
    if (name.ends_with(".lora_a")) torch::nn::init::kaiming_uniform_(tensor, std::sqrt(5.0));
  optimizer_ =
      std::make_unique<torch::optim::AdamW>(trainable, torch::optim::AdamWOptions(options_.lr)
                                                           .betas({options_.beta1, options_.beta2})
                                                           .weight_decay(options_.weight_decay));
  // the backward pass comes from the last layer; the projector is what it reaches last
  std::reverse(trainable.begin(), trainable.end());
  std::rotate(trainable.begin(), trainable.begin() + 2, trainable.end());
  gradients_ = std::make_unique<GradientBuckets>(trainable, processes_);
  state_.options = options_.to_json();
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
  return named;
}

void LlmTrainer::compare_processes() {
  processes_.require_same("the settings", options_.to_json().dump());
  std::string data;
  for (const Example& e : train_.data.examples) {
    data += std::to_string(e.image) + ":";
    for (const std::int32_t token : e.tokens)
      data += std::to_string(token) + ",";
  }
  processes_.require_same("the training conversations", data);
  // the same everywhere even if the machines' encoders differ in a last bit
  for (const auto& [name, tensor] : parameters())
    processes_.broadcast(tensor.detach());
}

void LlmTrainer::add_gradients(const MicroBatch& part, std::int64_t n_labels, std::int64_t epoch,
                               Tensor& totals) {
  const auto step_key = mix(options_.seed, static_cast<std::uint64_t>(state_.step));
  const auto features = [&](std::int64_t example) {
    const std::int64_t image = train_.data.examples[static_cast<std::size_t>(example)].image;
    const auto n_views = static_cast<std::uint64_t>(train_.features.n_views);
    const auto view =
        static_cast<int>(mix(step_key, static_cast<std::uint64_t>(image + epoch)) % n_views);
    return train_.features.row(image, view);
  };
  PackedBatch packed = pack(train_.data, part.groups, features, train_.features.n_features);
  packed.first_token = part.first_token;
  packed.first_feature = part.first_feature;
  const Tensor images = projector_
                            .with_dropout(packed.features, options_.feature_dropout,
                                          mix(step_key, 1), packed.first_feature)
                            .view({-1, model_->config().n_embd});
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
                                          "; go on from the last checkpoint with a lower --lr");
  for (auto& group : optimizer_->param_groups())
    static_cast<torch::optim::AdamWOptions&>(group.options())
        .lr(learning_rate(state_.step, n_steps_, options_.lr, options_.warmup));
  optimizer_->step();
  return grad_norm;
}

StepResult LlmTrainer::train_step(const Batch& batch, std::int64_t epoch) {
  const auto start = Clock::now();
  const StepShare share =
      share_of_step(train_.data, batch, processes_.rank(), processes_.size(), options_.micro_batch);
  gradients_->zero();
  Tensor totals = torch::zeros({4}, torch::kFloat64);
  for (std::size_t i = 0; i < share.parts.size(); ++i) {
    if (i + 1 == share.parts.size()) gradients_->travel();
    add_gradients(share.parts[i], share.n_labels, epoch, totals);
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
  const Tensor asked = torch::full({1}, static_cast<double>(stop_requested), torch::kFloat64);
  processes_.sum(asked);
  return asked.item<double>() > 0;
}

void LlmTrainer::validate() {
  const torch::NoGradGuard no_grad;
  const Tensor totals = torch::zeros({3}, torch::kFloat64);  // loss, correct, labels
  auto* sums = totals.data_ptr<double>();
  const Split& split = *validation_;
  const auto features = [&](std::int64_t example) {
    return split.features.row(split.data.examples[static_cast<std::size_t>(example)].image, 0);
  };
  const std::vector<Batch> batches =
      order_epoch(split.data, {kValidationBatch, options_.answers_per_group, 0}, 0);
  for (auto i = static_cast<std::size_t>(processes_.rank()); i < batches.size();
       i += static_cast<std::size_t>(processes_.size())) {
    const PackedBatch packed = pack(split.data, batches[i], features, split.features.n_features);
    const Tensor images = projector_(packed.features).view({-1, model_->config().n_embd});
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
    const std::vector<Batch> batches = order_epoch(train_.data, order_options(), epoch);
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
      const bool last = state_.step == n_steps_;
      if (validation_ && (state_.step % options_.validate_every == 0 || last)) validate();
      if (state_.step % options_.save_every == 0 || last) save();
    }
    epoch_begin += n_batches;
  }
  if (progress) progress->finish();
  write_results("done");
  return true;
}

void LlmTrainer::open_run() {
  std::error_code code;
  const fs::path metrics_path = fs::path(options_.out) / "metrics.jsonl";
  if (options_.restart && processes_.is_first()) {
    fs::remove_all(fs::path(options_.out) / "checkpoints", code);
    fs::remove(metrics_path, code);
  }
  processes_.wait_for_all();
  if (load_checkpoint(options_.out, state_, parameters(), *optimizer_))
    spdlog::info("going on from step {}", state_.step);
  processes_.require_same("the checkpoint in --out (which has to be one folder for all)",
                          std::to_string(state_.step));
  if (!processes_.is_first()) return;
  keep_steps(metrics_path, state_.step);
  metrics_.open(metrics_path, std::ios::app);
  if (!metrics_) throw Error(ErrorKind::kInternal, metrics_path.string() + ": can't be written");
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
  return fmt::format("loss {:.3f}  accuracy {:.3f}  lr {:.1e}  {:.1f} conversations/s", result.loss,
                     result.accuracy, lr, static_cast<double>(result.n_sequences) / result.seconds);
}

void LlmTrainer::save() {
  if (!processes_.is_first()) return;
  save_checkpoint(options_.out, state_, parameters(), *optimizer_);
  export_weights(options_.out);
  draw_loss_curve(fs::path(options_.out) / "metrics.jsonl", fs::path(options_.out) / "loss.svg");
}

void LlmTrainer::export_weights(const fs::path& folder) const {
  std::error_code code;
  fs::create_directories(folder, code);  // writing says why, if it failed
  const ExportType type = options_.export_type == "f32" ? ExportType::kF32 : ExportType::kF16;
  export_projector(projector_, options_.n_image_tokens, type, folder / "projector.gguf");
  export_adapter(*model_, type, folder / "adapter.gguf");
}

void LlmTrainer::log(const nlohmann::json& line) {
  if (!processes_.is_first()) return;
  metrics_ << line.dump() << '\n';
  metrics_.flush();
  if (!metrics_)
    throw Error(ErrorKind::kInternal,
                options_.out + "/metrics.jsonl: writing failed; is the disk full?");
}

void LlmTrainer::write_results(const std::string& status) {
  if (!processes_.is_first()) return;
  nlohmann::json results = {{"status", status},
                            {"options", options_.to_json()},
                            {"data",
                             {{"path", fs::path(options_.data).filename().string()},
                              {"sha256", sha256_file(options_.data)},
                              {"conversations", train_.data.examples.size()},
                              {"pictures", train_.data.images.size()}}},
                            {"llm_sha256", sha256_file(inputs_.llm)},
                            {"encoder_fingerprint", encoder_fingerprint_},
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

void LlmTrainer::request_stop() {
  stop_requested = 1;
}

}  // namespace pandagpt::train
