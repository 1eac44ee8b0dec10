#include "eval/page.h"

#include <spdlog/fmt/fmt.h>

#include "report/html_text.h"

namespace pandagpt {
namespace {

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }}
th, td {{ text-align: left; padding: .35rem .8rem .35rem 0; vertical-align: top;
          border-bottom: 1px solid #8b949e55; }}
th {{ white-space: nowrap; }}
td.n {{ font-variant-numeric: tabular-nums; }}
td.n, th.n {{ text-align: right; }}
svg {{ max-width: 100%; height: auto; }}
.right {{ color: #2f9e5b; }} .wrong {{ color: #d6455d; }}
.small {{ color: #6e7781; font-size: 13px; overflow-wrap: anywhere; }}
img {{ width: 9rem; border-radius: 4px; }}
</style></head><body>
<h1>{}</h1>
)";

}  // namespace

std::string page_begin(const std::string& title) {
  const std::string text = escape_html(title);
  return fmt::format(fmt::runtime(kHead), text, text);
}

std::string page_end(const std::vector<std::pair<std::string, std::string>>& model_files) {
  std::string html = "<p class=\"small\">";
  for (const auto& [role, sha256] : model_files)
    html += fmt::format("{} SHA-256 {}<br>\n", escape_html(role), sha256);
  return html + "</p>\n</body></html>\n";
}

}  // namespace pandagpt
