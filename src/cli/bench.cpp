// pandagpt bench: how long a user waits. Start-up is measured from outside, with a process of its
// own, because what happens before main() counts as well.
#include <fcntl.h>
#include <spawn.h>
#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "cli/commands.h"
#include "cli/line_reader.h"
#include "cli/options.h"
#include "cli/output.h"
#include "convert/synthetic_panda.h"
#include "core/progress.h"
#include "core/stopwatch.h"
#include "core/threads.h"
#include "pipeline/model_folder.h"

extern char** environ;

namespace pandagpt {
namespace {

constexpr const char* kQuestion = "Describe the image.";
constexpr const char* kFollowUp = "Tell me more about the picture.";

struct BenchArguments {
  ModelArguments model;
  std::string synthetic;  // folder of random weights
  std::string size = "7b";
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

struct ProcessRun {
  double first_byte_ms = 0;  ///< from its start until it has written the first byte
  double peak_mib = 0;       ///< most memory that was resident, mapped files included
};

ProcessRun run_process(const std::vector<std::string>& arguments) {
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
  rusage usage{};
  if (failed == 0) wait4(child, &status, 0, &usage);
  if (!got) throw Error(ErrorKind::kInternal, "the measured process gave no answer");
  constexpr double kKibPerMib = 1024;
  return {elapsed, static_cast<double>(usage.ru_maxrss) / kKibPerMib};
}

std::vector<std::string> ask_command(const BenchArguments& arguments, const Inputs& inputs) {
  std::vector<std::string> command{"pandagpt",  "ask",
                                   "--greedy",  "--max-tokens",
                                   "4",         "--no-cache",
                                   "--model",   arguments.model.model,
                                   "--threads", std::to_string(arguments.model.options.n_threads),
                                   "--device",  arguments.model.options.device};
  if (!arguments.model.options.repack) command.emplace_back("--no-repack");
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
  double peak_mib = 0;    ///< memory of that process
  Measurement load_ms;    ///< opening the model folder
  Measurement encode_ms;  ///< inputs to projected embeddings; zero without inputs
  Measurement prompt_ms;
  Measurement second_turn_ms;  ///< to the first text of a follow-up question
  int reused_tokens = 0;       ///< positions that it did not evaluate again
  double prompt_tokens_per_second = 0;
  double tokens_per_second = 0;
};

/// One question and a follow-up, in this process.
struct Conversation {
  double load_ms = 0;
  Timings first;
  Timings second;
};

Conversation converse(const BenchArguments& arguments, const Inputs& inputs, Results* results) {
  Conversation measured;
  const Clock::time_point begin = Clock::now();
  const Panda panda = arguments.model.open();
  measured.load_ms = milliseconds_since(begin);
  results->model = panda.info().name;
  results->language_model = panda.info().language_model;
  GenerateOptions options;
  options.greedy = true;
  options.n_draft = 0;  // the plain speed of decoding is what is compared
  options.max_tokens = arguments.max_tokens;
  Chat chat = panda.start_chat();
  chat.set_inputs(inputs);
  measured.first = chat.ask(kQuestion, options).timings;
  options.max_tokens = 1;
  measured.second = chat.ask(kFollowUp, options).timings;
  return measured;
}

Results measure(const BenchArguments& arguments) {
  const Inputs inputs = arguments.inputs.inputs();
  std::vector<double> start, load, encode, prompt, second, prompt_speed, speed;
  Results results;
  arguments.model.open();  // a bad model is reported from here, not from the measured process
  const std::vector<std::string> command = ask_command(arguments, inputs);
  run_process(command);  // brings the files into memory: a warm disk is what is measured
  for (int i = 0; i < arguments.repeat; ++i) {
    const ProcessRun process = run_process(command);
    start.push_back(process.first_byte_ms);
    results.peak_mib = std::max(results.peak_mib, process.peak_mib);
    const Conversation measured = converse(arguments, inputs, &results);
    load.push_back(measured.load_ms);
    encode.push_back(measured.first.encode_ms);
    prompt.push_back(measured.first.prompt_ms);
    prompt_speed.push_back(measured.first.prompt_tokens_per_second());
    speed.push_back(measured.first.generated_tokens_per_second());
    second.push_back(measured.second.first_text_ms);
    results.reused_tokens = measured.second.reused_tokens;
  }
  results.threads = arguments.model.options.n_threads;
  if (results.threads == 0) results.threads = default_thread_count();
  results.start_ms = summary(start);
  results.load_ms = summary(load);
  results.encode_ms = summary(encode);
  results.prompt_ms = summary(prompt);
  results.second_turn_ms = summary(second);
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
              {"peak_resident_mib", results.peak_mib},
              {"load_ms", both(results.load_ms)},
              {"encode_ms", both(results.encode_ms)},
              {"prompt_ms", both(results.prompt_ms)},
              {"second_turn_first_text_ms", both(results.second_turn_ms)},
              {"second_turn_reused_tokens", results.reused_tokens},
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
  text += row("follow-up question to first text", results.second_turn_ms);
  text += fmt::format("{:<36}{:>10.1f}            tokens/s\n", "prompt",
                      results.prompt_tokens_per_second);
  text += fmt::format("{:<36}{:>10.1f}            tokens/s\n", "answer", results.tokens_per_second);
  text += fmt::format("{:<36}{:>10}            positions\n", "reused by the follow-up question",
                      results.reused_tokens);
  text += fmt::format("{:<36}{:>10.0f}            MiB\n", "peak resident memory of a process",
                      results.peak_mib);
  write_output(text);
}

void use_synthetic_model(BenchArguments* arguments) {
  arguments->model.model = arguments->synthetic;
  if (std::filesystem::exists(std::filesystem::path(arguments->synthetic) / kManifestName)) return;
  SyntheticPanda panda;
  if (arguments->size == "13b") panda.llm = llama_13b();
  const InterruptGuard guard;
  std::optional<Progress> progress;
  panda.on_progress = [&](std::uint64_t done, std::uint64_t total) {
    if (InterruptGuard::pressed()) throw Error(ErrorKind::kInternal, "interrupted");
    if (!progress) progress.emplace("MiB written", static_cast<std::int64_t>(total >> 20));
    if (done < total) return progress->update(static_cast<std::int64_t>(done >> 20));
    progress->finish();
    progress.reset();
  };
  ModelFolderWriter folder(arguments->synthetic, {});
  write_synthetic_encoders(panda, folder.path_of("encoders"));
  write_synthetic_projector(panda, folder.path_of("projector"));
  write_synthetic_adapter(panda, folder.path_of("adapter"));
  write_synthetic_llm(panda, folder.path_of("llm"));
  Manifest manifest;
  manifest.name = "synthetic-" + arguments->size;
  manifest.licence = "none: random numbers";
  manifest.provenance = "pandagpt bench --synthetic";
  manifest.embedding_width = panda.towers.front().n_embd;
  manifest.adapter.emplace();
  folder.finish(std::move(manifest));
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
  command->add_option("--synthetic", arguments->synthetic,
                      "measure random weights of the official shapes (ImageBind-Huge's vision "
                      "tower, LLaMA in Q4_K_M, LoRA of rank 32), made in this folder if it is new");
  command->add_option("--size", arguments->size, "of the synthetic language model: 7b or 13b")
      ->capture_default_str()
      ->check(CLI::IsMember({"7b", "13b"}));
  command->add_flag("--json", arguments->json, "print JSON instead of a table");
  command->footer("Without --image and the like, only the language model is measured.");
  command->callback([arguments] {
    arguments->inputs.check_standard_input("read by one process only");
    if (!arguments->synthetic.empty()) use_synthetic_model(arguments.get());
    const Results results = measure(*arguments);
    if (arguments->json) {
      print_json(results);
    } else {
      print_table(results);
    }
  });
}

}  // namespace pandagpt
