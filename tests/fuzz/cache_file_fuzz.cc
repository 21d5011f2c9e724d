// Any bytes as structures of a cache file: decoders accept or refuse, never read outside, and what
// a decoder accepts is encoded to the same meaning. First byte: which structure (low bits), and
// whether the checksum is made right first (high bit), without which hardly any input gets behind
// it.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "cache/region_format.h"

namespace cairn::cache {
namespace {

void make_checksum_right(MutableBytes bytes, size_t used_bytes) {
  if (used_bytes < 16 || used_bytes > bytes.size()) return;
  store_le(bytes.data() + 8, frame_checksum(bytes.subspan(16, used_bytes - 16)));
}

template <typename T>
void encode_and_compare(const Result<T>& decoded, Result<T> (*decode)(BytesView)) {
  if (!decoded) return;
  Bytes block(kDiskBlockBytes);
  encode(*decoded, block);
  const Result<T> again = decode(block);
  ASSERT(again.has_value() && *again == *decoded);
}

void decode_any_footer(const CacheGeometry& geometry, BytesView bytes) {
  const Result<RegionFooter> footer = decode_footer(geometry, bytes);
  if (!footer) return;
  ASSERT(footer->rows.size() <= geometry.footer_rows_max());
  const uint64_t region_blocks = geometry.region_bytes / kDiskBlockBytes;
  for (const FooterRow& row : footer->rows) {
    ASSERT(uint64_t{row.offset_blocks} + row.size_blocks <= region_blocks);
  }
  Bytes encoded(geometry.footer_bytes());
  encode(*footer, encoded);
  ASSERT(decode_footer(geometry, encoded).value() == *footer);
}

}  // namespace
}  // namespace cairn::cache

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  using namespace cairn::cache;
  if (size == 0) return 0;
  Bytes bytes(data + 1, data + size);
  const bool repair = (data[0] & 0x80) != 0;
  switch (data[0] & 3) {
    case 0:
      if (repair) {
        bytes.resize(kDiskBlockBytes);
        make_checksum_right(bytes, bytes.size());
      }
      encode_and_compare<CacheSuperblock>(decode_superblock(bytes), decode_superblock);
      break;
    case 1:
      if (repair) {
        bytes.resize(kDiskBlockBytes);
        make_checksum_right(bytes, bytes.size());
      }
      encode_and_compare<EntryHeader>(decode_entry_header(bytes), decode_entry_header);
      break;
    default: {
      const CacheGeometry geometry = CacheGeometry::of_size(1 * GiB).value();
      if (repair) {
        bytes.resize(std::max(bytes.size(), kFooterHeadBytes));
        make_checksum_right(bytes, footer_bytes_used(geometry, bytes));
      }
      decode_any_footer(geometry, bytes);
    }
  }
  return 0;
}
