#include "server/file_routes.h"

#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "core/utf8.h"
#include "pandagpt/error.h"
#include "server/api_error.h"

namespace pandagpt {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxPurposeBytes = 64;
constexpr std::size_t kMaxListed = 1000;
constexpr std::size_t kBlockBytes = 64 << 10;

FileStore& store_of(ServerContext& server) {
  if (!server.files)
    throw ApiError::not_supported("this server stores no files (it was started with --no-files)");
  return *server.files;
}

Json to_json(const StoredFile& file) {
  return {{"id", file.id},
          {"object", "file"},
          {"bytes", file.bytes},
          {"created_at", file.created_at},
          {"expires_at", file.expires_at},
          {"filename", file.file_name},
          {"purpose", file.purpose},
          {"status", "processed"}};
}

/// Without keys nobody can be told from anybody else: whoever knows an id may use and delete the
/// file, but what is in it is given to nobody.
void require_owner(const WebRequest& request, const char* what) {
  if (!request.file_owner.empty()) return;
  throw ApiError::forbidden(std::string("this server has no API keys (--api-key), so it can't tell "
                                        "whose a file is: it ") +
                            what + "; keep the ids of your uploads");
}

/// A file's name as it was before it went into the form's header, where browsers write quotes and
/// line breaks with percent signs and nothing else (WHATWG, multipart/form-data).
std::string unescaped(std::string name) {
  for (const auto& [code, character] : {std::pair{"%22", '"'}, {"%0A", '\n'}, {"%0D", '\r'}})
    for (std::size_t at = 0; (at = name.find(code, at)) != std::string::npos; ++at)
      name.replace(at, 3, 1, character);
  return name;
}

/// The parts of an upload's form, as they come.
class UploadForm {
 public:
  UploadForm(FileStore& store, std::string owner) : store_(store), owner_(std::move(owner)) {}

  void begin(const FormPart& part) {
    field_ = part.name;
    if (field_ != "file") return;
    if (upload_) throw ApiError::invalid("one file a request; send several one by one", "file");
    upload_ = std::make_unique<FileStore::Upload>(store_, owner_);
    file_name_ = unescaped(part.file_name);
  }

  void take(ByteView bytes) {
    if (field_ == "file") {
      upload_->write(bytes);
    } else if (field_ == "purpose") {
      purpose_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (purpose_.size() > kMaxPurposeBytes)
        throw ApiError::invalid("'purpose' is too long", "purpose");
    }
  }

  StoredFile finish() {
    if (!upload_) throw ApiError::invalid("'file' is missing", "file");
    if (!is_printable_utf8(purpose_))
      throw ApiError::invalid("'purpose' must be printable text", "purpose");
    return upload_->finish(file_name_, purpose_.empty() ? "user_data" : purpose_);
  }

 private:
  FileStore& store_;
  std::string owner_;
  std::string field_;
  std::string file_name_;
  std::string purpose_;
  std::unique_ptr<FileStore::Upload> upload_;
};

}  // namespace

void upload_file(ServerContext& server, WebRequest& request, WebResponse& response) {
  FileStore& store = store_of(server);
  UploadForm form(store, request.file_owner);
  request.read_form(
      store.options().max_file_bytes, [&](const FormPart& part) { form.begin(part); },
      [&](ByteView bytes) { form.take(bytes); });
  const StoredFile file = form.finish();
  if (request.facts->keeps_content) request.facts->content.emplace_back("file", file.file_name);
  response.body = dump_json(to_json(file));
}

void list_files(ServerContext& server, WebRequest& request, WebResponse& response) {
  FileStore& store = store_of(server);
  require_owner(request, "lists none");
  Json data = Json::array();
  for (const StoredFile& file : store.list(request.file_owner, kMaxListed))
    data.push_back(to_json(file));
  response.body = dump_json({{"object", "list"}, {"data", std::move(data)}, {"has_more", false}});
}

void show_file(ServerContext& server, WebRequest& request, const std::string& id,
               WebResponse& response) {
  response.body = dump_json(to_json(store_of(server).find(id, request.file_owner)));
}

void send_file(ServerContext& server, WebRequest& request, const std::string& id,
               WebResponse& response) {
  FileStore& store = store_of(server);
  require_owner(request, "gives none back");
  const auto in =
      std::make_shared<std::ifstream>(store.use(id, request.file_owner), std::ios::binary);
  if (!*in) throw ApiError::not_found("the file '" + id + "' is gone");
  // Never a type that a browser would show as a page of this server.
  response.content_type = "application/octet-stream";
  response.headers = {{"Content-Disposition", "attachment"}, {"X-Content-Type-Options", "nosniff"}};
  response.stream = [in](WebStream& out) {
    std::array<char, kBlockBytes> block;
    while (in->read(block.data(), block.size()), in->gcount() > 0)
      if (!out.write({block.data(), static_cast<std::size_t>(in->gcount())})) return;
  };
}

void delete_file(ServerContext& server, WebRequest& request, const std::string& id,
                 WebResponse& response) {
  store_of(server).remove(id, request.file_owner);
  response.body = dump_json({{"id", id}, {"object", "file"}, {"deleted", true}});
}

}  // namespace pandagpt
