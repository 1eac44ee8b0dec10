// Handles of the C interface that are freed, and what a failure looks like.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "pandagpt/pandagpt.h"

namespace pandagpt::test {

/// A handle that is freed at the end.
template <typename Handle, void (*free_handle)(Handle*)>
struct Owned {
  Handle* value = nullptr;
  Owned() = default;
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { free_handle(value); }
  operator Handle*() const { return value; }
  Handle** operator&() { return &value; }
};
using OwnedInputs = Owned<pandagpt_inputs, pandagpt_inputs_free>;
using OwnedPanda = Owned<pandagpt_panda, pandagpt_panda_free>;
using OwnedChat = Owned<pandagpt_chat, pandagpt_chat_free>;
using OwnedAnswer = Owned<pandagpt_answer, pandagpt_answer_free>;
using OwnedEmbedder = Owned<pandagpt_embedder, pandagpt_embedder_free>;
using OwnedResults = Owned<pandagpt_embed_results, pandagpt_embed_results_free>;

inline std::string text_of(const pandagpt_answer* answer) {
  std::size_t size = 0;
  const char* text = pandagpt_answer_text(answer, &size);
  EXPECT_EQ(std::strlen(text), size);
  return text;
}

/// That the call failed so, and says so.
inline void expect_failure(pandagpt_status status, pandagpt_status expected,
                           const std::string& text) {
  EXPECT_EQ(status, expected);
  EXPECT_THAT(pandagpt_last_error(), testing::HasSubstr(text));
  EXPECT_THAT(pandagpt_last_error(), testing::Not(testing::HasSubstr("\n")));
}
inline void expect_usage_error(pandagpt_status status, const std::string& text) {
  expect_failure(status, PANDAGPT_ERROR_USAGE, text);
}

}  // namespace pandagpt::test
