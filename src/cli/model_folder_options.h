// Options of the commands that make a model folder.
#pragma once

#include <CLI/CLI.hpp>

#include "pipeline/model_folder.h"

namespace pandagpt {

/// --link --copy --force
struct ModelFolderArguments {
  Placement placement = Placement::kLinkOrCopy;
  bool force = false;

  void add_to(CLI::App& command) {
    const auto add = [&](const char* name, Placement value, const char* help) {
      return command.add_flag_callback(
          name, [this, value] { placement = value; }, help);
    };
    CLI::Option* link = add("--link", Placement::kLink,
                            "only hard links to files that stay as they are (default: links, or "
                            "copies where the disk is another)");
    add("--copy", Placement::kCopy, "only copies, which are independent of the originals")
        ->excludes(link);
    command.add_flag("--force", force, "even if the folder holds other files; some are replaced");
  }
};

}  // namespace pandagpt
