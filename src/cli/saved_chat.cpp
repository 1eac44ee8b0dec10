#include "cli/saved_chat.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/output.h"
#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 20;
constexpr const char* kHuman = "human";
constexpr const char* kModel = "gpt";

Inputs inputs_of(const Json& list) {
  Inputs inputs;
  for (const Json& item : list) {
    const auto kind = item.at("modality").get<std::string>();
    const auto modality = modality_from_name(kind);
    if (!modality) throw std::invalid_argument("'" + kind + "' is no kind of input");
    inputs.add_file(*modality, item.at("path").get<std::string>(), item.value("weight", 1.0F));
  }
  return inputs;
}

std::vector<SavedTurn> turns_of(const Json& list) {
  std::vector<SavedTurn> turns;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool is_question = i % 2 == 0;
    if (list[i].at("from") != (is_question ? kHuman : kModel))
      throw std::invalid_argument("questions ('human') and answers ('gpt') don't alternate");
    auto text = list[i].at("value").get<std::string>();
    if (is_question) turns.emplace_back();
    Turn& turn = turns.back().turn;
    (is_question ? turn.question : turn.answer) = std::move(text);
    if (is_question && list[i].contains("inputs"))
      turns.back().inputs = inputs_of(list[i].at("inputs"));
  }
  if (list.size() % 2 != 0) throw std::invalid_argument("the last question has no answer");
  return turns;
}

}  // namespace

void write_saved_chat(const std::filesystem::path& file, const SavedChat& chat) {
  Json conversation = Json::array();
  for (const SavedTurn& saved : chat.turns) {
    conversation.push_back({{"from", kHuman}, {"value", saved.turn.question}});
    if (!saved.inputs.empty()) conversation.back()["inputs"] = to_json(saved.inputs);
    conversation.push_back({{"from", kModel}, {"value", saved.turn.answer}});
  }
  Json document = {{"model", chat.model},
                   {"inputs", to_json(chat.inputs)},
                   {"conversation", std::move(conversation)}};
  if (!chat.next_inputs.empty()) document["next_inputs"] = to_json(chat.next_inputs);
  write_file_atomically(file, [&](std::ostream& out) {
    out << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  });
}

SavedChat read_saved_chat(const std::filesystem::path& file) {
  const Bytes bytes = read_file(file, kMaxBytes);
  try {
    const Json document = Json::parse(bytes.begin(), bytes.end());
    return {document.value("model", std::string()), inputs_of(document.at("inputs")),
            turns_of(document.at("conversation")),
            inputs_of(document.value("next_inputs", Json::array()))};
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kInput,
                file.string() + ": no conversation that /save has written: " + error.what());
  }
}

}  // namespace pandagpt
