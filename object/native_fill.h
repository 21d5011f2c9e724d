// Takes one chunk of a native upload: the bytes of all its segments, or only of those that are not
// stored yet. Nothing is stored unless every segment has the hash that the client named.
//
// Bytes are received straight into the buffer that is sealed; segments that are not sent are read
// from where the store has them, and verified like the others. Holds one pool buffer from open() on
// and nothing else before finish(), so it may be dropped at any time.
// Used on one reactor.
#pragma once

#include <memory>
#include <vector>

#include "base/buffer.h"
#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/native_offer.h"
#include "object/native_rows.h"
#include "object/segment_composer.h"

namespace cairn::object {

// What a chunk is made of.
struct ChunkRecipe {
  std::vector<ContentName> segments;
  std::vector<bool> is_sent;  // One for each segment: its bytes come with the request.

  uint64_t size_bytes() const;
  uint64_t sent_bytes() const;
  ContentName name() const;
};
// kInvalidArgument for a recipe that no chunk has: no or too many segments, an empty or oversized
// one, a chunk over kBodyChunkBytesMax.
Status check_recipe(const ChunkRecipe& recipe);

class ChunkFill {
 public:
  // kFailedPrecondition kSegmentsMissing when a segment that is not sent is not known to be stored
  // or not the caller's to know; kInvalidArgument as check_recipe(). Waits for pool memory.
  static io::Task<Result<std::unique_ptr<ChunkFill>>> open(Context& context, BucketInfo bucket,
                                                           UploadInfo upload, ChunkRecipe recipe,
                                                           ReadRights& rights);
  ChunkFill(const ChunkFill&) = delete;
  ChunkFill& operator=(const ChunkFill&) = delete;
  ~ChunkFill();

  // Memory for the next bytes that are sent, at most kSpaceBytesMax; empty when all came.
  MutableBytes next_space();
  // The first `size_bytes` of that memory were filled.
  void advance(size_t size_bytes);
  // Verifies, stores, and gives the chunk to the upload: durable when it completes.
  // kInvalidArgument kChecksumMismatch when a segment is not the one that was named.
  io::Task<Result<ContentName>> finish();

 private:
  struct Run {  // Of segments that are sent, in the buffer.
    uint64_t offset_bytes = 0;
    uint64_t size_bytes = 0;
  };
  ChunkFill(Context& context, BucketInfo bucket, UploadInfo upload, ChunkRecipe recipe,
            std::shared_ptr<const crypto::TenantKeys> keys);
  io::Task<Status> acquire();
  io::Task<Status> fetch_known(ReadRights& rights);
  io::Task<Status> verify();
  io::Task<Result<std::vector<Extent>>> store(SegmentComposer& composer);
  io::Task<Status> store_and_add(SegmentComposer& composer, HeldChunk chunk);

  Context& context_;
  Core& core_;
  BucketInfo bucket_;
  UploadInfo upload_;
  ChunkRecipe recipe_;
  std::shared_ptr<const crypto::TenantKeys> keys_;
  Buffer buffer_;
  std::vector<Run> runs_;  // What is still to come; the first one is being filled.
  size_t run_ = 0;
};

}  // namespace cairn::object
