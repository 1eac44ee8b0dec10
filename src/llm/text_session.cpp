#include "llm/text_session.h"

#include <utility>

#include "llm/answer_reader.h"
#include "pandagpt/error.h"

namespace pandagpt {

TextSession::TextSession(std::shared_ptr<BatchScheduler> scheduler, std::string system)
    : scheduler_(std::move(scheduler)), template_(*scheduler_->model(), std::move(system)) {}

Answer TextSession::ask(std::string_view question, const GenerateOptions& options,
                        const OnText& on_text) {
  auto stream =
      scheduler_->submit({.prompt = {.tokens = template_.tokens(turns_, question), .media = {}},
                          .options = options,
                          .stops = {template_.stop()}});
  Answer answer = read_answer(std::move(stream), on_text);
  turns_.push_back({std::string(question), answer.text});
  return answer;
}

Answer TextSession::regenerate(const GenerateOptions& options, const OnText& on_text) {
  if (turns_.empty()) throw Error(ErrorKind::kUsage, "there is no answer to generate again");
  Turn last = std::move(turns_.back());
  turns_.pop_back();
  try {
    return ask(last.question, options, on_text);
  } catch (...) {
    turns_.push_back(std::move(last));
    throw;
  }
}

}  // namespace pandagpt
