// Invariants: no header or payload makes the opener read out of bounds, and under keys that sealed
// one chunk nothing but exactly that chunk ever opens, even with the header's checksum made to
// match.
//
// Input: one byte of flags (1: the rest is edits of the genuine chunk, else raw bytes; 2: the
// checksum is made to match), then either edits of three bytes (offset, little-endian; mask) or the
// bytes of a header and a payload.
#include <xxhash.h>

#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "base/random.h"
#include "crypto/sealed_format.h"
#include "crypto/sealing.h"

namespace {

using namespace cairn;
using namespace cairn::crypto;

constexpr uint64_t kDataBytes = 300;
constexpr uint64_t kTableBytes = 40;
constexpr size_t kHeaderBytes = sealed_header_bytes(kDataBytes, kTableBytes);

struct Genuine {
  Genuine() : ring(SecretKey::generate(random)) {
    ASSERT(ring.create_version(kRootTenant, random).has_value());
    payload.resize(kDataBytes + kTableBytes);
    random.fill(payload);
    const ChunkBinding binding{
        .tenant = kRootTenant, .id = {}, .plaintext_bytes = kDataBytes, .table_bytes = kTableBytes};
    header = seal_chunk(*ring.current(kRootTenant), binding, random, payload).value();
  }

  SeededRandom random{1};
  KeyRing ring;
  Bytes payload;
  Bytes header;
};

void check(const Genuine& genuine, const Bytes& header, const Bytes& payload) {
  const Result<ChunkOpener> opener =
      ChunkOpener::create(genuine.ring, kRootTenant, ChunkId{}, header);
  if (!opener) return;
  ASSERT(opener->plaintext_bytes() == kDataBytes && opener->table_bytes() == kTableBytes);
  if (payload.size() < kDataBytes) return;
  Bytes opened = payload;
  const MutableBytes data = MutableBytes(opened).first(kDataBytes);
  const bool data_opened = opener->open_frames(0, data).has_value();
  const bool table_opened =
      opener->open_table(MutableBytes(opened).subspan(kDataBytes)).has_value();
  if (data_opened && table_opened) {
    ASSERT(payload == genuine.payload);
    ASSERT(header == genuine.header);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size_bytes) {
  static const Genuine genuine;
  if (size_bytes == 0) return 0;
  const BytesView input(bytes + 1, size_bytes - 1);
  Bytes header;
  Bytes payload;
  if ((bytes[0] & 1) != 0) {
    header = genuine.header;
    payload = genuine.payload;
    for (size_t at = 0; at + 3 <= input.size(); at += 3) {
      const size_t place = load_le<uint16_t>(&input[at]) % (header.size() + payload.size());
      uint8_t& byte = place < header.size() ? header[place] : payload[place - header.size()];
      byte ^= input[at + 2];
    }
  } else {
    const size_t header_bytes = std::min(input.size(), kHeaderBytes);
    header.assign(input.begin(), input.begin() + static_cast<ptrdiff_t>(header_bytes));
    payload.assign(input.begin() + static_cast<ptrdiff_t>(header_bytes), input.end());
  }
  if ((bytes[0] & 2) != 0 && header.size() >= kSealedChecksumBytes) {
    const size_t checked = header.size() - kSealedChecksumBytes;
    store_le<uint64_t>(&header[checked], XXH3_64bits(header.data(), checked));
  }
  check(genuine, header, payload);
  return 0;
}
