// Training data that tests write.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace pandagpt::test {

/// One question and answer about inputs, as a record of the training data.
inline nlohmann::json conversation_about(nlohmann::json inputs, const std::string& question,
                                         const std::string& answer) {
  inputs["conversation"] = {{{"from", "human"}, {"value", question}},
                            {{"from", "gpt"}, {"value", answer}}};
  return inputs;
}

inline std::string about_picture(const std::string& image, const std::string& question,
                                 const std::string& answer) {
  return conversation_about({{"image_name", image}}, question, answer).dump();
}

}  // namespace pandagpt::test
