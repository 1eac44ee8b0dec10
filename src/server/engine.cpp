#include "server/engine.h"

#include <chrono>
#include <utility>

#include "server/file_store.h"

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
  result.unified = options.unified_cache;
  return result;
}

}  // namespace

Engine::Engine(const ServerOptions& options, Metrics& metrics)
    : metrics_(metrics),
      model_(options.model, panda_options(options)),
      name_(options.alias.empty() ? model_.manifest().name : options.alias),
      scheduler_(model_.llm(), model_.adapter(), scheduler_options(options, model_)),
      encoder_jobs_(options.n_encoder_jobs),
      files_folder_(FileStore::objects_folder(options.files).string() + "/") {}

void Engine::run_encoders(const std::function<void()>& work,
                          const std::function<bool()>& unwanted) {
  try {
    encoder_jobs_.run(work, unwanted);
  } catch (const Error& error) {
    // A stored file goes by its path, of which the client knows the end: its id.
    std::string message = error.what();
    for (std::size_t at = 0; (at = message.find(files_folder_)) != std::string::npos;)
      message.erase(at, files_folder_.size());
    throw Error(error.kind(), message);
  }
}

std::vector<std::vector<float>> Engine::project(const std::vector<const Inputs*>& inputs,
                                                const std::function<bool()>& unwanted,
                                                EncodeReport& report) {
  const Clock::time_point start = Clock::now();
  std::vector<std::vector<float>> values(inputs.size());
  for (const Inputs* one : inputs)
    report.n_inputs += static_cast<int>(one->items().size());
  if (report.n_inputs == 0) return values;
  const auto encode = [&] {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i]->empty()) continue;
      int n_cached = 0;
      values[i] = model_.project(*inputs[i], &n_cached);
      report.n_cached += n_cached;
    }
  };
  run_encoders(encode, unwanted);
  report.ms = milliseconds_since(start);
  metrics_.count_encoding(report.ms / 1000, report.n_inputs, report.n_cached);
  return values;
}

PromptSequence Engine::prompt(const ConversationRequest& request,
                              const std::function<bool()>& unwanted, EncodeReport& report) {
  std::vector<const Inputs*> inputs;
  for (const ConversationRequest::Question& question : request.questions)
    inputs.push_back(&question.inputs);
  return conversation_of(request, project(inputs, unwanted, report))
      .sequence(request.questions.back().text);
}

std::string Engine::prompt_text(const ConversationRequest& request, const std::string& mark) const {
  // Any values: only their places count.
  const std::vector<float> some(static_cast<std::size_t>(model_.llm()->n_embd()));
  std::vector<std::vector<float>> images;
  for (const ConversationRequest::Question& question : request.questions)
    images.push_back(question.inputs.empty() ? std::vector<float>() : some);
  return conversation_of(request, std::move(images)).text(request.questions.back().text, mark);
}

Conversation Engine::conversation_of(const ConversationRequest& request,
                                     std::vector<std::vector<float>> images) const {
  Conversation conversation(model_.llm(), model_.manifest().prompt);
  for (std::size_t i = 0; i < request.answers.size(); ++i) {
    conversation.add_image(std::move(images[i]));
    conversation.add_turn({request.questions[i].text, request.answers[i]});
  }
  conversation.add_image(std::move(images.back()));
  return conversation;
}

PromptSequence Engine::raw_prompt(const std::vector<std::string>& texts,
                                  const std::vector<Inputs>& inputs,
                                  const std::function<bool()>& unwanted, EncodeReport& report) {
  std::vector<const Inputs*> places;
  for (const Inputs& one : inputs)
    places.push_back(&one);
  std::vector<std::vector<float>> values = project(places, unwanted, report);
  PromptSequence prompt;
  prompt.tokens.push_back(model_.llm()->bos());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<std::int32_t> more = model_.llm()->tokenize(texts[i]);
    prompt.tokens.insert(prompt.tokens.end(), more.begin(), more.end());
    if (i == inputs.size()) break;
    prompt.media.push_back(make_prompt_media(std::move(values[i])));
    prompt.tokens.insert(prompt.tokens.end(),
                         static_cast<std::size_t>(model_.projector().n_image_tokens()),
                         -static_cast<std::int32_t>(prompt.media.size()));
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
                                              const std::function<bool()>& unwanted) {
  const Clock::time_point start = Clock::now();
  std::vector<Input> all;
  for (const Inputs& one : inputs)
    all.insert(all.end(), one.items().begin(), one.items().end());
  std::vector<float> values;
  int n_cached = 0;
  run_encoders([&] { values = model_.encoder().encode(all, &n_cached); }, unwanted);
  metrics_.count_encoding(milliseconds_since(start) / 1000, static_cast<int>(all.size()), n_cached);
  return rows(values);
}

std::vector<std::vector<float>> Engine::embed_texts(const std::vector<std::string>& texts,
                                                    const std::function<bool()>& unwanted) {
  std::vector<float> values;
  run_encoders([&] { values = model_.encoder().encode_texts(texts); }, unwanted);
  return rows(values);
}

}  // namespace pandagpt
