// Everything that `pandagpt serve` can be told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "pandagpt/panda.h"
#include "server/request_log.h"
#include "server/web_server.h"

namespace pandagpt {

/// What one request may ask for.
struct RequestLimits {
  std::size_t max_messages = 512;
  std::size_t max_parts = 16;  ///< pictures, sounds, .. of one request
  int max_choices = 8;
  int max_tokens = 4096;                                    ///< of one answer
  std::size_t max_stops = 16;                               ///< stop strings
  std::size_t max_texts = 2048;                             ///< inputs of /v1/embeddings
  std::uint64_t max_media_bytes = std::uint64_t{64} << 20;  ///< of one picture, sound, ..
  InputLimits inputs = {.max_pixels = 50'000'000, .max_seconds = 1800, .max_decode_seconds = 30};
};

struct FileStoreOptions {
  std::filesystem::path folder;  ///< empty: no /v1/files
  std::uint64_t max_file_bytes = std::uint64_t{512} << 20;
  std::uint64_t max_total_bytes = std::uint64_t{4} << 30;
  std::int64_t seconds_to_live = 24 * 3600;  ///< after the last use
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string model = "panda-mini";
  std::string alias = {};  ///< the model's name for clients; empty: its own
  bool any_model = false;  ///< requests for a model of any other name are answered, too
  PandaOptions panda = {};

  int n_slots = 8;             ///< answers computed at once
  int max_waiting = 32;        ///< answers that wait for a slot; more are refused with 503
  int n_encoder_jobs = 2;      ///< requests whose inputs are decoded and encoded at once
  bool unified_cache = false;  ///< SchedulerOptions::unified

  std::vector<std::string> api_keys = {};      ///< any of them; none: everybody may ask
  std::vector<std::string> cors_origins = {};  ///< "*": any; none: no other page may ask
  bool allow_urls = false;                     ///< fetch http(s) addresses in requests
  bool allow_private_urls = false;  ///< for tests: those of this machine and its network as well
  bool has_metrics = true;
  bool has_slots = true;
  double ping_seconds = 15;  ///< between two signs of life in a streamed answer
  int stop_seconds = 30;     ///< how long running answers may take after a request to stop

  LogOptions log = {};
  WebLimits web = {};
  RequestLimits limits = {};
  FileStoreOptions files = {};
};

}  // namespace pandagpt
