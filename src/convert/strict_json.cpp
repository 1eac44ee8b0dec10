#include "convert/strict_json.h"

#include <set>
#include <utility>
#include <vector>

#include "core/text_file.h"
#include "pandagpt/error.h"

namespace pandagpt {

nlohmann::json parse_strict_json(ByteView bytes, int max_depth, const std::string& file) {
  using Event = nlohmann::json::parse_event_t;
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::kModel, file + ": " + what);
  };
  std::vector<std::set<std::string>> keys(max_depth + 1);  // of the open table at each depth
  const auto watch = [&](int depth, Event event, nlohmann::json& value) {
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (opens && depth >= max_depth) fail("its JSON is nested too deeply");
    if (event == Event::object_start) keys[depth + 1].clear();
    if (event == Event::key && !keys[depth].insert(value.get<std::string>()).second)
      fail("its JSON has the key " + value.dump() + " twice");
    return true;
  };
  try {
    nlohmann::json document = nlohmann::json::parse(bytes.begin(), bytes.end(), watch);
    if (!document.is_object()) fail("its JSON is not a table");
    return document;
  } catch (const nlohmann::json::exception&) {
    fail("its JSON is damaged");
  }
  return {};
}

nlohmann::json read_strict_json(const std::filesystem::path& path, std::uint64_t max_bytes,
                                int max_depth) {
  const std::string text = read_model_text(path, max_bytes);
  return parse_strict_json({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                           max_depth, path.string());
}

}  // namespace pandagpt
