#include "s3/range_header.h"

#include <algorithm>
#include <charconv>

#include "s3/request_view.h"

namespace cairn::s3 {
namespace {

// Digits only; a value over 2^64 - 1 is clamped to it, which any range accepts.
std::optional<uint64_t> parse_offset(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (!std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc::result_out_of_range ? UINT64_MAX : value;
}

}  // namespace

std::optional<RangeSpec> parse_range(std::string_view header) {
  constexpr std::string_view kUnit = "bytes=";
  if (!starts_with_ignoring_case(header, kUnit)) return std::nullopt;
  const std::string_view spec = header.substr(kUnit.size());
  const size_t dash = spec.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first_text = spec.substr(0, dash);
  const std::string_view last_text = spec.substr(dash + 1);
  RangeSpec range{parse_offset(first_text), parse_offset(last_text)};
  if (!first_text.empty() && !range.first) return std::nullopt;
  if (!last_text.empty() && !range.last) return std::nullopt;
  if (!range.first && !range.last) return std::nullopt;
  if (range.first && range.last && *range.first > *range.last) return std::nullopt;
  return range;
}

S3Result<ResolvedRange> resolve_range(const std::optional<RangeSpec>& spec, uint64_t size_bytes,
                                      std::string_view header) {
  const ResolvedRange whole{false, {0, size_bytes}};
  if (!spec) return whole;
  const auto unsatisfiable = [&] {
    return s3_fail(S3Code::kInvalidRange, {},
                   {{"RangeRequested", std::string(header)},
                    {"ActualObjectSize", std::to_string(size_bytes)}});
  };
  if (!spec->first) {
    if (*spec->last == 0) return unsatisfiable();
    if (size_bytes == 0) return whole;
    const uint64_t suffix_bytes = std::min(*spec->last, size_bytes);
    return ResolvedRange{true, {size_bytes - suffix_bytes, suffix_bytes}};
  }
  if (*spec->first >= size_bytes) return unsatisfiable();
  const uint64_t last = spec->last ? std::min(*spec->last, size_bytes - 1) : size_bytes - 1;
  return ResolvedRange{true, {*spec->first, last - *spec->first + 1}};
}

std::string content_range(ByteRange range, uint64_t size_bytes) {
  return "bytes " + std::to_string(range.offset_bytes) + "-" +
         std::to_string(range.end_bytes() - 1) + "/" + std::to_string(size_bytes);
}

std::string unsatisfied_content_range(uint64_t size_bytes) {
  return "bytes */" + std::to_string(size_bytes);
}

S3Result<ByteRange> parse_copy_source_range(std::string_view header, uint64_t source_size_bytes) {
  const std::optional<RangeSpec> spec = parse_range(header);
  if (!spec || !spec->first || !spec->last) {
    return invalid_argument(
        "The x-amz-copy-source-range value must be of the form bytes=first-last where first and "
        "last are the zero-based offsets of the first and last bytes to copy",
        "x-amz-copy-source-range", header);
  }
  if (*spec->last >= source_size_bytes) {
    return invalid_argument("Range specified is not valid for source object of size: " +
                                std::to_string(source_size_bytes),
                            "x-amz-copy-source-range", header);
  }
  return ByteRange{*spec->first, *spec->last - *spec->first + 1};
}

}  // namespace cairn::s3
