// A body that comes as a stream, sent by names to a Cairn server: it is cut as the server cuts,
// offered, and only what is missing there is sent.
//
// Memory: kStreamGroupChunks chunks of 8 MiB and one that is being filled. Every part of a
// multipart upload is cut by itself, as its server did, so that its chunks are found again. Thread
// rule: one reactor.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/buffer.h"
#include "io/task.h"
#include "transfer/bandwidth.h"
#include "transfer/chunk_supply.h"
#include "transfer/native_session.h"

namespace cairn::transfer {

inline constexpr size_t kStreamGroupChunks = 3;

class PieceSource {
 public:
  virtual ~PieceSource() = default;
  // The next bytes; empty at the end.
  virtual io::Task<S3Result<Buffer>> next() = 0;
};

struct StreamCounts {
  uint64_t sent_bytes = 0;
  uint64_t saved_bytes = 0;  // The server had them.
};

class NativeStream {
 public:
  // All outlive it. `counts` grows while it runs.
  NativeStream(S3Client& client, const NativeSession& session, Bandwidth& bandwidth,
               StreamCounts& counts)
      : client_(client), session_(session), bandwidth_(bandwidth), counts_(counts) {}

  // Sends the whole body. `part_sizes_bytes`: where it is cut besides; empty = nowhere. The names
  // of its chunks, in order.
  io::Task<S3Result<std::vector<PieceName>>> send(PieceSource& source,
                                                  std::vector<uint64_t> part_sizes_bytes,
                                                  io::Until until);

 private:
  struct Chunk {
    std::vector<uint8_t> bytes;
    std::vector<PieceName> segments;
    PieceName name;
  };
  struct Cutting;
  io::Task<S3Status> send_group(io::Until until);
  io::Task<void> fill(Chunk& chunk, std::vector<bool> is_sent, S3Status& outcome, io::Until until);

  S3Client& client_;
  const NativeSession& session_;
  Bandwidth& bandwidth_;
  StreamCounts& counts_;
  std::vector<Chunk> group_;
  std::vector<PieceName> names_;
};

}  // namespace cairn::transfer
