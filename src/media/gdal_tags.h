// What GDAL and the photogrammetry programs that write with it say about the bands of a TIFF file,
// in two tags of their own: 42112 (XML) and 42113 (the value that means "no data").
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pandagpt {

struct GdalBand {
  std::string name;  ///< "LWIR"; may be empty
  std::string unit;  ///< "degC", "K"; may be empty
  double scale = 1;  ///< value = number in the file * scale + offset
  double offset = 0;

  bool is_scaled() const { return scale != 1 || offset != 0; }
};

/// Of tag 42112, GDALMetadata. What isn't understood is left out. `index` counts from 0.
GdalBand read_gdal_band(std::string_view metadata, int index);

/// Of tag 42113, GDAL_NODATA: "-9999"; nothing for what is no number.
std::optional<double> read_gdal_nodata(std::string_view text);

}  // namespace pandagpt
