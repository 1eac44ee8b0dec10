#include "train/gradient_buckets.h"

#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/torch.h>

#include <utility>

namespace pandagpt::train {

using torch::Tensor;
using torch::autograd::variable_list;

GradientBuckets::GradientBuckets(std::vector<Tensor> parameters, Processes& processes,
                                 std::int64_t bucket_bytes)
    : processes_(processes), parameters_(std::move(parameters)) {
  std::int64_t total = 0;
  for (const Tensor& parameter : parameters_)
    total += parameter.numel();
  flat_ = torch::zeros({total}, parameters_.front().options().requires_grad(false));
  const std::int64_t limit = bucket_bytes / static_cast<std::int64_t>(sizeof(float));
  std::int64_t begin = 0;
  std::int64_t bucket_begin = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (begin == bucket_begin) buckets_.emplace_back();
    const Tensor& parameter = parameters_[i];
    // autograd adds to a gradient that is there in place, so it stays a part of flat_
    parameter.mutable_grad() = flat_.narrow(0, begin, parameter.numel()).view(parameter.sizes());
    begin += parameter.numel();
    ++buckets_.back().n_parameters;
    if (processes_.size() > 1) add_hook(parameter, buckets_.size() - 1);
    if (begin - bucket_begin >= limit || i + 1 == parameters_.size()) {
      buckets_.back().flat = flat_.narrow(0, bucket_begin, begin - bucket_begin);
      bucket_begin = begin;
    }
  }
}

GradientBuckets::~GradientBuckets() {
  for (const auto& remove : remove_hooks_)
    remove();
}

void GradientBuckets::add_hook(const Tensor& parameter, std::size_t bucket) {
  // the hook runs when the parameter's gradient has been added, as in torch's own Reducer
  auto accumulator = torch::autograd::impl::grad_accumulator(parameter);
  auto hook = std::make_unique<torch::autograd::utils::LambdaPostHook>(
      [this, bucket](const variable_list& outputs, const variable_list& /*inputs*/) {
        if (travelling_) {
          --buckets_[bucket].n_missing;
          send_whole_ones();
        }
        return outputs;
      });
  const std::uintptr_t key = accumulator->add_post_hook(std::move(hook));
  remove_hooks_.emplace_back([accumulator, key] { accumulator->del_post_hook(key); });
}

void GradientBuckets::send_whole_ones() {
  while (pending_.size() < buckets_.size() && buckets_[pending_.size()].n_missing == 0)
    pending_.push_back(processes_.start_sum(buckets_[pending_.size()].flat));
}

void GradientBuckets::zero() {
  flat_.zero_();
}

void GradientBuckets::travel() {
  for (Bucket& bucket : buckets_)
    bucket.n_missing = bucket.n_parameters;
  travelling_ = true;
}

void GradientBuckets::finish() {
  travelling_ = false;
  for (Bucket& bucket : buckets_)
    bucket.n_missing = 0;
  send_whole_ones();
  for (const auto& wait : pending_)
    wait();
  pending_.clear();
}

}  // namespace pandagpt::train
