#include "cli/guessed_input.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "core/file.h"
#include "core/what_is_this.h"
#include "media/image_info.h"
#include "media/imu.h"
#include "media/media_kind.h"
#include "media/npy.h"
#include "media/scalar_map.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

bool is_text(ByteView bytes) {
  return what_is_this(bytes.subspan(0, std::min(bytes.size(), kTellingBytes))).ends_with("text");
}

/// Six columns or rows of numbers.
bool is_motion(ByteView bytes, const std::string& path) {
  try {
    decode_imu(bytes, path, {.rate_hz = 100});  // any: only its shape counts
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<Modality> possible_kinds(const std::string& path) {
  const std::optional<Modality> by_beginning = kind_of_beginning(std::filesystem::path(path));
  if (by_beginning == Modality::kVideo || by_beginning == Modality::kAudio) return {*by_beginning};
  const std::optional<Modality> by_name = modality_of_extension(path);
  if (!by_beginning && (by_name == Modality::kVideo || by_name == Modality::kAudio))
    return {*by_name};
  const Bytes bytes = read_file(path, kMaxBytes);
  if (is_npy(bytes) && is_motion(bytes, path)) return {Modality::kImu};
  if (is_scalar_map(bytes)) return {Modality::kDepth, Modality::kThermal};
  if (by_beginning) return {*by_beginning};
  if (is_text(bytes)) return {Modality::kImu};
  return by_name ? std::vector{*by_name} : std::vector<Modality>();
}

Input guessed_input(const std::string& path) {
  if (path == "-")
    throw Error(ErrorKind::kUsage,
                "'-': say what standard input is: --image -, --audio -, --thermal - ..");
  const std::vector<Modality> kinds = possible_kinds(path);
  if (kinds.empty())
    throw Error(ErrorKind::kUsage,
                path +
                    ": what is it? Give --image, --video, --audio, --thermal, --depth or --imu "
                    "before it");
  if (kinds.size() > 1)
    throw Error(ErrorKind::kUsage, path +
                                       ": a map of measurements, of distances or of temperatures? "
                                       "Give --depth or --thermal before it");
  Input input;
  input.modality = kinds.front();
  input.name = path;
  return input;
}

}  // namespace pandagpt
