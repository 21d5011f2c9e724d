// Invariants: no input makes a record parser crash; what one accepts has one encoding that parses
// back to itself; an accepted manifest's extents lie inside their chunks and its parts cover them.
// The first byte of the input chooses the parser.
#include <cstdint>

#include "base/assert.h"
#include "object/body_index.h"
#include "object/keys.h"
#include "object/records.h"
#include "object/rewriter.h"
#include "object/signed_row.h"

namespace {

using namespace cairn;
using namespace cairn::object;

template <typename Parse, typename Encode>
void check_stable(BytesView input, Parse parse, Encode encode) {
  const auto record = parse(input);
  if (!record) return;
  const std::string encoded = encode(*record);
  const auto again = parse(as_bytes(encoded));
  ASSERT(again.has_value());
  ASSERT(encode(*again) == encoded);
}

void check_manifest(const Manifest& manifest) {
  const uint64_t size_bytes = manifest.size_bytes();
  for (const Extent& extent : manifest.extents) {
    ASSERT((ByteRange{extent.offset_bytes, extent.size_bytes}.inside(extent.chunk_bytes)));
  }
  ASSERT(manifest.slice({0, size_bytes}) == manifest.extents);
  uint64_t sliced_bytes = 0;
  for (const Extent& extent : manifest.slice({size_bytes / 3, size_bytes / 2})) {
    sliced_bytes += extent.size_bytes;
  }
  ASSERT(sliced_bytes == size_bytes / 2);
  ASSERT(manifest.references().size() <= manifest.extents.size());
}

void check_keys(BytesView input) {
  const std::string_view row = as_text(input);
  const auto object_key = keys::parse_object(row);
  if (object_key) ASSERT(object_key->key.size() < row.size());
  const auto upload_key = keys::parse_upload(row);
  if (upload_key) ASSERT(upload_key->upload_id.size() < row.size());
  static_cast<void>(keys::parse_tenant_key(row));
  static_cast<void>(keys::parse_known_body(row));
  const auto place = parse_place(row);
  if (place) ASSERT(encode_place(*place) == row && place->key.size() <= kKeyBytesMax);
  static_cast<void>(keys::parse_partly_dead(row));
  const auto measured = parse_measured(row);
  if (measured) ASSERT(encode_measured(*measured) == row);
  const auto record = peek_row(row);
  if (record) ASSERT(record->size() + kSignedRowHeadBytes == row.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes) {
  if (size_bytes == 0) return 0;
  const BytesView input(data + 1, size_bytes - 1);
  switch (data[0] % 8) {
    case 0:
      check_stable(input, [](BytesView bytes) { return parse_head(bytes); }, encode_head);
      break;
    case 1: check_stable(input, parse_body, encode_body); break;
    case 2: {
      check_stable(input, parse_manifest, encode_manifest);
      const Result<Manifest> manifest = parse_manifest(input);
      if (manifest) check_manifest(*manifest);
      break;
    }
    case 3: check_stable(input, parse_part, encode_part); break;
    case 4: check_stable(input, parse_upload_record, encode_upload); break;
    case 5: check_stable(input, parse_completed, encode_completed); break;
    case 6: check_stable(input, parse_bucket, encode_bucket); break;
    default: check_keys(input); break;
  }
  return 0;
}
