// Reads checkpoints written by torch.save without running the code that pickles can hold.
//
// Both containers are known: the zip of torch >= 1.6 (data.pkl + data/0, data/1, ...) and the
// legacy stream (magic number, protocol, system info, object, storage keys, raw storages). The
// pickle machine builds dictionaries, lists, tuples, numbers, strings and tensors; any other
// function or class is refused by its name.
#pragma once

#include "convert/source_tensor.h"
#include "core/file.h"

namespace pandagpt {

/// Whether `bytes` start like one of the two containers.
bool is_torch_checkpoint(ByteView bytes);

/// Fills `table` with views into `bytes`. Names of nested dictionaries and lists are joined by ".":
/// {"model": {"w": tensor}} gives "model.w"; numbers, strings and booleans become scalars.
/// Throws Error(kModel): damaged, truncated, big-endian, or with something that is not plain data.
void read_torch_checkpoint(ByteView bytes, TensorTable* table);

}  // namespace pandagpt
