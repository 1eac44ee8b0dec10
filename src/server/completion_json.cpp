#include "server/completion_json.h"

#include <cmath>

#include "facts/facts_json.h"

namespace pandagpt {
namespace {

using Json = nlohmann::ordered_json;

/// OpenAI knows one word for every limit.
const char* finish_reason(FinishReason reason) {
  return reason == FinishReason::kLength || reason == FinishReason::kContext ? "length" : "stop";
}

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

double per_second(double count, double ms) {
  return ms > 0 ? rounded(1000 * count / ms) : 0;
}

Json usage_json(std::span<const Answer> answers) {
  const Timings& first = answers.front().timings;
  const int prompt = first.prompt_tokens + first.reused_tokens;
  int completion = 0;
  for (const Answer& answer : answers)
    completion += answer.timings.generated_tokens;
  return {{"prompt_tokens", prompt},
          {"completion_tokens", completion},
          {"total_tokens", prompt + completion},
          {"prompt_tokens_details", {{"cached_tokens", first.reused_tokens}}}};
}

Json envelope(const CompletionHeader& header, bool is_chunk) {
  const char* object = "text_completion";
  if (header.form == CompletionForm::kChat)
    object = is_chunk ? "chat.completion.chunk" : "chat.completion";
  return {{"id", header.id},
          {"object", object},
          {"created", header.created},
          {"model", header.model},
          {"system_fingerprint", "pandagpt"}};
}

/// A chunk with one choice, of which `delta` (chat) or `text` is new.
Json chunk(const CompletionHeader& header, int choice, const Json& delta, const std::string& text,
           const Json& reason) {
  Json result = envelope(header, /*is_chunk=*/true);
  Json one{{"index", choice}};
  if (header.form == CompletionForm::kChat)
    one["delta"] = delta;
  else
    one["text"] = text;
  one["logprobs"] = nullptr;
  one["finish_reason"] = reason;
  result["choices"] = Json::array({one});
  return result;
}

/// "warnings" and "unsure", if there is something to say.
void add_warnings(Json& value, const CompletionHeader& header) {
  if (!header.encoding.warnings.empty()) value["warnings"] = header.encoding.warnings;
  if (header.form == CompletionForm::kChat && header.encoding.is_unsure) value["unsure"] = true;
}

/// "facts", if the client wants them.
void add_facts(Json& value, const CompletionHeader& header) {
  if (header.encoding.facts) value["facts"] = facts_json(*header.encoding.facts);
}

Json native_end(const CompletionHeader& header, const Answer& answer) {
  const Timings& times = answer.timings;
  Json result{{"stop", true},
              {"id", header.id},
              {"model", header.model},
              {"stop_type", answer.finish == FinishReason::kStop ? "word" : "limit"},
              {"truncated", answer.finish == FinishReason::kContext},
              {"tokens_predicted", times.generated_tokens},
              {"tokens_evaluated", times.prompt_tokens + times.reused_tokens},
              {"tokens_cached", times.reused_tokens},
              {"seed", answer.seed},
              {"timings", timings_json(times, header.encoding)}};
  add_warnings(result, header);
  return result;
}

}  // namespace

Json timings_json(const Timings& times, const EncodeReport& encoding) {
  const int later_tokens = std::max(0, times.generated_tokens - 1);
  Json result{{"cache_n", times.reused_tokens},
              {"prompt_n", times.prompt_tokens},
              {"prompt_ms", rounded(times.prompt_ms)},
              {"prompt_per_second", per_second(times.prompt_tokens, times.prompt_ms)},
              {"predicted_n", times.generated_tokens},
              {"predicted_ms", rounded(times.generate_ms)},
              // The first token comes from the prompt's evaluation.
              {"predicted_per_second", per_second(later_tokens, times.generate_ms)},
              {"queue_ms", rounded(times.queue_ms)},
              {"first_text_ms", rounded(times.first_text_ms + encoding.ms)},
              {"encode_ms", rounded(encoding.ms)},
              {"inputs_n", encoding.n_inputs},
              {"inputs_cached_n", encoding.n_cached}};
  if (times.guessed_tokens > 0) {  // as llama.cpp's server calls them
    result["draft_n"] = times.guessed_tokens;
    result["draft_n_accepted"] = times.accepted_tokens;
  }
  return result;
}

Json completion_json(const CompletionHeader& header, std::span<const Answer> answers) {
  if (header.form == CompletionForm::kNative) {
    Json result{{"index", 0}, {"content", answers.front().text}};
    result.update(native_end(header, answers.front()));
    return result;
  }
  Json result = envelope(header, /*is_chunk=*/false);
  Json choices = Json::array();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Json choice{{"index", i}};
    if (header.form == CompletionForm::kChat)
      choice["message"] = {
          {"role", "assistant"}, {"content", answers[i].text}, {"refusal", nullptr}};
    else
      choice["text"] = answers[i].text;
    choice["logprobs"] = nullptr;
    choice["finish_reason"] = finish_reason(answers[i].finish);
    choices.push_back(std::move(choice));
  }
  result["choices"] = std::move(choices);
  result["usage"] = usage_json(answers);
  result["timings"] = timings_json(answers.front().timings, header.encoding);
  add_facts(result, header);
  add_warnings(result, header);
  return result;
}

Json first_chunk(const CompletionHeader& header, int choice) {
  Json result = chunk(header, choice, {{"role", "assistant"}, {"content", ""}}, "", nullptr);
  if (choice == 0) add_warnings(result, header);
  return result;
}

Json text_chunk(const CompletionHeader& header, int choice, const std::string& text) {
  if (header.form == CompletionForm::kNative)
    return {{"index", choice}, {"content", text}, {"stop", false}};
  return chunk(header, choice, {{"content", text}}, text, nullptr);
}

Json last_chunk(const CompletionHeader& header, int choice, const Answer& answer) {
  if (header.form == CompletionForm::kNative) {
    Json result{{"index", choice}, {"content", ""}};
    result.update(native_end(header, answer));
    return result;
  }
  Json result = chunk(header, choice, Json::object(), "", finish_reason(answer.finish));
  result["timings"] = timings_json(answer.timings, header.encoding);
  if (choice == 0) add_facts(result, header);
  return result;
}

Json usage_chunk(const CompletionHeader& header, std::span<const Answer> answers) {
  Json result = envelope(header, /*is_chunk=*/true);
  result["choices"] = Json::array();
  result["usage"] = usage_json(answers);
  return result;
}

}  // namespace pandagpt
