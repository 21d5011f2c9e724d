// Ranges, dates, ETag lists and copy sources. Invariants: what is accepted lies in its bounds and
// survives being written and read again.
#include <array>
#include <string>

#include "base/assert.h"
#include "base/dates.h"
#include "s3/checksum_headers.h"
#include "s3/conditions.h"
#include "s3/copy_source.h"
#include "s3/range_header.h"
#include "s3/uri.h"
#include "s3/xml_writer.h"

using namespace cairn;
using namespace cairn::s3;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text({data, size});
  for (const uint64_t object_bytes : {uint64_t{0}, uint64_t{1}, uint64_t{100}, UINT64_MAX}) {
    const S3Result<ResolvedRange> range = resolve_range(parse_range(text), object_bytes, text);
    if (range && range->is_partial) {
      ASSERT(range->range.size_bytes > 0 && range->range.inside(object_bytes));
    }
    const S3Result<ByteRange> copied = parse_copy_source_range(text, object_bytes);
    if (copied) ASSERT(copied->size_bytes > 0 && copied->inside(object_bytes));
  }
  if (const std::optional<WallTime> time = parse_any_date(text)) {
    ASSERT(parse_iso8601(format_iso8601_ms(*time)) == time || time->unix_ms > 253402300799999 ||
           time->unix_ms < -62167219200000);
  }
  if (const S3Result<CopySource> source = parse_copy_source(text)) {
    ASSERT(check_bucket_name(source->bucket).has_value() && check_key(source->key).has_value());
    std::string again = source->bucket + "/" + url_encode_key(source->key);
    if (source->version_id) {
      again += "?versionId=";
      append_uri_encoded(again, *source->version_id, Slash::kEncode);
    }
    const S3Result<CopySource> twice = parse_copy_source(again);
    ASSERT(twice && twice->bucket == source->bucket && twice->key == source->key &&
           twice->version_id == source->version_id);
  }
  const std::array<HeaderView, 3> headers = {
      {{"If-Match", text}, {"x-amz-checksum-crc32", text}, {"x-amz-trailer", text}}};
  RequestView request;
  request.headers = headers;
  ASSERT(!parse_conditions(request, {0}).if_match.empty());
  static_cast<void>(parse_body_checksums(request));
  static_cast<void>(split_target(text, "/bucket/key", {}));
  return 0;
}
