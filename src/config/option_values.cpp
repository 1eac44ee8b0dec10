#include "config/option_values.h"

#include "core/similar_name.h"

namespace pandagpt {

void set_option(CLI::Option& option, const std::string& name, const OptionValues& values) {
  const bool is_flag = option.get_items_expected_max() == 0;
  for (const std::string& value : values)
    option.add_result(is_flag ? option.get_flag_value(name, value) : value);
  if (!values.empty()) option.run_callback();
}

std::string suggested_option(const CLI::App& app, const std::string& name) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options())
    known.insert(known.end(), option->get_lnames().begin(), option->get_lnames().end());
  return did_you_mean(name, known);
}

}  // namespace pandagpt
