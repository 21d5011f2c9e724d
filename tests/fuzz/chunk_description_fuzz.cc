// Any bytes as what a Ceph pool may answer: the description of a chunk, names of objects and
// attributes, the monitors' answer about space. Decoders accept or refuse, never read outside, and
// what they accept is encoded to the same bytes. First byte: which one (low bits), and whether the
// checksum is made right first (high bit).
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "storage/rados/format.h"
#include "storage/rados/pool_usage.h"

namespace cairn::storage {
namespace {

void read_description(BytesView bytes) {
  const Result<ChunkDescription> description = decode_chunk_description(bytes);
  if (!description) return;
  const Bytes again = encode(*description);
  ASSERT(as_text(again) == as_text(bytes));
}

void read_names(std::string_view name) {
  const auto chunk = chunk_of_object_name(name);
  if (chunk) ASSERT(object_name_of(*chunk) == name);
  const auto hold = hold_of_attribute(name);
  if (hold) ASSERT(attribute_of(*hold) == name);
  const auto session = session_of_attribute(name);
  if (session) ASSERT(attribute_of_session(*session) == name);
}

}  // namespace
}  // namespace cairn::storage

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cairn;
  using namespace cairn::storage;
  if (size == 0) return 0;
  Bytes bytes(data + 1, data + size);
  switch (data[0] & 3) {
    case 0:
      if ((data[0] & 0x80) != 0 && bytes.size() >= sizeof(uint64_t)) {
        const size_t sum_at = bytes.size() - sizeof(uint64_t);
        store_le(bytes.data() + sum_at, checksum_of(BytesView(bytes).first(sum_at)));
      }
      read_description(bytes);
      break;
    case 1: read_names(as_text(bytes)); break;
    default: static_cast<void>(parse_pool_usage(as_text(bytes), "data"));
  }
  return 0;
}
