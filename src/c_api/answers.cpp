// Answers of the C interface, and how they are asked for.
#include "c_api/call.h"
#include "c_api/handles.h"

namespace pandagpt::c_api {
namespace {

pandagpt_generate_options to_c(const GenerateOptions& options) {
  return {.struct_size = sizeof(pandagpt_generate_options),
          .max_tokens = options.max_tokens,
          .greedy = options.greedy,
          .n_beams = options.n_beams,
          .temperature = options.temperature,
          .top_p = options.top_p,
          .top_k = options.top_k,
          .min_p = options.min_p,
          .repeat_penalty = options.repeat_penalty,
          .repeat_last_n = options.repeat_last_n,
          .frequency_penalty = options.frequency_penalty,
          .presence_penalty = options.presence_penalty,
          .n_draft = options.n_draft,
          .has_seed = options.seed.has_value(),
          .seed = options.seed.value_or(0)};
}

pandagpt_finish finish_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kLength:
      return PANDAGPT_FINISH_LENGTH;
    case FinishReason::kContext:
      return PANDAGPT_FINISH_CONTEXT;
    case FinishReason::kCancelled:
      return PANDAGPT_FINISH_CANCELLED;
    case FinishReason::kStop:
      break;
  }
  return PANDAGPT_FINISH_STOP;
}

}  // namespace

GenerateOptions generate_options(const pandagpt_generate_options* options,
                                 const GenerateOptions& defaults) {
  if (options == nullptr) return defaults;
  const pandagpt_generate_options& from = read_struct(*options, "options");
  GenerateOptions result = defaults;  // for what C has no field for
  result.max_tokens = from.max_tokens;
  result.greedy = from.greedy;
  result.n_beams = from.n_beams;
  result.temperature = from.temperature;
  result.top_p = from.top_p;
  result.top_k = from.top_k;
  result.min_p = from.min_p;
  result.repeat_penalty = from.repeat_penalty;
  result.repeat_last_n = from.repeat_last_n;
  result.frequency_penalty = from.frequency_penalty;
  result.presence_penalty = from.presence_penalty;
  result.n_draft = from.n_draft;
  result.seed.reset();
  if (from.has_seed) result.seed = from.seed;
  return result;
}

OnText text_callback(pandagpt_on_text on_text, void* user) {
  if (on_text == nullptr) return {};
  return [on_text, user](std::string_view text) {
    const std::string with_end(text);
    return on_text(with_end.c_str(), with_end.size(), user);
  };
}

}  // namespace pandagpt::c_api

using namespace pandagpt::c_api;

pandagpt_status pandagpt_generate_options_init(const pandagpt_panda* panda,
                                               pandagpt_generate_options* options,
                                               size_t struct_size) {
  return guarded([&] {
    write_struct(to_c(required(panda, "panda").panda.default_options()), options, struct_size,
                 "options");
  });
}

void pandagpt_answer_free(pandagpt_answer* answer) {
  delete answer;
}

const char* pandagpt_answer_text(const pandagpt_answer* answer, size_t* size) {
  if (size != nullptr) *size = answer != nullptr ? answer->answer.text.size() : 0;
  return answer != nullptr ? answer->answer.text.c_str() : nullptr;
}

pandagpt_finish pandagpt_answer_finish(const pandagpt_answer* answer) {
  return answer != nullptr ? finish_of(answer->answer.finish) : -1;
}

uint32_t pandagpt_answer_seed(const pandagpt_answer* answer) {
  return answer != nullptr ? answer->answer.seed : 0;
}

bool pandagpt_answer_is_unsure(const pandagpt_answer* answer) {
  return answer != nullptr && answer->answer.is_unsure;
}

size_t pandagpt_answer_warning_count(const pandagpt_answer* answer) {
  return answer != nullptr ? answer->answer.warnings.size() : 0;
}

const char* pandagpt_answer_warning(const pandagpt_answer* answer, size_t index) {
  if (index >= pandagpt_answer_warning_count(answer)) return nullptr;
  return answer->answer.warnings[index].c_str();
}

pandagpt_status pandagpt_answer_timings(const pandagpt_answer* answer, pandagpt_timings* timings) {
  return guarded([&] {
    const pandagpt::Timings& from = required(answer, "answer").answer.timings;
    write_struct(pandagpt_timings{.struct_size = sizeof(pandagpt_timings),
                                  .encode_ms = from.encode_ms,
                                  .cached_inputs = from.cached_inputs,
                                  .prompt_ms = from.prompt_ms,
                                  .first_text_ms = from.first_text_ms,
                                  .generate_ms = from.generate_ms,
                                  .prompt_tokens = from.prompt_tokens,
                                  .reused_tokens = from.reused_tokens,
                                  .generated_tokens = from.generated_tokens,
                                  .guessed_tokens = from.guessed_tokens,
                                  .accepted_tokens = from.accepted_tokens},
                 timings, required(timings, "timings").struct_size, "timings");
  });
}
