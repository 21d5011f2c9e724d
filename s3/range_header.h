// Range (S3.md 2.1, table captured from AWS) and x-amz-copy-source-range.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "s3/errors.h"

namespace cairn::s3 {

// What a Range header asks, before the size is known.
struct RangeSpec {
  std::optional<uint64_t> first;  // Unset: the last `last` bytes.
  std::optional<uint64_t> last;   // Unset: to the end.
};
// nullopt: anything that S3 ignores (other unit, several ranges, spaces, first > last, garbage).
std::optional<RangeSpec> parse_range(std::string_view header);

// nullopt spec or a suffix of an empty object: the whole body, 200.
struct ResolvedRange {
  bool is_partial = false;  // 206 with Content-Range.
  ByteRange range;
};
// 416 InvalidRange with RangeRequested and ActualObjectSize; the door adds Content-Range
// (unsatisfied_content_range).
S3Result<ResolvedRange> resolve_range(const std::optional<RangeSpec>& spec, uint64_t size_bytes,
                                      std::string_view header);

std::string content_range(ByteRange range, uint64_t size_bytes);  // bytes a-b/total
std::string unsatisfied_content_range(uint64_t size_bytes);       // bytes */total

// `bytes=a-b`, both ends required, inside the source; else 400 InvalidArgument.
S3Result<ByteRange> parse_copy_source_range(std::string_view header, uint64_t source_size_bytes);

}  // namespace cairn::s3
