#include "fetch/download.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/file.h"
#include "fetch/content_check.h"
#include "fetch/part_file.h"
#include "fetch/safe_path.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr int kPartialContent = 206;
constexpr int kRangeNotSatisfiable = 416;
constexpr int kMaxRestarts = 3;
/// This much more on the disk shows that the line works, however often it breaks.
constexpr std::uint64_t kGettingOnBytes = 1 << 20;

/// The bytes so far are of no use: the file has changed, or the server sends another part.
struct StartAnew {};

/// "bytes 5-9/10" or, of status 416, "bytes */10".
struct ContentRange {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> total;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

ContentRange content_range(const HttpResponse& response) {
  constexpr std::string_view kUnit = "bytes ";
  const std::string header = response.header("content-range");
  std::string_view text(header);
  if (!text.starts_with(kUnit)) return {};
  text.remove_prefix(kUnit.size());
  const std::size_t dash = text.find('-'), slash = text.find('/');
  ContentRange range;
  if (dash != std::string_view::npos) range.first = number(text.substr(0, dash));
  if (slash != std::string_view::npos) range.total = number(text.substr(slash + 1));
  return range;
}

/// What If-Range takes: a strong ETag, else the date of the last change.
std::string validator_of(const HttpResponse& response) {
  const std::string etag = response.header("etag");
  if (etag.starts_with('"')) return etag;
  return response.header("last-modified");
}

/// A header of the server that the request was for, behind whatever it redirects to.
std::string origin_header(const HttpResponse& response, const char* name) {
  const auto found = response.origin_headers.find(name);
  return found == response.origin_headers.end() ? std::string() : found->second;
}

/// The SHA-256 that Hugging Face says of files in LFS; of others the header holds git's id.
std::string linked_sha256(const HttpResponse& response) {
  std::string value = origin_header(response, "x-linked-etag");
  std::erase(value, '"');
  return is_sha256(value) ? value : std::string();
}

class Download {
 public:
  Download(HttpClient& http, const Url& url, const fs::path& target, const DownloadOptions& options)
      : http_(http),
        url_(url),
        target_(target),
        name_(target.filename().string()),
        options_(options),
        sha256_(options.sha256),
        size_(options.size) {
    state_.url_sha256 =
        sha256_hex({reinterpret_cast<const std::uint8_t*>(url.text().data()), url.text().size()});
  }

  DownloadResult run() {
    DownloadResult result;
    if (is_there()) {
      result.was_there = result.verified = true;
      result.size = fs::file_size(target_);
      return result;
    }
    PartFile part(target_);
    part_ = &part;
    fetch_or_explain();
    if (part.size() == 0) refuse("the server sends an empty file");
    if (!beginning_seen_) check_start();
    std::string fault = hash_fault();
    if (!fault.empty() && resumed_at_ > 0) {  // the earlier attempt's bytes may be to blame
      spdlog::warn("{}: {}; starting anew", url_.shown(), fault);
      part.restart(state_);
      fetch_or_explain();
      fault = hash_fault();
    }
    if (!fault.empty()) {
      part.discard();
      refuse(fault + "; what came was removed. Try again, or look whether it was published anew");
    }
    result.verified = knows_hash();
    if (!result.verified) check_whole(name_, part.path(), url_.shown());
    result.size = part.size();
    result.resumed_at = resumed_at_;
    part.finish();
    return result;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::kInput, url_.shown() + ": " + what);
  }

  bool knows_hash() const { return !sha256_.empty() || !options_.git_blob.empty(); }

  /// Empty if the hash of `path` is right or not known.
  std::string hash_fault(const fs::path& path) const {
    const bool sha = !sha256_.empty();
    if (!knows_hash()) return {};
    const std::string found = sha ? sha256_file(path) : git_blob_id(path);
    const std::string& wanted = sha ? sha256_ : options_.git_blob;
    if (found == wanted) return {};
    return std::string("the ") + (sha ? "SHA-256" : "git id") + " is " + found + ", not " + wanted;
  }
  std::string hash_fault() const { return hash_fault(part_->path()); }

  bool is_there() const {
    if (!fs::exists(target_)) return false;
    if (fs::is_directory(target_))
      throw Error(ErrorKind::kUsage, target_.string() + ": is a folder");
    if (knows_hash() && hash_fault(target_).empty()) return true;
    if (options_.overwrite) return false;
    throw Error(ErrorKind::kUsage,
                target_.string() + ": is there already" +
                    (knows_hash() ? " with other content; --force replaces it"
                                  : "; --sha256 compares it, --force replaces it"));
  }

  void fetch_or_explain() {
    try {
      fetch();
    } catch (const Error& error) {
      if (!http_.options().cancelled()) throw;
      throw Error(error.kind(), "interrupted; " + part_->path().string() + " holds " +
                                    std::to_string(part_->size() >> 20) +
                                    " MiB, with which the same command goes on");
    }
  }

  void fetch() {
    std::uint64_t mark = part_->size();
    const auto got_on = [&] {
      if (part_->size() < mark + kGettingOnBytes) return false;
      mark = part_->size();
      return true;
    };
    int restarts = 0;
    with_retries(options_.retry, http_.options().cancelled, got_on, [&] {
      for (;;) {
        try {
          return attempt();
        } catch (const StartAnew&) {
          if (++restarts > kMaxRestarts) refuse("the file keeps changing; try again later");
          part_->restart(state_);
          mark = 0;
        }
      }
    });
  }

  /// Whether the bytes of an earlier attempt are the beginning of this file, if it is unchanged.
  bool can_resume() const {
    const auto& state = part_->state();
    return part_->size() > 0 && state && state->url_sha256 == state_.url_sha256 &&
           !state->validator.empty();
  }

  void attempt() {
    HttpRequest request{url_, {}, options_.token};
    if (can_resume()) {
      request.headers = {"Range: bytes=" + std::to_string(part_->size()) + "-",
                         "If-Range: " + part_->state()->validator};
    }
    HttpSink sink;
    sink.on_head = [this](const HttpResponse& response) { take_head(response); };
    sink.on_data = [this](ByteView bytes) { take_data(bytes); };
    const HttpResponse response = http_.get(request, sink);
    if (response.status == kRangeNotSatisfiable) {
      const std::optional<std::uint64_t> total = content_range(response).total;
      if (!can_resume() || total != part_->size()) throw StartAnew();
      resumed_at_ = part_->size();  // all was there already
      return;
    }
    if (total_ && part_->size() < *total_)
      throw TransientError(url_.shown() + ": the connection ended after " +
                           std::to_string(part_->size()) + " of " + std::to_string(*total_) +
                           " bytes");
  }

  void take_head(const HttpResponse& response) {
    if (response.header("content-type").starts_with("text/html") && !name_.ends_with(".html"))
      refuse(
          "the server sends a web page (text/html), not a file; is this the address of the file "
          "itself?");
    const std::string encoding = response.header("content-encoding");
    if (!encoding.empty() && encoding != "identity")
      refuse("the server packs the file (" + printable(encoding) + "), which wasn't asked for");
    take_linked_facts(response);
    if (response.status == kPartialContent) {
      resume(response);
    } else {
      state_.validator = validator_of(response);
      state_.total = response.content_length;
      part_->restart(state_);
      resumed_at_ = 0;
      beginning_seen_ = false;
    }
    check_size(state_.total);
  }

  void take_linked_facts(const HttpResponse& response) {
    if (!options_.trusts_linked_etag) return;
    if (!size_) size_ = number(origin_header(response, "x-linked-size"));
    const std::string linked = linked_sha256(response);
    if (linked.empty()) return;
    if (!options_.sha256.empty() && options_.sha256 != linked)
      refuse("the server's file has the SHA-256 " + linked + ", not " + options_.sha256);
    sha256_ = linked;
  }

  void resume(const HttpResponse& response) {
    const ContentRange range = content_range(response);
    const auto& state = part_->state();
    // A server that doesn't know If-Range sends the rest of whatever it has now. One that does may
    // leave out the date of the last change, but not the ETag.
    const std::string validator = validator_of(response);
    const bool changed = !state || range.first != part_->size() ||
                         (validator != state->validator &&
                          (!validator.empty() || state->validator.starts_with('"'))) ||
                         (state->total && range.total && state->total != range.total);
    if (changed) throw StartAnew();
    resumed_at_ = part_->size();
    state_ = *state;
    if (!state_.total) state_.total = range.total;
  }

  void check_size(std::optional<std::uint64_t> announced) {
    if (announced && size_ && announced != size_)
      refuse("the server announces " + std::to_string(*announced) + " bytes, but there should be " +
             std::to_string(*size_));
    total_ = announced ? announced : size_;
    if (!total_) return;
    if (*total_ > options_.max_bytes) refuse_size();
    check_room(part_->path(), *total_ - std::min(*total_, part_->size()));
  }

  [[noreturn]] void refuse_size() const {
    refuse("is larger than the limit of " + std::to_string(options_.max_bytes >> 20) +
           " MiB; --max-size sets another");
  }

  void take_data(ByteView bytes) {
    const std::uint64_t size = part_->size() + bytes.size();
    if (total_ && size > *total_)
      refuse("the server sends more than the " + std::to_string(*total_) + " bytes of the file");
    if (size > options_.max_bytes) refuse_size();
    part_->append(bytes);
    if (!beginning_seen_ && part_->size() >= kBeginningBytes) check_start();
    if (options_.on_progress) options_.on_progress(part_->size(), total_);
  }

  void check_start() {
    beginning_seen_ = true;
    try {
      check_beginning(name_, part_->head(kBeginningBytes), url_.shown());
    } catch (const Error&) {
      part_->restart(state_);  // of no use for a later attempt
      throw;
    }
  }

  HttpClient& http_;
  const Url& url_;
  const fs::path& target_;
  std::string name_;
  const DownloadOptions& options_;
  std::string sha256_;                  // given, or the server's word
  std::optional<std::uint64_t> size_;   // given
  std::optional<std::uint64_t> total_;  // of this response
  PartState state_;
  PartFile* part_ = nullptr;
  std::uint64_t resumed_at_ = 0;
  bool beginning_seen_ = false;
};

}  // namespace

DownloadResult download(HttpClient& http, const Url& url, const fs::path& target,
                        const DownloadOptions& options) {
  return Download(http, url, target, options).run();
}

}  // namespace pandagpt
