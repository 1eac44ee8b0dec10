// A bar chart of a benchmark script's figures, in the project's style.
//
//   bar_chart < FIGURES.json > CHART.svg
//
// FIGURES: {"title": "..", "value_label": "..", "categories": [".."],
//           "series": [{"name": "..", "values": [1.5, null]}]}; null draws no bar.
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "report/svg_chart.h"

int main() {
  try {
    const nlohmann::json figures = nlohmann::json::parse(std::cin);
    pandagpt::BarChart chart{.title = figures.at("title"),
                             .value_label = figures.at("value_label"),
                             .categories = figures.at("categories")};
    for (const nlohmann::json& series : figures.at("series")) {
      pandagpt::BarSeries bars{.name = series.at("name")};
      for (const nlohmann::json& value : series.at("values"))
        bars.values.push_back(value.is_null() ? std::nan("") : value.get<double>());
      chart.series.push_back(std::move(bars));
    }
    std::cout << pandagpt::to_svg(chart);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bar_chart: %s\n", error.what());
    return 1;
  }
  return 0;
}
