// /v1/files: uploads that later requests refer to by their id.
#pragma once

#include <string>

#include "server/server_context.h"

namespace pandagpt {

void upload_file(ServerContext& server, WebRequest& request, WebResponse& response);
void list_files(ServerContext& server, WebRequest& request, WebResponse& response);
void show_file(ServerContext& server, WebRequest& request, const std::string& id,
               WebResponse& response);
void send_file(ServerContext& server, WebRequest& request, const std::string& id,
               WebResponse& response);
void delete_file(ServerContext& server, WebRequest& request, const std::string& id,
                 WebResponse& response);

}  // namespace pandagpt
