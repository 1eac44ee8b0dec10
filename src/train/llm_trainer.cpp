#include "train/llm_trainer.h"

#include <omp.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <dnnl.hpp>

#include "core/file.h"
#include "core/progress.h"
#include "core/threads.h"
#include "encoders/encoders.h"
#include "llm/llm_model.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "train/export.h"
#include "train/metrics.h"

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

// bf16 products only pay where the CPU multiplies them itself.
torch::ScalarType choose_compute(const std::string& dtype) {
  if (dtype == "f32") return torch::kFloat32;
  if (dtype == "bf16") return torch::kBFloat16;
  return dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core_bf16 ? torch::kBFloat16
                                                                          : torch::kFloat32;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15ULL + b;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

}  // namespace

double learning_rate(std::int64_t step, std::int64_t n_steps, double peak, double warmup) {
  const double warm = std::max(1.0, warmup * static_cast<double>(n_steps));
  const double s = static_cast<double>(step) + 1;
  if (s <= warm) return peak * s / warm;
  return peak * std::max(0.0, (static_cast<double>(n_steps) - s) /
                                  std::max(1.0, static_cast<double>(n_steps) - warm));
}

LlmTrainer::LlmTrainer(LlmTrainOptions options, const Inputs& inputs)
    : options_(std::move(options)), inputs_(inputs), compute_(choose_compute(options_.dtype)) {
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
      LoraOptions{options_.lora_rank, options_.lora_alpha, options_.lora_dropout}, compute_);
  make_parameters();

  for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch)
    n_steps_ += static_cast<std::int64_t>(order_epoch(train_.data, order_options(), epoch).size());
  if (options_.max_steps > 0) n_steps_ = std::min(n_steps_, options_.max_steps);
}

LlmTrainer::Split LlmTrainer::load_split(const std::string& path, int n_views) {
  const std::vector<Conversation> conversations = read_conversations(path);
  const LlmModel vocabulary(inputs_.llm, LlmOptions{.n_gpu_layers = 0, .vocab_only = true});
  Split split;
  split.data = tokenize(
      conversations, [&](std::string_view text) { return vocabulary.tokenize_piece(text); },
      {inputs_.prompt, vocabulary.bos(), options_.n_image_tokens, options_.max_length});
  Encoders encoders(inputs_.encoders, {.n_threads = options_.threads});
  encoder_fingerprint_ = encoders.fingerprint();
  FeatureCache cache(
      options_.cache.empty() ? fs::path(options_.out) / "cache" : fs::path(options_.cache),
      encoder_fingerprint_, encoders.n_embd());
  split.features = load_features(split.data.images, options_.images, encoders, cache, n_views);
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

StepResult LlmTrainer::train_step(const Batch& batch, std::int64_t epoch) {
  const auto start = Clock::now();
  const auto step_key = mix(options_.seed, static_cast<std::uint64_t>(state_.step));
  const auto features = [&](std::int64_t example) {
    const std::int64_t image = train_.data.examples[static_cast<std::size_t>(example)].image;
    const auto n_views = static_cast<std::uint64_t>(train_.features.n_views);
    const auto view =
        static_cast<int>(mix(step_key, static_cast<std::uint64_t>(image + epoch)) % n_views);
    return train_.features.row(image, view);
  };
  const PackedBatch packed = pack(train_.data, batch, features, train_.features.n_features);
  const Tensor images =
      projector_.with_dropout(packed.features, options_.feature_dropout, mix(step_key, 1))
          .view({-1, model_->config().n_embd});
  const Tensor hidden = model_->forward(packed, images, true, step_key);
  const CrossEntropy result = cross_entropy(hidden, packed.targets, model_->head(),
                                            static_cast<double>(packed.targets.size(0)));
  optimizer_->zero_grad();
  result.loss_sum.backward();

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
  ++state_.step;
  const auto n_labels = static_cast<double>(result.n_labels);
  return {result.loss_total / n_labels,
          static_cast<double>(result.n_correct) / n_labels,
          grad_norm,
          packed.n_sequences,
          packed.n_tokens,
          seconds_since(start)};
}

void LlmTrainer::validate() {
  const torch::NoGradGuard no_grad;
  double loss = 0;
  std::int64_t correct = 0;
  std::int64_t labels = 0;
  const Split& split = *validation_;
  const auto features = [&](std::int64_t example) {
    return split.features.row(split.data.examples[static_cast<std::size_t>(example)].image, 0);
  };
  for (const Batch& batch :
       order_epoch(split.data, {kValidationBatch, options_.answers_per_group, 0}, 0)) {
    const PackedBatch packed = pack(split.data, batch, features, split.features.n_features);
    const Tensor images = projector_(packed.features).view({-1, model_->config().n_embd});
    const CrossEntropy result = cross_entropy(model_->forward(packed, images, false, 0),
                                              packed.targets, model_->head(), 1.0);
    loss += result.loss_total;
    correct += result.n_correct;
    labels += result.n_labels;
  }
  last_validation_ = {loss / static_cast<double>(labels),
                      static_cast<double>(correct) / static_cast<double>(labels)};
  log({{"step", state_.step},
       {"validation_loss", last_validation_->loss},
       {"validation_accuracy", last_validation_->accuracy}});
  spdlog::info("step {}: validation loss {:.4f}, accuracy {:.4f}", state_.step,
               last_validation_->loss, last_validation_->accuracy);
  if (state_.best_validation && *state_.best_validation <= last_validation_->loss) return;
  state_.best_validation = last_validation_->loss;
  state_.best_step = state_.step;
  export_weights(fs::path(options_.out) / "best");
}

bool LlmTrainer::run() {
  open_run();
  Progress progress("training", n_steps_);
  std::int64_t epoch_begin = 0;
  for (std::int64_t epoch = 0; epoch < options_.epochs && state_.step < n_steps_; ++epoch) {
    const std::vector<Batch> batches = order_epoch(train_.data, order_options(), epoch);
    const auto n_batches = static_cast<std::int64_t>(batches.size());
    for (std::int64_t i = std::max<std::int64_t>(0, state_.step - epoch_begin);
         i < n_batches && state_.step < n_steps_; ++i) {
      if (stop_requested) {
        save();
        write_results("stopped");
        progress.finish("stopped; run the same command to go on");
        return false;
      }
      const StepResult result = train_step(batches[static_cast<std::size_t>(i)], epoch);
      progress.update(state_.step, record(result, epoch));
      const bool last = state_.step == n_steps_;
      if (validation_ && (state_.step % options_.validate_every == 0 || last)) validate();
      if (state_.step % options_.save_every == 0 || last) save();
    }
    epoch_begin += n_batches;
  }
  progress.finish();
  write_results("done");
  return true;
}

void LlmTrainer::open_run() {
  std::error_code code;
  const fs::path metrics_path = fs::path(options_.out) / "metrics.jsonl";
  if (options_.restart) {
    fs::remove_all(fs::path(options_.out) / "checkpoints", code);
    fs::remove(metrics_path, code);
  }
  if (load_checkpoint(options_.out, state_, parameters(), *optimizer_))
    spdlog::info("going on from step {}", state_.step);
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
  metrics_ << line.dump() << '\n';
  metrics_.flush();
  if (!metrics_)
    throw Error(ErrorKind::kInternal,
                options_.out + "/metrics.jsonl: writing failed; is the disk full?");
}

void LlmTrainer::write_results(const std::string& status) {
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
