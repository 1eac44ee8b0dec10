#include "report/svg_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "pandagpt/error.h"
#include "report/svg_axis.h"

namespace pandagpt {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kHalfPixel = 0.02;  // the text holds two decimals

/// Empty if the text is one well-formed element (the subset of XML that charts use).
std::string xml_fault(const std::string& xml) {
  std::vector<std::string> open;
  std::size_t at = 0;
  while (at < xml.size()) {
    const std::size_t tag = xml.find('<', at);
    const std::string text = xml.substr(at, tag - at);
    static const std::regex kStrayAmpersand("&(?!(amp|lt|gt|quot|#[0-9]+);)");
    if (std::regex_search(text, kStrayAmpersand)) return "stray & in: " + text;
    if (tag == std::string::npos) break;
    const std::size_t end = xml.find('>', tag);
    if (end == std::string::npos) return "unclosed tag";
    const std::string inside = xml.substr(tag + 1, end - tag - 1);
    at = end + 1;
    if (inside.starts_with("/")) {
      if (open.empty() || open.back() != inside.substr(1)) return "wrong end tag " + inside;
      open.pop_back();
      if (open.empty())
        return xml.find_first_not_of('\n', at) == std::string::npos ? "" : "two roots";
      continue;
    }
    static const std::regex kTag("([a-z]+)( [a-zA-Z0-9-]+=\"[^\"<]*\")*(/?)");
    std::smatch match;
    if (!std::regex_match(inside, match, kTag)) return "malformed tag <" + inside + ">";
    if (match[3].length() == 0) open.push_back(match[1]);
  }
  return "ends inside <" + (open.empty() ? "" : open.back()) + ">";
}

/// Pixel of every tick of an axis ("x": its x, "y": its y), by the tick's text.
std::map<std::string, double> tick_pixels(const std::string& svg, const std::string& axis) {
  const std::regex tick("<text x=\"([-0-9.]+)\" y=\"([-0-9.]+)\" text-anchor=\"[a-z]+\" class=\"" +
                        axis + "\">([^<]*)</text>");
  std::map<std::string, double> pixels;
  for (std::sregex_iterator it(svg.begin(), svg.end(), tick), end; it != end; ++it) {
    pixels[(*it)[3]] = axis == "x" ? std::stod((*it)[1]) : std::stod((*it)[2]) - 4;
  }
  return pixels;
}

struct Dot {
  double x, y;
};

std::vector<Dot> dots(const std::string& svg) {
  static const std::regex kCircle("<circle cx=\"([-0-9.]+)\" cy=\"([-0-9.]+)\"");
  std::vector<Dot> found;
  for (std::sregex_iterator it(svg.begin(), svg.end(), kCircle), end; it != end; ++it) {
    found.push_back({std::stod((*it)[1]), std::stod((*it)[2])});
  }
  return found;
}

/// The drawing commands of the first line. (No regular expression: libstdc++'s recurse once a
/// character, and a path is long.)
std::string line_path(const std::string& svg) {
  const std::size_t line = svg.find("<path class=\"line");
  if (line == std::string::npos) return "";
  const std::size_t begin = svg.find(" d=\"", line) + 4;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

std::vector<double> bar_lengths(const std::string& svg) {
  static const std::regex kBar("<rect [^>]*width=\"([0-9.]+)\"[^>]*><title>");
  std::vector<double> found;
  for (std::sregex_iterator it(svg.begin(), svg.end(), kBar), end; it != end; ++it) {
    found.push_back(std::stod((*it)[1]));
  }
  return found;
}

LineChart chart_of(std::vector<double> x, std::vector<double> y) {
  LineChart chart{.title = "t", .x_label = "step", .y_label = "loss (nats)"};
  chart.series.push_back({.name = "a", .x = std::move(x), .y = std::move(y)});
  return chart;
}

TEST(SvgChartTest, PointsLieWhereTheTicksSay) {
  const std::string svg = to_svg(chart_of({0, 50, 100}, {0, 3, 10}));
  EXPECT_EQ(xml_fault(svg), "");
  const auto x = tick_pixels(svg, "x"), y = tick_pixels(svg, "y");
  ASSERT_TRUE(x.contains("0") && x.contains("100") && y.contains("0") && y.contains("10")) << svg;
  EXPECT_LT(x.at("0"), x.at("100"));
  EXPECT_GT(y.at("0"), y.at("10"));
  const auto points = dots(svg);
  ASSERT_EQ(points.size(), 3u);
  EXPECT_NEAR(points[1].x, (x.at("0") + x.at("100")) / 2, kHalfPixel);
  EXPECT_NEAR(points[1].y, y.at("0") + 0.3 * (y.at("10") - y.at("0")), kHalfPixel);
  EXPECT_NEAR(points[2].y, y.at("10"), kHalfPixel);
}

TEST(SvgChartTest, LogAxisSpacesDecadesEvenlyAndSkipsZero) {
  LineChart chart = chart_of({0, 1, 2, 3}, {0, 0.1, 1, 10});
  chart.log_y = true;
  const std::string svg = to_svg(chart);
  EXPECT_EQ(xml_fault(svg), "");
  const auto points = dots(svg);
  ASSERT_EQ(points.size(), 3u) << "zero has no place on a log axis";
  EXPECT_NEAR(points[0].y - points[1].y, points[1].y - points[2].y, 2 * kHalfPixel);
  EXPECT_NEAR(points[1].y, tick_pixels(svg, "y").at("1"), kHalfPixel);
}

TEST(SvgChartTest, NanBreaksTheLine) {
  const std::string path = line_path(to_svg(chart_of({0, 1, 2, 3, 4}, {1, 2, kNan, 2, 1})));
  EXPECT_EQ(std::ranges::count(path, 'M'), 2);
  EXPECT_EQ(std::ranges::count(path, 'L'), 2);
  EXPECT_EQ(path.find("nan"), std::string::npos);
}

TEST(SvgChartTest, EmptyChartsSayNoData) {
  for (const LineChart& chart : {LineChart{}, chart_of({}, {}), chart_of({1, 2}, {kNan, kNan})}) {
    const std::string svg = to_svg(chart);
    EXPECT_EQ(xml_fault(svg), "");
    EXPECT_THAT(svg, testing::HasSubstr("no data"));
    EXPECT_EQ(line_path(svg), "");
  }
  const std::string bars = to_svg(BarChart{.title = "none"});
  EXPECT_EQ(xml_fault(bars), "");
  EXPECT_THAT(bars, testing::HasSubstr("no data"));
}

TEST(SvgChartTest, TextIsEscaped) {
  LineChart chart = chart_of({0, 1}, {0, 1});
  chart.title = "a < b & \"c\" > d\x01";
  chart.series[0].name = "</svg><script>";
  const std::string svg = to_svg(chart);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(svg, testing::HasSubstr("a &lt; b &amp; &quot;c&quot; &gt; d "));
}

TEST(SvgChartTest, OnePointAndOneValueAreDrawn) {
  const std::string svg = to_svg(chart_of({5}, {2}));
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_EQ(dots(svg).size(), 1u);
  EXPECT_EQ(dots(to_svg(chart_of({1, 2, 3}, {7, 7, 7}))).size(), 3u);
  EXPECT_EQ(dots(to_svg(chart_of({1, 2}, {1000, std::nextafter(1000, 2000)}))).size(), 2u);
}

TEST(SvgChartTest, LongSeriesStaySmallAndKeepTheirExtremes) {
  std::vector<double> x, y;
  for (int i = 0; i < 200'000; ++i) {
    x.push_back(i);
    y.push_back(i == 123'456 ? 100.0 : std::sin(i));
  }
  const std::string svg = to_svg(chart_of(x, y));
  EXPECT_LT(svg.size(), 100'000u);
  const double top = tick_pixels(svg, "y").at("100");
  char peak[32];
  std::snprintf(peak, sizeof peak, " %.2f", top);
  EXPECT_THAT(line_path(svg), testing::HasSubstr(peak));
}

TEST(SvgChartTest, FixedEndsAndFaintSeries) {
  LineChart chart = chart_of({0, 1}, {0.2, 0.4});
  chart.y_min = 0;
  chart.y_max = 1;
  chart.series.insert(chart.series.begin(), {.x = {0, 1}, .y = {0.1, 5}, .faint = true});
  const std::string svg = to_svg(chart);
  EXPECT_TRUE(tick_pixels(svg, "y").contains("0"));
  EXPECT_TRUE(tick_pixels(svg, "y").contains("1"));
  EXPECT_FALSE(tick_pixels(svg, "y").contains("5"));
  static const std::regex kStroke("class=\"line( faint)?\" stroke=\"(#[0-9a-f]+)\"");
  std::vector<std::string> colours;
  for (std::sregex_iterator it(svg.begin(), svg.end(), kStroke), end; it != end; ++it) {
    colours.push_back((*it)[2]);
  }
  ASSERT_EQ(colours.size(), 2u);
  EXPECT_EQ(colours[0], colours[1]);
}

TEST(SvgChartTest, DashedSeriesShareTheColourBefore) {
  LineChart chart = chart_of({0, 1}, {1, 2});
  chart.series.push_back({.name = "b", .x = {0, 1}, .y = {2, 3}, .dashed = true});
  const std::string svg = to_svg(chart);
  static const std::regex kStroke("class=\"line( dashed)?\" stroke=\"(#[0-9a-f]+)\"");
  std::vector<std::string> colours;
  for (std::sregex_iterator it(svg.begin(), svg.end(), kStroke), end; it != end; ++it)
    colours.push_back((*it)[2]);
  ASSERT_EQ(colours.size(), 2u);
  EXPECT_EQ(colours[0], colours[1]);
}

TEST(SvgChartTest, ASheetHoldsItsChartsRowByRow) {
  const LineChart chart = chart_of({0, 1}, {1, 2});
  const std::string svg = to_svg(std::vector{chart, chart, chart}, 2);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(svg, testing::HasSubstr("viewBox=\"0 0 1440 800\""));
  for (const char* place : {"(0 0)", "(720 0)", "(0 400)"})
    EXPECT_THAT(svg, testing::HasSubstr(std::string("translate") + place));
  EXPECT_THROW(to_svg(std::vector<LineChart>{}, 2), Error);
}

TEST(SvgChartTest, BarsAreProportionalAndNanHasNone) {
  BarChart chart{.title = "b", .value_label = "time (ms)", .categories = {"one", "two", "none"}};
  chart.series.push_back(
      {.name = "s", .values = {1, 4, kNan}, .low = {0.5, 3, kNan}, .high = {1.5, 5, kNan}});
  const std::string svg = to_svg(chart);
  EXPECT_EQ(xml_fault(svg), "");
  const auto lengths = bar_lengths(svg);
  ASSERT_EQ(lengths.size(), 2u);
  EXPECT_NEAR(lengths[1], 4 * lengths[0], 5 * kHalfPixel);
  const auto x = tick_pixels(svg, "x");
  ASSERT_TRUE(x.contains("0") && x.contains("5")) << svg;
  EXPECT_NEAR(lengths[1], (x.at("5") - x.at("0")) * 0.8, 2 * kHalfPixel);
  static const std::regex kWhisker("class=\"whisker\"");
  EXPECT_EQ(std::distance(std::sregex_iterator(svg.begin(), svg.end(), kWhisker), {}), 2);

  chart.horizontal = false;
  EXPECT_EQ(xml_fault(to_svg(chart)), "");
}

TEST(SvgChartTest, MarksLieWhereTheTicksSay) {
  BarChart chart{.title = "aims", .categories = {"a", "b"}};
  chart.series.push_back({.values = {0.2, 0.4}, .marks = {1, kNan}});
  const std::string svg = to_svg(chart);
  EXPECT_EQ(xml_fault(svg), "");
  static const std::regex kMark("<line class=\"mark\" x1=\"([0-9.]+)\"");
  const std::sregex_iterator found(svg.begin(), svg.end(), kMark), end;
  ASSERT_EQ(std::distance(found, end), 1) << "a value that is not finite is no mark";
  EXPECT_NEAR(std::stod((*found)[1]), tick_pixels(svg, "x").at("1"), kHalfPixel)
      << "the axis reaches a mark beyond all bars";
  chart.series.front().marks.pop_back();
  EXPECT_THROW(to_svg(chart), Error);
}

TEST(SvgChartTest, NegligibleBarsReadZero) {
  BarChart chart{.categories = {"large", "tiny"}};
  chart.series.push_back({.values = {0.5, 3e-12}});
  EXPECT_THAT(to_svg(chart), testing::HasSubstr("class=\"v\">0</text>"));
}

TEST(SvgChartTest, WrongCallsAreRefused) {
  EXPECT_THROW(to_svg(chart_of({1, 2}, {1})), Error);
  LineChart small = chart_of({1}, {1});
  small.width = 10;
  EXPECT_THROW(to_svg(small), Error);
  LineChart log = chart_of({1}, {1});
  log.log_y = true;
  log.y_min = 0;
  EXPECT_THROW(to_svg(log), Error);
  BarChart bars{.categories = {"a", "b"}};
  bars.series.push_back({.values = {1}});
  EXPECT_THROW(to_svg(bars), Error);
}

TEST(SvgAxisTest, TicksAreRoundNumbers) {
  const SvgAxis axis = SvgAxis::linear({0.13, 0.9}, 5, true);
  EXPECT_THAT(axis.labels(), testing::ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1"));
  EXPECT_THAT(SvgAxis::linear({0, 40'000}, 4, false).labels(),
              testing::ElementsAre("0", "10k", "20k", "30k", "40k"));
  EXPECT_THAT(SvgAxis::logarithmic({0.5, 20}).labels(),
              testing::ElementsAre("0.5", "1", "2", "5", "10", "20"));
  EXPECT_THAT(SvgAxis::logarithmic({1e-6, 1}).labels(),
              testing::ElementsAre("1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1"));
}

TEST(SvgAxisTest, NumbersForReaders) {
  EXPECT_EQ(chart_number(0, 1), "0");
  EXPECT_EQ(chart_number(1500, 500), "1500");
  EXPECT_EQ(chart_number(12'500, 500), "12.5k");
  EXPECT_EQ(chart_number(3.5e6, 5e5), "3.5M");
  EXPECT_EQ(chart_number(-0.25, 0.05), "-0.25");
  EXPECT_EQ(chart_number(2e-5, 1e-5), "2e-05");
}

}  // namespace
}  // namespace pandagpt
