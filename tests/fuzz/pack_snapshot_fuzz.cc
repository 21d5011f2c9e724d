// Any bytes as a snapshot of packs: refused, or read and written back as the same bytes. First
// byte: whether the checksum is made right first, without which hardly any input gets behind it.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "storage/limits.h"
#include "storage/pack_snapshot.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  using namespace cairn::storage;
  if (size == 0) return 0;
  Bytes bytes(data + 1, data + size);
  if ((data[0] & 1) != 0 && bytes.size() > 8) {
    store_le(bytes.data() + bytes.size() - 8,
             checksum_of(BytesView(bytes).first(bytes.size() - 8)));
  }
  const Result<Snapshot> snapshot = decode_snapshot(bytes);
  if (!snapshot) return 0;
  for (const SnapshotPack& pack : snapshot->packs) {
    for (const FooterEntry& entry : pack.entries) {
      ASSERT(entry.offset_bytes + record_bytes(entry.payload_bytes) <= pack.size_bytes);
    }
  }
  const Result<Snapshot> again = decode_snapshot(encode_snapshot(*snapshot));
  ASSERT(again.has_value() && *again == *snapshot);
  return 0;
}
