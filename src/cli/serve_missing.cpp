// `pandagpt serve` of a build that has found no cpp-httplib.
#include "cli/commands.h"
#include "pandagpt/error.h"

namespace pandagpt {

void add_serve(CLI::App& app) {
  CLI::App* command = app.add_subcommand("serve", "(not in this build: it needs cpp-httplib)");
  command->fallthrough(false)->allow_extras();  // whatever follows
  command->callback([] {
    throw Error(ErrorKind::kUsage,
                "this build has no server, since cpp-httplib or libcurl was not found when it was "
                "made; install libcpp-httplib-dev and libcurl4-openssl-dev and build again");
  });
}

}  // namespace pandagpt
