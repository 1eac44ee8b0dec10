#include "train/processes.h"

#include <arpa/inet.h>
#include <c10/util/Exception.h>
#include <netdb.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "pandagpt/error.h"
#include "train/fnv1a.h"

#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#endif

namespace pandagpt::train {
namespace {

using torch::Tensor;

// libtorch's messages carry stack traces behind their first line.
std::string first_line(const std::exception& error) {
  const auto* c10_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text =
      c10_error != nullptr ? c10_error->what_without_backtrace() : error.what();
  return text.substr(0, std::min(text.find('\n'), std::size_t{200}));
}

#ifdef USE_C10D_GLOO

constexpr auto kPreparation = std::chrono::hours(24 * 7);  // how long wait_for_all may take

/// The address of this machine from which packets to `host` start; empty if there is none.
std::string address_towards(const std::string& host, int port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return "";
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, freeaddrinfo);
  for (const addrinfo* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
    const int descriptor = socket(entry->ai_family, entry->ai_socktype, entry->ai_protocol);
    if (descriptor < 0) continue;
    sockaddr_storage local{};
    socklen_t length = sizeof(local);
    char name[NI_MAXHOST] = {};
    // connecting a datagram socket sends nothing; it only looks the route up
    const bool ok = connect(descriptor, entry->ai_addr, entry->ai_addrlen) == 0 &&
                    getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &length) == 0 &&
                    getnameinfo(reinterpret_cast<const sockaddr*>(&local), length, name,
                                sizeof(name), nullptr, 0, NI_NUMERICHOST) == 0;
    close(descriptor);
    if (ok) return name;
  }
  return "";
}

std::shared_ptr<::gloo::transport::Device> choose_device(const Launch& launch) {
  using c10d::ProcessGroupGloo;
  if (!launch.local_addr.empty())
    return ProcessGroupGloo::createDeviceForHostname(launch.local_addr);
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME"))
    return ProcessGroupGloo::createDeviceForInterface(interface);
  const std::string address = address_towards(launch.master_addr, launch.master_port);
  if (address.empty())
    throw Error(ErrorKind::kInput,
                launch.master_addr + ": no way to this host; check --master-addr (MASTER_ADDR)");
  const bool several_machines = launch.local_size > 0 && launch.local_size < launch.world_size;
  if (several_machines && (address.starts_with("127.") || address == "::1"))
    throw Error(ErrorKind::kInput,
                launch.master_addr + " is " + address +
                    " on this machine, which the others can't reach; give an address of the "
                    "network with --master-addr, or this machine's with --local-addr");
  return ProcessGroupGloo::createDeviceForHostname(address);
}

#endif

}  // namespace

#ifdef USE_C10D_GLOO

struct Processes::Groups {
  c10::intrusive_ptr<c10d::ProcessGroupGloo> steps;        // exchanges with a time limit
  c10::intrusive_ptr<c10d::ProcessGroupGloo> preparation;  // wait_for_all
  c10::intrusive_ptr<c10d::Store> store;
#ifdef USE_C10D_NCCL
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> gpus;  // from the first tensor on a GPU on
#endif
};

#ifdef USE_C10D_NCCL

std::function<void()> Processes::start_sum_on_gpu(const Tensor& tensor) {
  if (!groups_->gpus)
    groups_->gpus = c10::make_intrusive<c10d::ProcessGroupNCCL>(
        c10::make_intrusive<c10d::PrefixStore>("gpus", groups_->store), launch_.rank,
        launch_.world_size);
  std::vector<Tensor> tensors = {tensor};
  const auto work = groups_->gpus->allreduce(tensors);
  return [work] { work->wait(); };
}

#else

// Without NCCL, through the CPU's memory.
std::function<void()> Processes::start_sum_on_gpu(const Tensor& tensor) {
  std::vector<Tensor> staged = {tensor.cpu()};
  const auto work = groups_->steps->allreduce(staged);
  return [work, tensor, copy = staged.front()] {
    work->wait();
    tensor.copy_(copy);
  };
}

#endif

Processes::Processes(const Launch& launch, double timeout_s)
    : launch_(launch), timeout_s_(timeout_s) {
  if (launch.alone()) return;
  const auto timeout = std::chrono::milliseconds(static_cast<std::int64_t>(timeout_s * 1e3));
  try {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(launch.master_port);
    options.isServer = launch.rank == 0;
    options.numWorkers = static_cast<std::size_t>(launch.world_size);
    options.timeout = timeout;
    const auto store = c10::make_intrusive<c10d::TCPStore>(launch.master_addr, options);
    const auto connect = [&](const char* name, std::chrono::milliseconds limit) {
      auto group_options = c10d::ProcessGroupGloo::Options::create(limit);
      group_options->devices = {choose_device(launch)};
      return c10::make_intrusive<c10d::ProcessGroupGloo>(
          c10::make_intrusive<c10d::PrefixStore>(name, store), launch.rank, launch.world_size,
          group_options);
    };
    groups_ = std::make_unique<Groups>();
    groups_->store = store;
    groups_->steps = connect("steps", timeout);
    groups_->preparation = connect("preparation", kPreparation);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(
        ErrorKind::kInternal,
        fmt::format("process {} of {} (from {}) didn't meet the others at {}:{} within {:g} s "
                    "({}); are all of them started, and is the port free there?",
                    launch.rank, launch.world_size, launch.launcher, launch.master_addr,
                    launch.master_port, timeout_s, first_line(error)));
  }
  if (is_first())
    spdlog::info("{} processes (from {}) share the work", launch.world_size, launch.launcher);
}

std::function<void()> Processes::start_sum(const Tensor& tensor) {
  if (!groups_) return [] {};
  std::function<void()> finish;
  try {
    if (tensor.is_cpu()) {
      std::vector<Tensor> tensors = {tensor};
      finish = [work = groups_->steps->allreduce(tensors)] { work->wait(); };
    } else {
      finish = start_sum_on_gpu(tensor);
    }
  } catch (const std::exception& error) {
    fail(error);
  }
  return [this, finish] {
    try {
      finish();
    } catch (const std::exception& error) {
      fail(error);
    }
  };
}

void Processes::broadcast(const Tensor& tensor) {
  if (!groups_) return;
  try {
    std::vector<Tensor> tensors = {tensor.cpu()};  // itself, if it is there
    groups_->steps->broadcast(tensors)->wait();
    if (!tensor.is_cpu()) tensor.copy_(tensors.front());
  } catch (const std::exception& error) {
    fail(error);
  }
}

void Processes::wait_for_all() {
  if (!groups_) return;
  try {
    groups_->preparation->barrier()->wait();
  } catch (const std::exception& error) {
    fail(error);
  }
}

#else

struct Processes::Groups {};

Processes::Processes(const Launch& launch, double /*timeout_s*/) : launch_(launch) {
  if (!launch.alone())
    throw Error(ErrorKind::kUsage,
                fmt::format("{} processes were asked for (by {}), but this program was built "
                            "without libtorch's Gloo; install gloo's headers and build it again",
                            launch.world_size, launch.launcher));
}

std::function<void()> Processes::start_sum(const Tensor& /*tensor*/) {
  return [] {};
}
std::function<void()> Processes::start_sum_on_gpu(const Tensor& /*tensor*/) {
  return [] {};
}
void Processes::broadcast(const Tensor& /*tensor*/) {}
void Processes::wait_for_all() {}

#endif

Processes::Processes() = default;
Processes::~Processes() = default;

void Processes::sum(const Tensor& tensor) {
  start_sum(tensor)();
}

void Processes::require_same(const std::string& what, const std::string& text) {
  const auto hash = static_cast<std::int64_t>(fnv1a(text.data(), text.size()));
  const Tensor first = torch::tensor({hash}, torch::kInt64);
  broadcast(first);
  Tensor differs = torch::zeros({size()}, torch::kInt64);
  differs[rank()] = first.item<std::int64_t>() == hash ? 0 : 1;
  sum(differs);
  for (int i = 0; i < size(); ++i)
    if (differs[i].item<std::int64_t>() != 0)
      throw Error(ErrorKind::kInput,
                  fmt::format("{} of process {} differ from those of process 0", what, i));
}

void Processes::fail(const std::exception& error) const {
  throw Error(
      ErrorKind::kInternal,
      fmt::format("another of the {} processes was lost, or didn't answer within {:g} s "
                  "(--timeout): {}. The last checkpoint is intact; start the same job again "
                  "to go on",
                  size(), timeout_s_, first_line(error)));
}

}  // namespace pandagpt::train
