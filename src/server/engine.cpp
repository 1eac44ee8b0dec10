#include "server/engine.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "core/time_limit.h"
#include "pipeline/input_facts.h"
#include "pipeline/missing_input.h"
#include "server/file_store.h"
#include "tensor/helper_threads.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

PandaOptions panda_options(const ServerOptions& options) {
  PandaOptions result = options.panda;
  result.limits = options.limits.inputs;
  return result;
}

SchedulerOptions scheduler_options(const ServerOptions& options, const LoadedModel& model) {
  SchedulerOptions result;
  result.n_slots = options.n_slots;
  result.n_ctx = model.manifest().n_ctx;
  result.n_threads = model.n_threads();
  result.max_waiting = options.max_waiting;
  // A folder that searches by default can't do without.
  result.unified = options.unified_cache || model.manifest().sampling.n_beams > 1;
  return result;
}

/// Of the last question, if it is about an input that isn't there.
std::optional<std::string> warning_of(const ConversationRequest& conversation) {
  std::vector<Modality> given;
  for (const ConversationRequest::Question& question : conversation.questions)
    std::ranges::copy(modalities_of(question.inputs), std::back_inserter(given));
  return missing_input(conversation.questions.back().asked, given, conversation.answers.empty());
}

}  // namespace

Engine::Engine(const ServerOptions& options, Metrics& metrics, FileStore* files)
    : metrics_(metrics),
      model_(options.model, panda_options(options)),
      name_(options.alias.empty() ? model_.manifest().name : options.alias),
      opened_as_(options.model),
      scheduler_(model_.llm(), model_.adapter(), scheduler_options(options, model_)),
      encoder_jobs_(options.n_encoder_jobs),
      files_(files) {
  end_helper_threads();  // that have prepared weights
}

bool Engine::is_called(std::string_view name) const {
  constexpr std::string_view kLatest = ":latest";
  if (name.ends_with(kLatest)) name.remove_suffix(kLatest.size());
  return name == name_ || name == model_.manifest().name || name == opened_as_;
}

std::string Engine::with_file_names(const std::string& message) const {
  return files_ == nullptr ? message : files_->with_file_names(message);
}

template <typename Call>
auto Engine::calling_with_file_names(const Call& call) const {
  try {
    return call();
  } catch (const Error& error) {
    throw Error(error.kind(), with_file_names(std::string(error.what())));
  }
}

std::vector<InputFacts> Engine::facts_of(const Inputs& inputs) const {
  std::vector<InputFacts> facts = model_.facts_of(inputs);
  for (InputFacts& one : facts)
    one.name = with_file_names(one.name);
  return facts;
}

void Engine::count(const EncodeReport& report) {
  metrics_.count_encoding(report.ms / 1000, report.n_inputs, report.n_cached);
}

PendingPrompt::PendingPrompt(Engine& engine, std::vector<const Inputs*> inputs,
                             std::function<PromptSequence(Places)> assemble, bool wants_facts)
    : engine_(engine),
      inputs_(std::move(inputs)),
      assemble_(std::move(assemble)),
      places_(inputs_.size()),
      start_(Clock::now()) {
  if (wants_facts) report_.facts.emplace();
  for (const Inputs* one : inputs_)
    report_.n_inputs += static_cast<int>(one->items().size());
  if (report_.n_inputs > 0) job_ = engine_.encoder_jobs_.submit([this] { encode(); });
}

void PendingPrompt::encode() {
  EncodingReport found;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i]->empty()) continue;
    TimeLimit::check("the request");  // whether it is still wanted
    found.is_unsure = false;
    places_[i].values = engine_.model_.project(*inputs_[i], found);
    measure(i);
    report_.is_unsure = found.is_unsure && i + 1 == inputs_.size();
  }
  report_.n_cached = found.n_cached;
  for (const std::string& warning : found.warnings)
    report_.warnings.push_back(engine_.with_file_names(warning));
  report_.ms = milliseconds_since(start_);
}

/// Costs a second decoding, so only where somebody wants it.
void PendingPrompt::measure(std::size_t place) {
  const bool for_model = engine_.model_.manifest().facts;
  if (!for_model && !report_.facts) return;
  std::vector<InputFacts> facts = engine_.facts_of(*inputs_[place]);
  if (for_model) places_[place].facts_line = facts_line(facts);
  if (report_.facts) std::ranges::move(facts, std::back_inserter(*report_.facts));
}

std::optional<PromptSequence> PendingPrompt::wait(std::chrono::milliseconds patience) {
  if (job_) {
    if (!engine_.calling_with_file_names([&] { return job_->wait(patience); })) return std::nullopt;
    engine_.count(report_);
  }
  for (std::string& warning : warnings_)
    report_.warnings.push_back(std::move(warning));
  return assemble_(std::move(places_));
}

std::unique_ptr<PendingPrompt> Engine::prompt(ConversationRequest conversation) {
  const auto kept = std::make_shared<const ConversationRequest>(std::move(conversation));
  std::vector<const Inputs*> inputs;
  for (const ConversationRequest::Question& question : kept->questions)
    inputs.push_back(&question.inputs);
  auto pending = std::make_unique<PendingPrompt>(
      *this, std::move(inputs),
      [this, kept](PendingPrompt::Places given) {
        return conversation_of(*kept, std::move(given)).prompt(kept->questions.back().text);
      },
      kept->wants_facts);
  if (auto warning = warning_of(*kept)) pending->warn(std::move(*warning));
  return pending;
}

std::unique_ptr<PendingPrompt> Engine::raw_prompt(std::vector<std::string> texts,
                                                  std::vector<Inputs> inputs) {
  const auto kept = std::make_shared<const std::vector<Inputs>>(std::move(inputs));
  std::vector<const Inputs*> of_places;
  for (const Inputs& one : *kept)
    of_places.push_back(&one);
  return std::make_unique<PendingPrompt>(
      *this, std::move(of_places),
      [this, kept, texts = std::move(texts)](PendingPrompt::Places given) {
        return assemble_raw(texts, std::move(given));
      });
}

std::string Engine::prompt_text(const ConversationRequest& request, const std::string& mark) {
  // Any values: only their places count.
  const std::vector<float> some(static_cast<std::size_t>(model_.llm()->n_embd()));
  PendingPrompt::Places places;
  for (const ConversationRequest::Question& question : request.questions) {
    ProjectedInputs& place = places.emplace_back();
    if (question.inputs.empty()) continue;
    place.values = some;
    if (!model_.manifest().facts) continue;
    const auto measure = [&] { place.facts_line = facts_line(model_.facts_of(question.inputs)); };
    calling_with_file_names([&] { encoder_jobs_.run(measure, [] { return false; }); });
  }
  return conversation_of(request, std::move(places)).text(request.questions.back().text, mark);
}

Conversation Engine::conversation_of(const ConversationRequest& request,
                                     PendingPrompt::Places places) const {
  Conversation conversation(model_.llm(), model_.manifest().prompt, request.later_inputs);
  const auto add = [&](ProjectedInputs place) {
    conversation.add_image(std::move(place.values), 0, std::move(place.facts_line));
  };
  for (std::size_t i = 0; i < request.answers.size(); ++i) {
    add(std::move(places[i]));
    conversation.add_turn({request.questions[i].text, request.answers[i]});
  }
  add(std::move(places.back()));
  return conversation;
}

PromptSequence Engine::assemble_raw(const std::vector<std::string>& texts,
                                    PendingPrompt::Places places) const {
  PromptSequence prompt;
  prompt.tokens.push_back(model_.llm()->bos());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    prompt.add(model_.llm()->tokenize(texts[i]));
    if (i == places.size()) break;
    std::vector<float>& values = places[i].values;
    const std::size_t n_positions =
        values.size() / static_cast<std::size_t>(model_.projector().n_embd());
    prompt.add(make_prompt_media(std::move(values)), n_positions);
  }
  return prompt;
}

std::vector<std::vector<float>> Engine::rows(const std::vector<float>& values) const {
  const auto width = static_cast<std::ptrdiff_t>(model_.encoder().n_embd());
  std::vector<std::vector<float>> rows;
  for (auto at = values.begin(); at != values.end(); at += width)
    rows.emplace_back(at, at + width);
  return rows;
}

std::vector<std::vector<float>> Engine::embed(const std::vector<Inputs>& inputs,
                                              const std::function<bool()>& unwanted,
                                              EncodeReport& report) {
  const Clock::time_point start = Clock::now();
  std::vector<Input> all;
  for (const Inputs& one : inputs)
    all.insert(all.end(), one.items().begin(), one.items().end());
  std::vector<float> values;
  EncodingReport found;
  const auto work = [&] {
    values = model_.encoder().encode(all, &found);
    if (!report.facts) return;
    for (const Inputs& one : inputs)
      std::ranges::move(facts_of(one), std::back_inserter(*report.facts));
  };
  calling_with_file_names([&] { encoder_jobs_.run(work, unwanted); });
  report.n_cached = found.n_cached;
  for (const std::string& warning : found.warnings)
    report.warnings.push_back(with_file_names(warning));
  report.n_inputs = static_cast<int>(all.size());
  report.ms = milliseconds_since(start);
  count(report);
  return rows(values);
}

std::vector<std::vector<float>> Engine::embed_texts(const std::vector<std::string>& texts,
                                                    const std::function<bool()>& unwanted) {
  std::vector<float> values;
  encoder_jobs_.run([&] { values = model_.encoder().encode_texts(texts); }, unwanted);
  return rows(values);
}

}  // namespace pandagpt
