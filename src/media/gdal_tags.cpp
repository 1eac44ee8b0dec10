#include "media/gdal_tags.h"

#include <charconv>
#include <cmath>

#include "core/ascii.h"

namespace pandagpt {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::optional<double> read_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

/// The value of `name="value"` within the opening tag of an element.
std::string_view attribute(std::string_view tag, std::string_view name) {
  const std::string key = std::string(name) + "=\"";
  const std::size_t at = tag.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = tag.substr(at + key.size());
  return rest.substr(0, rest.find('"'));
}

}  // namespace

GdalBand read_gdal_band(std::string_view metadata, int index) {
  constexpr std::string_view kOpen = "<Item ";
  constexpr std::string_view kClose = "</Item>";
  GdalBand band;
  while (true) {
    const std::size_t begin = metadata.find(kOpen);
    if (begin == std::string_view::npos) return band;
    metadata.remove_prefix(begin);
    const std::size_t tag_end = metadata.find('>');
    const std::size_t end = metadata.find(kClose);
    if (tag_end == std::string_view::npos || end == std::string_view::npos) return band;
    if (tag_end < end) {
      const std::string_view tag = metadata.substr(0, tag_end);
      const std::string_view content = trim(metadata.substr(tag_end + 1, end - tag_end - 1));
      const std::string role = ascii_lower(attribute(tag, "role"));
      if (attribute(tag, "sample") == std::to_string(index)) {
        if (role == "description") band.name = content;
        if (role == "unittype") band.unit = content;
        if (role == "scale") band.scale = read_number(content).value_or(1);
        if (role == "offset") band.offset = read_number(content).value_or(0);
      }
    }
    metadata.remove_prefix(end + kClose.size());
  }
}

std::optional<double> read_gdal_nodata(std::string_view text) {
  return read_number(text.substr(0, text.find('\0')));
}

}  // namespace pandagpt
