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

std::vector<Turn> turns_of(const Json& list) {
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool is_question = i % 2 == 0;
    if (list[i].at("from") != (is_question ? kHuman : kModel))
      throw std::invalid_argument("questions ('human') and answers ('gpt') don't alternate");
    auto text = list[i].at("value").get<std::string>();
    if (is_question) turns.emplace_back();
    (is_question ? turns.back().question : turns.back().answer) = std::move(text);
  }
  if (list.size() % 2 != 0) throw std::invalid_argument("the last question has no answer");
  return turns;
}

}  // namespace

void write_saved_chat(const std::filesystem::path& file, const SavedChat& chat) {
  Json conversation = Json::array();
  for (const Turn& turn : chat.turns) {
    conversation.push_back({{"from", kHuman}, {"value", turn.question}});
    conversation.push_back({{"from", kModel}, {"value", turn.answer}});
  }
  const Json document = {{"model", chat.model},
                         {"inputs", to_json(chat.inputs)},
                         {"conversation", std::move(conversation)}};
  write_file_atomically(file, [&](std::ostream& out) {
    out << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  });
}

SavedChat read_saved_chat(const std::filesystem::path& file) {
  const Bytes bytes = read_file(file, kMaxBytes);
  try {
    const Json document = Json::parse(bytes.begin(), bytes.end());
    return {document.value("model", std::string()), inputs_of(document.at("inputs")),
            turns_of(document.at("conversation"))};
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kInput,
                file.string() + ": no conversation that /save has written: " + error.what());
  }
}

}  // namespace pandagpt
