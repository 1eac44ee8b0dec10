// pandagpt run MODEL [QUESTION]: what users of Ollama type; an answer with a question, else a chat.
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "cli/ask.h"
#include "cli/chat_repl.h"
#include "cli/commands.h"
#include "cli/question_files.h"

namespace pandagpt {
namespace {

void run_model(const AskArguments& arguments) {
  const bool has_question =
      !arguments.question.empty() || !arguments.file.empty() || isatty(STDIN_FILENO) == 0;
  if (has_question) {
    AskArguments ask = arguments;
    QuestionFiles found = take_question_files(arguments.question);
    for (const Input& input : found.inputs.items())
      ask.inputs.add(input);
    ask.question = std::move(found.question);
    return run_ask(ask);
  }
  ChatArguments chat;
  chat.model = arguments.model;
  chat.inputs = arguments.inputs;
  chat.sampling = arguments.sampling;
  chat.json = arguments.json;
  run_chat(chat);
}

}  // namespace

void add_run(CLI::App& app) {
  const auto arguments = std::make_shared<AskArguments>();
  CLI::App* command = app.add_subcommand("run", "Ask a model, or chat with it without a question");
  arguments->inputs.add_to(*command);
  arguments->model.add_to(*command);
  add_system_message(*command, arguments->model.options);
  add_later_inputs(*command, arguments->model.options);
  arguments->model.add_positional_to(*command);
  arguments->add_question_to(*command, "the question; none: a chat");
  arguments->sampling.add_to(*command);
  command->add_flag("--json", arguments->json, "print JSON instead of the plain answer");
  command->footer([] {
    return std::string(
               "Paths of pictures, videos and sounds in the question (./photo.jpg) are inputs, as "
               "in "
               "Ollama.\n\n"
               "Examples:\n"
               "  pandagpt run panda-mini --image photo.jpg \"What is in the picture?\"\n"
               "  pandagpt run panda-mini \"What is in ./photo.jpg?\"") +
           default_model_note();
  });
  command->callback([arguments] { run_model(*arguments); });
}

}  // namespace pandagpt
