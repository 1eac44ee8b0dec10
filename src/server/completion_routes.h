// POST /v1/chat/completions, /v1/completions and llama.cpp's /completion.
#pragma once

#include "server/server_context.h"

namespace pandagpt {

void chat_completions(ServerContext& server, WebRequest& request, WebResponse& response);
void text_completions(ServerContext& server, WebRequest& request, WebResponse& response);
void native_completion(ServerContext& server, WebRequest& request, WebResponse& response);

/// POST /apply-template: the prompt of a chat request, with the marker for each input.
void apply_template(ServerContext& server, WebRequest& request, WebResponse& response);

}  // namespace pandagpt
