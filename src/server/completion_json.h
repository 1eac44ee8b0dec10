// Answers in the forms of OpenAI's chat and text completions and of llama.cpp's own /completion.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "pandagpt/generation.h"
#include "server/engine.h"

namespace pandagpt {

enum class CompletionForm { kChat, kText, kNative };

/// What all parts of one response have in common.
struct CompletionHeader {
  CompletionForm form = CompletionForm::kChat;
  std::string id;
  std::int64_t created = 0;  ///< Unix time
  std::string model;
  EncodeReport encoding;
};

/// The whole response; one answer a choice.
nlohmann::ordered_json completion_json(const CompletionHeader& header,
                                       std::span<const Answer> answers);

/// Chunks of a stream: the first of a choice (chat only), a piece of text, the end of a choice.
/// Warnings stand in the first one of a chat, before the answer, and in llama.cpp's last one.
nlohmann::ordered_json first_chunk(const CompletionHeader& header, int choice);
nlohmann::ordered_json text_chunk(const CompletionHeader& header, int choice,
                                  const std::string& text);
nlohmann::ordered_json last_chunk(const CompletionHeader& header, int choice, const Answer& answer);
/// The usage of all choices, without any choice.
nlohmann::ordered_json usage_chunk(const CompletionHeader& header, std::span<const Answer> answers);

/// llama.cpp's names, and the times of the inputs.
nlohmann::ordered_json timings_json(const Timings& timings, const EncodeReport& encoding);

}  // namespace pandagpt
