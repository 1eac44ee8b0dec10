#include "fetch/hugging_face.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "core/file.h"
#include "fetch/safe_path.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPrefix = "hf:";
constexpr const char* kDefaultEndpoint = "https://huggingface.co";
constexpr std::size_t kMaxListBytes = 32 << 20;
constexpr int kMaxPages = 1000;
constexpr std::size_t kGitIdDigits = 40;

bool is_name(const std::string& text) {
  return !text.empty() && text.front() != '.' && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

std::string endpoint_address() {
  const char* own = std::getenv("HF_ENDPOINT");
  std::string address = own != nullptr && *own != '\0' ? own : kDefaultEndpoint;
  while (address.ends_with('/'))
    address.pop_back();
  return address;
}

/// The address of the next page in `Link: <https://..>; rel="next"`; empty on the last one.
std::string next_page(const HttpResponse& response) {
  const std::string link = response.header("link");
  const std::size_t begin = link.find('<'), end = link.find('>');
  if (link.find("rel=\"next\"") == std::string::npos || begin == std::string::npos ||
      end == std::string::npos || end < begin)
    return {};
  return link.substr(begin + 1, end - begin - 1);
}

std::string text_of(const nlohmann::json& entry, const char* key) {
  return entry.contains(key) && entry[key].is_string() ? entry[key].get<std::string>() : "";
}

HubFile read_entry(const nlohmann::json& entry, const std::string& where) {
  HubFile file;
  file.path = safe_relative_path(entry.at("path").get<std::string>(), where);
  if (!entry.at("size").is_number_unsigned())
    throw Error(ErrorKind::kInput, where + ": the list has a file without a size");
  file.size = entry["size"].get<std::uint64_t>();
  if (entry.contains("lfs") && entry["lfs"].is_object()) {
    constexpr std::string_view kKind = "sha256:";
    std::string id = text_of(entry["lfs"], "oid");
    if (id.starts_with(kKind)) id.erase(0, kKind.size());
    if (is_sha256(id)) file.sha256 = id;
  } else if (const std::string id = text_of(entry, "oid"); id.size() == kGitIdDigits) {
    file.git_blob = id;
  }
  return file;
}

void read_page(const std::string& body, const std::string& where, std::vector<HubFile>& files) {
  try {
    for (const auto& entry : nlohmann::json::parse(body)) {
      if (entry.at("type") == "file") files.push_back(read_entry(entry, where));
    }
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::kInput,
                where + ": the list of files can't be understood: " + printable(error.what()));
  }
}

}  // namespace

bool is_hub_source(const std::string& text) {
  return text.starts_with(kPrefix);
}

HubSource parse_hub_source(const std::string& text) {
  const auto refuse = [&] {
    throw Error(ErrorKind::kUsage,
                "'" + printable(text) + "' is not of the form hf:owner/repo[@revision][:file]");
  };
  if (!is_hub_source(text)) refuse();
  std::string rest = text.substr(std::string(kPrefix).size());
  HubSource source;
  if (const std::size_t colon = rest.find(':'); colon != std::string::npos) {
    source.file = rest.substr(colon + 1);
    rest.resize(colon);
    if (source.file.empty()) refuse();
  }
  if (const std::size_t at = rest.find('@'); at != std::string::npos) {
    source.revision = rest.substr(at + 1);
    rest.resize(at);
    if (source.revision.empty()) refuse();
  }
  const std::size_t slash = rest.find('/');
  if (slash == std::string::npos) refuse();
  source.owner = rest.substr(0, slash);
  source.repo = rest.substr(slash + 1);
  if (!is_name(source.owner) || !is_name(source.repo)) refuse();
  return source;
}

Hub::Hub() : base_(endpoint_address()), endpoint_(base_) {}

Url Hub::address(const HubSource& source, const std::string& file) const {
  return Url(base_ + "/" + source.owner + "/" + source.repo + "/resolve/" +
             percent_encode(source.revision, false) + "/" + percent_encode(file, true));
}

std::vector<HubFile> Hub::files(HttpClient& http, const HubSource& source,
                                const std::optional<Token>& token, const RetryPolicy& retry) const {
  Url page(base_ + "/api/models/" + source.owner + "/" + source.repo + "/tree/" +
           percent_encode(source.revision, false) + "?recursive=1");
  const std::string where = page.shown();
  std::vector<HubFile> files;
  for (int n_pages = 1;; ++n_pages) {
    std::string body, next;
    with_retries(
        retry, http.options().cancelled, [] { return false; },
        [&] {
          body.clear();
          HttpSink sink;
          sink.on_head = [](const HttpResponse&) {};
          sink.on_data = [&](ByteView bytes) {
            body.append(bytes.begin(), bytes.end());
            if (body.size() > kMaxListBytes)
              throw Error(ErrorKind::kInput, where + ": the list of files is too long");
          };
          next = next_page(http.get({page, {}, token}, sink));
        });
    read_page(body, where, files);
    if (next.empty()) break;
    if (n_pages == kMaxPages)
      throw Error(ErrorKind::kInput, where + ": the list of files doesn't end");
    page = page.redirected(next);
  }
  std::set<fs::path> paths;
  for (const HubFile& file : files)
    if (!paths.insert(file.path).second)
      throw Error(ErrorKind::kInput,
                  where + ": the list names " + printable(file.path.string()) + " twice");
  return files;
}

}  // namespace pandagpt
