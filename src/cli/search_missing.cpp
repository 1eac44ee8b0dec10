// `pandagpt search` of a build that has found no FAISS.
#include "cli/commands.h"
#include "pandagpt/error.h"

namespace pandagpt {

void add_search(CLI::App& app) {
  CLI::App* command = app.add_subcommand("search", "(not in this build: it needs FAISS)");
  command->fallthrough(false)->allow_extras();  // whatever follows
  command->callback([] {
    throw Error(ErrorKind::kUsage,
                "this build has no search, since FAISS was not found when it was made; install "
                "libfaiss-dev and build again");
  });
}

}  // namespace pandagpt
