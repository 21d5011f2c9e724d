// The rows of native uploads (native_upload.h): which chunks an upload holds.
//
// A native upload's row is that of a multipart upload, so it is listed, expires and is aborted as
// one. Each chunk that it holds has a row c/, named by the chunk's content hash, and a reference
// edge of the upload's owner; both come in one commit, which also rewrites the upload's row: the
// end of an upload, which depends on that row's version, sees all chunks or none of a racing one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/multipart.h"
#include "object/records.h"

namespace cairn::object {

// What a client calls a segment or a chunk: its length, and SHA-256 of a segment's bytes or over
// the hashes of a chunk's segments.
struct ContentName {
  Sha256Value hash{};
  uint32_t size_bytes = 0;
  friend bool operator==(const ContentName&, const ContentName&) = default;
};

// A chunk of an upload and where its bytes are.
struct HeldChunk {
  ContentName name;
  NativeChunk where;
  std::vector<catalog::Put> hooks;  // Of a new chunk: rows of the segment index.
};

// The row of a chunk, when the upload holds it.
io::Task<Result<std::optional<HeldChunk>>> load_native_chunk(Context& context, TenantId tenant,
                                                             std::string upload_id,
                                                             Sha256Value hash);
// The rows behind `after` in the order of hashes, at most `limit`.
io::Task<Result<std::vector<HeldChunk>>> load_native_chunks(Context& context, TenantId tenant,
                                                            std::string upload_id,
                                                            std::optional<Sha256Value> after,
                                                            size_t limit);

// Gives the chunks to the upload. Those that it holds already stay as they are. The caller holds
// the chunks in the store until this has completed, under an owner of its own. kNotFound
// kNoSuchUpload, kResourceExhausted as UsageTable::reserve().
io::Task<Status> add_native_chunks(Context& context, BucketInfo bucket, UploadInfo upload,
                                   std::vector<HeldChunk> chunks);

// Takes `chunks` from the upload: deletes their rows, and queues for the collector what is not in
// `kept` (chunk ids, ascending).
void consume_native_chunks(Context& context, const crypto::TenantKeys& tenant_keys,
                           const UploadInfo& upload, const std::vector<HeldChunk>& chunks,
                           const std::vector<ChunkId>& kept, catalog::Batch& batch);

// The end of an upload that becomes nothing: its chunks and its row. False when something came in
// between, and the row has to be read again.
io::Task<Result<bool>> drop_native_chunks(Context& context, BucketInfo bucket, UploadRow row);

}  // namespace cairn::object
