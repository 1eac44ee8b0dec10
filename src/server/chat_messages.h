// OpenAI's messages -> a conversation of the PandaGPT protocol, which knows questions and answers
// only (docs/serving.md):
//
// - A system message stands in front of the next question's text, with a line break between; one
//   behind the last question stands behind its text, and behind the last answer it is a question.
// - An answer that comes first (a greeting) answers an empty question.
// - Messages of one role in a row become one, with line breaks between.
// - The inputs of one question are summed and stand before its text, wherever they are among its
//   parts.
// - The newest inputs replace those of earlier questions ("later_inputs": "replace"), or all stay
// in
//   their own turns ("keep").
#pragma once

#include "server/engine.h"
#include "server/json_fields.h"
#include "server/media_parts.h"
#include "server/server_options.h"

namespace pandagpt {

/// Reads body["messages"], body["facts"], and body["later_inputs"], which is `later_inputs` if it
/// isn't given.
/// Throws ApiError that names the field.
ConversationRequest read_messages(const JsonFields& body, const MediaParts& media,
                                  const RequestLimits& limits, LaterInputs later_inputs);

}  // namespace pandagpt
