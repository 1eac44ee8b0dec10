#include "llm/answer_loop.h"

#include "core/stopwatch.h"
#include "llm/text_stream.h"
#include "pandagpt/error.h"

namespace pandagpt {

Answer generate_answer(TokenSource& source, const LlmModel& model, const AnswerEnd& end,
                       const GenerateOptions& options, const OnText& on_text) {
  Answer answer;
  AnswerStream stream({end.stop});
  const Clock::time_point start = Clock::now();
  bool go_on = true;
  const auto emit = [&](const std::string& text) {
    if (text.empty()) return;
    if (answer.timings.first_text_ms == 0) answer.timings.first_text_ms = milliseconds_since(start);
    if (on_text && !on_text(text)) go_on = false;
  };

  int& count = answer.timings.generated_tokens;
  bool ended_by_model = false;
  Clock::time_point first_token = start;
  while (true) {
    const llama_token token = source.sample();
    if (++count == 1) first_token = Clock::now();
    answer.timings.generate_ms = milliseconds_since(first_token);
    ended_by_model = model.is_end_of_generation(token);
    if (ended_by_model) break;
    emit(stream.push(model.token_to_piece(token)));
    if (stream.stopped()) break;
    answer.finish = !go_on                                  ? FinishReason::kCancelled
                    : count >= options.max_tokens           ? FinishReason::kLength
                    : source.n_positions() + 1 >= end.n_ctx ? FinishReason::kContext
                                                            : FinishReason::kStop;
    if (answer.finish != FinishReason::kStop) break;
    source.advance(token, static_cast<std::size_t>(options.max_tokens - count));
  }
  if (go_on) emit(stream.finish(ended_by_model));  // after a refusal, nothing more is sent
  answer.text = stream.text();
  return answer;
}

void check_prompt_fits(std::size_t n_positions, int n_ctx) {
  if (n_positions < static_cast<std::size_t>(n_ctx)) return;
  throw Error(ErrorKind::kUsage,
              "the conversation with this question needs " + std::to_string(n_positions + 1) +
                  " positions and the context (n_ctx) has " + std::to_string(n_ctx) +
                  ": start a new conversation, ask a shorter question, or raise the context size; "
                  "nothing was lost");
}

}  // namespace pandagpt
