// "did you mean": the known name that an unknown one is most like.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pandagpt {

/// Insertions, deletions, changes and swaps of neighbouring bytes that make `b` out of `a`
/// (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The one of `known` that is most like `name`, or that begins with it; empty if nothing is like
/// it. Upper and lower case count as the same.
std::string most_similar(std::string_view name, const std::vector<std::string>& known);

/// "; did you mean 'port'?" for most_similar(), else "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace pandagpt
