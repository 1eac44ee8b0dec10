// Work of several threads in one batch.
#include "core/gathered_work.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <new>
#include <thread>
#include <vector>

#include "pandagpt/error.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using namespace std::chrono_literals;

constexpr int kThreads = 4;

/// Has `work` get the items of several threads at once: nothing is worked on before all threads
/// wait, so the first one takes the others' items along. Each item is 0 before and belongs to the
/// thread of its number.
template <typename Call>
void run_in_threads(GatheredWork<int>& work, std::array<int, kThreads>& items, Call call) {
  std::vector<std::thread> threads;
  {
    const auto pause = work.pause();
    std::atomic<int> n_started = 0;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        int* item = &items[static_cast<std::size_t>(i)];
        ++n_started;
        call([&] { work.run({&item, 1}, "the work"); }, i);
      });
    while (n_started < kThreads)
      std::this_thread::yield();
    std::this_thread::sleep_for(20ms);  // until they wait
  }
  for (std::thread& thread : threads)
    thread.join();
}

TEST(GatheredWork, WhatWaitsIsDoneInOneBatch) {
  std::size_t largest = 0;
  GatheredWork<int> work([&](std::span<int* const> items) {
    largest = std::max(largest, items.size());
    for (int* item : items)
      ++*item;
  });
  std::array<int, kThreads> items{};
  // A thread that the system holds up for long misses the batch, but not each time.
  for (int attempt = 1; attempt <= 100 && largest < kThreads; ++attempt) {
    run_in_threads(work, items, [](const auto& run, int /*thread*/) { run(); });
    for (const int item : items)
      EXPECT_EQ(item, attempt);
  }
  EXPECT_EQ(largest, kThreads);
}

TEST(GatheredWork, AFailureReachesEachThreadOfTheBatch) {
  std::size_t largest = 0;
  bool fails = true;
  GatheredWork<int> work([&](std::span<int* const> items) {
    largest = std::max(largest, items.size());
    if (fails) throw std::bad_alloc();
    for (int* item : items)
      ++*item;
  });
  std::array<int, kThreads> items{};
  for (int attempt = 0; attempt < 100 && largest < kThreads; ++attempt) {
    std::array<bool, kThreads> has_failed{};
    run_in_threads(work, items, [&](const auto& run, int thread) {
      try {
        run();
      } catch (const std::bad_alloc&) {
        has_failed[static_cast<std::size_t>(thread)] = true;
      }
    });
    for (int thread = 0; thread < kThreads; ++thread)
      EXPECT_TRUE(has_failed[static_cast<std::size_t>(thread)]) << thread;
  }
  EXPECT_EQ(largest, kThreads);
  EXPECT_EQ(std::ranges::count(items, 0), kThreads);
  fails = false;  // and the next batch is none the worse for it
  run_in_threads(work, items, [](const auto& run, int /*thread*/) { run(); });
  EXPECT_EQ(std::ranges::count(items, 1), kThreads);
}

TEST(GatheredWork, WhoseTimeHasPassedIsLeftOutAndTheOthersArent) {
  GatheredWork<int> work([](std::span<int* const> items) {
    for (int* item : items)
      ++*item;
  });
  int item = 0;
  int* pointer = &item;
  {
    const TimeLimit over(1e-9s);
    std::this_thread::sleep_for(1ms);
    const Error error = test::error_of([&] { work.run({&pointer, 1}, "the work"); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_NE(std::string(error.what()).find("the work"), std::string::npos) << error.what();
  }
  EXPECT_EQ(item, 0);
  int other = 0;
  int* other_pointer = &other;
  work.run({&other_pointer, 1}, "the work");
  EXPECT_EQ(other, 1);
  EXPECT_EQ(item, 0) << "it is still waiting";
}

}  // namespace
}  // namespace pandagpt
