#include "tensor/factor_order.h"

#include <gtest/gtest.h>

#include <memory>

namespace pandagpt {
namespace {

/// A LoRA's factor of `rows` rows of one cache line; nobody reads its data.
ggml_tensor factor_at(std::uintptr_t address, std::int64_t rows) {
  ggml_tensor factor{};
  factor.type = GGML_TYPE_F16;
  factor.ne[0] = 32;
  factor.ne[1] = rows;
  factor.ne[2] = factor.ne[3] = 1;
  factor.nb[0] = 2;
  factor.nb[1] = 64;
  factor.nb[2] = factor.nb[3] = 64 * static_cast<std::size_t>(rows);
  factor.data = reinterpret_cast<void*>(address);
  return factor;
}

ComputeParams thread_of_two(int thread) {
  ComputeParams params{};
  params.thread = thread;
  params.n_threads = 2;
  return params;
}

TEST(FactorOrder, GivesEachThreadItsShareOfWhatFollowedTheLastTime) {
  const auto order = std::make_unique<FactorOrder>();
  const ggml_tensor first = factor_at(0x100000, 10);
  const ggml_tensor second = factor_at(0x200000, 4);
  const ComputeParams one = thread_of_two(0);
  const ComputeParams two = thread_of_two(1);
  EXPECT_EQ(order->next(one, &first).size, 0);  // nothing is known yet
  EXPECT_EQ(order->next(one, &second).size, 0);
  const Bytes share = order->next(one, &first);
  EXPECT_EQ(share.data, second.data);
  EXPECT_EQ(share.size, 2 * 64);
  const Bytes other = order->next(two, &first);
  EXPECT_EQ(other.data, share.data + 2 * 64);
  EXPECT_EQ(other.size, 2 * 64);
  // the first of the next token follows the last of this one
  EXPECT_EQ(order->next(one, &second).data, first.data);
}

TEST(FactorOrder, LearnsAnotherOrder) {
  const auto order = std::make_unique<FactorOrder>();
  const ggml_tensor a = factor_at(0x100000, 2);
  const ggml_tensor b = factor_at(0x200000, 2);
  const ggml_tensor c = factor_at(0x300000, 2);
  const ComputeParams one = thread_of_two(0);
  for (const ggml_tensor* factor : {&a, &b, &a})
    (void)order->next(one, factor);
  (void)order->next(one, &c);
  EXPECT_EQ(order->next(one, &a).data, c.data);
}

}  // namespace
}  // namespace pandagpt
