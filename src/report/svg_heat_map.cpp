#include "report/svg_heat_map.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/utf8.h"
#include "pandagpt/error.h"
#include "report/svg_parts.h"

namespace pandagpt {
namespace {

constexpr double kDark = 0.55;              // from this share on, numbers are white
constexpr double kLargestSide = 28;         // pixels of a cell
constexpr double kSmallestNumberSide = 18;  // of a cell that has room for a number
constexpr double kWantedWidth = 560;        // of all cells together, if they can be that small
constexpr double kSmallestSide = 4;
constexpr double kFullFontSide = 13;  // of a cell beside which a name fits in full size
constexpr double kNameRoom = 200;     // pixels of the longest name at most
constexpr double kTop = 40;
constexpr double kAxisLabel = 22;

struct Grid {
  double left, top, side;

  double x(std::size_t column) const { return left + side * static_cast<double>(column); }
  double y(std::size_t row) const { return top + side * static_cast<double>(row); }
};

/// Names with what has no room cut off.
std::vector<std::string> shortened(std::vector<std::string> names) {
  for (std::string& name : names) {
    if (svg_text_width(name) <= kNameRoom) continue;
    std::u32string text = decode_utf8(name);
    while (svg_text_width(encode_utf8(text)) > kNameRoom)
      text.pop_back();
    text.back() = U'\u2026';
    name = encode_utf8(text);
  }
  return names;
}

std::string cell(const HeatMap& map, const Grid& grid, std::size_t row, std::size_t column,
                 double sum) {
  const double value = map.values[row * map.columns.size() + column];
  const double share = sum > 0 ? value / sum : 0;
  const double x = grid.x(column), y = grid.y(row);
  std::string svg =
      svg_rectangle(x, y, grid.side, grid.side, kSvgColour,
                    fmt::format("{}, {}: {:g}", map.rows[row], map.columns[column], value),
                    fmt::format(" class=\"cell\" fill-opacity=\"{:.3f}\"", share));
  if (value > 0 && grid.side >= kSmallestNumberSide)
    svg += svg_text(x + grid.side / 2, y + grid.side / 2 + 4, "middle", fmt::format("{:g}", value),
                    share > kDark ? " class=\"on\"" : "");
  return svg;
}

}  // namespace

std::string to_svg(const HeatMap& map) {
  const std::size_t n_rows = map.rows.size(), n_columns = map.columns.size();
  if (map.values.size() != n_rows * n_columns)
    throw Error(ErrorKind::kUsage, fmt::format("A heat map of {} x {} has {} values", n_rows,
                                               n_columns, map.values.size()));
  const double count = static_cast<double>(std::max<std::size_t>({n_rows, n_columns, 1}));
  const double side = std::clamp(kWantedWidth / count, kSmallestSide, kLargestSide);
  const std::vector<std::string> rows = shortened(map.rows), columns = shortened(map.columns);
  const Grid grid{kSvgGap + kAxisLabel + svg_widest(rows) + kSvgGap, kTop, side};
  const double right = grid.x(n_columns), bottom = grid.y(n_rows);
  const double width = std::max(right + kSvgGap, 2 * kSvgGap + svg_text_width(map.title) * 1.3);
  const double height = bottom + kSvgGap + svg_widest(columns) + kAxisLabel + kSvgGap;

  const std::string font =
      side < kFullFontSide ? fmt::format(" style=\"font-size:{:.1f}px\"", side) : std::string();
  std::string svg = svg_opening(map.title, static_cast<int>(std::ceil(width)),
                                static_cast<int>(std::ceil(height)));
  for (std::size_t row = 0; row < n_rows; ++row) {
    const auto begin = map.values.begin() + static_cast<std::ptrdiff_t>(row * n_columns);
    const double sum = std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(n_columns), 0.0);
    svg += svg_text(grid.left - kSvgGap, grid.y(row) + side / 2 + 4, "end", rows[row], font);
    for (std::size_t column = 0; column < n_columns; ++column)
      svg += cell(map, grid, row, column, sum);
  }
  for (std::size_t column = 0; column < n_columns; ++column) {
    const double x = grid.x(column) + side / 2 + 4, y = bottom + kSvgGap;
    svg += svg_text(x, y, "end", columns[column],
                    fmt::format(" transform=\"rotate(-90 {:.2f} {:.2f})\"{}", x, y, font));
  }
  const double middle = (grid.top + bottom) / 2;
  svg += svg_text(16, middle, "middle", map.row_label,
                  fmt::format(" transform=\"rotate(-90 16 {:.2f})\"", middle));
  svg += svg_text((grid.left + right) / 2, height - kSvgGap, "middle", map.column_label);
  return svg + "</svg>\n";
}

}  // namespace pandagpt
