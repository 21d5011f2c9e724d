// Any bytes as blocks of a volume: decoders accept or refuse, never read outside, and what a
// decoder accepts is encoded to the same meaning. First byte: which structure (low bits), and
// whether the checksum is made right first (high bit), without which hardly any input gets behind
// it.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "storage/log_format.h"

namespace cairn::storage {
namespace {

template <typename T>
void encode_and_compare(const Result<T>& decoded, Result<T> (*decode)(BytesView)) {
  if (!decoded) return;
  Bytes block(kBlockBytes);
  encode(*decoded, block);
  const Result<T> again = decode(block);
  ASSERT(again.has_value() && *again == *decoded);
}

void make_checksum_right(MutableBytes block) {
  if (block.size() < 16) return;
  store_le(block.data() + 8, checksum_of(block.subspan(16)));
}

// The trailer is the last block; what stands before it is the table.
void decode_footer(BytesView bytes) {
  const size_t trailer_bytes = std::min(bytes.size(), kBlockBytes);
  const Result<FooterTrailer> trailer = decode_footer_trailer(bytes.last(trailer_bytes));
  if (!trailer) return;
  const auto entries = decode_footer_entries(*trailer, bytes.first(bytes.size() - kBlockBytes));
  if (!entries) return;
  ASSERT(entries->size() == trailer->entries_count);
  for (const FooterEntry& entry : *entries) {
    ASSERT(entry.offset_bytes + record_bytes(entry.payload_bytes) <= trailer->entries_offset_bytes);
  }
}

}  // namespace
}  // namespace cairn::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  using namespace cairn::storage;
  if (size == 0) return 0;
  Bytes bytes(data + 1, data + size);
  const bool repair = (data[0] & 0x80) != 0;
  if (repair) bytes.resize(std::max(round_up(bytes.size(), kBlockBytes), uint64_t{kBlockBytes}));
  switch (data[0] & 3) {
    case 0:
      if (repair) make_checksum_right(bytes);
      encode_and_compare<VolumeFormat>(decode_volume_format(bytes), decode_volume_format);
      break;
    case 1:
      if (repair) make_checksum_right(bytes);
      encode_and_compare<LogHeader>(decode_log_header(bytes), decode_log_header);
      break;
    case 2:
      if (repair) make_checksum_right(bytes);
      encode_and_compare<RecordHeader>(decode_record_header(bytes), decode_record_header);
      break;
    default:
      if (repair) {
        // The table's checksum stands in the trailer, which has one of its own.
        const MutableBytes trailer = MutableBytes(bytes).last(kBlockBytes);
        const uint64_t table_bytes = std::min<uint64_t>(
            load_le<uint64_t>(trailer.data() + 40) % (1 << 20) * 64, bytes.size() - kBlockBytes);
        store_le(trailer.data() + 48, checksum_of(BytesView(bytes).first(table_bytes)));
        make_checksum_right(trailer);
      }
      decode_footer(bytes);
  }
  return 0;
}
