// How a job finds its processes, how a step is cut up for them, and how their gradients meet.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <map>
#include <set>
#include <thread>

#include "test_support.h"
#include "train/gradient_buckets.h"
#include "train/launch.h"
#include "train/micro_batch.h"
#include "train/processes.h"
#include "train_job_support.h"

namespace pandagpt::train {
namespace {

using test::error_of;
using test::free_port;
using testing::HasSubstr;
using torch::Tensor;

using Variables = std::map<std::string, std::string>;

Launch launched(const Variables& variables, const LaunchFlags& flags = {}) {
  return find_launch(flags, [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Launch, IsAloneWithoutALauncher) {
  const Launch launch = launched({{"PATH", "/bin"}});
  EXPECT_TRUE(launch.alone());
  EXPECT_EQ(launch.rank, 0);
}

TEST(Launch, ReadsTorchrun) {
  Variables variables = {{"RANK", "3"},
                         {"WORLD_SIZE", "4"},
                         {"LOCAL_RANK", "1"},
                         {"LOCAL_WORLD_SIZE", "2"},
                         {"MASTER_ADDR", "node7"},
                         {"MASTER_PORT", "1234"}};
  Launch launch = launched(variables);
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.world_size, 4);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_size, 2);
  EXPECT_EQ(launch.master_addr, "node7");
  EXPECT_EQ(launch.master_port, 1234);
  EXPECT_EQ(launch.launcher, "torchrun");
  // the agent of torchrun sits on the port itself
  variables["TORCHELASTIC_USE_AGENT_STORE"] = "True";
  EXPECT_EQ(launched(variables).master_port, 1235);
}

TEST(Launch, ReadsMpirunAndSlurm) {
  const Launch mpi = launched({{"OMPI_COMM_WORLD_RANK", "1"},
                               {"OMPI_COMM_WORLD_SIZE", "2"},
                               {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                               // left over from the batch script that called mpirun
                               {"SLURM_PROCID", "0"},
                               {"SLURM_NTASKS", "8"}});
  EXPECT_EQ(mpi.rank, 1);
  EXPECT_EQ(mpi.world_size, 2);
  EXPECT_EQ(mpi.master_addr, "127.0.0.1");
  EXPECT_EQ(mpi.master_port, kDefaultMasterPort);

  const Launch slurm = launched({{"SLURM_PROCID", "5"},
                                 {"SLURM_NTASKS", "8"},
                                 {"SLURM_LOCALID", "1"},
                                 {"SLURM_NTASKS_PER_NODE", "4(x2)"},
                                 {"SLURM_JOB_NODELIST", "gpu[03-04],gpu9"},
                                 {"SLURM_JOB_ID", "123456"}});
  EXPECT_EQ(slurm.rank, 5);
  EXPECT_EQ(slurm.world_size, 8);
  EXPECT_EQ(slurm.local_size, 4);
  EXPECT_EQ(slurm.master_addr, "gpu03");
  EXPECT_EQ(slurm.master_port, 20000 + 123456 % 20000);
  EXPECT_EQ(slurm.launcher, "Slurm");

  const Launch mpich =
      launched({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "7"}});
  EXPECT_EQ(mpich.rank, 1);
  EXPECT_EQ(mpich.master_port, 7);
}

TEST(Launch, FlagsGoBeforeTheEnvironment) {
  LaunchFlags flags;
  flags.rank = 0;
  flags.world_size = 2;
  flags.master_addr = "10.0.0.1";
  flags.master_port = 99;
  const Launch launch = launched({{"RANK", "3"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "x"}}, flags);
  EXPECT_EQ(launch.rank, 0);
  EXPECT_EQ(launch.world_size, 2);
  EXPECT_EQ(launch.master_addr, "10.0.0.1");
  EXPECT_EQ(launch.master_port, 99);
  LaunchFlags one;
  one.world_size = 1;
  EXPECT_TRUE(launched({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}}, one).alone());
}

TEST(Launch, ContradictionsAreUsageErrors) {
  const auto message = [](const Variables& variables, const LaunchFlags& flags = {}) {
    const Error error = error_of([&] { launched(variables, flags); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return std::string(error.what());
  };
  EXPECT_THAT(message({{"RANK", "4"}, {"WORLD_SIZE", "4"}}), HasSubstr("process 4 of 4"));
  EXPECT_THAT(message({{"RANK", "x"}, {"WORLD_SIZE", "4"}}), HasSubstr("RANK is 'x'"));
  EXPECT_THAT(message({{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}}),
              HasSubstr("--master-addr"));
  LaunchFlags flags;
  flags.world_size = 2;
  EXPECT_THAT(message({}, flags), HasSubstr("--rank"));
}

TEST(Launch, FindsTheFirstHostOfASlurmList) {
  EXPECT_EQ(first_slurm_host("gpu[03-05,9],x1"), "gpu03");
  EXPECT_EQ(first_slurm_host("gpu[7]"), "gpu7");
  EXPECT_EQ(first_slurm_host("a1,a2"), "a1");
  EXPECT_EQ(first_slurm_host("single"), "single");
}

/// 7 groups of one to three conversations, half of them with a common beginning.
struct Step {
  std::vector<Example> examples;
  Batch batch;

  Step() {
    for (int group = 0; group < 7; ++group) {
      batch.emplace_back();
      for (int i = 0; i <= group % 3; ++i) {
        Example e;
        e.source = group;
        e.tokens = {1, Example::kImageToken, group % 2 == 0 ? 7 : 20 + i, 8};
        e.is_label = {0, 0, 0, 0};
        for (int word = 0; word < 2 + group; ++word) {
          e.tokens.push_back(10 + i);
          e.is_label.push_back(1);
        }
        batch.back().push_back(static_cast<std::int64_t>(examples.size()));
        examples.push_back(e);
      }
    }
  }
};

TEST(StepShare, EveryGroupIsComputedOnceAtItsPlaceInTheStep) {
  const Step step;
  std::map<Group, std::int64_t> token_of, feature_of;
  std::int64_t token = 0, feature = 0, labels = 0;
  for (const Group& group : step.batch) {
    const PackedSize size = packed_size(step.examples, group);
    const auto add_row = [](std::int64_t, FeatureRows& rows) {
      rows.values.resize(rows.values.size() + 3);
      rows.weights.push_back(1);
    };
    const PackedBatch packed = pack(step.examples, {group}, add_row, 3);
    EXPECT_EQ(size.n_tokens, packed.n_tokens);
    EXPECT_EQ(size.n_features, packed.features.size(0));
    EXPECT_EQ(size.n_labels, packed.targets.size(0));
    token_of[group] = token;
    feature_of[group] = feature;
    token += size.n_tokens;
    feature += size.n_features;
    labels += size.n_labels;
  }
  for (const int world : {1, 2, 3, 16})
    for (const std::int64_t limit : {0, 1, 3}) {
      Batch seen;
      for (int rank = 0; rank < world; ++rank) {
        const StepShare share = share_of_step(step.examples, step.batch, rank, world, limit);
        EXPECT_EQ(share.n_labels, labels);
        EXPECT_LE(share.parts.size(), limit == 0 ? 1U : step.batch.size());
        for (const MicroBatch& part : share.parts) {
          EXPECT_EQ(part.first_token, token_of.at(part.groups.front()));
          EXPECT_EQ(part.first_feature, feature_of.at(part.groups.front()));
          std::size_t conversations = 0;
          for (const Group& group : part.groups)
            conversations += group.size();
          EXPECT_TRUE(limit == 0 || part.groups.size() == 1 ||
                      static_cast<std::int64_t>(conversations) <= limit);
          seen.insert(seen.end(), part.groups.begin(), part.groups.end());
        }
      }
      EXPECT_EQ(seen, step.batch) << world << " processes, parts of " << limit;
    }
}

TEST(StepShare, ProcessesGetAboutTheSameNumberOfTokens) {
  const Step step;
  std::vector<std::int64_t> tokens(2, 0);
  for (int rank = 0; rank < 2; ++rank)
    for (const MicroBatch& part : share_of_step(step.examples, step.batch, rank, 2, 0).parts)
      for (const Group& group : part.groups)
        tokens[static_cast<std::size_t>(rank)] += packed_size(step.examples, group).n_tokens;
  EXPECT_LT(std::abs(tokens[0] - tokens[1]), (tokens[0] + tokens[1]) / 4);
}

/// Runs `body` as each of two processes, in threads of this one.
void as_two_processes(const std::function<void(Processes&)>& body) {
  const int port = free_port();
  const auto run = [&](int rank) {
    Launch launch;
    launch.rank = rank;
    launch.world_size = 2;
    launch.master_addr = "127.0.0.1";
    launch.master_port = port;
    Processes processes(launch, 20);
    body(processes);
  };
  std::thread second(run, 1);
  run(0);
  second.join();
}

TEST(Processes, SumBroadcastAndCompare) {
  as_two_processes([](Processes& processes) {
    const Tensor mine = torch::full({3}, processes.rank() == 0 ? 1.0F : 2.0F);
    processes.sum(mine);
    EXPECT_TRUE(torch::equal(mine, torch::full({3}, 3.0F)));
    const Tensor other = torch::full({2}, 10.0F + static_cast<float>(processes.rank()));
    processes.broadcast(other);
    EXPECT_TRUE(torch::equal(other, torch::full({2}, 10.0F)));
    processes.wait_for_all();
    processes.require_same("the text", "equal");
    const Error error =
        error_of([&] { processes.require_same("settings", std::to_string(processes.rank())); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), HasSubstr("settings of process 1"));
  });
}

TEST(Processes, NobodyComesWithinTheTimeLimit) {
  Launch launch;
  launch.rank = 1;
  launch.world_size = 2;
  launch.master_addr = "127.0.0.1";
  launch.master_port = free_port();
  const Error error = error_of([&] { Processes processes(launch, 1); });
  EXPECT_EQ(error.kind(), ErrorKind::kInternal);
  EXPECT_THAT(error.what(), HasSubstr("process 1 of 2"));
  EXPECT_THAT(error.what(), HasSubstr("within 1 s"));
}

TEST(GradientBuckets, AreTheSumsOverProcessesAndOverPasses) {
  as_two_processes([](Processes& processes) {
    std::vector<Tensor> parameters;
    for (int i = 0; i < 5; ++i)
      parameters.push_back(torch::full({4, 3}, static_cast<float>(i)).requires_grad_(true));
    GradientBuckets buckets(parameters, processes, 2 * 4 * 3 * sizeof(float));  // 2, 2 and 1
    for (int step = 0; step < 2; ++step) {
      buckets.zero();
      // process 1 has nothing to do in the second step
      const int passes = processes.rank() == 0 ? 2 : step == 0 ? 1 : 0;
      for (int pass = 0; pass < passes; ++pass) {
        if (pass + 1 == passes) buckets.travel();
        Tensor sum = torch::zeros({});
        for (std::size_t i = 0; i + 1 < parameters.size(); ++i)  // the last one takes no part
          sum = sum + parameters[i].sum() * static_cast<double>(i + 1);
        sum.backward();
      }
      buckets.finish();
      const double n = step == 0 ? 3 : 2;
      for (std::size_t i = 0; i + 1 < parameters.size(); ++i)
        EXPECT_TRUE(torch::equal(parameters[i].grad(),
                                 torch::full({4, 3}, n * static_cast<double>(i + 1))));
      EXPECT_EQ(parameters.back().grad().abs().sum().item<float>(), 0.0F);
    }
  });
}

}  // namespace
}  // namespace pandagpt::train
