#include "convert/tensor_source.h"

#include <set>
#include <utility>

#include "convert/safetensors.h"
#include "convert/strict_json.h"
#include "convert/torch_reader.h"
#include "core/what_is_this.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFolderEntries[] = {"model.safetensors.index.json", "model.safetensors",
                                          "pytorch_model.bin.index.json", "pytorch_model.bin"};
constexpr char kIndexSuffix[] = ".index.json";
constexpr std::size_t kMaxIndexBytes = 64 << 20;
constexpr int kIndexDepth = 3;  // of nested tables; metadata may hold one
constexpr std::size_t kMaxShards = 10'000;

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kModel, path.string() + ": " + what);
}

/// Whether the name is like model-00001-of-00002.safetensors.
bool is_shard(const fs::path& path) {
  const std::string name = path.filename().string();
  return (name.ends_with(".safetensors") || name.ends_with(".bin")) &&
         name.find("-of-") != std::string::npos;
}

/// The name of a file like model-00001-of-00002.safetensors, or "".
std::string first_shard(const fs::path& folder) {
  std::string first;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (is_shard(name) && (first.empty() || name < first)) first = name;
  }
  return first;
}

fs::path entry_of_folder(const fs::path& folder) {
  std::string tried;
  for (const char* name : kFolderEntries) {
    if (fs::exists(folder / name)) return folder / name;
    tried += (tried.empty() ? "" : ", ") + std::string(name);
  }
  if (const std::string shard = first_shard(folder); !shard.empty())
    fail(folder, "has shards of a checkpoint (" + shard + "), but not their index (" +
                     (shard.ends_with("safetensors") ? kFolderEntries[0] : kFolderEntries[2]) +
                     "); download that file too");
  fail(folder, "holds no checkpoint (looked for " + tried + "); name the file itself");
}

/// Which shard holds each tensor, from a Hugging Face index: {"weight_map": {tensor: file}}.
std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  const nlohmann::json document = read_strict_json(index, kMaxIndexBytes, kIndexDepth);
  const auto found = document.find("weight_map");
  if (found == document.end() || !found->is_object() || found->empty())
    fail(index, "has no weight_map, so it is not an index of shards");
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : found->items()) {
    if (!shard.is_string()) fail(index, "the file of tensor " + tensor + " is not text");
    shards[tensor] = shard.get<std::string>();
  }
  return shards;
}

}  // namespace

class SourceOpener {
 public:
  explicit SourceOpener(const fs::path& path) { source_.path_ = path; }

  TensorSource open() {
    const fs::path& path = source_.path_;
    const fs::path file = fs::is_directory(path) ? entry_of_folder(path) : path;
    if (file.filename().string().ends_with(kIndexSuffix)) {
      open_shards(file);
    } else {
      TensorTable table = read_file(file);
      source_.tensors_ = table.take_tensors();
      source_.scalars_ = table.take_scalars();
    }
    return std::move(source_);
  }

 private:
  TensorTable read_file(const fs::path& path) {
    const ByteView bytes = source_.files_.emplace_back(path).bytes();
    TensorTable table(path.string());
    if (is_safetensors(bytes)) {  // first: the header's length may begin like a pickle
      source_.format_ = "safetensors";
      read_safetensors(bytes, &table);
    } else if (is_torch_checkpoint(bytes)) {
      source_.format_ = "torch checkpoint";
      read_torch_checkpoint(bytes, &table);
    } else {
      fail(path, "neither a torch checkpoint (zip or pickle) nor a safetensors file" +
                     but_it_is(what_is_this(bytes), ""));
    }
    return table;
  }

  void open_shards(const fs::path& index) {
    const std::map<std::string, std::string> shard_of = read_weight_map(index);
    std::map<std::string, std::map<std::string, SourceTensor>> tables;
    for (const auto& [tensor, shard] : shard_of) {
      if (shard.empty() || fs::path(shard).filename() != shard || shard == "." || shard == "..")
        fail(index, "the file of tensor " + tensor + " is not beside the index");
      const auto [table, is_new] = tables.try_emplace(shard);
      if (tables.size() > kMaxShards) fail(index, "names too many files");
      if (is_new) table->second = read_file(index.parent_path() / shard).take_tensors();
      const auto found = table->second.find(tensor);
      if (found == table->second.end())
        fail(index.parent_path() / shard, "lacks tensor " + tensor + ", which the index promises");
      source_.tensors_.emplace(tensor, found->second);
    }
  }

  TensorSource source_;
};

const SourceTensor& TensorSource::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    fail(path_, "tensor " + name + " is missing" +
                    (is_shard(path_) ? "; the file is one of several shards: give their folder, or "
                                       "their index (*.index.json)"
                                     : ""));
  return found->second;
}

void TensorSource::release(ByteView part) const {
  for (const MappedFile& file : files_)
    file.release(part);
}

void TensorSource::read_f32(const SourceTensor& tensor, std::int64_t first,
                            std::span<float> out) const {
  tensor.read_f32(first, out);
  const std::size_t size = element_type_size(tensor.type);
  if (tensor.is_contiguous()) release(tensor.data.subspan(first * size, out.size() * size));
}

TensorSource open_tensor_source(const fs::path& path) {
  return SourceOpener(path).open();
}

}  // namespace pandagpt
