// Copies of GGUF files.
#pragma once

#include "tensor/gguf_file.h"

namespace pandagpt::test {

/// All that `file` has.
inline void copy_all(GgufWriter& writer, const GgufFile& file) {
  writer.copy_metadata(file);
  for (const GgufTensor& tensor : file.tensors())
    writer.add_tensor(tensor.name, tensor.type, tensor.shape, tensor.data);
}

}  // namespace pandagpt::test
