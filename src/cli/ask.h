// One question, one answer: `pandagpt ask`, and `pandagpt run` with a question.
#pragma once

#include "cli/options.h"

namespace pandagpt {

struct AskArguments {
  ModelArguments model;
  InputArguments inputs;
  SamplingArguments sampling;
  bool json = false;
  std::string question;  ///< empty or "-": from standard input
  std::string file;      ///< with the question, or what a question is about; "-": standard input

  /// --prompt (also the next positional argument) and --file.
  void add_question_to(CLI::App& command, const std::string& help);
};

/// The question, maybe with the text of --file before it. Without --file maybe with text from
/// standard input: that is the question if there is none or it is "-", and what a question without
/// inputs is about if it comes through a pipe or from a file. Throws Error(kUsage) if there is
/// none, Error(kInput) for text that can't be read or isn't UTF-8.
std::string complete_question(const AskArguments& arguments);

/// Writes the answer to standard output.
void run_ask(const AskArguments& arguments);

}  // namespace pandagpt
