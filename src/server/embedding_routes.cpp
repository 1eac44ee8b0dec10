#include "server/embedding_routes.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "core/base64.h"
#include "facts/facts_json.h"
#include "pipeline/embedding_math.h"
#include "server/api_error.h"
#include "server/json_fields.h"

namespace pandagpt {
namespace {

using nlohmann::json;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxTextBytes = 64 << 10;  // the text towers look at 77 tokens

struct EmbeddingRequest {
  std::vector<std::string> texts;
  std::vector<Inputs> inputs;
  /// In the request's order: which of the texts or inputs.
  struct Place {
    bool is_text;
    std::size_t index;
  };
  std::vector<Place> places;

  void add_text(std::string text) {
    places.push_back({true, texts.size()});
    texts.push_back(std::move(text));
  }
};

void add_item(const MediaParts& media, const JsonFields& body, const json& value,
              const std::string& name, EmbeddingRequest& request) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text.empty() || text.size() > kMaxTextBytes)
      body.fail("input", "must have texts of 1 to " + std::to_string(kMaxTextBytes) + " bytes");
    return request.add_text(text);
  }
  if (!value.is_object())
    body.fail("input",
              "must be a text, a content part, or a list of them; token ids aren't taken "
              "(LangChain: check_embedding_ctx_length=False)");
  const JsonFields part(value, name);
  const std::string type = part.require_text("type");
  if (type == "text") return request.add_text(part.require_text("text"));
  if (!MediaParts::is_media(type))
    part.fail("type", "must be text or a kind of input (image_url, ..)");
  Inputs inputs = media.read(part, type);
  if (inputs.items().size() != 1) part.fail(type, "must be one input here, without 'use_audio'");
  request.places.push_back({false, request.inputs.size()});
  request.inputs.push_back(std::move(inputs));
}

EmbeddingRequest read_inputs(const ServerContext& server, const MediaParts& media,
                             const JsonFields& body) {
  EmbeddingRequest request;
  const json& input = body.require("input");
  if (!input.is_array()) {
    add_item(media, body, input, "input", request);
    return request;
  }
  const auto items = body.list("input", server.options.limits.max_texts);
  if (items.empty()) body.fail("input", "is empty");
  for (std::size_t i = 0; i < items.size(); ++i)
    add_item(media, body, *items[i], "input[" + std::to_string(i) + "]", request);
  if (request.inputs.size() > server.options.limits.max_parts)
    body.fail("input", "has more than " + std::to_string(server.options.limits.max_parts) +
                           " pictures, sounds, ..");
  return request;
}

Json encoded(const std::vector<float>& row, bool as_base64) {
  if (!as_base64) return row;
  // As OpenAI's: little-endian floats.
  return base64({reinterpret_cast<const std::uint8_t*>(row.data()), row.size() * sizeof(float)});
}

}  // namespace

void embeddings(ServerContext& server, WebRequest& request, WebResponse& response) {
  Engine& engine = server.engine();
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  server.check_model(body);
  const std::string format = body.text("encoding_format").value_or("float");
  if (format != "float" && format != "base64")
    body.fail("encoding_format", "must be float or base64");
  const int width = engine.model().encoder().n_embd();
  if (const auto dimensions = body.integer("dimensions", 1, 1 << 20);
      dimensions && *dimensions != width)
    body.fail("dimensions", "must be " + std::to_string(width) + ", or left out");
  const bool normalize = body.boolean("normalize", true);
  const auto ticket = server.admission.enter(1);
  const EmbeddingRequest wanted = read_inputs(server, server.media(request), body);
  const auto unwanted = [&request] { return request.peer_is_gone(); };
  if (request.facts->keeps_content)
    for (const std::string& text : wanted.texts)
      request.facts->content.emplace_back("text", text);
  std::vector<std::vector<float>> texts, inputs;
  EncodeReport report;
  if (body.boolean("facts")) report.facts.emplace();
  if (!wanted.texts.empty()) texts = engine.embed_texts(wanted.texts, unwanted);
  if (!wanted.inputs.empty()) {
    inputs = engine.embed(wanted.inputs, unwanted, report);
    request.facts->n_inputs = report.n_inputs;
    request.facts->encode_ms = report.ms;
  }
  Json data = Json::array();
  for (const EmbeddingRequest::Place& place : wanted.places) {
    std::vector<float>& row = (place.is_text ? texts : inputs)[place.index];
    if (normalize) bring_to_length_one(row);
    data.push_back({{"object", "embedding"},
                    {"index", data.size()},
                    {"embedding", encoded(row, format == "base64")}});
  }
  // The towers' tokens aren't the language model's, and nobody pays for them.
  Json result{{"object", "list"},
              {"data", std::move(data)},
              {"model", engine.name()},
              {"usage", {{"prompt_tokens", 0}, {"total_tokens", 0}}}};
  if (!report.warnings.empty()) result["warnings"] = report.warnings;
  if (report.facts) result["facts"] = facts_json(*report.facts);
  response.body = dump_json(result);
}

}  // namespace pandagpt
