// What a store knew of its packs, in a local file, so that a start need not read every footer.
//
// Packs never change, so what is written here about a pack that is still listed with the same size
// and ETag holds; entries that are missing were dropped. A snapshot that is absent, old or damaged
// costs time only. Format: docs/format.md.
#pragma once

#include <string>
#include <vector>

#include "storage/log_format.h"

namespace cairn::storage {

struct SnapshotPack {
  std::string name;  // REQUIRES: is_log_file_name(name).
  uint64_t size_bytes = 0;
  uint64_t records_bytes = 0;  // Of all records, dead ones too.
  std::string etag;            // At most kEtagBytesMax.
  std::vector<FooterEntry> entries;
  friend bool operator==(const SnapshotPack&, const SnapshotPack&) = default;
};
struct Snapshot {
  RandomId store_id{};
  std::vector<SnapshotPack> packs;
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

inline constexpr size_t kEtagBytesMax = 1024;
// What an upstream told; empty (not known) where it is longer than any that is worth keeping.
inline std::string usable_etag(std::string etag) {
  return etag.size() <= kEtagBytesMax ? std::move(etag) : std::string();
}

Bytes encode_snapshot(const Snapshot& snapshot);
// kCorruption, kUnsupported for a newer version. Input of any size is safe.
Result<Snapshot> decode_snapshot(BytesView bytes);

}  // namespace cairn::storage
