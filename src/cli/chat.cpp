// pandagpt chat: a conversation on the terminal, or with lines from a pipe.
#include <memory>

#include "cli/chat_repl.h"
#include "cli/commands.h"

namespace pandagpt {

void run_chat(const ChatArguments& arguments) {
  arguments.sampling.check();
  arguments.inputs.check_standard_input("the conversation");
  ChatRepl repl(arguments);
  if (const std::optional<ErrorKind> error = repl.run())
    throw Error(*error, "the conversation had errors (see above)");
}

void add_chat(CLI::App& app) {
  const auto arguments = std::make_shared<ChatArguments>();
  CLI::App* command =
      app.add_subcommand("chat", "Talk about inputs, with history; one line, one question");
  arguments->inputs.add_to(*command);
  arguments->model.add_to(*command);
  add_system_message(*command, arguments->model.options);
  add_later_inputs(*command, arguments->model.options);
  arguments->sampling.add_to(*command);
  command->add_flag("--json", arguments->json, "print one JSON object a line for each answer");
  command->add_flag("--no-history", arguments->no_history,
                    "don't keep what is typed (kept in $XDG_STATE_HOME/pandagpt, else "
                    "~/.local/state/pandagpt)");
  command->footer([] { return std::string("Commands:\n") + kChatHelp + default_model_note(); });
  command->callback([arguments] { run_chat(*arguments); });
}

}  // namespace pandagpt
