#include "search/results_page.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "media/logs/address.h"
#include "report/html_text.h"
#include "search/preview.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }}
ol {{ list-style: none; padding: 0; display: grid; gap: 1rem;
      grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); }}
li {{ border: 1px solid #8b949e55; border-radius: 6px; padding: .6rem; overflow-wrap: anywhere; }}
.preview {{ height: 150px; display: flex; align-items: center; justify-content: center; }}
.preview img {{ border-radius: 4px; max-width: 100%; height: auto; max-height: 150px; }}
.wave {{ max-width: 100%; }}
.box {{ color: #6e7781; border: 1px dashed #8b949e; border-radius: 4px; padding: 1.5rem; }}
.bar {{ height: 6px; border-radius: 3px; background: #8b949e33; margin: .4rem 0; }}
.bar div {{ height: 6px; border-radius: 3px; background: #3b7dd8; }}
.score {{ font-variant-numeric: tabular-nums; font-weight: 600; }}
.small {{ color: #6e7781; font-size: 13px; }}
.query {{ display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; }}
</style></head><body>
)";

/// To the file; of a message in a robot's log to the log.
std::string link_to(const fs::path& path, const std::string& text) {
  return fmt::format("<a href=\"{}\">{}</a>", escape_html(file_uri(file_of(path.string()))),
                     escape_html(text));
}

/// "cat.jpg", "run.mcap#/camera/depth@0.5"
std::string name_of(const fs::path& path) {
  const fs::path file = file_of(path.string());
  return file.filename().string() + path.string().substr(file.string().size());
}

std::string weight_note(float weight) {
  return weight == 1.0F ? "" : fmt::format(" <span class=\"small\">× {:g}</span>", weight);
}

std::string query_html(const SearchQuery& query) {
  std::string html = "<div class=\"query\">\n";
  for (const WeightedText& one : query.texts)
    html += fmt::format("<h1>“{}”{}</h1>\n", escape_html(one.text), weight_note(one.weight));
  for (const Input& input : query.inputs.items()) {
    const bool shown = input.name != "-" && input.bytes.empty();
    html +=
        fmt::format("<div>{}<div class=\"small\">{} {}{}</div></div>\n",
                    shown ? preview_html(input.name, input.modality) : "",
                    to_string(input.modality), escape_html(input.name), weight_note(input.weight));
  }
  return html + "</div>\n";
}

std::string hit_html(const SearchHit& hit, float best) {
  const fs::path& path = hit.item.files.front().path;
  std::error_code code;
  const fs::path file = file_of(path.string());
  const bool there = fs::exists(file, code);
  const double share = best > 0 ? std::clamp(hit.score / best, 0.0F, 1.0F) : 0.0;
  std::string html = fmt::format(
      "<li><div class=\"preview\">{}</div><div class=\"bar\"><div style=\"width:{:.1f}%\"></div>"
      "</div><span class=\"score\">{:.4f}</span> {}",
      there ? preview_html(path, hit.item.content.kind) : "<div class=\"box\">gone</div>",
      100 * share, hit.score, link_to(path, name_of(path)));
  html +=
      fmt::format("<div class=\"small\">{}<br>{}", escape_html(to_string(hit.item.content.facts)),
                  escape_html(file.parent_path().string()));
  for (std::size_t i = 1; i < hit.item.files.size(); ++i)
    html += "<br>same content: " + link_to(hit.item.files[i].path, hit.item.files[i].path.string());
  return html + "</div></li>\n";
}

std::string group_html(const SearchGroup& group) {
  std::string html = fmt::format("<h2>{}</h2>\n<p class=\"small\">the nearest of {} {}</p>\n<ol>\n",
                                 to_string(group.kind), group.n_indexed,
                                 group.exact ? "" : "(approximate search)");
  const float best = group.hits.empty() ? 0 : group.hits.front().score;
  for (const SearchHit& hit : group.hits)
    html += hit_html(hit, best);
  return html + "</ol>\n";
}

std::string title_of(const SearchQuery& query) {
  std::string title;
  for (const WeightedText& one : query.texts)
    title += (title.empty() ? "" : ", ") + one.text;
  for (const Input& input : query.inputs.items())
    title += (title.empty() ? "" : ", ") + fs::path(input.name).filename().string();
  return title;
}

}  // namespace

std::string to_html(const ResultsPage& page) {
  std::string html = fmt::format(fmt::runtime(kHead), escape_html(title_of(page.query)));
  html += query_html(page.query);
  for (const SearchGroup& group : page.groups)
    html += group_html(group);
  html += fmt::format(
      "<p class=\"small\">Scores are cosines of {}'s embeddings; bars are relative to the best of "
      "a kind. Scores of different kinds can't be compared. Index: {}</p>\n</body></html>\n",
      escape_html(page.model_name), escape_html(page.database.string()));
  return html;
}

}  // namespace pandagpt
