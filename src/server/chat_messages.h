// OpenAI's messages -> a conversation of the PandaGPT protocol, which knows questions and answers
// only (docs/serving.md):
//
// - A system message stands in front of the next question's text, with a line break between.
// - Messages of one role in a row become one, with line breaks between.
// - The inputs of one question are summed and stand before its text, wherever they are among its
//   parts.
#pragma once

#include "server/engine.h"
#include "server/json_fields.h"
#include "server/media_parts.h"
#include "server/server_options.h"

namespace pandagpt {

/// Reads body["messages"]. Throws ApiError that names the field.
ConversationRequest read_messages(const JsonFields& body, const MediaParts& media,
                                  const RequestLimits& limits);

}  // namespace pandagpt
