#include "report/svg_parts.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "report/html_text.h"

namespace pandagpt {
namespace {

constexpr double kFont = 12;
constexpr double kGlyph =
    0.62;  // generous mean width of a glyph of a sans-serif face, in font sizes

constexpr const char* kStyle =
    "<style>.pg text{font:12px system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:#57606a}"
    ".pg .title{font-size:15px;font-weight:600;fill:#1f2328}"
    ".pg .grid{stroke:#8b949e;stroke-opacity:.28}.pg .axis{stroke:#8b949e}"
    ".pg .whisker{stroke:#57606a;stroke-width:1.5;fill:none}"
    ".pg .mark{stroke:#d6455d;stroke-width:2.5}"
    ".pg .cell{stroke:#8b949e;stroke-opacity:.22}.pg .on{fill:#fff}"
    ".pg path.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".pg path.faint{stroke-width:1;stroke-opacity:.4}.pg path.dashed{stroke-dasharray:6 4}"
    "@media(prefers-color-scheme:dark){.pg text{fill:#9da7b3}.pg .title{fill:#e6edf3}"
    ".pg .whisker{stroke:#c9d1d9}.pg .on{fill:#fff}}</style>\n";

}  // namespace

double svg_text_width(const std::string& text) {
  const auto code_points = std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return static_cast<double>(code_points) * kGlyph * kFont;
}

double svg_widest(const std::vector<std::string>& texts) {
  double width = 0;
  for (const std::string& text : texts)
    width = std::max(width, svg_text_width(text));
  return width;
}

std::string svg_opening(const std::string& title, int width, int height) {
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pg\" role=\"img\" width=\"{0}\" "
      "height=\"{1}\" viewBox=\"0 0 {0} {1}\" aria-label=\"{2}\">\n",
      width, height, escape_html(title));
  svg += kStyle;
  if (!title.empty()) {
    svg += svg_text(width / 2.0, 24, "middle", title, " class=\"title\"");
  }
  return svg;
}

std::string svg_text(double x, double y, const char* anchor, const std::string& text,
                     const std::string& more) {
  return fmt::format("<text x=\"{:.2f}\" y=\"{:.2f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, escape_html(text));
}

std::string svg_line(const char* kind, double x1, double y1, double x2, double y2) {
  return fmt::format(
      "<line class=\"{}\" x1=\"{:.2f}\" y1=\"{:.2f}\" x2=\"{:.2f}\" y2=\"{:.2f}\"/>\n", kind, x1,
      y1, x2, y2);
}

std::string svg_rectangle(double x, double y, double width, double height, const char* colour,
                          const std::string& hint, const std::string& more) {
  return fmt::format(
      "<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" "
      "fill=\"{}\"{}><title>{}</title></rect>\n",
      x, y, width, height, colour, more, escape_html(hint));
}

}  // namespace pandagpt
