// pandagpt chat: a conversation on the terminal, or with lines from a pipe.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <ostream>

#include "cli/commands.h"
#include "cli/line_reader.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/file.h"

namespace pandagpt {
namespace {

constexpr const char* kHelp =
    "  /image FILE   talk about this picture from now on, and no longer about what earlier\n"
    "                questions were about; also /video /audio /thermal /depth /imu\n"
    "  /add KIND FILE  talk about this as well: the next question is about all together\n"
    "  /inputs       what the next question is about\n"
    "  /clear        talk about no input any more\n"
    "  /regenerate   answer the last question again\n"
    "  /reset        forget the conversation and its inputs\n"
    "  /save FILE    write the conversation as JSON\n"
    "  /help         this list\n"
    "  /exit         end (also Ctrl-D)\n"
    "Ctrl-C stops an answer; at the prompt, twice ends the program.\n";

struct ChatArguments {
  ModelArguments model;
  InputArguments inputs;
  SamplingArguments sampling;
  bool json = false;
};

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// The loop and what it knows. Notes for people go to standard error, and only on a terminal.
class Repl {
 public:
  explicit Repl(const ChatArguments& arguments)
      : json_(arguments.json),
        interactive_(isatty(STDIN_FILENO) != 0),
        panda_(arguments.model.open()),
        options_(arguments.sampling.apply_to(panda_.default_options())),
        chat_(panda_.start_chat()),
        input_arguments_(arguments.inputs) {
    use_inputs(arguments.inputs.listed());
  }

  /// Returns the first error's kind if the lines came from a pipe: a script should learn of it.
  std::optional<ErrorKind> run() {
    note("Chatting with " + panda_.info().name + ". /help lists the commands.\n");
    if (const std::string& limitations = panda_.info().limitations; !limitations.empty())
      note(limitations + "\n");
    for (const std::string& question : panda_.info().example_questions) {
      note("  e.g. " + question + "\n");
    }
    const InterruptGuard guard;
    std::string line;
    while (!ended_) {
      note("> ");
      switch (reader_.next(line)) {
        case LineReader::Event::kEnd:
          ended_ = true;
          note("\n");
          break;
        case LineReader::Event::kInterrupt:
          on_interrupt();
          break;
        case LineReader::Event::kLine:
          on_line(trimmed(line));
          break;
      }
    }
    return interactive_ ? std::nullopt : first_error_;
  }

 private:
  void note(const std::string& text) const {
    if (interactive_) std::fputs(text.c_str(), stderr);
  }

  void on_interrupt() {
    InterruptGuard::clear();
    ended_ = interrupted_before_ || !interactive_;
    interrupted_before_ = true;
    note(ended_ ? "\n" : "\nPress Ctrl-C again to end, or type /exit.\n");
  }

  void on_line(const std::string& line) {
    interrupted_before_ = false;
    if (line.empty()) return;
    try {
      if (line.front() == '/') {
        on_command(line);
      } else {
        answer([&](const OnText& on_text) { return chat_.ask(line, options_, on_text); });
      }
    } catch (const Error& error) {
      if (!output_works_) throw;
      std::fprintf(stderr, "pandagpt: %s\n", error.what());
      if (!first_error_) first_error_ = error.kind();
    }
  }

  void on_command(const std::string& line) {
    const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
    const std::string name = line.substr(1, space - 1);
    const std::string argument = trimmed(line.substr(space));
    for (const Modality modality : kAllModalities) {
      if (name == to_string(modality)) return set_input(modality, argument);
    }
    if (name == "add") {
      add_input(argument);
    } else if (name == "help") {
      std::fputs(kHelp, stderr);
    } else if (name == "exit" || name == "quit") {
      ended_ = true;
    } else if (name == "reset") {
      chat_.reset();
      inputs_ = later_inputs_ = {};
      asked_ = false;
      note("A new conversation.\n");
    } else if (name == "clear") {
      use_inputs({});
    } else if (name == "inputs") {
      std::fprintf(stderr, "%s\n", to_json(all_inputs()).dump().c_str());
    } else if (name == "regenerate") {
      answer([&](const OnText& on_text) { return chat_.regenerate(options_, on_text); });
    } else if (name == "save") {
      save(argument);
    } else {
      throw Error(ErrorKind::kUsage, "unknown command /" + name + "; /help lists the commands");
    }
  }

  void set_input(Modality modality, const std::string& file) {
    if (file.empty()) throw Error(ErrorKind::kUsage, "/" + to_string(modality) + " needs a file");
    if (file == "-")
      throw Error(ErrorKind::kUsage, "'-' can't be an input: standard input is the conversation");
    Inputs changed;
    const bool replaces_all = asked_ && !keeps_inputs();
    for (const Input& input : inputs_.items()) {
      if (!replaces_all && input.modality != modality) changed.add(input);
    }
    changed.add_file(modality, file);
    use_inputs(std::move(changed));
    note("Talking about " + file + ".\n");
  }

  bool keeps_inputs() const { return panda_.info().later_inputs == LaterInputs::kKeep; }

  void add_input(const std::string& argument) {
    const std::size_t space = std::min(argument.find_first_of(" \t"), argument.size());
    const std::optional<Modality> modality = modality_from_name(argument.substr(0, space));
    const std::string file = trimmed(argument.substr(space));
    if (!modality || file.empty() || file == "-")
      throw Error(ErrorKind::kUsage, "/add needs a kind and a file: /add audio rain.wav");
    if (keeps_inputs()) {
      chat_.add_inputs(input_arguments_.completed(Inputs().add_file(*modality, file)));
      later_inputs_.add_file(*modality, file);
    } else {
      use_inputs(Inputs(inputs_).add_file(*modality, file));
    }
    note("The next question is about " + file + " as well.\n");
  }

  Inputs all_inputs() const {
    Inputs all = inputs_;
    for (const Input& input : later_inputs_.items())
      all.add(input);
    return all;
  }

  void use_inputs(Inputs inputs) {
    chat_.set_inputs(input_arguments_.completed(inputs));  // throws before anything has changed
    inputs_ = std::move(inputs);
    later_inputs_ = {};
    asked_ = false;
  }

  template <typename Generate>
  void answer(const Generate& generate) {
    InterruptGuard::clear();
    const Answer result = generate([&](std::string_view text) {
      if (!json_) output_works_ = try_write_output(text);
      return output_works_ && !InterruptGuard::pressed();
    });
    InterruptGuard::clear();
    asked_ = true;
    log_timings(result.timings);
    output_works_ = false;  // until the end of the line is out as well
    if (json_) {
      write_json(answer_report(result, panda_, all_inputs()));
    } else {
      write_output("\n");
    }
    output_works_ = true;
  }

  void save(const std::string& file) const {
    if (file.empty()) throw Error(ErrorKind::kUsage, "/save needs a file");
    nlohmann::ordered_json conversation = nlohmann::ordered_json::array();
    for (const Turn& turn : chat_.history()) {  // the form of the reference's training data
      conversation.push_back({{"from", "human"}, {"value", turn.question}});
      conversation.push_back({{"from", "gpt"}, {"value", turn.answer}});
    }
    const nlohmann::ordered_json document = {{"model", panda_.info().name},
                                             {"inputs", to_json(inputs_)},
                                             {"conversation", std::move(conversation)}};
    write_file_atomically(file, [&](std::ostream& out) {
      out << document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    });
    note("Saved to " + file + ".\n");
  }

  bool json_;
  bool interactive_;
  Panda panda_;
  GenerateOptions options_;
  Chat chat_;
  const InputArguments& input_arguments_;
  Inputs inputs_;
  Inputs later_inputs_;  // of /add, where they stand in their own turn
  bool asked_ = false;   // a question about inputs_
  LineReader reader_;
  bool ended_ = false;
  bool interrupted_before_ = false;
  bool output_works_ = true;
  std::optional<ErrorKind> first_error_;
};

void run_chat(const ChatArguments& arguments) {
  arguments.sampling.check();
  arguments.inputs.check_standard_input("the conversation");
  Repl repl(arguments);
  if (const std::optional<ErrorKind> error = repl.run())
    throw Error(*error, "the conversation had errors (see above)");
}

}  // namespace

void add_chat(CLI::App& app) {
  const auto arguments = std::make_shared<ChatArguments>();
  CLI::App* command =
      app.add_subcommand("chat", "Talk about inputs, with history; one line, one question");
  arguments->inputs.add_to(*command);
  arguments->model.add_to(*command);
  add_later_inputs(*command, arguments->model.options);
  arguments->sampling.add_to(*command);
  command->add_flag("--json", arguments->json, "print one JSON object a line for each answer");
  command->footer([] { return std::string("Commands:\n") + kHelp + default_model_note(); });
  command->callback([arguments] { run_chat(*arguments); });
}

}  // namespace pandagpt
