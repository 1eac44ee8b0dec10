#include "cli/chat_commands.h"

#include <algorithm>

#include "core/similar_name.h"
#include "pandagpt/error.h"
#include "pandagpt/input.h"

namespace pandagpt {

const char* const kChatHelp =
    "  /image FILE   talk about this picture from now on, and no longer about what earlier\n"
    "                questions were about; also /video /audio /thermal /depth /imu\n"
    "  /add KIND FILE  talk about this as well: the next question is about all together\n"
    "  /inputs       what the next question is about\n"
    "  /clear        talk about no input any more\n"
    "  /regenerate   answer the last question again (also /regen)\n"
    "  /reset        forget the conversation and its inputs\n"
    "  /save FILE    write the conversation as JSON; /save --force FILE also over a file\n"
    "  /load FILE    go on with a conversation that /save has written\n"
    "  /help         this list (also /?)\n"
    "  /exit         end (also /bye, /quit, Ctrl-D)\n"
    "A file dropped on the terminal becomes the input of its kind; so does a path in a question.\n"
    "A text of several lines: paste it, or begin and end it with \"\"\".\n"
    "Ctrl-C stops an answer; at the prompt, twice ends the program. Ctrl-R searches what was\n"
    "asked before; Tab completes commands and files.\n";

const std::vector<ChatCommand>& chat_commands() {
  static const std::vector<ChatCommand> commands = [] {
    std::vector<ChatCommand> all;
    for (const Modality modality : kAllModalities)
      all.push_back({to_string(modality), ChatCommandId::kInput, ChatArgument::kFile});
    const std::vector<ChatCommand> others{
        {"add", ChatCommandId::kAdd, ChatArgument::kKindAndFile},
        {"inputs", ChatCommandId::kInputs},
        {"clear", ChatCommandId::kClear},
        {"regenerate", ChatCommandId::kRegenerate},
        {"regen", ChatCommandId::kRegenerate},
        {"reset", ChatCommandId::kReset},
        {"save", ChatCommandId::kSave, ChatArgument::kFile},
        {"load", ChatCommandId::kLoad, ChatArgument::kFile},
        {"help", ChatCommandId::kHelp},
        {"?", ChatCommandId::kHelp},
        {"exit", ChatCommandId::kExit},
        {"quit", ChatCommandId::kExit},
        {"bye", ChatCommandId::kExit},
    };
    all.insert(all.end(), others.begin(), others.end());
    return all;
  }();
  return commands;
}

const ChatCommand* find_chat_command(std::string_view name) {
  const auto found = std::ranges::find(chat_commands(), name, &ChatCommand::name);
  return found == chat_commands().end() ? nullptr : &*found;
}

const ChatCommand& chat_command(std::string_view name) {
  if (const ChatCommand* command = find_chat_command(name)) return *command;
  std::vector<std::string> names;
  for (const ChatCommand& command : chat_commands())
    names.push_back(std::string("/").append(command.name));
  const std::string typed = std::string("/").append(name);
  const std::string meant = did_you_mean(typed, names);
  throw Error(ErrorKind::kUsage,
              "unknown command " + typed + (meant.empty() ? "; /help lists the commands" : meant));
}

}  // namespace pandagpt
