// The pieces that all drawings are made of: one look for charts and heat maps.
#pragma once

#include <string>
#include <vector>

namespace pandagpt {

inline constexpr const char* kSvgColour = "#3b7dd8";  ///< of a chart's first series
inline constexpr double kSvgGap = 8;  ///< pixels between a text and what it belongs to

/// Width of a text in pixels, estimated: SVG text is laid out by the reader's program.
double svg_text_width(const std::string& text);
double svg_widest(const std::vector<std::string>& texts);

/// The start tag, the style and the title, which may be empty.
std::string svg_opening(const std::string& title, int width, int height);
/// `anchor`: start, middle or end. `more`: further attributes, with a space before them.
std::string svg_text(double x, double y, const char* anchor, const std::string& text,
                     const std::string& more = "");
/// `kind`: a class of the style: grid, axis, mark.
std::string svg_line(const char* kind, double x1, double y1, double x2, double y2);
/// `hint` shows under the pointer. `more`: as above.
std::string svg_rectangle(double x, double y, double width, double height, const char* colour,
                          const std::string& hint, const std::string& more = "");

}  // namespace pandagpt
