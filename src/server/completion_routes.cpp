#include "server/completion_routes.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "media/media_kind.h"
#include "server/api_error.h"
#include "server/chat_messages.h"
#include "server/completion_json.h"
#include "server/generation_settings.h"
#include "server/json_fields.h"

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

/// An accepted request whose answers are being computed. Whatever way it ends, its places become
/// free and the answers stop.
class Completion {
 public:
  Completion(ServerContext& server, CompletionHeader header, GenerationSettings settings,
             Admission::Ticket ticket)
      : server_(server),
        header_(std::move(header)),
        settings_(std::move(settings)),
        ticket_(std::move(ticket)),
        answers_(static_cast<std::size_t>(settings_.n_choices)) {}
  ~Completion() {
    if (stream_) stream_->cancel();
  }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;

  CompletionHeader& header() { return header_; }
  const GenerationSettings& settings() const { return settings_; }

  /// Throws ApiError if the prompt doesn't fit.
  void start(PromptSequence prompt, std::vector<std::string> stops) {
    Engine& engine = server_.engine();
    const std::size_t needed = prompt.tokens.size() + 1;
    if (needed > static_cast<std::size_t>(engine.scheduler().n_ctx()))
      throw ApiError::context_size("the conversation needs " + std::to_string(needed) +
                                   " positions, and the context has " +
                                   std::to_string(engine.scheduler().n_ctx()) +
                                   ": leave out its beginning, or ask a shorter question");
    stops.insert(stops.end(), settings_.stops.begin(), settings_.stops.end());
    stream_ = engine.scheduler().submit({.prompt = std::move(prompt),
                                         .options = settings_.options,
                                         .stops = std::move(stops),
                                         .n_choices = settings_.n_choices});
  }

  /// Waits for all answers. Throws ClientGone, and what the scheduler failed by.
  Json whole(const WebRequest& request) {
    while (!stream_->done()) {
      if (const auto update = stream_->next(kLookInterval)) take(*update);
      if (request.peer_is_gone()) throw ClientGone();
    }
    return completion_json(header_, answers_);
  }

  /// Sends the answers as server-sent events while they come.
  void send(WebStream& out) {
    try {
      if (!send_answers(out)) return;
      if (settings_.include_usage && header_.form != CompletionForm::kNative)
        out.write(event(usage_chunk(header_, answers_)));
    } catch (...) {  // the status has been sent: the error is an event
      out.write(event(api_error_of(std::current_exception()).to_json()));
    }
    if (header_.form != CompletionForm::kNative) out.write(kDone);
  }

 private:
  void take(const GenerationUpdate& update) {
    if (!update.finished) return;
    answers_[static_cast<std::size_t>(update.choice)] = *update.finished;
    server_.metrics.count_answer(*update.finished);
  }

  bool send_answers(WebStream& out) {
    if (header_.form == CompletionForm::kChat)
      for (int choice = 0; choice < settings_.n_choices; ++choice)
        if (!out.write(event(first_chunk(header_, choice)))) return false;
    const auto ping_interval = std::chrono::seconds(server_.options.ping_seconds);
    Clock::time_point last_sign = Clock::now();
    while (!stream_->done()) {
      const auto update = stream_->next(kLookInterval);
      std::string piece;
      if (update) {
        take(*update);
        if (!update->text.empty())
          piece += event(text_chunk(header_, update->choice, update->text));
        if (update->finished)
          piece += event(last_chunk(header_, update->choice, *update->finished));
      } else if (Clock::now() - last_sign >= ping_interval) {
        piece = kPing;
      }
      // An empty piece only looks whether the client is there.
      if (!out.write(piece)) return false;
      if (!piece.empty()) last_sign = Clock::now();
    }
    return true;
  }

  ServerContext& server_;
  CompletionHeader header_;
  GenerationSettings settings_;
  Admission::Ticket ticket_;
  std::vector<Answer> answers_;
  std::shared_ptr<GenerationStream> stream_;
};

std::shared_ptr<Completion> accept(ServerContext& server, const JsonFields& body,
                                   CompletionForm form) {
  Engine& engine = server.engine();
  GenerationSettings settings =
      read_generation_settings(body, engine.model().manifest().sampling, server.options.limits);
  body.text("model");
  body.text("user");
  CompletionHeader header;
  header.form = form;
  header.id = random_id(form == CompletionForm::kChat ? "chatcmpl-" : "cmpl-");
  header.created = unix_time();
  header.model = engine.name();
  Admission::Ticket ticket = server.admission.enter(settings.n_choices);
  return std::make_shared<Completion>(server, std::move(header), std::move(settings),
                                      std::move(ticket));
}

void answer(const std::shared_ptr<Completion>& completion, const WebRequest& request,
            WebResponse& response) {
  if (!completion->settings().stream) {
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
RawPrompt read_native_prompt(const ServerContext& server, const JsonFields& body) {
  if (!body.require("prompt").is_object()) return {{read_prompt(body)}, {}};
  const JsonFields prompt = *body.object("prompt");
  RawPrompt result{split(prompt.require_text("prompt_string"), server.media_marker), {}};
  for (const json* one : prompt.list("multimodal_data", server.options.limits.max_parts)) {
    if (!one->is_string()) prompt.fail("multimodal_data", "must be a list of base64 texts");
    Input input = server.media.fetch(one->get<std::string>(), Modality::kImage,
                                     prompt.name_of("multimodal_data"));
    if (!input.bytes.empty()) input.modality = media_kind(input.bytes, input.name);
    result.inputs.emplace_back().add(std::move(input));
  }
  if (result.texts.size() != result.inputs.size() + 1)
    prompt.fail("multimodal_data",
                "has " + std::to_string(result.inputs.size()) + " inputs, and the prompt " +
                    std::to_string(result.texts.size() - 1) + " markers (/props tells the marker)");
  return result;
}

/// Starts an accepted completion of a raw prompt, and answers.
void complete_raw(ServerContext& server, const std::shared_ptr<Completion>& completion,
                  const RawPrompt& prompt, WebRequest& request, WebResponse& response) {
  completion->start(server.engine().raw_prompt(
                        prompt.texts, prompt.inputs, [&request] { return request.peer_is_gone(); },
                        completion->header().encoding),
                    {});
  answer(completion, request, response);
}

}  // namespace

void chat_completions(ServerContext& server, WebRequest& request, WebResponse& response) {
  Engine& engine = server.engine();
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  const auto completion = accept(server, body, CompletionForm::kChat);
  const ConversationRequest conversation = read_messages(body, server.media, server.options.limits);
  PromptSequence prompt = engine.prompt(
      conversation, [&request] { return request.peer_is_gone(); }, completion->header().encoding);
  completion->start(std::move(prompt), {engine.model().manifest().prompt.stop});
  answer(completion, request, response);
}

void text_completions(ServerContext& server, WebRequest& request, WebResponse& response) {
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  const auto completion = accept(server, body, CompletionForm::kText);
  complete_raw(server, completion, {{read_prompt(body)}, {}}, request, response);
}

void native_completion(ServerContext& server, WebRequest& request, WebResponse& response) {
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  const auto completion = accept(server, body, CompletionForm::kNative);
  if (completion->settings().n_choices != 1) body.fail("n", "must be 1 here");
  complete_raw(server, completion, read_native_prompt(server, body), request, response);
}

void apply_template(ServerContext& server, WebRequest& request, WebResponse& response) {
  const json value = parse_json_object(request.read_body());
  const ConversationRequest conversation =
      read_messages(JsonFields(value), server.media, server.options.limits);
  response.body =
      dump_json({{"prompt", server.engine().prompt_text(conversation, server.media_marker)}});
}

}  // namespace pandagpt
