#include "cli/chat_repl.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "cli/chat_completion.h"
#include "cli/line_editor.h"
#include "cli/output.h"
#include "cli/question_files.h"
#include "cli/typed_path.h"
#include "core/user_folders.h"

namespace pandagpt {
namespace {

constexpr const char* kPrompt = "> ";
constexpr const char* kBlockPrompt = "... ";
constexpr std::string_view kBlockMark = "\"\"\"";
constexpr std::string_view kForce = "--force";
constexpr const char* kHistoryName = "chat_history";

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string command_name(const std::string& line) {
  return line.substr(1, line.find_first_of(" \t\n") - 1);
}

/// "/tmp/cat.jpg What is it?". Throws Error(kInput) for a path of no file.
bool begins_with_file(const std::string& line) {
  if (command_name(line).find('/') == std::string::npos) return false;
  const std::string path = typed_words(line).front().text;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw Error(ErrorKind::kInput, path + ": no such file");
  return true;
}

/// With paths that mean the same in every folder.
Inputs with_absolute_paths(const Inputs& inputs) {
  Inputs result;
  for (Input input : inputs.items()) {
    if (!is_web_address(input.name)) input.name = std::filesystem::absolute(input.name).string();
    result.add(std::move(input));
  }
  return result;
}

std::unique_ptr<LineReader> open_reader(bool interactive, bool no_history) {
  const std::filesystem::path folder = no_history ? "" : user_state_folder();
  if (auto editor = open_line_editor(complete_chat_line,
                                     HistoryFile(folder.empty() ? "" : folder / kHistoryName)))
    return editor;
  return plain_line_reader(interactive);
}

}  // namespace

ChatRepl::ChatRepl(const ChatArguments& arguments)
    : json_(arguments.json),
      interactive_(isatty(STDIN_FILENO) != 0),
      panda_(arguments.model.open()),
      options_(arguments.sampling.apply_to(panda_.default_options())),
      chat_(panda_.start_chat()),
      input_arguments_(arguments.inputs),
      reader_(open_reader(interactive_, arguments.no_history)) {
  use_inputs(arguments.inputs.listed());
}

std::optional<ErrorKind> ChatRepl::run() {
  note("Chatting with " + panda_.info().name + ". /help lists the commands.\n");
  if (const std::string& limitations = panda_.info().limitations; !limitations.empty())
    note(limitations + "\n");
  for (const std::string& question : panda_.info().example_questions) {
    note("  e.g. " + question + "\n");
  }
  const InterruptGuard guard;
  std::string line;
  while (!ended_) {
    switch (reader_->next(kPrompt, line)) {
      case LineReader::Event::kEnd:
        ended_ = true;
        note("\n");
        break;
      case LineReader::Event::kInterrupt:
        on_interrupt(line);
        break;
      case LineReader::Event::kLine:
        on_line(trimmed(line));
        break;
    }
  }
  return interactive_ ? std::nullopt : first_error_;
}

void ChatRepl::note(const std::string& text) const {
  if (interactive_) std::fputs(text.c_str(), stderr);
}

void ChatRepl::on_interrupt(const std::string& typed) {
  InterruptGuard::clear();
  if (!typed.empty() && interactive_) return note("\n");  // the line is given up, not the chat
  ended_ = interrupted_before_ || !interactive_;
  interrupted_before_ = true;
  note(ended_ ? "\n" : "\nPress Ctrl-C again to end, or type /exit.\n");
}

template <typename Generate>
void ChatRepl::answer(const Generate& generate) {
  InterruptGuard::clear();
  const Answer result = generate([&](std::string_view text) {
    if (!json_) output_works_ = try_write_output(text);
    return output_works_ && !InterruptGuard::pressed();
  });
  InterruptGuard::clear();
  asked_ = true;
  output_works_ = false;  // until the end of the line is out as well
  if (json_) {
    write_json(answer_report(result, panda_, all_inputs()));
  } else {
    write_output("\n");
  }
  output_works_ = true;
  log_timings(result.timings);
}

void ChatRepl::on_line(const std::string& line) {
  interrupted_before_ = false;
  if (line.empty()) return;
  try {
    if (line.starts_with(kBlockMark)) {
      const std::optional<std::string> question = read_block(line);
      if (question) ask(*question);
      return;
    }
    reader_->remember(line);
    if (interactive_ && (line == "exit" || line == "quit"))
      return note("To end, type /exit or press Ctrl-D.\n");
    const bool is_command = line.front() == '/' && find_chat_command(command_name(line)) != nullptr;
    const std::vector<std::string> files =
        is_command ? std::vector<std::string>() : dropped_files(line);
    if (!files.empty()) {
      take_dropped(files);
    } else if (is_command || (line.front() == '/' && !begins_with_file(line))) {
      on_command(line);
    } else {
      ask(line);
    }
  } catch (const Error& error) {
    if (!output_works_) throw;
    std::fprintf(stderr, "pandagpt: %s\n", error.what());
    if (!first_error_) first_error_ = error.kind();
  }
}

/// The lines between two marks, the first one in `first`, as one text. Nothing if Ctrl-C was
/// pressed. Throws Error(kUsage) if the input ends before.
std::optional<std::string> ChatRepl::read_block(std::string_view first) {
  std::string text(first.substr(kBlockMark.size()));
  for (std::string line; !text.ends_with(kBlockMark); text += '\n' + line) {
    switch (reader_->next(kBlockPrompt, line)) {
      case LineReader::Event::kLine:
        break;
      case LineReader::Event::kEnd:
        throw Error(ErrorKind::kUsage, "a text that begins with \"\"\" must end with \"\"\"");
      case LineReader::Event::kInterrupt:
        InterruptGuard::clear();
        note("\n");
        return std::nullopt;
    }
    while (line.ends_with(' '))
      line.pop_back();
  }
  text.resize(text.size() - kBlockMark.size());
  const std::size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string::npos) return std::nullopt;
  text = text.substr(begin, text.find_last_not_of(" \t\n") - begin + 1);
  reader_->remember(text);
  return text;
}

void ChatRepl::ask(const std::string& question) {
  std::string text = question;
  if (interactive_) {  // a script's question is asked as it stands
    QuestionFiles found = take_question_files(question);
    if (!found.inputs.empty()) {
      set_inputs(found.inputs);
      if (found.question.empty()) return;
      text = std::move(found.question);
    }
  }
  answer([&](const OnText& on_text) { return chat_.ask(text, options_, on_text); });
}

void ChatRepl::on_command(const std::string& line) {
  const std::string name = command_name(line);
  const std::string argument = trimmed(line.substr(name.size() + 1));
  switch (chat_command(name).id) {
    case ChatCommandId::kInput:
      return set_input(*modality_from_name(name), argument);
    case ChatCommandId::kAdd:
      return add_input(argument);
    case ChatCommandId::kInputs:
      std::fprintf(stderr, "%s\n", to_json(all_inputs()).dump().c_str());
      return;
    case ChatCommandId::kClear:
      return use_inputs({});
    case ChatCommandId::kRegenerate:
      return answer([&](const OnText& on_text) { return chat_.regenerate(options_, on_text); });
    case ChatCommandId::kReset:
      return reset();
    case ChatCommandId::kSave:
      return save(argument);
    case ChatCommandId::kLoad:
      return load(argument);
    case ChatCommandId::kHelp:
      std::fputs(kChatHelp, stderr);
      return;
    case ChatCommandId::kExit:
      ended_ = true;
      return;
  }
}

void ChatRepl::reset() {
  chat_.reset();
  inputs_ = {};
  turn_inputs_.clear();
  asked_ = false;
  note("A new conversation.\n");
}

void ChatRepl::set_input(Modality modality, const std::string& file) {
  if (file.empty()) throw Error(ErrorKind::kUsage, "/" + to_string(modality) + " needs a file");
  if (file == "-")
    throw Error(ErrorKind::kUsage, "'-' can't be an input: standard input is the conversation");
  set_inputs(Inputs().add_file(modality, typed_path(file)));
}

/// In place of those of the same kinds, or of all that earlier questions were about.
void ChatRepl::set_inputs(const Inputs& added) {
  Inputs changed;
  const bool replaces_all = asked_ && !keeps_inputs();
  for (const Input& input : inputs_.items()) {
    const auto same = std::ranges::find(added.items(), input.modality, &Input::modality);
    if (!replaces_all && same == added.items().end()) changed.add(input);
  }
  for (const Input& input : added.items())
    changed.add(input);
  use_inputs(std::move(changed));
  for (const Input& input : added.items())
    note("Talking about " + to_string(input.modality) + " " + input.name + ".\n");
}

void ChatRepl::take_dropped(const std::vector<std::string>& files) {
  Inputs added;
  for (const std::string& file : files)
    added.add_file(kind_of_dropped(file), file);
  set_inputs(added);
}

void ChatRepl::add_input(const std::string& argument) {
  const std::size_t space = std::min(argument.find_first_of(" \t"), argument.size());
  const std::optional<Modality> modality = modality_from_name(argument.substr(0, space));
  const std::string file = typed_path(trimmed(argument.substr(space)));
  if (!modality || file.empty() || file == "-")
    throw Error(ErrorKind::kUsage, "/add needs a kind and a file: /add audio rain.wav");
  if (keeps_inputs()) {
    chat_.add_inputs(input_arguments_.completed(Inputs().add_file(*modality, file)));
    turn_inputs_[chat_.history().size()].add_file(*modality, file);
  } else {
    use_inputs(Inputs(inputs_).add_file(*modality, file));
  }
  note("The next question is about " + file + " as well.\n");
}

bool ChatRepl::keeps_inputs() const {
  return panda_.info().later_inputs == LaterInputs::kKeep;
}

Inputs ChatRepl::inputs_of_turn(std::size_t turn) const {
  const auto found = turn_inputs_.find(turn);
  return found == turn_inputs_.end() ? Inputs() : found->second;
}

Inputs ChatRepl::all_inputs() const {
  Inputs all = inputs_;
  for (const auto& [turn, inputs] : turn_inputs_)
    for (const Input& input : inputs.items())
      all.add(input);
  return all;
}

void ChatRepl::use_inputs(Inputs inputs) {
  chat_.set_inputs(input_arguments_.completed(inputs));  // throws before anything has changed
  inputs_ = std::move(inputs);
  turn_inputs_.clear();
  asked_ = false;
}

void ChatRepl::save(const std::string& argument) {
  const bool forced = argument.starts_with(kForce);
  const std::string name = trimmed(forced ? argument.substr(kForce.size()) : argument);
  if (name.empty()) throw Error(ErrorKind::kUsage, "/save needs a file: /save talk.json");
  const std::filesystem::path file = std::filesystem::absolute(typed_path(name));
  std::error_code ignored;
  if (!forced && file != own_file_ && std::filesystem::exists(file, ignored))
    throw Error(ErrorKind::kUsage, file.string() + " is there already; /save " +
                                       std::string(kForce) + " " + name + " writes over it");
  SavedChat saved{panda_.info().name, with_absolute_paths(inputs_), {}, {}};
  for (const Turn& turn : chat_.history())
    saved.turns.push_back({turn, with_absolute_paths(inputs_of_turn(saved.turns.size()))});
  saved.next_inputs = with_absolute_paths(inputs_of_turn(saved.turns.size()));
  write_saved_chat(file, saved);
  own_file_ = file;
  note("Saved to " + file.string() + ".\n");
}

void ChatRepl::load(const std::string& argument) {
  if (argument.empty()) throw Error(ErrorKind::kUsage, "/load needs a file: /load talk.json");
  const std::filesystem::path file = std::filesystem::absolute(typed_path(argument));
  const SavedChat saved = read_saved_chat(file);
  continue_from(saved);
  own_file_ = file;
  note("A conversation of " + std::to_string(saved.turns.size()) + " questions" +
       (saved.model == panda_.info().name ? "" : " with " + saved.model) + ", about " +
       std::to_string(all_inputs().items().size()) + " inputs.\n");
}

/// With each input where it stood; where the newest ones replace the others, with those.
void ChatRepl::continue_from(const SavedChat& saved) {
  Inputs beginning = saved.inputs;
  std::map<std::size_t, Inputs> turn_inputs;
  const auto take = [&](std::size_t turn, const Inputs& inputs) {
    if (inputs.empty()) return;
    if (keeps_inputs()) {
      turn_inputs[turn] = inputs;
    } else {
      beginning = inputs;
    }
  };
  for (std::size_t i = 0; i < saved.turns.size(); ++i)
    take(i, saved.turns[i].inputs);
  take(saved.turns.size(), saved.next_inputs);

  Chat chat = panda_.start_chat();  // what throws leaves the old one as it is
  chat.set_inputs(input_arguments_.completed(beginning));
  for (std::size_t i = 0; i <= saved.turns.size(); ++i) {
    if (turn_inputs.contains(i)) chat.add_inputs(input_arguments_.completed(turn_inputs[i]));
    if (i < saved.turns.size()) chat.add_turn(saved.turns[i].turn);
  }
  chat_ = std::move(chat);
  inputs_ = std::move(beginning);
  turn_inputs_ = std::move(turn_inputs);
  asked_ = !saved.turns.empty();
}

}  // namespace pandagpt
