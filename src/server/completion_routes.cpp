#include "server/completion_routes.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "media/media_kind.h"
#include "pipeline/unsure_text.h"
#include "server/api_error.h"
#include "server/chat_messages.h"
#include "server/completion_json.h"
#include "server/generation_settings.h"
#include "server/json_fields.h"
#include "server/random_id.h"

namespace pandagpt {
namespace {

using nlohmann::json;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

/// A client that has gone is noticed within this time, or at the next piece of text.
constexpr auto kLookInterval = std::chrono::milliseconds(20);
constexpr const char* kDone = "data: [DONE]\n\n";
constexpr const char* kPing = ": ping\n\n";

std::int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string event(const Json& value) {
  return "data: " + dump_json(value) + "\n\n";
}

std::chrono::duration<double> ping_interval(const ServerContext& server) {
  return std::chrono::duration<double>(server.options.ping_seconds);
}

/// Fields of OpenAI's and llama.cpp's protocols that have no influence on an answer here, and that
/// their clients send unasked.
bool changes_nothing(std::string_view key) {
  constexpr std::string_view kKeys[] = {"user",
                                        "metadata",
                                        "store",
                                        "service_tier",
                                        "safety_identifier",
                                        "prompt_cache_key",
                                        "prompt_cache_retention",
                                        "parallel_tool_calls",
                                        "tool_choice",
                                        "function_call",
                                        "cache_prompt",
                                        "id_slot",
                                        "n_keep",
                                        "samplers",
                                        "timings_per_token",
                                        "return_tokens",
                                        "return_progress",
                                        "post_sampling_probs"};
  return std::ranges::find(kKeys, key) != std::end(kKeys);
}

/// A stream of events that shows its life while there is nothing to say.
class Heartbeat {
 public:
  Heartbeat(WebStream& out, std::chrono::duration<double> interval)
      : out_(out), interval_(interval) {}

  /// False if the client has gone. Of nothing, a ping is made when it is time for one.
  bool write(std::string_view piece) {
    if (piece.empty() && Clock::now() - last_ >= interval_) return ping();
    if (!piece.empty()) last_ = Clock::now();
    return out_.write(piece);  // an empty piece only looks whether the client is there
  }
  bool ping() {
    last_ = Clock::now();
    return out_.write(kPing);
  }

 private:
  WebStream& out_;
  const std::chrono::duration<double> interval_;
  Clock::time_point last_ = Clock::now();
};

/// An accepted request whose answers are being computed. Whatever way it ends, its places become
/// free and the answers stop.
class Completion {
 public:
  Completion(ServerContext& server, CompletionHeader header, GenerationSettings settings,
             Admission::Ticket ticket, std::shared_ptr<RequestFacts> facts)
      : server_(server),
        facts_(std::move(facts)),
        header_(std::move(header)),
        settings_(std::move(settings)),
        ticket_(std::move(ticket)),
        answers_(static_cast<std::size_t>(settings_.n_choices)),
        unsure_(answers_.size()) {}
  ~Completion() {
    if (stream_) stream_->cancel();
  }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  const GenerationSettings& settings() const { return settings_; }

  /// To be called when all of the request has been read: the fields that nobody knows become
  /// warnings.
  void note_unknown_fields(const JsonFields& body) {
    for (const std::string& key : body.unread_keys())
      if (!changes_nothing(key))
        notes_.push_back("'" + key + "' is not known to this server and was ignored");
  }

  /// What is to be answered; the answer ends at the prompt's own `stops` too.
  void prepare(std::unique_ptr<PendingPrompt> prompt, std::vector<std::string> stops) {
    prompt_ = std::move(prompt);
    if (!settings_.ignore_eos) stops_ = std::move(stops);
    stops_.insert(stops_.end(), settings_.stops.begin(), settings_.stops.end());
  }

  /// Whether the prompt is on its way through the language model; waits for its inputs up to
  /// `patience`. Throws what is wrong with them, and ApiError if the prompt doesn't fit.
  bool start(std::chrono::milliseconds patience) {
    if (stream_) return true;
    std::optional<PromptSequence> prompt = prompt_->wait(patience);
    if (!prompt) return false;
    header_.encoding = prompt_->report();
    auto& warnings = header_.encoding.warnings;
    warnings.insert(warnings.begin(), notes_.begin(), notes_.end());
    facts_->n_inputs = header_.encoding.n_inputs;
    facts_->encode_ms = header_.encoding.ms;
    submit(std::move(*prompt));
    return true;
  }

  /// Waits for all answers. Throws ClientGone, and what the scheduler failed by.
  Json whole(const WebRequest& request) {
    while (!stream_->done()) {
      if (auto update = stream_->next(kLookInterval)) take(shown(std::move(*update)));
      if (request.peer_is_gone()) throw ClientGone();
    }
    return completion_json(header_, answers_);
  }

  /// Sends the answers as server-sent events while they come.
  void send(WebStream& out) {
    try {
      Heartbeat heartbeat(out, ping_interval(server_));
      if (!wait_for_prompt(heartbeat) || !send_answers(heartbeat)) {
        facts_->client_gone = true;
        return;
      }
      if (settings_.include_usage && header_.form != CompletionForm::kNative)
        out.write(event(usage_chunk(header_, answers_)));
    } catch (...) {  // the status has been sent: the error is an event
      const ApiError error = api_error_of(std::current_exception());
      facts_->error_type = error.type();
      out.write(event(error.to_json()));
    }
    if (header_.form != CompletionForm::kNative) out.write(kDone);
  }

 private:
  void submit(PromptSequence prompt) {
    stream_ = server_.engine().scheduler().submit({.prompt = std::move(prompt),
                                                   .options = settings_.options,
                                                   .stops = std::move(stops_),
                                                   .n_choices = settings_.n_choices,
                                                   .ignore_eos = settings_.ignore_eos});
  }

  /// The update as it is shown: of an answer about something strange, with its beginning.
  GenerationUpdate shown(GenerationUpdate update) {
    if (!header_.encoding.is_unsure || header_.form != CompletionForm::kChat) return update;
    UnsureText& text = unsure_[static_cast<std::size_t>(update.choice)];
    update.text = text.push(update.text);
    if (update.finished) {
      update.text += text.finish();
      update.finished->text = unsure_text(update.finished->text);
      update.finished->is_unsure = true;
    }
    return update;
  }

  void take(const GenerationUpdate& update) {
    if (!update.finished) return;
    answers_[static_cast<std::size_t>(update.choice)] = *update.finished;
    server_.metrics.count_answer(*update.finished);
    facts_->count(*update.finished);
  }

  /// False if the client has gone.
  bool wait_for_prompt(Heartbeat& heartbeat) {
    if (stream_) return true;
    if (!heartbeat.ping()) return false;  // it is late already
    while (!start(kLookInterval))
      if (!heartbeat.write({})) return false;
    return true;
  }

  bool send_answers(Heartbeat& heartbeat) {
    if (header_.form == CompletionForm::kChat)
      for (int choice = 0; choice < settings_.n_choices; ++choice)
        if (!heartbeat.write(event(first_chunk(header_, choice)))) return false;
    while (!stream_->done()) {
      std::optional<GenerationUpdate> update = stream_->next(kLookInterval);
      std::string piece;
      if (update) {
        update = shown(std::move(*update));
        take(*update);
        if (!update->text.empty())
          piece += event(text_chunk(header_, update->choice, update->text));
        if (update->finished)
          piece += event(last_chunk(header_, update->choice, *update->finished));
      }
      if (!heartbeat.write(piece)) return false;
    }
    return true;
  }

  ServerContext& server_;
  std::shared_ptr<RequestFacts> facts_;
  CompletionHeader header_;
  GenerationSettings settings_;
  Admission::Ticket ticket_;
  std::vector<Answer> answers_;
  std::vector<UnsureText> unsure_;  // one a choice
  std::unique_ptr<PendingPrompt> prompt_;
  std::vector<std::string> stops_;
  std::vector<std::string> notes_;  // warnings about the request itself
  std::shared_ptr<GenerationStream> stream_;
};

std::shared_ptr<Completion> accept(ServerContext& server, const WebRequest& request,
                                   const JsonFields& body, CompletionForm form) {
  Engine& engine = server.engine();
  GenerationSettings settings =
      read_generation_settings(body, engine.model().manifest().sampling, server.options.limits);
  server.check_model(body);
  CompletionHeader header;
  header.form = form;
  header.id = random_id(form == CompletionForm::kChat ? "chatcmpl-" : "cmpl-");
  header.created = unix_time();
  header.model = engine.name();
  Admission::Ticket ticket = server.admission.enter(settings.n_choices);
  return std::make_shared<Completion>(server, std::move(header), std::move(settings),
                                      std::move(ticket), request.facts);
}

void answer(ServerContext& server, const std::shared_ptr<Completion>& completion,
            const WebRequest& request, WebResponse& response) {
  // A stream begins when a ping is due: what is found wrong with inputs until then has a status.
  const auto patience = Clock::now() + ping_interval(server);
  const bool is_stream = completion->settings().stream;
  while (!completion->start(kLookInterval) && !(is_stream && Clock::now() >= patience))
    if (request.peer_is_gone()) throw ClientGone();
  if (!is_stream) {
    response.body = dump_json(completion->whole(request));
    return;
  }
  response.content_type = "text/event-stream";
  response.headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
  response.stream = [completion](WebStream& out) { completion->send(out); };
}

/// The raw prompt of /v1/completions: a text, or a list of one.
std::string read_prompt(const JsonFields& body) {
  const json& prompt = body.require("prompt");
  if (prompt.is_string()) return prompt.get<std::string>();
  if (prompt.is_array() && prompt.size() == 1 && prompt[0].is_string())
    return prompt[0].get<std::string>();
  body.fail("prompt", "must be one text; several prompts need several requests");
}

std::vector<std::string> split(const std::string& text, const std::string& mark) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t at = 0; (at = text.find(mark, begin)) != std::string::npos;
       begin = at + mark.size())
    parts.push_back(text.substr(begin, at - begin));
  parts.push_back(text.substr(begin));
  return parts;
}

struct RawPrompt {
  std::vector<std::string> texts;
  std::vector<Inputs> inputs;  // one less
};

/// {"prompt": TEXT} or {"prompt": {"prompt_string": TEXT, "multimodal_data": [BASE64, ..]}}.
RawPrompt read_native_prompt(const ServerContext& server, const MediaParts& media,
                             const JsonFields& body) {
  if (!body.require("prompt").is_object()) return {{read_prompt(body)}, {}};
  const JsonFields prompt = *body.object("prompt");
  RawPrompt result{split(prompt.require_text("prompt_string"), server.media_marker), {}};
  for (const json* one : prompt.list("multimodal_data", server.options.limits.max_parts)) {
    if (!one->is_string()) prompt.fail("multimodal_data", "must be a list of base64 texts");
    Input input =
        media.fetch(one->get<std::string>(), Modality::kImage, prompt.name_of("multimodal_data"));
    if (!input.bytes.empty()) input.modality = media_kind(input.bytes, input.name);
    result.inputs.emplace_back().add(std::move(input));
  }
  if (result.texts.size() != result.inputs.size() + 1)
    prompt.fail("multimodal_data",
                "has " + std::to_string(result.inputs.size()) + " inputs, and the prompt " +
                    std::to_string(result.texts.size() - 1) + " markers (/props tells the marker)");
  return result;
}

ConversationRequest read_conversation(ServerContext& server, const WebRequest& request,
                                      const JsonFields& body) {
  return read_messages(body, server.media(request), server.options.limits,
                       server.engine().model().manifest().later_inputs);
}

/// Answers an accepted completion of a raw prompt.
void complete_raw(ServerContext& server, const std::shared_ptr<Completion>& completion,
                  RawPrompt prompt, const WebRequest& request, WebResponse& response) {
  if (request.facts->keeps_content)
    for (const std::string& text : prompt.texts)
      request.facts->content.emplace_back("prompt", text);
  completion->prepare(server.engine().raw_prompt(std::move(prompt.texts), std::move(prompt.inputs)),
                      {});
  answer(server, completion, request, response);
}

}  // namespace

void chat_completions(ServerContext& server, WebRequest& request, WebResponse& response) {
  Engine& engine = server.engine();
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  const auto completion = accept(server, request, body, CompletionForm::kChat);
  ConversationRequest conversation = read_conversation(server, request, body);
  completion->note_unknown_fields(body);
  if (request.facts->keeps_content)
    request.facts->content.emplace_back("prompt",
                                        engine.prompt_text(conversation, server.media_marker));
  completion->prepare(engine.prompt(std::move(conversation)),
                      {engine.model().manifest().prompt.stop});
  answer(server, completion, request, response);
}

void text_completions(ServerContext& server, WebRequest& request, WebResponse& response) {
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  const auto completion = accept(server, request, body, CompletionForm::kText);
  RawPrompt prompt{{read_prompt(body)}, {}};
  completion->note_unknown_fields(body);
  complete_raw(server, completion, std::move(prompt), request, response);
}

void native_completion(ServerContext& server, WebRequest& request, WebResponse& response) {
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  const auto completion = accept(server, request, body, CompletionForm::kNative);
  if (completion->settings().n_choices != 1) body.fail("n", "must be 1 here");
  RawPrompt prompt = read_native_prompt(server, server.media(request), body);
  completion->note_unknown_fields(body);
  complete_raw(server, completion, std::move(prompt), request, response);
}

void apply_template(ServerContext& server, WebRequest& request, WebResponse& response) {
  const json value = parse_json_object(request.read_body());
  const ConversationRequest conversation = read_conversation(server, request, JsonFields(value));
  response.body =
      dump_json({{"prompt", server.engine().prompt_text(conversation, server.media_marker)}});
}

}  // namespace pandagpt
