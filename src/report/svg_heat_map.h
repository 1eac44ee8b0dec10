// Tables of counts drawn as cells, the darker the larger: confusion matrices.
#pragma once

#include <string>
#include <vector>

namespace pandagpt {

struct HeatMap {
  std::string title{};
  std::string row_label{};          ///< what the rows are, along the side
  std::string column_label{};       ///< what the columns are, below
  std::vector<std::string> rows{};  ///< names
  std::vector<std::string> columns{};
  std::vector<double> values{};  ///< (rows, columns), not negative; 0 is left empty
};

/// One well-formed <svg> as those of svg_chart.h. A cell is as dark as its share of its row's sum.
/// Throws Error(kUsage) if the number of values isn't rows times columns.
std::string to_svg(const HeatMap& map);

}  // namespace pandagpt
