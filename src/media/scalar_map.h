// Pictures whose pixels are measurements (depth, temperature) instead of colours: 16-bit grey PNG
// and PGM, TIFF of 16 or 32 bits, OpenEXR, PFM, .npy and .npz -> one number a pixel, as it stands
// in the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"
#include "media/image.h"
#include "media/input_report.h"

namespace pandagpt {

/// What a map's numbers are, where its file says so.
enum class MapUnit {
  kUnknown,
  kCounts,  ///< of a sensor; they rise with the temperature
  kCelsius,
  kMillimetres,
  kMetres,
  kPerMetre,  ///< inverse depth
};

struct ScalarMap {
  int width = 0;
  int height = 0;
  bool integer = false;            ///< the file holds whole numbers
  std::vector<float> values = {};  ///< [height, width], upright; NaN and infinity may occur
  MapUnit unit = MapUnit::kUnknown;
  InputReport report = {};
  std::string label = {};  ///< of the channel or array that was read ("depth.Z"), where it has one
};

/// Whether a file holds measurements rather than a picture: .npy, .npz, OpenEXR, PFM, PGM, grey PNG
/// of 16 bits, and TIFF with one sample of more than 8 bits a pixel.
bool is_scalar_map(ByteView bytes);

/// Reads one map. `name` stands for the buffer in messages, `limits` are judged from the header.
/// Throws Error(kInput), "NAME: what; what to do": another format, 8-bit pictures, several
/// channels, truncated or damaged, too large.
ScalarMap decode_scalar_map(ByteView bytes, const std::string& name,
                            const ImageLimits& limits = {});

/// Reads a file, or standard input when `path` is "-".
ScalarMap load_scalar_map(const std::filesystem::path& path, const ImageLimits& limits = {});

// --- The formats, each for files of its own kind only --------------------------------------------

bool is_exr(ByteView bytes);
ScalarMap decode_exr_map(ByteView bytes, const std::string& name, const ImageLimits& limits);

/// A zip archive of arrays: the only one of two dimensions, or the one named "depth".
bool is_npz(ByteView bytes);
ScalarMap decode_npz_map(ByteView bytes, const std::string& name, const ImageLimits& limits);

/// PGM of more than 8 bits, PFM of one channel ("Pf") in both byte orders.
bool is_netpbm_map(ByteView bytes);
ScalarMap decode_netpbm_map(ByteView bytes, const std::string& name, const ImageLimits& limits);

/// Whether a TIFF file has one sample of more than 8 bits in each pixel.
bool is_tiff_map(ByteView bytes);
ScalarMap decode_tiff_map(ByteView bytes, const std::string& name, const ImageLimits& limits);

/// Turns a map that is stored with an EXIF orientation (1..8), and says so in its report; `why` is
/// where it stands ("eXIf").
void turn_upright(ScalarMap& map, int orientation, const std::string& why);

/// Pixels whose value in `mask` (alpha, [height, width]) is 0 become NaN, with a line in the
/// report; a mask of zeros alone was never filled, and is left out.
void apply_mask(ScalarMap& map, const std::vector<float>& mask);
/// "holes" in the report, if there are any.
void report_holes(ScalarMap& map, std::size_t count, const std::string& why);

/// Throws Error(kInput) for an empty map and for one with more pixels than `limits` allow.
void check_map_size(std::uint64_t width, std::uint64_t height, const std::string& name,
                    const ImageLimits& limits);

}  // namespace pandagpt
