// pandagpt ask: one question, one answer.
#include <memory>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"

namespace pandagpt {
namespace {

struct AskArguments {
  ModelArguments model;
  InputArguments inputs;
  SamplingArguments sampling;
  bool json = false;
  std::string question;
};

void run_ask(const AskArguments& arguments) {
  arguments.sampling.check();
  arguments.inputs.check_standard_input();
  if (arguments.question.find_first_not_of(" \t\r\n") == std::string::npos)
    throw Error(ErrorKind::kUsage, "the question is empty");
  const Inputs inputs = arguments.inputs.inputs();
  const Panda panda = arguments.model.open();
  const GenerateOptions options = arguments.sampling.apply_to(panda.default_options());
  const auto stream = [](std::string_view text) { return try_write_output(text); };
  const Answer answer =
      panda.ask(inputs, arguments.question, options, arguments.json ? OnText{} : OnText{stream});
  log_timings(answer.timings);
  if (arguments.json) {
    write_json(answer_report(answer, panda, inputs));
  } else {
    write_output("\n");
  }
}

}  // namespace

void add_ask(CLI::App& app) {
  const auto arguments = std::make_shared<AskArguments>();
  CLI::App* command = app.add_subcommand("ask", "Ask one question, about inputs or without any");
  command->add_option("question", arguments->question, "the question")->required();
  arguments->inputs.add_to(*command);
  arguments->model.add_to(*command);
  arguments->sampling.add_to(*command);
  command->add_flag("--json", arguments->json, "print one JSON object instead of the plain answer");
  command->footer([] {
    return "Example:\n  pandagpt ask --image photo.jpg \"What is in the picture?\"" +
           default_model_note();
  });
  command->callback([arguments] { run_ask(*arguments); });
}

}  // namespace pandagpt
