// A request head as the protocol pieces of the S3 door see it: views of the bytes on the wire,
// nothing decoded, nothing owned. The door builds one from http::RequestHead.
//
// Invariant: the text behind every view outlives the view; header values come without the optional
// white space around them, everything else is exactly as it was sent (signatures are made of it).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace cairn::sigv4 {

struct HeaderView {
  std::string_view name;  // In the case of the wire.
  std::string_view value;
};

namespace detail {
bool equal_ignoring_case_same_size(std::string_view a, std::string_view b);
}  // namespace detail

// ASCII case-insensitive equality. Header look-ups are most of what verifying costs beside hashing,
// and the size and the last letter (names share prefixes) tell most names apart.
inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (!a.empty() && ((a.back() ^ b.back()) & ~0x20) != 0) return false;
  return detail::equal_ignoring_case_same_size(a, b);
}
// True when `text` starts with `prefix`, which is lower-case ASCII.
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);
// Without blanks and tabs at both ends.
std::string_view trimmed(std::string_view text);

struct RequestView {
  std::string_view method;
  std::string_view path;                // Raw, as in the request line, without the query.
  std::string_view query;               // Raw, without '?'.
  std::span<const HeaderView> headers;  // In order of arrival; includes Host.
  // Hex digest of the whole body, where the service signs it without a header that names it (IAM,
  // STS). Unset for S3.
  std::optional<std::string_view> body_sha256 = {};

  // The first header of that name; nullopt when absent. `name` in any case.
  std::optional<std::string_view> header(std::string_view name) const;
  size_t header_count(std::string_view name) const;
};

}  // namespace cairn::sigv4
