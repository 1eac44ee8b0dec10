#include "convert/tensor_source.h"

#include <set>
#include <utility>

#include "convert/safetensors.h"
#include "convert/strict_json.h"
#include "convert/torch_reader.h"
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

fs::path entry_of_folder(const fs::path& folder) {
  std::string tried;
  for (const char* name : kFolderEntries) {
    if (fs::exists(folder / name)) return folder / name;
    tried += (tried.empty() ? "" : ", ") + std::string(name);
  }
  fail(folder, "holds no checkpoint (looked for " + tried + "); name the file itself");
}

/// Which shard holds each tensor, from a Hugging Face index: {"weight_map": {tensor: file}}.
std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  const MappedFile file(index);
  if (file.bytes().size() > kMaxIndexBytes) fail(index, "larger than any index of shards");
  const nlohmann::json document = parse_strict_json(file.bytes(), kIndexDepth, index.string());
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
      fail(path, "neither a torch checkpoint (zip or pickle) nor a safetensors file");
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
  if (found == tensors_.end()) fail(path_, "tensor " + name + " is missing");
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
