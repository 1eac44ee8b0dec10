// `pandagpt models pull` of a build that has found no libcurl.
#include "cli/pull.h"
#include "pandagpt/error.h"

namespace pandagpt {

void add_pull(CLI::App& models) {
  CLI::App* command = models.add_subcommand("pull", "(not in this build: it needs libcurl)");
  command->fallthrough(false)->allow_extras();  // whatever follows
  command->callback([] {
    throw Error(ErrorKind::kUsage,
                "this build can't download, since libcurl 7.85 or later was not found when it was "
                "made; install libcurl4-openssl-dev and build again, or fetch the file by other "
                "means");
  });
}

}  // namespace pandagpt
