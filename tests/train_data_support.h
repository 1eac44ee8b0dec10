// Training data that tests write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "test_support.h"

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

/// The head of an .npy file of version 1.
inline std::string npy_head(const std::string& type, const std::string& shape,
                            bool fortran_order = false) {
  const std::string text = "{'descr': '" + type +
                           "', 'fortran_order': " + (fortran_order ? "True" : "False") +
                           ", 'shape': " + shape + ", }\n";
  std::string head("\x93NUMPY\x01\x00", 8);
  head += {static_cast<char>(text.size()), 0};
  return head + text;
}

/// An .npy file of floats (rows, width).
inline void write_npy(const std::filesystem::path& path, std::size_t width,
                      const std::vector<float>& values) {
  std::string file = npy_head(
      "<f4", "(" + std::to_string(values.size() / width) + ", " + std::to_string(width) + ")");
  file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  write_text(path, file);
}

}  // namespace pandagpt::test
