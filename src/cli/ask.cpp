// pandagpt ask: one question, one answer.
#include "cli/ask.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "cli/commands.h"
#include "cli/output.h"
#include "core/utf8.h"

namespace pandagpt {
namespace {

constexpr const char* kStandardInput = "-";
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 20;
constexpr int kPatienceMs = 2000;
constexpr std::string_view kSpaces = " \t\r\n";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

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

/// All of standard input; maybe empty.
std::string piped_text() {
  say_if_waiting();
  std::string text;
  std::array<char, 4096> block{};
  for (ssize_t count = 1; count > 0;) {
    count = read(STDIN_FILENO, block.data(), block.size());
    if (count < 0)
      throw Error(ErrorKind::kInput, std::string("standard input: ") + std::strerror(errno));
    text.append(block.data(), static_cast<std::size_t>(count));
    if (text.size() > kMaxTextBytes)
      throw Error(ErrorKind::kInput, "standard input: the text is longer than 1 MiB");
  }
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = utf8_length(rest);
    if (length == 0) throw Error(ErrorKind::kInput, "standard input: the text is not UTF-8");
    rest.remove_prefix(length);
  }
  text.erase(text.find_last_not_of(kSpaces) + 1);
  return text;
}

}  // namespace

std::string complete_question(const AskArguments& arguments) {
  const std::string& question = arguments.question;
  const Inputs inputs = arguments.inputs.listed();
  if (question == kStandardInput) {
    arguments.inputs.check_standard_input("the question");
    const std::string text = piped_text();
    if (is_blank(text)) throw Error(ErrorKind::kUsage, "the question on standard input is empty");
    return text;
  }
  const bool is_missing = is_blank(question);
  const bool reads = has_piped_input() && !arguments.inputs.takes_standard_input() &&
                     (is_missing || inputs.empty());
  const std::string text = reads ? piped_text() : std::string();
  if (!is_blank(text)) return is_missing ? text : text + "\n\n" + question;
  if (is_missing)
    throw Error(ErrorKind::kUsage,
                "there is no question: pandagpt ask \"What is in the picture?\"");
  return question;
}

void run_ask(const AskArguments& arguments) {
  arguments.sampling.check();
  arguments.inputs.check_standard_input();
  const std::string question = complete_question(arguments);
  const Inputs inputs = arguments.inputs.inputs();
  const Panda panda = arguments.model.open();
  const GenerateOptions options = arguments.sampling.apply_to(panda.default_options());
  const auto stream = [](std::string_view text) { return try_write_output(text); };
  const Answer answer =
      panda.ask(inputs, question, options, arguments.json ? OnText{} : OnText{stream});
  log_timings(answer.timings);
  if (arguments.json) {
    write_json(answer_report(answer, panda, inputs));
  } else {
    write_output("\n");
  }
}

void add_ask(CLI::App& app) {
  const auto arguments = std::make_shared<AskArguments>();
  CLI::App* command = app.add_subcommand("ask", "Ask one question, about inputs or without any");
  command->add_option("question,-p,--prompt", arguments->question,
                      "the question; '-' or none: from standard input");
  arguments->inputs.add_to(*command);
  arguments->model.add_to(*command);
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
               "  pandagpt ask --model model.gguf \"What is a panda?\"    a language model alone: "
               "text "
               "only") +
           default_model_note();
  });
  command->callback([arguments] { run_ask(*arguments); });
}

}  // namespace pandagpt
