// pandagpt models pull: model files from an address or from Hugging Face.
#include "cli/pull.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/line_reader.h"
#include "cli/output.h"
#include "core/pattern.h"
#include "core/progress.h"
#include "fetch/download.h"
#include "fetch/hugging_face.h"
#include "fetch/safe_path.h"
#include "pandagpt/error.h"
#include "pipeline/manifest.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTokenVariable = "HF_TOKEN";

struct PullArguments {
  std::string source;
  std::string output;
  std::string folder;
  std::string sha256;
  std::string token;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::uint64_t max_gib = 64;
  int attempts = RetryPolicy{}.max_attempts;
  bool force = false;
};

void check(PullArguments& arguments) {
  std::ranges::transform(arguments.sha256, arguments.sha256.begin(),
                         [](unsigned char c) { return std::tolower(c); });
  if (!arguments.sha256.empty() && !is_sha256(arguments.sha256))
    throw Error(ErrorKind::kUsage, "--sha256 takes 64 hexadecimal digits");
}

/// --token is for the server of the source, $HF_TOKEN for Hugging Face's alone.
std::optional<Token> token_for(const PullArguments& arguments, const Url& server, const Hub& hub) {
  if (!arguments.token.empty()) return Token(arguments.token, server);
  const char* own = std::getenv(kTokenVariable);
  if (own == nullptr || *own == '\0' || !server.same_origin(hub.endpoint())) return std::nullopt;
  if (server.is_private()) return Token(own, server);
  spdlog::warn("{}: $HF_TOKEN isn't sent over http", server.shown());
  return std::nullopt;
}

/// One line of progress for each file.
auto progress_of(const std::string& name) {
  const auto mib = [](std::uint64_t bytes) { return static_cast<std::int64_t>(bytes >> 20); };
  const auto line = std::make_shared<std::optional<Progress>>();
  return [=](std::uint64_t done, std::optional<std::uint64_t> total) {
    if (!total) return;  // nothing to compare with
    if (!*line) line->emplace(name + " MiB", mib(*total));
    if (done < *total)
      (*line)->update(mib(done));
    else
      (*line)->finish();
  };
}

class Puller {
 public:
  explicit Puller(const PullArguments& arguments)
      : arguments_(arguments), http_({.user_agent = "pandagpt/" PANDAGPT_VERSION, .cancelled = [] {
                                        return InterruptGuard::pressed();
                                      }}) {}

  void run() {
    if (!is_hub_source(arguments_.source)) return pull_address();
    const HubSource source = parse_hub_source(arguments_.source);
    if (source.file.empty())
      pull_repository(source);
    else
      pull_file(source);
  }

 private:
  void pull_address() {
    if (arguments_.source.find("://") == std::string::npos)
      throw Error(ErrorKind::kUsage, "'" + arguments_.source +
                                         "' is neither an address (https://..) nor of the form "
                                         "hf:owner/repo[@revision][:file]" +
                                         (arguments_.source.find('/') == std::string::npos
                                              ? "; 'pandagpt models' lists what is here already"
                                              : "; did you mean 'hf:" + arguments_.source + "'?"));
    const Url url(arguments_.source);
    forbid_patterns();
    DownloadOptions options = common_options(url);
    options.sha256 = arguments_.sha256;
    options.trusts_linked_etag = url.same_origin(hub_.endpoint());
    fetch(url, target(url.file_name()), options);
  }

  void pull_file(const HubSource& source) {
    forbid_patterns();
    const Url url = hub_.address(source, safe_relative_path(source.file, arguments_.source));
    DownloadOptions options = common_options(url);
    options.sha256 = arguments_.sha256;
    options.trusts_linked_etag = true;
    fetch(url, target(fs::path(source.file).filename().string()), options);
  }

  void pull_repository(const HubSource& source) {
    if (!arguments_.output.empty() || !arguments_.sha256.empty())
      throw Error(ErrorKind::kUsage,
                  "-o and --sha256 are for one file; name it (hf:owner/repo:file), or use --to");
    DownloadOptions options = common_options(hub_.endpoint());
    const std::vector<HubFile> files =
        chosen(hub_.files(http_, source, options.token, options.retry));
    const bool is_model = !files.empty() && files.back().path == kManifestName;
    const fs::path folder = folder_for(source, is_model);
    check_total(files, folder);
    for (const HubFile& file : files) {
      options.sha256 = file.sha256;
      options.git_blob = file.git_blob;
      options.size = file.size;
      if (file.size == 0)
        make_empty(folder / file.path);
      else
        fetch(hub_.address(source, file.path), folder / file.path, options);
    }
    if (is_model) read_manifest(folder).check_files();
  }

  DownloadOptions common_options(const Url& server) const {
    DownloadOptions options;
    options.max_bytes = arguments_.max_gib << 30;
    options.overwrite = arguments_.force;
    options.token = token_for(arguments_, server, hub_);
    options.retry.max_attempts = arguments_.attempts;
    return options;
  }

  void forbid_patterns() const {
    if (!arguments_.include.empty() || !arguments_.exclude.empty())
      throw Error(ErrorKind::kUsage, "--include and --exclude choose files of hf:owner/repo");
  }

  fs::path target(const std::string& name) const {
    if (!arguments_.output.empty()) return arguments_.output;
    return fs::path(arguments_.folder) / safe_relative_path(name, arguments_.source);
  }

  /// The manifest comes last: before its files it would be a model that can't be used.
  std::vector<HubFile> chosen(std::vector<HubFile> files) const {
    const auto fits_any = [](const std::vector<std::string>& patterns, const HubFile& file) {
      return std::ranges::any_of(
          patterns, [&](const std::string& one) { return fits_pattern(one, file.path); });
    };
    std::erase_if(files, [&](const HubFile& file) {
      return (!arguments_.include.empty() && !fits_any(arguments_.include, file)) ||
             fits_any(arguments_.exclude, file);
    });
    if (files.empty())
      throw Error(ErrorKind::kInput,
                  arguments_.source + ": has no file that --include and --exclude leave");
    std::ranges::stable_partition(files,
                                  [](const HubFile& file) { return file.path != kManifestName; });
    return files;
  }

  /// A model folder goes where models are looked for, others into the current folder.
  fs::path folder_for(const HubSource& source, bool is_model) const {
    if (!arguments_.folder.empty()) return arguments_.folder;
    const fs::path models = user_models_folder();
    return is_model && !models.empty() ? models / source.repo : fs::path(source.repo);
  }

  void check_total(const std::vector<HubFile>& files, const fs::path& folder) const {
    std::uint64_t missing = 0;
    for (const HubFile& file : files) {
      std::error_code none;
      if (!fs::exists(folder / file.path, none)) missing += file.size;
    }
    fs::create_directories(folder);
    check_room(folder / kManifestName, missing);
    spdlog::info("{} files, {} MiB, into {}", files.size(), missing >> 20, folder.string());
  }

  void make_empty(const fs::path& path) const {
    if (fs::exists(path)) return;
    fs::create_directories(path.parent_path());
    write_file_atomically(path, [](std::ostream&) {});
  }

  void fetch(const Url& url, const fs::path& target, DownloadOptions options) {
    options.on_progress = progress_of(target.filename().string());
    const DownloadResult result = download(http_, url, target, options);
    if (result.was_there) {
      spdlog::info("{}: is there already, and its hash is right", target.string());
    } else {
      spdlog::info("{}: {} bytes, {}", target.string(), result.size,
                   result.verified ? "hash compared" : "no hash to compare with");
    }
    write_output(target.string() + "\n");
  }

  const PullArguments& arguments_;
  InterruptGuard interrupt_;
  Hub hub_;
  HttpClient http_;
};

}  // namespace

void add_pull(CLI::App& models) {
  CLI::App* command =
      models.add_subcommand("pull", "Download model files from an address or from Hugging Face");
  const auto arguments = std::make_shared<PullArguments>();
  command
      ->add_option("source", arguments->source,
                   "https://.. or hf:owner/repo[@revision][:file]; without :file all files")
      ->required();
  CLI::Option* output =
      command->add_option("-o,--output", arguments->output, "the file to write (of one file)");
  command
      ->add_option(
          "--to", arguments->folder,
          "the folder to write into (default: the current one; of hf:owner/repo the folder "
          "repo in it, or in the user's model folder if a panda.json is among the files)")
      ->excludes(output);
  command->add_option("--sha256", arguments->sha256, "what the file's SHA-256 must be");
  command
      ->add_option("--include", arguments->include,
                   "only files that fit this shell pattern; may be repeated")
      ->type_name("GLOB");
  command->add_option("--exclude", arguments->exclude, "no files that fit it; may be repeated")
      ->type_name("GLOB");
  command->add_option("--token", arguments->token,
                      "access token for the source's server (seen by other users in the list of "
                      "processes; for Hugging Face better $HF_TOKEN)");
  command->add_option("--max-size", arguments->max_gib, "refuse files larger than this, in GiB")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command
      ->add_option("--attempts", arguments->attempts,
                   "how often a server that fails is asked in a row")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_flag("--force", arguments->force, "replace files that are there with other content");
  command->footer(
      "A download that was interrupted goes on where it was when the same command is given again.\n"
      "Hashes that Hugging Face tells are compared. $HF_ENDPOINT names another server than\n"
      "https://huggingface.co; proxies come from $https_proxy, $http_proxy and $no_proxy.");
  command->callback([arguments] {
    check(*arguments);
    Puller(*arguments).run();
  });
}

}  // namespace pandagpt
