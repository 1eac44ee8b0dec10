// pandagpt ask: one question, one answer.
#include "cli/ask.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <string_view>
#include <utility>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/typed_path.h"
#include "cli/usage_hints.h"
#include "core/text_file.h"
#include "core/warnings.h"
#include "facts/facts_json.h"
#include "pipeline/input_facts.h"

namespace pandagpt {
namespace {

constexpr const char* kStandardInput = "-";
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 20;
constexpr int kPatienceMs = 2000;
constexpr std::string_view kSpaces = " \t\r\n";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kSpaces) == std::string_view::npos;
}

/// A pipe or a file, as in `cat text | pandagpt ask` and `pandagpt ask < text`.
bool has_piped_input() {
  struct stat status {};
  return fstat(STDIN_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISREG(status.st_mode));
}

/// Somebody who started the program with an open pipe learns why nothing happens.
void say_if_waiting() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  if (poll(&input, 1, kPatienceMs) == 0)
    std::fputs("pandagpt: waiting for text on standard input (none: < /dev/null)\n", stderr);
}

/// The text of a file or of standard input ("-"), without space at its end.
std::string text_of_file(const std::string& path) {
  std::string text = read_text_file(path, kMaxTextBytes);
  text.erase(text.find_last_not_of(kSpaces) + 1);
  return text;
}

/// All of standard input; maybe empty.
std::string piped_text() {
  say_if_waiting();
  if (std::cin.peek() == std::char_traits<char>::eof()) return {};
  return text_of_file(kStandardInput);
}

/// What a question is about, and the question, if there is one.
std::string text_with_question(const std::string& text, const std::string& question) {
  return is_blank(question) ? text : text + "\n\n" + question;
}

}  // namespace

void AskArguments::add_question_to(CLI::App& command, const std::string& help) {
  command.add_option("question,-p,--prompt", question, help);
  command
      .add_option(
          "-f,--file", file,
          "a text file with the question, or with what the question is about ('-': standard "
          "input)")
      ->type_name("FILE");
}

std::string complete_question(const AskArguments& arguments) {
  const std::string& question = arguments.question;
  const Inputs inputs = arguments.inputs.listed();
  if (!arguments.file.empty()) {
    if (question == kStandardInput)
      throw Error(ErrorKind::kUsage, "the question is '-' and in --file: give one of them");
    if (arguments.file == kStandardInput) arguments.inputs.check_standard_input("the text");
    const std::string text = text_of_file(expand_path(arguments.file));
    if (is_blank(text)) throw Error(ErrorKind::kInput, arguments.file + ": there is no text in it");
    return text_with_question(text, question);
  }
  if (question == kStandardInput) {
    arguments.inputs.check_standard_input("the question");
    const std::string text = piped_text();
    if (is_blank(text)) throw Error(ErrorKind::kUsage, "the question on standard input is empty");
    return text;
  }
  // Only `run` takes files in its question. Here it would be asked about nothing.
  if (const std::string option = option_of_file(question); !option.empty())
    throw Error(ErrorKind::kUsage, question + " is a file, and the question is missing: " + option +
                                       " " + question + " \"What is it?\"");
  const bool is_missing = is_blank(question);
  const bool reads = has_piped_input() && !arguments.inputs.takes_standard_input() &&
                     (is_missing || inputs.empty());
  const std::string text = reads ? piped_text() : std::string();
  if (!is_blank(text)) return text_with_question(text, question);
  if (is_missing)
    throw Error(ErrorKind::kUsage,
                "there is no question: pandagpt ask \"What is in the picture?\"");
  return question;
}

void run_ask(const AskArguments& arguments) {
  arguments.sampling.check();
  arguments.inputs.check_standard_input();
  const std::string question = complete_question(arguments);
  Inputs inputs = arguments.inputs.inputs();
  const Inputs as_given = inputs;
  nlohmann::ordered_json facts;
  if (arguments.json) {
    inputs = with_standard_input_read(inputs);
    const WarningCollector told_with_the_answer;
    facts = facts_json(measure(inputs));
  }
  const Panda panda = arguments.model.open();
  const GenerateOptions options = arguments.sampling.apply_to(panda.default_options());
  const auto stream = [](std::string_view text) { return try_write_output(text); };
  const Answer answer =
      panda.ask(inputs, question, options, arguments.json ? OnText{} : OnText{stream});
  if (arguments.json) {
    nlohmann::ordered_json report = answer_report(answer, panda, as_given);
    report["facts"] = std::move(facts);
    write_json(report);
  } else {
    write_output("\n");
  }
  log_timings(answer.timings);
}

void add_ask(CLI::App& app) {
  const auto arguments = std::make_shared<AskArguments>();
  CLI::App* command = app.add_subcommand("ask", "Ask one question, about inputs or without any");
  arguments->add_question_to(*command, "the question; '-' or none: from standard input");
  arguments->inputs.add_to(*command);
  arguments->model.add_to(*command);
  add_system_message(*command, arguments->model.options);
  arguments->sampling.add_to(*command);
  command->add_flag("--json", arguments->json, "print one JSON object instead of the plain answer");
  command->footer([] {
    return std::string(
               "Text that comes through a pipe stands before a question that has no other "
               "input.\n\n"
               "Examples:\n"
               "  pandagpt ask --image photo.jpg \"What is in the picture?\"\n"
               "  echo \"What is a panda?\" | pandagpt ask\n"
               "  cat letter.txt | pandagpt ask \"Summarise this.\"\n"
               "  pandagpt ask --file letter.txt \"Summarise this.\"\n"
               "  pandagpt ask --model model.gguf \"What is a panda?\"    a language model alone: "
               "text "
               "only") +
           default_model_note();
  });
  command->callback([arguments] { run_ask(*arguments); });
}

}  // namespace pandagpt
