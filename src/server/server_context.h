// What every route of the server works with.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "fetch/remote_media.h"
#include "server/admission.h"
#include "server/engine.h"
#include "server/file_store.h"
#include "server/json_fields.h"
#include "server/media_parts.h"
#include "server/metrics.h"
#include "server/request_log.h"
#include "server/server_options.h"
#include "server/web_server.h"

namespace pandagpt {

struct ServerContext {
  explicit ServerContext(ServerOptions with);

  ServerOptions options;
  RequestLog log;
  Metrics metrics;
  Admission admission;
  std::unique_ptr<FileStore> files;     ///< null: no uploads
  std::unique_ptr<RemoteMedia> remote;  ///< null: no addresses
  /// Stands for an input in the prompts of /completion; random, so that no text holds it by chance.
  std::string media_marker;
  WebServer* web = nullptr;  ///< set before it serves

  /// What the request may refer to.
  MediaParts media(const WebRequest& request) const {
    return {{files.get(), remote.get(), request.file_owner}, options.limits};
  }
  /// Throws ApiError 503 while the model is being loaded.
  Engine& engine();
  /// Throws ApiError 404 if the request's "model" is another one, unless --any-model.
  void check_model(const JsonFields& body);
  bool is_ready() const { return engine_ready_; }
  void set_engine(std::unique_ptr<Engine> engine);
  /// Answers that are running end.
  void drop_engine();

 private:
  std::unique_ptr<Engine> engine_;
  std::atomic<bool> engine_ready_ = false;
};

}  // namespace pandagpt
