#include "server/server_context.h"

#include <optional>
#include <string>
#include <utility>

#include "server/api_error.h"
#include "server/random_id.h"

namespace pandagpt {

ServerContext::ServerContext(ServerOptions with)
    : options(std::move(with)),
      log(options.log),
      admission(options.n_slots + options.max_waiting),
      files(options.files.folder.empty() ? nullptr : std::make_unique<FileStore>(options.files)),
      remote(options.allow_urls ? std::make_unique<RemoteMedia>(RemoteMediaOptions{
                                      .allow_private = options.allow_private_urls})
                                : nullptr),
      media_marker(random_id("<media-") + ">") {}

Engine& ServerContext::engine() {
  if (!engine_ready_) throw ApiError::unavailable("the model is being loaded; try again soon");
  return *engine_;
}

void ServerContext::check_model(const JsonFields& body) {
  const std::optional<std::string> name = body.text("model");
  if (!name || name->empty() || options.any_model || engine().is_called(*name)) return;
  throw ApiError::model_not_found("there is no model '" + *name + "' here; this server has '" +
                                  engine().name() + "' (--any-model takes every name)");
}

void ServerContext::set_engine(std::unique_ptr<Engine> engine) {
  engine_ = std::move(engine);
  engine_ready_ = true;
}

void ServerContext::drop_engine() {
  // one that is still being loaded, by another thread, ends with this object
  if (engine_ready_.exchange(false)) engine_.reset();
}

}  // namespace pandagpt
