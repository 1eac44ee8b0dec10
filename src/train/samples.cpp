#include "train/samples.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/file.h"
#include "llm/answer_reader.h"
#include "llm/batch_scheduler.h"
#include "llm/chat_session.h"
#include "llm/llm_model.h"
#include "pandagpt/error.h"
#include "pipeline/projector.h"
#include "train/export.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLines = "samples.jsonl";
constexpr const char* kPage = "samples.md";

/// Text for a cell of a Markdown table.
std::string cell(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '\\');
  return text;
}

}  // namespace

SampleQuestion first_question(const Conversation& conversation) {
  SampleQuestion question;
  for (const Input& input : conversation.inputs.items())
    question.about +=
        (question.about.empty() ? "" : " + ") + fs::path(input.name).filename().string();
  question.turns = {conversation.turns.front()};
  return question;
}

SampleWriter::SampleWriter(Options options, std::vector<SampleQuestion> questions,
                           std::int64_t last_step)
    : options_(std::move(options)), questions_(std::move(questions)) {
  keep_steps(options_.out / kLines, last_step);
}

void SampleWriter::ask(std::int64_t step, const fs::path& weights, MetricsLog& metrics) {
  // opened anew each time: the base is mapped, so that costs little and holds nothing in between
  const auto llm = std::make_shared<const LlmModel>(
      options_.llm, LlmOptions{.n_gpu_layers = 0, .device = "cpu", .repack = false});
  const auto adapter = std::make_shared<const LoraAdapter>(llm, weights / kAdapterFile);
  const pandagpt::Projector projector(weights / kProjectorFile);
  SchedulerOptions scheduling;
  scheduling.n_slots = 1;
  scheduling.unified = true;
  scheduling.n_ctx = std::min(options_.n_ctx, llm->n_ctx_train());
  scheduling.n_threads = options_.n_threads;
  scheduling.max_waiting = static_cast<int>(questions_.size());
  const auto scheduler = std::make_shared<BatchScheduler>(llm, adapter, scheduling);
  GenerateOptions greedy;
  greedy.greedy = true;
  greedy.max_tokens = options_.max_tokens;
  std::vector<std::shared_ptr<GenerationStream>> answers;
  for (const SampleQuestion& question : questions_) {
    ChatSession session(scheduler, options_.prompt);
    session.set_image(projector.project_sum(question.features.values, question.features.weights));
    session.set_history({question.turns.begin(), question.turns.end() - 1});
    answers.push_back(scheduler->submit(session.request(question.turns.back().question, greedy)));
  }
  std::ofstream out(options_.out / kLines, std::ios::app);
  std::string markdown;
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    const SampleQuestion& question = questions_[i];
    const auto& [text, expected] = question.turns.back();
    const std::string answer = read_answer(answers[i]).text;
    out << nlohmann::json{{"step", step},     {"number", i},      {"about", question.about},
                          {"question", text}, {"answer", answer}, {"expected", expected}}
               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
        << '\n';
    spdlog::info("step {}: {} \"{}\" -> \"{}\"", step, question.about, text, answer);
    markdown += fmt::format("**{}** {}\n\n{}\n\n", question.about, text, answer);
  }
  out.flush();
  if (!out)
    throw Error(ErrorKind::kInternal,
                (options_.out / kLines).string() + ": writing failed; is the disk full?");
  out.close();
  metrics.text(step, "samples", markdown);
  write_page();
}

void SampleWriter::write_page() const {
  std::map<std::size_t, std::vector<nlohmann::json>> answers;
  std::ifstream in(options_.out / kLines);
  for (std::string text; std::getline(in, text);) {
    auto line = nlohmann::json::parse(text, nullptr, false);
    if (line.is_object()) answers[line["number"]].push_back(std::move(line));
  }
  std::string page = "# Sample answers\n";
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    const SampleQuestion& question = questions_[i];
    const auto& [text, expected] = question.turns.back();
    page += fmt::format("\n## {}\n\n{}\n\n", text, cell(question.about));
    if (!expected.empty()) page += fmt::format("Expected: {}\n\n", cell(expected));
    page += "| step | answer |\n|---:|---|\n";
    for (const auto& line : answers[i])
      page += fmt::format("| {} | {} |\n", line["step"].get<std::int64_t>(),
                          cell(line["answer"].get<std::string>()));
  }
  write_file_atomically(options_.out / kPage, [&](std::ostream& out) { out << page; });
}

}  // namespace pandagpt::train
