#include "convert/encoder_parts.h"

#include <algorithm>
#include <string>

#include "core/file.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kModel, path.string() + ": " + what);
}

bool is_same(const GgufTensor& a, const GgufTensor& b) {
  return a.type == b.type && a.shape == b.shape && std::ranges::equal(a.data, b.data);
}

void add(GgufWriter& writer, const GgufTensor& tensor) {
  writer.add_streamed(tensor.name, tensor.type, tensor.shape,
                      [&tensor](const GgufWriter::TensorSink& sink) { sink(tensor.data); });
}

}  // namespace

void split_encoders(const fs::path& whole_path, const fs::path& base_path, const fs::path& output) {
  const GgufFile whole(whole_path);
  const GgufFile base(base_path);
  for (const GgufTensor& tensor : base.tensors())
    if (whole.find_tensor(tensor.name) == nullptr)
      fail(whole_path, "has no " + tensor.name + ", so it was not made from " + base_path.string());
  GgufWriter writer;
  writer.copy_metadata(whole);
  writer.set_str(kBaseHashKey, sha256_file(base_path));
  for (const GgufTensor& tensor : whole.tensors()) {
    const GgufTensor* known = base.find_tensor(tensor.name);
    if (known == nullptr || !is_same(*known, tensor)) add(writer, tensor);
  }
  writer.write(output);
}

void join_encoders(const fs::path& base_path, const fs::path& part_path, const fs::path& output) {
  const GgufFile base(base_path);
  const GgufFile part(part_path);
  if (!part.has(kBaseHashKey))
    fail(part_path, "is no part of an encoders file; make one with 'pandagpt convert split'");
  if (const std::string wanted = part.get_str(kBaseHashKey); sha256_file(base_path) != wanted)
    fail(base_path, "is not the file that " + part_path.string() + " belongs to: its SHA-256 is " +
                        sha256_file(base_path) + ", not " + wanted);
  GgufWriter writer;
  writer.copy_metadata(part);
  writer.remove_keys(kBaseHashKey);
  for (const GgufTensor& tensor : base.tensors())
    if (part.find_tensor(tensor.name) == nullptr) add(writer, tensor);
  for (const GgufTensor& tensor : part.tensors())
    add(writer, tensor);
  writer.write(output);
}

}  // namespace pandagpt
