// A file cut into chunks by content, for workers on any core: one task reads and cuts, the workers
// hash and send what is in memory.
//
// A chunk lies in one buffer, received by read() where it stays; only what is behind a cut is
// copied into the next one (a quarter of a MiB at most). Memory: `chunks_max` buffers of 8
// MiB, or less where the reactor's pool is smaller; they are used again and again, and the reading
// waits for workers to give them back. It never queues for memory in the pool: what the workers
// need from there to send would wait behind it, and so would the buffers that they hold. Thread
// rule: produce() on one reactor; take() on any; fail() and the rest anywhere.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "io/file.h"
#include "io/stop.h"
#include "io/sync.h"
#include "io/task.h"
#include "transfer/cutter.h"
#include "transfer/s3_failure.h"

namespace cairn::transfer {

// As the server cuts bodies (docs/native-protocol.md).
inline constexpr uint64_t kChunkBytesMax = ChunkerParameters().chunk_bytes_max;
inline constexpr size_t kChunksInMemoryMax = 24;

// A chunk that is read and not hashed yet.
struct FileChunk {
  size_t index = 0;  // In the file.
  Buffer bytes;
  std::vector<uint32_t> segment_sizes_bytes;  // Cover the bytes.
};

class ChunkSupply {
 public:
  // `file` outlives it. `chunks_max`: in memory, at most kChunksInMemoryMax. Memory that is touched
  // first costs more than sending it: clearing 150 MiB was a quarter of the CPU of a 1 GiB upload.
  ChunkSupply(io::File& file, uint64_t size_bytes, size_t chunks_max = kChunksInMemoryMax);

  // Reads the whole file. Ends early when the supply failed or `stop` fires.
  io::Task<void> produce(io::StopToken stop);
  // The next chunks, at most `count_max`: waits for the first, takes more when they are ready.
  // Empty at the end, and when the supply failed.
  io::Task<std::vector<FileChunk>> take(size_t count_max);
  // A taken chunk's buffer is free.
  void give_back(FileChunk chunk);

  // Ends everything; the first failure is the supply's.
  void fail(Failure failure);
  bool is_over() const;
  std::optional<Failure> failure() const;

 private:
  io::Task<S3Status> read_all(io::StopToken stop);
  io::Task<S3Result<Buffer>> next_buffer();
  std::optional<Buffer> free_buffer();
  void put(FileChunk chunk);
  void end();
  void wake_all();

  io::File& file_;
  const uint64_t size_bytes_;
  const size_t chunks_max_;

  mutable std::mutex mutex_;  // Guards what follows.
  std::deque<FileChunk> ready_;
  std::vector<Buffer> spare_;    // Given back; the last one is the warmest.
  size_t buffers_count_ = 0;     // There are, spare ones included.
  size_t handed_out_count_ = 0;  // Chunks that are ready or with a worker.
  bool is_ended_ = false;
  std::optional<Failure> failure_;
  std::deque<io::Completion<bool>> takers_;
  std::optional<io::Completion<bool>> reader_;  // Waits for a buffer.
};

}  // namespace cairn::transfer
