#include "server/info_routes.h"

#include <algorithm>
#include <utility>

#include "server/api_error.h"
#include "server/json_fields.h"
#include "tensor/devices.h"

namespace pandagpt {
namespace {

using nlohmann::json;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxTokens = 1 << 20;

Json model_json(const Engine& engine) {
  const LoadedModel& model = engine.model();
  Json inputs = Json::array({"text"});
  for (const Modality modality : model.info().modalities)
    inputs.push_back(to_string(modality));
  return {{"id", engine.name()},
          {"object", "model"},
          {"created", 0},
          {"owned_by", "pandagpt"},
          {"meta",
           {{"n_vocab", model.llm()->n_vocab()},
            {"n_ctx", engine.scheduler().n_ctx()},
            {"n_ctx_train", model.llm()->n_ctx_train()},
            {"n_embd", model.llm()->n_embd()},
            {"n_params", model.llm()->n_parameters()},
            {"embedding_width", model.info().embedding_width},
            {"description", model.info().language_model},
            {"licence", model.info().licence},
            {"licence_note", model.info().licence_note},
            {"limitations", model.info().limitations},
            {"inputs", std::move(inputs)},
            {"embeds_text", model.encoder().takes_text()}}}};
}

Json settings_json(const GenerateOptions& options) {
  return {{"max_tokens", options.max_tokens},
          {"temperature", options.greedy ? 0 : options.temperature},
          {"top_p", options.top_p},
          {"top_k", options.top_k},
          {"min_p", options.min_p},
          {"repeat_penalty", options.repeat_penalty},
          {"frequency_penalty", options.frequency_penalty},
          {"presence_penalty", options.presence_penalty},
          {"n_beams", options.n_beams},
          {"n_draft", options.n_draft}};
}

/// "cpu", or "cuda0; encoders: cpu".
std::string devices_in_words(const PandaOptions& options) {
  const std::string llm = device_name(find_device(options.device));
  if (options.encoder_device.empty()) return llm;
  const std::string encoders = device_name(find_device(options.encoder_device));
  return encoders == llm ? llm : llm + "; encoders: " + encoders;
}

}  // namespace

void health(ServerContext& server, WebRequest& /*request*/, WebResponse& response) {
  if (server.admission.is_closed()) throw ApiError::unavailable("the server is being stopped");
  server.engine();  // throws while loading
  response.body = R"({"status":"ok"})";
}

void describe_models(ServerContext& server, WebRequest& /*request*/, WebResponse& response) {
  const Engine& engine = server.engine();
  const Json model = model_json(engine);
  response.body = dump_json(
      {{"object", "list"},
       {"data", Json::array({model})},
       {"models", Json::array({{{"name", engine.name()},
                                {"model", engine.name()},
                                {"capabilities",
                                 Json::array({"completion", "multimodal", "embeddings"})}}})}});
}

void show_model(ServerContext& server, WebRequest& /*request*/, const std::string& name,
                WebResponse& response) {
  const Engine& engine = server.engine();
  if (!engine.is_called(name))
    throw ApiError::model_not_found("there is no model of that name; this server has '" +
                                    engine.name() + "'");
  response.body = dump_json(model_json(engine));
}

void props(ServerContext& server, WebRequest& /*request*/, WebResponse& response) {
  const Engine& engine = server.engine();
  const LoadedModel& model = engine.model();
  Json modalities;
  for (const Modality modality : kAllModalities)
    modalities[to_string(modality)] = model.encoder().takes(modality);
  modalities["vision"] = model.encoder().takes(Modality::kImage);
  const PromptTemplate& format = model.manifest().prompt;
  const RequestLimits& limits = server.options.limits;
  response.body =
      dump_json({{"model_alias", engine.name()},
                 {"total_slots", server.options.n_slots},
                 {"n_ctx", engine.scheduler().n_ctx()},
                 {"default_generation_settings",
                  {{"n_ctx", engine.scheduler().n_ctx()},
                   {"params", settings_json(model.manifest().sampling)}}},
                 {"modalities", std::move(modalities)},
                 {"embeds_text", model.encoder().takes_text()},
                 {"media_marker", server.media_marker},
                 {"chat_template", format.first_human + server.media_marker +
                                       image_question_piece(format, "{question}") +
                                       answer_piece(format, "{answer}")},
                 {"later_inputs", to_string(model.manifest().later_inputs)},
                 {"example_questions", model.info().example_questions},
                 {"licence", model.info().licence},
                 {"licence_note", model.info().licence_note},
                 {"limitations", model.info().limitations},
                 {"device", devices_in_words(server.options.panda)},
                 {"limits",
                  {{"max_body_bytes", server.options.web.max_body_bytes},
                   {"max_file_bytes", server.files ? server.options.files.max_file_bytes : 0},
                   {"max_inputs", limits.max_parts},
                   {"max_pixels", limits.inputs.max_pixels},
                   {"max_seconds", limits.inputs.max_seconds},
                   {"max_tokens", limits.max_tokens},
                   {"max_choices", limits.max_choices}}},
                 {"keeps",
                  {{"files_seconds", server.files ? server.options.files.seconds_to_live : 0},
                   {"embeddings", !server.options.panda.cache_file.empty()},
                   {"texts_in_log", server.log.with_content()}}},
                 {"fetches_urls", server.options.allow_urls},
                 {"build_info", PANDAGPT_VERSION}});
}

void slots(ServerContext& server, WebRequest& request, WebResponse& response) {
  if (!server.options.has_slots)
    throw ApiError::not_supported("this server doesn't show its slots (--no-slots)");
  const Engine& engine = server.engine();
  Json list = Json::array();
  bool has_idle = false;
  for (const SlotState& slot : engine.scheduler().slots()) {
    has_idle = has_idle || slot.request == 0;
    list.push_back({{"id", slot.id},
                    {"id_task", slot.request == 0 ? Json(-1) : Json(slot.request)},
                    {"is_processing", slot.request != 0},
                    {"state", slot.request == 0 ? "idle"
                              : slot.in_prompt  ? "prompt"
                                                : "answer"},
                    {"n_ctx", engine.scheduler().n_ctx()},
                    {"n_cached", slot.n_cached},
                    {"n_prompt", slot.n_prompt},
                    {"n_decoded", slot.n_generated}});
  }
  if (!has_idle && request.query("fail_on_no_slot") == "1")
    throw ApiError::unavailable("every slot is busy");
  response.body = dump_json(list);
}

void metrics(ServerContext& server, WebRequest& /*request*/, WebResponse& response) {
  if (!server.options.has_metrics)
    throw ApiError::not_supported("this server shows no metrics (--no-metrics)");
  const Engine& engine = server.engine();
  Metrics::Gauges gauges;
  gauges.scheduler = engine.scheduler().counters();
  gauges.n_slots = server.options.n_slots;
  gauges.n_in_flight = server.admission.n_inside();
  gauges.n_encoder_jobs = engine.encoder_jobs().size();
  if (server.web != nullptr) gauges.n_connections = server.web->n_connections();
  if (server.files) gauges.stored_bytes = server.files->total_bytes();
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = server.metrics.text(gauges);
}

void tokenize(ServerContext& server, WebRequest& request, WebResponse& response) {
  const LlmModel& llm = *server.engine().model().llm();
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  std::vector<std::int32_t> tokens = llm.tokenize(body.require_text("content"));
  if (body.boolean("add_special")) tokens.insert(tokens.begin(), llm.bos());
  Json list = Json::array();
  const bool with_pieces = body.boolean("with_pieces");
  for (const std::int32_t token : tokens) {
    if (!with_pieces) {
      list.push_back(token);
      continue;
    }
    // Pieces may be parts of characters: those are shown as U+FFFD.
    list.push_back({{"id", token}, {"piece", llm.token_to_piece(token)}});
  }
  response.body = dump_json({{"tokens", std::move(list)}});
}

void detokenize(ServerContext& server, WebRequest& request, WebResponse& response) {
  const LlmModel& llm = *server.engine().model().llm();
  const json value = parse_json_object(request.read_body());
  const JsonFields body(value);
  body.require("tokens");
  std::string text;
  for (const json* one : body.list("tokens", kMaxTokens)) {
    const bool is_token = one->is_number_integer() && *one >= 0 && *one < llm.n_vocab();
    if (!is_token)
      body.fail("tokens",
                "must be a list of numbers from 0 to " + std::to_string(llm.n_vocab() - 1));
    text += llm.token_to_piece(one->get<std::int32_t>());
  }
  response.body = dump_json({{"content", text}});
}

}  // namespace pandagpt
