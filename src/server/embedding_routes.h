// POST /v1/embeddings: texts and inputs of every kind in the joint space.
#pragma once

#include "server/server_context.h"

namespace pandagpt {

void embeddings(ServerContext& server, WebRequest& request, WebResponse& response);

}  // namespace pandagpt
