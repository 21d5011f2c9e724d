// Fetches a record (header block and payload, log_format.h) out of an object upstream: ranges for
// clients and whole records. Packs have many records, an object of a shared bucket has one.
#pragma once

#include <optional>

#include "storage/log_format.h"
#include "storage/upstream.h"

namespace cairn::storage {

// A record as it is known before it is read.
struct RecordPlace {
  UpstreamObject object;
  uint64_t offset_bytes = 0;  // Of its header block.
  RandomId log_id{};
  ChunkId chunk;
  uint64_t payload_bytes = 0;
};

// Clamped to the payload's end.
ByteRange clamp_to_payload(ByteRange range, uint64_t payload_bytes);

// Reads `part` of the payload, which lies within it, and the sealed header unless it is known: from
// the front of a record in one request, elsewhere in two side by side. A record that is read whole,
// with its header, is checked against its checksum. kCorruption, kNotFound, kUnavailable.
io::Task<Result<SealedRead>> fetch_record(Upstream& upstream, StoreCounters& counters,
                                          RecordPlace place, ByteRange part, Urgency urgency,
                                          std::optional<Bytes> known_header);

}  // namespace cairn::storage
