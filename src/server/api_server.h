// `pandagpt serve`: the server from its start to its end.
//
//   ApiServer server(options);
//   const int port = server.bind();          // from here on clients may connect
//   std::thread serving([&] { server.serve(); });
//   server.load();                           // until then they get 503
//   ...
//   server.stop();                           // running answers finish, new ones get 503
//   serving.join();
#pragma once

#include <atomic>
#include <exception>
#include <string>

#include "server/server_context.h"
#include "server/server_options.h"
#include "server/web_server.h"

namespace pandagpt {

class ApiServer {
 public:
  /// Throws Error(kUsage) for options that can't be.
  explicit ApiServer(ServerOptions options);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  /// Returns the port. Throws Error(kUsage) if the address can't be had.
  int bind();
  /// Loads the model. Throws as Panda's constructor.
  void load();
  /// Answers requests until stop() has ended.
  void serve();
  /// Takes no new requests, gives running answers options.stop_seconds, then ends serve().
  void stop();

 private:
  void handle(WebRequest& request, WebResponse& response);
  void dispatch(WebRequest& request, WebResponse& response);
  bool is_public(const std::string& path) const;
  /// Throws ApiError 401; sets the request's owner of files.
  void check_key(WebRequest& request) const;
  void allow_origin(const WebRequest& request, WebResponse& response) const;
  /// For the log.
  std::string shown_path(const WebRequest& request, const std::string& route) const;

  ServerContext context_;
  WebServer web_;
};

}  // namespace pandagpt
