// Takes the bytes of one body, hashes them, cuts them into chunks, and seals and stores the chunks
// while the next ones arrive. Knows nothing of objects, parts or the catalog.
//
// Owns the chunk being filled and at most kChunksInFlightMax more. Bytes are received straight into
// the chunk's buffer and sealed there; only those behind a cut are copied, into the next buffer.
// It never waits for pool memory while it holds a chunk that is not on its way to the store, so
// writers cannot starve each other of buffers.
// Used on one reactor. REQUIRES: settle() or abandon() is awaited before destruction.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "crypto/hash_engine.h"
#include "io/scope.h"
#include "io/sync.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"
#include "object/segment_composer.h"
#include "transfer/cutter.h"

namespace cairn::object {

class BodySink {
 public:
  struct Options {
    std::shared_ptr<const crypto::TenantKeys> keys;
    OwnerId owner;
    std::vector<DigestKind> digests;     // Besides MD5 and SHA-256.
    std::optional<uint64_t> size_bytes;  // When known.
    uint64_t size_bytes_max = kObjectBytesMax;
    bool may_inline = true;  // A body up to kInlineBytesMax is kept, not stored as a chunk.
    // Segments are shared with what the tenant stored before. Only under the tenant's own keys.
    bool shares_segments = false;
    // Of every chunk that the body comes to lie in.
    storage::PlacementId placement = storage::kDefaultPlacement;
  };
  BodySink(Context& context, Options options);
  BodySink(const BodySink&) = delete;
  BodySink& operator=(const BodySink&) = delete;
  ~BodySink();

  // As in ObjectWriter.
  io::Task<Result<MutableBytes>> next_space();
  io::Task<Status> advance(size_t size_bytes);
  // Ends the body: nothing may be added afterwards.
  io::Task<Result<BodyDigests>> digests();
  // Waits until every chunk is durable. The manifest is empty for an inline body.
  io::Task<Result<Manifest>> store();
  // Rows for the commit, by which others find the new segments. REQUIRES: store() completed.
  const std::vector<catalog::Put>& hooks() const { return composer_.hooks(); }
  // The bytes of a body that is kept inline, until settle() or abandon().
  bool is_inline() const { return options_.may_inline && size_bytes_ <= kInlineBytesMax; }
  BytesView inline_bytes() const;
  uint64_t size_bytes() const { return size_bytes_; }

  // The commit is durable: its edges protect the chunks from here on.
  io::Task<void> settle();
  // Gives everything back that was stored for this body.
  io::Task<void> abandon();

 private:
  // A chunk that is being filled or stored.
  struct OpenChunk {
    Buffer buffer;
    uint64_t begin_bytes = 0;    // In the body.
    size_t plaintext_bytes = 0;  // Set when it is cut.
    size_t segment_begin = 0;    // Of the segment that is not complete, in the buffer.
    std::vector<SegmentName> segments;
  };

  uint64_t wanted_capacity(uint64_t begin_bytes) const;
  io::Task<Result<std::unique_ptr<OpenChunk>>> begin_chunk(uint64_t begin_bytes, BytesView carried);
  io::Task<Status> grow();
  io::Task<Status> take_cuts();
  void end_segment(uint64_t end_bytes);
  io::Task<Status> end_chunk();
  io::Task<Status> feed(bool finish);
  io::Task<void> store_chunk(std::unique_ptr<OpenChunk> chunk);
  io::Task<Result<Buffer>> acquire(uint64_t capacity_bytes);
  io::Task<void> give_memory_back();

  Context& context_;
  Core& core_;
  Options options_;

  // Digests of the whole body.
  crypto::Md5Stream md5_;
  crypto::Sha256Stream sha256_;
  std::vector<std::unique_ptr<crypto::Digest>> extra_;
  std::optional<BodyDigests> finished_;

  // Cutting.
  transfer::Cutter cutter_;
  std::vector<transfer::Cut> cuts_;
  std::unique_ptr<OpenChunk> chunk_;
  uint64_t size_bytes_ = 0;
  bool ended_ = false;

  // Storing.
  SegmentComposer composer_;
  std::optional<Error> failure_;
  io::Semaphore in_flight_{kChunksInFlightMax};
  io::Scope scope_;
  bool done_ = false;
};

}  // namespace cairn::object
