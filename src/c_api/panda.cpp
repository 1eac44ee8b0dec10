// Models and chats of the C interface.
#include <algorithm>

#include "c_api/call.h"
#include "c_api/handles.h"

namespace pandagpt::c_api {
namespace {

std::optional<LaterInputs> later_inputs(pandagpt_later_inputs later) {
  switch (later) {
    case PANDAGPT_LATER_INPUTS_NOT_GIVEN:
      return {};
    case PANDAGPT_LATER_INPUTS_REPLACE:
      return LaterInputs::kReplace;
    case PANDAGPT_LATER_INPUTS_KEEP:
      return LaterInputs::kKeep;
    default:
      fail_usage("later_inputs is " + std::to_string(later) + ", which is none of its values");
  }
}

pandagpt_panda_options default_panda_options() {
  pandagpt_panda_options options{};
  options.struct_size = sizeof(options);
  const PandaOptions defaults;
  options.device = nullptr;  // PandaOptions' own
  options.n_gpu_layers = defaults.n_gpu_layers;
  options.repack = defaults.repack;
  options.use_adapter = defaults.use_adapter;
  options.n_threads = defaults.n_threads;
  options.n_ctx = defaults.n_ctx;
  options.n_parallel = defaults.n_parallel;
  options.later_inputs = PANDAGPT_LATER_INPUTS_NOT_GIVEN;
  options.verify = defaults.verify;
  options.use_cache = defaults.use_cache;
  options.max_pixels = defaults.limits.max_pixels;
  options.max_seconds = defaults.limits.max_seconds;
  options.max_decode_seconds = defaults.limits.max_decode_seconds;
  options.say_unsure = defaults.say_unsure;
  return options;
}

PandaOptions panda_options(const pandagpt_panda_options* options) {
  PandaOptions result;
  if (options == nullptr) return result;
  const pandagpt_panda_options& from = read_struct(*options, "options");
  if (from.device != nullptr) result.device = from.device;
  result.encoder_device = text_or(from.encoder_device, "");
  result.n_gpu_layers = from.n_gpu_layers;
  result.repack = from.repack;
  for (std::size_t i = 0; i < from.n_rpc_servers; ++i) {
    required(from.rpc_servers, "rpc_servers");
    result.rpc_servers.emplace_back(required_text(from.rpc_servers[i], "rpc_servers[]"));
  }
  result.use_adapter = from.use_adapter;
  result.n_threads = from.n_threads;
  result.n_ctx = from.n_ctx;
  result.n_parallel = from.n_parallel;
  result.later_inputs = later_inputs(from.later_inputs);
  result.verify = from.verify;
  result.use_cache = from.use_cache;
  result.cache_file = text_or(from.cache_file, "");
  result.limits = {from.max_pixels, from.max_seconds, from.max_decode_seconds};
  result.say_unsure = from.say_unsure;
  result.system_message = text_or(from.system_message, "");
  if (from.on_warning != nullptr)
    result.on_warning = [on_warning = from.on_warning, user = from.on_warning_user](
                            const std::string& warning) { on_warning(warning.c_str(), user); };
  return result;
}

pandagpt_panda open_panda(const char* model, const pandagpt_panda_options* options) {
  pandagpt_panda handle{Panda(required_text(model, "model"), panda_options(options)), {}, {}};
  const ModelInfo& info = handle.panda.info();
  for (const Modality modality : info.modalities)
    handle.modalities.push_back(number_of(modality));
  for (const std::string& question : info.example_questions)
    handle.example_questions.push_back(question.c_str());
  return handle;
}

pandagpt_model_info model_info(const pandagpt_panda& handle) {
  const ModelInfo& from = handle.panda.info();
  return {.struct_size = sizeof(pandagpt_model_info),
          .name = from.name.c_str(),
          .folder = from.folder.c_str(),
          .licence = from.licence.c_str(),
          .licence_note = from.licence_note.c_str(),
          .limitations = from.limitations.c_str(),
          .provenance = from.provenance.c_str(),
          .language_model = from.language_model.c_str(),
          .embedding_dim = from.embedding_width,
          .n_image_tokens = from.n_image_tokens,
          .n_ctx = from.n_ctx,
          .later_inputs = from.later_inputs == LaterInputs::kKeep ? PANDAGPT_LATER_INPUTS_KEEP
                                                                  : PANDAGPT_LATER_INPUTS_REPLACE,
          .modalities = handle.modalities.data(),
          .n_modalities = handle.modalities.size(),
          .example_questions = handle.example_questions.data(),
          .n_example_questions = handle.example_questions.size()};
}

Turn turn_of(const char* question, const char* answer) {
  return {required_text(question, "question"), required_text(answer, "answer")};
}

}  // namespace
}  // namespace pandagpt::c_api

using namespace pandagpt::c_api;

pandagpt_status pandagpt_panda_options_init(pandagpt_panda_options* options, size_t struct_size) {
  return guarded([&] { write_struct(default_panda_options(), options, struct_size, "options"); });
}

pandagpt_status pandagpt_panda_open(const char* model, const pandagpt_panda_options* options,
                                    pandagpt_panda** panda) {
  return create(panda, "panda", [&] { return open_panda(model, options); });
}

void pandagpt_panda_free(pandagpt_panda* panda) {
  delete panda;
}

pandagpt_status pandagpt_panda_info(const pandagpt_panda* panda, pandagpt_model_info* info) {
  return guarded([&] {
    write_struct(model_info(required(panda, "panda")), info, required(info, "info").struct_size,
                 "info");
  });
}

pandagpt_status pandagpt_panda_ask(const pandagpt_panda* panda, const pandagpt_inputs* inputs,
                                   const char* question, const pandagpt_generate_options* options,
                                   pandagpt_on_text on_text, void* user, pandagpt_answer** answer) {
  return create(answer, "answer", [&] {
    const pandagpt::Panda& model = required(panda, "panda").panda;
    return model.ask(inputs_of(inputs), required_text(question, "question"),
                     generate_options(options, model.default_options()),
                     text_callback(on_text, user));
  });
}

pandagpt_status pandagpt_panda_embed(const pandagpt_panda* panda, const pandagpt_inputs* inputs,
                                     float* rows, size_t n_values) {
  return guarded([&] {
    const pandagpt::Panda& model = required(panda, "panda").panda;
    const pandagpt::Inputs& given = required(inputs, "inputs").inputs;
    require_room(rows, n_values,
                 given.items().size() * static_cast<std::size_t>(model.info().embedding_width),
                 "rows");
    std::ranges::copy(model.embed(given), rows);
  });
}

pandagpt_status pandagpt_chat_create(const pandagpt_panda* panda, pandagpt_chat** chat) {
  if (chat != nullptr) *chat = nullptr;
  return guarded([&] {
    const pandagpt::Panda& model = required(panda, "panda").panda;
    required(chat, "chat");
    *chat = new pandagpt_chat{model.start_chat(), model.default_options(), {}};
  });
}

void pandagpt_chat_free(pandagpt_chat* chat) {
  delete chat;
}

pandagpt_status pandagpt_chat_set_inputs(pandagpt_chat* chat, const pandagpt_inputs* inputs) {
  return guarded([&] { required(chat, "chat").chat.set_inputs(inputs_of(inputs)); });
}

pandagpt_status pandagpt_chat_add_inputs(pandagpt_chat* chat, const pandagpt_inputs* inputs) {
  return guarded(
      [&] { required(chat, "chat").chat.add_inputs(required(inputs, "inputs").inputs); });
}

pandagpt_status pandagpt_chat_ask(pandagpt_chat* chat, const char* question,
                                  const pandagpt_generate_options* options,
                                  pandagpt_on_text on_text, void* user, pandagpt_answer** answer) {
  return create(answer, "answer", [&] {
    return required(chat, "chat")
        .chat.ask(required_text(question, "question"),
                  generate_options(options, chat->default_options), text_callback(on_text, user));
  });
}

pandagpt_status pandagpt_chat_regenerate(pandagpt_chat* chat,
                                         const pandagpt_generate_options* options,
                                         pandagpt_on_text on_text, void* user,
                                         pandagpt_answer** answer) {
  return create(answer, "answer", [&] {
    return required(chat, "chat")
        .chat.regenerate(generate_options(options, chat->default_options),
                         text_callback(on_text, user));
  });
}

pandagpt_status pandagpt_chat_reset(pandagpt_chat* chat) {
  return guarded([&] { required(chat, "chat").chat.reset(); });
}

size_t pandagpt_chat_turn_count(const pandagpt_chat* chat) {
  std::size_t count = 0;
  if (chat != nullptr) guarded([&] { count = chat->chat.history().size(); });
  return count;
}

pandagpt_status pandagpt_chat_turn(pandagpt_chat* chat, size_t index, pandagpt_turn* turn) {
  return guarded([&] {
    required(turn, "turn") = {};
    pandagpt_chat& handle = required(chat, "chat");
    std::vector<pandagpt::Turn> turns = handle.chat.history();
    if (index >= turns.size())
      fail_usage("the chat has " + std::to_string(turns.size()) + " turns, so none of number " +
                 std::to_string(index));
    handle.turn = std::move(turns[index]);
    *turn = {handle.turn.question.c_str(), handle.turn.answer.c_str()};
  });
}

pandagpt_status pandagpt_chat_set_history(pandagpt_chat* chat, const pandagpt_turn* turns,
                                          size_t n_turns) {
  return guarded([&] {
    required(chat, "chat");
    std::vector<pandagpt::Turn> history;
    for (std::size_t i = 0; i < n_turns; ++i) {
      required(turns, "turns");
      history.push_back(turn_of(turns[i].question, turns[i].answer));
    }
    chat->chat.set_history(history);
  });
}

pandagpt_status pandagpt_chat_add_turn(pandagpt_chat* chat, const char* question,
                                       const char* answer) {
  return guarded([&] { required(chat, "chat").chat.add_turn(turn_of(question, answer)); });
}
