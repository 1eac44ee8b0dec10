#include "llm/chat_session.h"

#include <string>
#include <utility>

#include "llm/answer_reader.h"

namespace pandagpt {

ChatSession::ChatSession(std::shared_ptr<BatchScheduler> scheduler, PromptTemplate format,
                         LaterInputs later_inputs)
    : scheduler_(std::move(scheduler)),
      conversation_(scheduler_->model(), std::move(format), later_inputs) {}

GenerationRequest ChatSession::request(std::string_view question,
                                       const GenerateOptions& options) const {
  return {.prompt = conversation_.prompt(question),
          .options = options,
          .stops = {conversation_.format().stop}};
}

Answer ChatSession::ask(std::string_view question, const GenerateOptions& options,
                        const OnText& on_text) {
  Answer answer = read_answer(scheduler_->submit(request(question, options)), on_text);
  conversation_.add_turn({std::string(question), answer.text});
  return answer;
}

Answer ChatSession::regenerate(const GenerateOptions& options, const OnText& on_text) {
  const Turn last = conversation_.take_last_turn();
  try {
    return ask(last.question, options, on_text);
  } catch (...) {
    conversation_.add_turn(last);
    throw;
  }
}

}  // namespace pandagpt
