// The file of a snapshot of packs. Nothing depends on it but how long a start takes.
#pragma once

#include "io/file.h"
#include "storage/pack_snapshot.h"

namespace cairn::storage {

// What the file holds; empty when there is none, or none that can be used, which is removed. An
// empty path: none. Fails when it can be neither used nor removed.
io::Task<Result<Snapshot>> load_snapshot(io::FileSystem& files, std::string path);
// Replaces the file as a whole.
io::Task<Status> store_snapshot(io::FileSystem& files, std::string path, Bytes bytes);

}  // namespace cairn::storage
