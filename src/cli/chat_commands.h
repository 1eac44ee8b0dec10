// The commands that a chat knows, by their names: for its loop, its help, the completion of what is
// typed, and for "did you mean".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

enum class ChatCommandId {
  kInput,
  kAdd,
  kInputs,
  kClear,
  kRegenerate,
  kReset,
  kSave,
  kLoad,
  kHelp,
  kExit
};

/// What stands behind a command's name.
enum class ChatArgument { kNone, kFile, kKindAndFile };

struct ChatCommand {
  std::string name;  ///< without the slash
  ChatCommandId id;
  ChatArgument argument = ChatArgument::kNone;
};

/// All commands, other names of one behind its first.
const std::vector<ChatCommand>& chat_commands();

/// Throws Error(kUsage) for an unknown name, with the likeliest one that was meant.
const ChatCommand& chat_command(std::string_view name);
/// Null for an unknown name.
const ChatCommand* find_chat_command(std::string_view name);

/// A line for each command.
extern const char* const kChatHelp;

}  // namespace pandagpt
