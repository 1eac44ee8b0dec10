// The fields of a request that say how to answer, shared by all completion routes.
#pragma once

#include <string>
#include <vector>

#include "pandagpt/generation.h"
#include "server/json_fields.h"
#include "server/server_options.h"

namespace pandagpt {

struct GenerationSettings {
  GenerateOptions options;
  std::vector<std::string> stops;  ///< the request's own
  int n_choices = 1;
  bool ignore_eos = false;  ///< neither the model nor the protocol's stop string ends an answer
  bool stream = false;
  bool include_usage = false;  ///< a last chunk with the usage
};

/// What isn't given comes from `defaults`. Throws ApiError for values out of range, and for what is
/// asked for and not done here: never silently ignored.
GenerationSettings read_generation_settings(const JsonFields& body, const GenerateOptions& defaults,
                                            const RequestLimits& limits);

}  // namespace pandagpt
