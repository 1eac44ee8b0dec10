// Web addresses in a build that has found no libcurl.
#include "cli/web_file.h"
#include "pandagpt/error.h"

namespace pandagpt {

Bytes fetch_web_file(const std::string& address) {
  throw Error(ErrorKind::kUsage, address +
                                     ": this build can't fetch addresses (it needs libcurl 7.85 or "
                                     "later); save the file and name it");
}

}  // namespace pandagpt
