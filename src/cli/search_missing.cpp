// `pandagpt search` of a build that has found no FAISS or SQLite.
#include "cli/commands.h"
#include "pandagpt/error.h"

namespace pandagpt {

void add_search(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("search", "(not in this build: it needs FAISS and SQLite)");
  command->fallthrough(false)->allow_extras();  // whatever follows
  command->callback([] {
    throw Error(ErrorKind::kUsage,
                "this build has no search, since FAISS and SQLite were not found when it was made; "
                "install libfaiss-dev and libsqlite3-dev and build again");
  });
}

}  // namespace pandagpt
