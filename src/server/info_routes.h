// What the server says about itself, and its tokenizer.
#pragma once

#include "server/server_context.h"

namespace pandagpt {

void health(ServerContext& server, WebRequest& request, WebResponse& response);
void describe_models(ServerContext& server, WebRequest& request, WebResponse& response);
void show_model(ServerContext& server, WebRequest& request, const std::string& name,
                WebResponse& response);
void props(ServerContext& server, WebRequest& request, WebResponse& response);
void slots(ServerContext& server, WebRequest& request, WebResponse& response);
void metrics(ServerContext& server, WebRequest& request, WebResponse& response);
void tokenize(ServerContext& server, WebRequest& request, WebResponse& response);
void detokenize(ServerContext& server, WebRequest& request, WebResponse& response);

}  // namespace pandagpt
