#include "server/server_context.h"

#include <array>
#include <random>
#include <utility>

#include "server/api_error.h"

namespace pandagpt {

std::string random_id(const std::string& prefix) {
  constexpr std::size_t kDigits = 24;
  static constexpr char kAlphabet[] = "0123456789abcdef";
  thread_local std::mt19937_64 generator{std::random_device{}()};
  std::uniform_int_distribution<std::size_t> digit(0, 15);
  std::string id = prefix;
  for (std::size_t i = 0; i < kDigits; ++i)
    id += kAlphabet[digit(generator)];
  return id;
}

ServerContext::ServerContext(ServerOptions with)
    : options(std::move(with)),
      admission(options.n_slots + options.max_waiting),
      files(options.files.folder.empty() ? nullptr : std::make_unique<FileStore>(options.files)),
      remote(options.allow_urls ? std::make_unique<RemoteMedia>(options.allow_private_urls)
                                : nullptr),
      media({files.get(), remote.get()}, options.limits),
      media_marker(random_id("<media-") + ">") {}

Engine& ServerContext::engine() {
  if (!engine_ready_) throw ApiError::unavailable("the model is being loaded; try again soon");
  return *engine_;
}

void ServerContext::set_engine(std::unique_ptr<Engine> engine) {
  engine_ = std::move(engine);
  engine_ready_ = true;
}

void ServerContext::drop_engine() {
  engine_ready_ = false;
  engine_.reset();
}

}  // namespace pandagpt
