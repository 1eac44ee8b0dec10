// pandagpt facts: what can be measured in inputs, without a model.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <memory>

#include "cli/commands.h"
#include "cli/guessed_input.h"
#include "cli/options.h"
#include "cli/output.h"
#include "facts/facts_json.h"
#include "pandagpt/error.h"
#include "pandagpt/facts.h"

namespace pandagpt {
namespace {

struct FactsArguments {
  InputArguments inputs;
  std::vector<std::string> files;
  bool json = false;
};

/// "turn_seconds" as people read it.
std::string words_of(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string text_of(const InputFacts& facts) {
  std::size_t width = 0;
  for (const Fact& fact : facts.facts)
    width = std::max(width, fact.name.size());
  std::string text = fmt::format("{} ({})\n", facts.name, to_string(facts.modality));
  for (const Fact& fact : facts.facts)
    text += fmt::format("  {:<{}}  {}\n", words_of(fact.name), width, to_string(fact));
  return text;
}

void run_facts(const FactsArguments& arguments) {
  InputArguments all = arguments.inputs;
  for (const std::string& file : arguments.files)
    all.add(guessed_input(file));
  all.check_standard_input();
  const Inputs inputs = all.inputs();
  if (inputs.empty())
    throw Error(ErrorKind::kUsage, "there is no input: pandagpt facts --thermal oven.tiff");
  const std::vector<InputFacts> facts = measure(inputs);
  if (arguments.json) return write_json(facts_json(facts));
  std::string text;
  for (const InputFacts& one : facts)
    text += text_of(one);
  write_output(text);
}

}  // namespace

void add_facts(CLI::App& app) {
  const auto arguments = std::make_shared<FactsArguments>();
  CLI::App* command = app.add_subcommand(
      "facts",
      "Measure what is in inputs, without a model: hottest point, nearest thing, steps ..");
  command
      ->add_option("files", arguments->files,
                   "files whose kind is told by their content (what isn't: --thermal FILE ..)")
      ->type_name("FILE");
  arguments->inputs.add_to(*command);
  command->add_flag("--json", arguments->json, "print JSON");
  command->footer(
      "What can't be measured isn't told: a thermal picture without temperatures has "
      "no hottest degrees.\n\n"
      "Examples:\n"
      "  pandagpt facts --thermal oven.tiff\n"
      "  pandagpt facts --json photo.jpg bark.wav");
  command->callback([arguments] { run_facts(*arguments); });
}

}  // namespace pandagpt
