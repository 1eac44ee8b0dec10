// The loop of `pandagpt chat`: questions, answers and commands.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/chat_commands.h"
#include "cli/line_reader.h"
#include "cli/options.h"
#include "cli/saved_chat.h"
#include "pandagpt/panda.h"

namespace pandagpt {

struct ChatArguments {
  ModelArguments model;
  InputArguments inputs;
  SamplingArguments sampling;
  bool json = false;
  bool no_history = false;
};

/// Holds the conversation. Throws Error with the first error's kind if lines from a pipe had
/// errors.
void run_chat(const ChatArguments& arguments);

/// The loop and what it knows. Notes for people go to standard error, and only on a terminal.
class ChatRepl {
 public:
  /// `arguments` must outlive the loop.
  explicit ChatRepl(const ChatArguments& arguments);

  /// Returns the first error's kind if the lines came from a pipe: a script should learn of it.
  std::optional<ErrorKind> run();

 private:
  void note(const std::string& text) const;
  void on_interrupt(const std::string& typed);
  void on_line(const std::string& line);
  void on_command(const std::string& line);
  void ask(const std::string& question);
  std::optional<std::string> read_block(std::string_view first);

  void set_input(Modality modality, const std::string& file);
  void set_inputs(const Inputs& added);
  void take_dropped(const std::vector<std::string>& files);
  void add_input(const std::string& argument);
  bool keeps_inputs() const;
  Inputs inputs_of_turn(std::size_t turn) const;
  Inputs all_inputs() const;
  void use_inputs(Inputs inputs);
  void reset();
  void save(const std::string& argument);
  void load(const std::string& argument);
  void continue_from(const SavedChat& saved);
  template <typename Generate>
  void answer(const Generate& generate);

  bool json_;
  bool interactive_;
  Panda panda_;
  GenerateOptions options_;
  Chat chat_;
  const InputArguments& input_arguments_;
  Inputs inputs_;
  std::map<std::size_t, Inputs> turn_inputs_;  // of /add, where they stand in a turn of their own
  bool asked_ = false;                         // a question about inputs_
  std::unique_ptr<LineReader> reader_;
  std::filesystem::path own_file_;  // which /save may write again
  bool ended_ = false;
  bool interrupted_before_ = false;
  bool output_works_ = true;
  std::optional<ErrorKind> first_error_;
};

}  // namespace pandagpt
