// pandagpt bench: how long a user waits. Start-up is measured from outside, with a process of its
// own, because what happens before main() counts as well.
#include <fcntl.h>
#include <spawn.h>
#include <spdlog/fmt/fmt.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/threads.h"
#include "llm/llm_model.h"

extern char** environ;

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kQuestion = "Describe the image.";

struct BenchArguments {
  ModelArguments model;
  InputArguments inputs;
  int repeat = 5;
  int max_tokens = 32;
  bool json = false;
};

/// Milliseconds; of several runs the median says what to expect, the least what is possible.
struct Measurement {
  double median = 0;
  double least = 0;
};

Measurement summary(std::vector<double> values) {
  std::ranges::sort(values);
  return {values[values.size() / 2], values.front()};
}

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// From starting this program anew until it has written the first byte of an answer.
double first_byte_ms(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw Error(ErrorKind::kInternal, std::string("pipe: ") + std::strerror(errno));
  FileActions actions;
  posix_spawn_file_actions_adddup2(actions.get(), ends[1], STDOUT_FILENO);
  // the child is cut off after its first byte and would say that its output is closed
  posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const Clock::time_point start = Clock::now();
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, "/proc/self/exe", actions.get(), nullptr, argv.data(), environ);
  close(ends[1]);
  char byte = 0;
  const bool got = failed == 0 && read(ends[0], &byte, 1) == 1;
  const double elapsed = milliseconds_since(start);
  close(ends[0]);
  int status = 0;
  if (failed == 0) waitpid(child, &status, 0);
  if (!got) throw Error(ErrorKind::kInternal, "the measured process gave no answer");
  return elapsed;
}

std::vector<std::string> ask_command(const BenchArguments& arguments, const Inputs& inputs) {
  std::vector<std::string> command{"pandagpt",  "ask",
                                   "--greedy",  "--max-tokens",
                                   "4",         "--no-cache",
                                   "--model",   arguments.model.model,
                                   "--threads", std::to_string(arguments.model.options.n_threads),
                                   "--device",  arguments.model.options.device};
  for (const Input& input : inputs.items()) {
    command.push_back("--" + to_string(input.modality));
    command.push_back(input.name);
    command.insert(command.end(), {"--weight", std::to_string(input.weight)});
  }
  command.emplace_back("--");
  command.emplace_back(kQuestion);
  return command;
}

struct Results {
  std::string model;
  std::string language_model;
  int threads = 0;
  Measurement start_ms;   ///< process start to the first byte of an answer
  Measurement load_ms;    ///< opening the model folder
  Measurement encode_ms;  ///< inputs to projected embeddings; zero without inputs
  Measurement prompt_ms;
  double prompt_tokens_per_second = 0;
  double tokens_per_second = 0;
};

Results measure(const BenchArguments& arguments) {
  const Inputs inputs = arguments.inputs.inputs();
  std::vector<double> start, load, encode, prompt, prompt_speed, speed;
  Results results;
  arguments.model.open();  // a bad model is reported from here, not from the measured process
  const std::vector<std::string> command = ask_command(arguments, inputs);
  first_byte_ms(command);  // brings the files into memory: a warm disk is what is measured
  for (int i = 0; i < arguments.repeat; ++i) {
    start.push_back(first_byte_ms(command));
    const Clock::time_point begin = Clock::now();
    const Panda panda = arguments.model.open();
    load.push_back(milliseconds_since(begin));
    GenerateOptions options;
    options.greedy = true;
    options.max_tokens = arguments.max_tokens;
    const Timings timings = panda.ask(inputs, kQuestion, options).timings;
    encode.push_back(timings.encode_ms);
    prompt.push_back(timings.prompt_ms);
    prompt_speed.push_back(timings.prompt_tokens_per_second());
    speed.push_back(timings.generated_tokens_per_second());
    results.model = panda.info().name;
    results.language_model = panda.info().language_model;
  }
  results.threads = arguments.model.options.n_threads;
  if (results.threads == 0) results.threads = default_thread_count();
  results.start_ms = summary(start);
  results.load_ms = summary(load);
  results.encode_ms = summary(encode);
  results.prompt_ms = summary(prompt);
  results.prompt_tokens_per_second = summary(prompt_speed).median;
  results.tokens_per_second = summary(speed).median;
  return results;
}

void print_json(const Results& results) {
  const auto both = [](const Measurement& measurement) {
    return nlohmann::ordered_json{{"median", measurement.median}, {"least", measurement.least}};
  };
  write_json({{"model", results.model},
              {"language_model", results.language_model},
              {"threads", results.threads},
              {"start_to_first_text_ms", both(results.start_ms)},
              {"load_ms", both(results.load_ms)},
              {"encode_ms", both(results.encode_ms)},
              {"prompt_ms", both(results.prompt_ms)},
              {"prompt_tokens_per_second", results.prompt_tokens_per_second},
              {"generated_tokens_per_second", results.tokens_per_second}});
}

void print_table(const Results& results) {
  const auto row = [](const char* name, const Measurement& measurement) {
    return fmt::format("{:<36}{:>10.1f}{:>10.1f}  ms\n", name, measurement.median,
                       measurement.least);
  };
  std::string text = fmt::format("{} ({}), {} threads\n{:<36}{:>10}{:>10}\n", results.model,
                                 results.language_model, results.threads, "", "median", "least");
  text += row("process start to first text", results.start_ms);
  text += row("opening the model folder", results.load_ms);
  text += row("inputs (decode, encode, project)", results.encode_ms);
  text += row("prompt", results.prompt_ms);
  text += fmt::format("{:<36}{:>10.1f}            tokens/s\n", "prompt",
                      results.prompt_tokens_per_second);
  text += fmt::format("{:<36}{:>10.1f}            tokens/s\n", "answer", results.tokens_per_second);
  write_output(text);
}

}  // namespace

void add_bench(CLI::App& app) {
  const auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command = app.add_subcommand("bench", "Measure start-up and speed of a model");
  arguments->inputs.add_to(*command);
  arguments->model.add_to(*command);
  arguments->model.no_cache = true;  // the encoders are to be measured
  command->add_option("-r,--repeat", arguments->repeat, "how often each thing is measured")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("-n,--max-tokens", arguments->max_tokens, "length of the measured answers")
      ->capture_default_str()
      ->check(CLI::Range(2, 4096));
  command->add_flag("--json", arguments->json, "print JSON instead of a table");
  command->footer("Without --image and the like, only the language model is measured.");
  command->callback([arguments] {
    arguments->inputs.check_standard_input("read by one process only");
    const Results results = measure(*arguments);
    if (arguments->json) {
      print_json(results);
    } else {
      print_table(results);
    }
  });
}

}  // namespace pandagpt
