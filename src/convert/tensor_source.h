// Checkpoints as others publish them, behind one interface.
//
//   const TensorSource source = open_tensor_source("imagebind_huge.pth");
//   std::vector<float> values = source.tensor("modality_heads.vision.2.weight").to_f32();
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "convert/source_tensor.h"
#include "core/file.h"

namespace pandagpt {

/// An open checkpoint: a flat table of tensors, which are views into memory-mapped files. Nothing
/// is read before it is asked for, and nothing of the files is ever run.
class TensorSource {
 public:
  /// What was opened: a file or a folder.
  const std::filesystem::path& path() const { return path_; }
  /// "torch checkpoint" or "safetensors".
  const std::string& format() const { return format_; }
  /// Tensors by name, sorted.
  const std::map<std::string, SourceTensor>& tensors() const { return tensors_; }
  /// Numbers, strings and booleans that stand beside the tensors, as text, by name.
  const std::map<std::string, std::string>& scalars() const { return scalars_; }
  /// Throws Error(kModel) if there is none of this name.
  const SourceTensor& tensor(const std::string& name) const;
  /// Gives the memory of `part`, a part of some tensor's data, back to the system (it can be read
  /// again): a pass over a large checkpoint then needs little of it at a time.
  void release(ByteView part) const;
  /// `tensor`'s values [first, first + out.size()), whose memory is given back right away.
  void read_f32(const SourceTensor& tensor, std::int64_t first, std::span<float> out) const;

 private:
  friend class SourceOpener;

  std::filesystem::path path_;
  std::string format_;
  std::vector<MappedFile> files_;
  std::map<std::string, SourceTensor> tensors_;
  std::map<std::string, std::string> scalars_;
};

/// Opens one of
///   - a file of torch.save (zip or legacy) or a safetensors file;
///   - an index of shards, *.safetensors.index.json or *.bin.index.json, whose files lie beside it;
///   - a folder with model.safetensors.index.json, model.safetensors, pytorch_model.bin.index.json
///     or pytorch_model.bin, of which the first that is there is taken.
/// Throws Error(kModel), naming the file: missing, another format, damaged, truncated, a tensor
/// that the index promises and no shard has, or anything else that the readers refuse
/// (torch_reader.h, safetensors.h).
TensorSource open_tensor_source(const std::filesystem::path& path);

}  // namespace pandagpt
