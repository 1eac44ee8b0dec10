#include "server/generation_settings.h"

#include <limits>

#include "server/api_error.h"

namespace pandagpt {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxStopBytes = 256;
constexpr double kMaxTemperature = 10;
constexpr double kMaxPenalty = 10;

template <typename Field, typename Value>
void take(Field& field, const std::optional<Value>& value) {
  if (value) field = static_cast<Field>(*value);
}

/// Fields that change the answer and are not done here, unless they have the value that changes
/// nothing.
void refuse_unsupported(const JsonFields& body) {
  const auto is_empty = [](const json& value) {
    if (value.is_boolean()) return !value.get<bool>();
    return value.is_string() ? value.get_ref<const std::string&>().empty() : value.empty();
  };
  for (const char* key : {"tools", "functions", "logprobs", "top_logprobs", "logit_bias", "audio",
                          "grammar", "json_schema", "suffix", "echo", "use_beam_search"}) {
    const json* value = body.find(key);
    if (value == nullptr || is_empty(*value) || (value->is_number() && *value == 0)) continue;
    body.fail(key, "is not supported by this server");
  }
  if (const auto format = body.object("response_format");
      format && format->text("type").value_or("text") != "text")
    body.fail("response_format", "other than {\"type\": \"text\"} is not supported by this server");
  for (const json* one : body.list("modalities", 8))
    if (*one != "text") body.fail("modalities", "other than [\"text\"] is not supported");
}

std::vector<std::string> read_stops(const JsonFields& body, std::size_t most) {
  std::vector<std::string> stops;
  const json* value = body.find("stop");
  if (value == nullptr) return stops;
  if (value->is_string()) {
    if (const auto& stop = value->get_ref<const std::string&>(); !stop.empty())
      stops.push_back(stop);  // an empty one is none
  } else {
    for (const json* one : body.list("stop", most)) {
      if (!one->is_string()) body.fail("stop", "must be a text or a list of texts");
      stops.push_back(one->get<std::string>());
    }
  }
  for (const std::string& stop : stops)
    if (stop.empty() || stop.size() > kMaxStopBytes)
      body.fail("stop", "must have texts of 1 to " + std::to_string(kMaxStopBytes) + " bytes");
  return stops;
}

/// Beam search and prompt look-up. A search has one answer, so several are drawn, unless a request
/// asks for both.
void read_decoding(const JsonFields& body, GenerationSettings& settings) {
  GenerateOptions& options = settings.options;
  const auto n_beams = body.integer("n_beams", 1, GenerateOptions::kMaxBeams);
  take(options.n_beams, n_beams);
  if (settings.n_choices > 1 && n_beams.value_or(1) > 1)
    body.fail("n", "must be 1 with 'n_beams': a search has one answer");
  if (settings.n_choices > 1) options.n_beams = 1;
  take(options.n_draft, body.integer("n_draft", 0, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

GenerationSettings read_generation_settings(const JsonFields& body, const GenerateOptions& defaults,
                                            const RequestLimits& limits) {
  refuse_unsupported(body);
  GenerationSettings settings;
  GenerateOptions& options = settings.options = defaults;
  for (const char* key : {"max_completion_tokens", "max_tokens", "n_predict"}) {
    // llama.cpp's clients send -1 for "until the end".
    const auto n = body.integer(key, -1, std::numeric_limits<std::int32_t>::max());
    if (!n) continue;
    if (*n == 0) continue;  // as good as not given
    options.max_tokens =
        *n < 0 || *n > limits.max_tokens ? limits.max_tokens : static_cast<int>(*n);
    break;
  }
  take(options.temperature, body.number("temperature", 0, kMaxTemperature));
  if (body.find("temperature") != nullptr) options.greedy = options.temperature == 0;
  if (const auto top_p = body.number("top_p", 0, 1))  // 0 is the best token alone, as in OpenAI's
    options.top_p = std::max(static_cast<float>(*top_p), std::numeric_limits<float>::min());
  // -1 is "off" in llama.cpp and vLLM, 0 here and in OpenAI's.
  if (const auto top_k = body.integer("top_k", -1, std::numeric_limits<std::int32_t>::max()))
    options.top_k = static_cast<int>(std::max<std::int64_t>(*top_k, 0));
  take(options.min_p, body.number("min_p", 0, 1));
  take(options.repeat_penalty, body.number("repeat_penalty", 0.01, kMaxPenalty));
  take(options.frequency_penalty, body.number("frequency_penalty", -kMaxPenalty, kMaxPenalty));
  take(options.presence_penalty, body.number("presence_penalty", -kMaxPenalty, kMaxPenalty));
  if (const auto seed = body.integer("seed", std::numeric_limits<std::int64_t>::min(),
                                     std::numeric_limits<std::int64_t>::max());
      seed && *seed != -1)  // llama.cpp's mark for a random one
    options.seed = static_cast<std::uint32_t>(*seed);
  settings.stops = read_stops(body, limits.max_stops);
  settings.n_choices = static_cast<int>(body.integer("n", 1, limits.max_choices).value_or(1));
  read_decoding(body, settings);
  settings.ignore_eos = body.boolean("ignore_eos");
  settings.stream = body.boolean("stream");
  if (const auto stream_options = body.object("stream_options"))
    settings.include_usage = stream_options->boolean("include_usage");
  if (const auto best_of = body.integer("best_of", 1, limits.max_choices);
      best_of && *best_of != settings.n_choices)
    body.fail("best_of", "other than 'n' is not supported");
  return settings;
}

}  // namespace pandagpt
