// Copies of objects that the server makes by itself: CopyObject up to 5 GiB, UploadPartCopy beyond.
#pragma once

#include "cli/object_flags.h"
#include "cli/session.h"
#include "cli/transfer_item.h"

namespace cairn::cli {

inline constexpr uint64_t kCopyBytesMax = 5 * GiB;  // Of one CopyObject; S3's.
inline constexpr uint64_t kCopyPartBytes = 512 * MiB;
inline constexpr uint64_t kCopyPartsMax = 10'000;  // S3's.
inline constexpr size_t kCopyPartsAtOnce = 8;

// The part size that keeps an object of this size within kCopyPartsMax parts.
uint64_t copy_part_bytes(uint64_t size_bytes, uint64_t part_bytes_least = kCopyPartBytes);

struct CopyLimits {
  uint64_t single_bytes_max = kCopyBytesMax;
  uint64_t part_bytes = kCopyPartBytes;
};

// Copies item.from to item.to under If-Match of item.etag, where that is known. Metadata is the
// source's unless the flags change it. Returns the ETag of the new object.
io::Task<transfer::S3Result<std::string>> copy_on_server(Session& session, TransferItem item,
                                                         const ObjectFlags& flags,
                                                         CopyLimits limits);

}  // namespace cairn::cli
