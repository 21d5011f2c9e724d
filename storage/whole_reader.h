// Reading whole chunks that were checked against the checksums they were stored with: what is
// copied from home to home must not carry damage along under a fresh checksum.
//
// Thread rule: as the store's.
#pragma once

#include "storage/chunk_store.h"

namespace cairn::storage {

// What a ChunkStore is besides when it can do so in one go.
class WholeReader {
 public:
  virtual ~WholeReader() = default;
  // kNotFound, kCorruption, and what read() fails with.
  virtual io::Task<Result<SealedChunk>> read_whole(ChunkId id) = 0;
};

// By the store's own read_whole() where it has one, else by verify() and read().
io::Task<Result<SealedChunk>> read_verified(ChunkStore& store, ChunkId id);

// Whether the store lists the chunk; asks its index only and takes no hold.
io::Task<Result<bool>> is_listed(ChunkStore& store, ChunkId id);

}  // namespace cairn::storage
