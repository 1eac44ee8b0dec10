// The gradients of all processes, summed while the rest of the backward pass runs.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "train/processes.h"

namespace pandagpt::train {

/// Owns the gradients: those of all parameters lie in one flat tensor, cut into buckets that travel
/// one by one. Only they travel; the frozen base has none.
class GradientBuckets {
 public:
  /// `parameters` in the order in which the backward pass reaches them. float32 leaves. `processes`
  /// must outlive this.
  GradientBuckets(std::vector<torch::Tensor> parameters, Processes& processes,
                  std::int64_t bucket_bytes = kBucketBytes);
  ~GradientBuckets();
  GradientBuckets(const GradientBuckets&) = delete;
  GradientBuckets& operator=(const GradientBuckets&) = delete;

  /// Sets all gradients to 0.
  void zero();
  /// The next backward pass is this step's last: each bucket travels as soon as it is whole.
  void travel();
  /// Sends what no backward pass reached, and waits: the gradients are the sums over all processes.
  void finish();

  static constexpr std::int64_t kBucketBytes = std::int64_t{16} << 20;

 private:
  struct Bucket {
    torch::Tensor flat;
    std::int64_t n_parameters = 0;
    std::int64_t n_missing = 0;  // parameters whose gradient isn't complete yet
  };
  void add_hook(const torch::Tensor& parameter, std::size_t bucket);
  // All processes have to send the buckets in the same order.
  void send_whole_ones();

  Processes& processes_;
  std::vector<torch::Tensor> parameters_;
  torch::Tensor flat_;
  std::vector<Bucket> buckets_;
  std::vector<std::function<void()>> remove_hooks_;
  std::vector<std::function<void()>> pending_;  // one for each bucket that has been sent
  bool travelling_ = false;
};

}  // namespace pandagpt::train
