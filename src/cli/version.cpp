#include "cli/version.h"

#include <string_view>

#include "pandagpt_commit.h"  // made by cmake/WriteCommit.cmake
#include "tensor/devices.h"

namespace pandagpt {

std::string version_text() {
  constexpr std::string_view kCommit = PANDAGPT_COMMIT;
  constexpr std::string_view kLlamaOrigin = PANDAGPT_LLAMA_ORIGIN;
  std::string text = "pandagpt " PANDAGPT_VERSION;
  if (!kCommit.empty()) text.append(" (commit ").append(kCommit).append(")");
  text.append("\nllama.cpp " PANDAGPT_LLAMA_VERSION);
  if (!kLlamaOrigin.empty()) text.append(" (").append(kLlamaOrigin).append(")");
  text.append(", ggml ").append(ggml_release());
  for (const std::string& device : compute_devices())
    text += "\ndevice " + device + ": " + device_description(device);
  return text;
}

}  // namespace pandagpt
