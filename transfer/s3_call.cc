#include "transfer/s3_call.h"

#include <charconv>

#include "base/dates.h"
#include "base/encoding.h"
#include "sigv4/uri.h"

namespace cairn::transfer::detail {
namespace {

constexpr std::string_view kMetaPrefix = "x-amz-meta-";

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

bool starts_with_meta(std::string_view name) {
  return name.size() > kMetaPrefix.size() &&
         http::equals_ignoring_case(name.substr(0, kMetaPrefix.size()), kMetaPrefix);
}

}  // namespace

std::string encode_query(const std::vector<HeaderPair>& query) {
  std::string out;
  for (const auto& [name, value] : query) {
    if (!out.empty()) out += '&';
    sigv4::append_uri_encoded(out, name, sigv4::Slash::kEncode);
    out += '=';
    sigv4::append_uri_encoded(out, value, sigv4::Slash::kEncode);
  }
  return out;
}

std::string text_of(const http::ReceivedHead& head, std::string_view name) {
  return std::string(head.get(name).value_or(std::string_view()));
}

std::string etag_of(const http::ReceivedHead& head) {
  std::string_view etag = head.get("etag").value_or(std::string_view());
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

ObjectInfo info_of(const http::ReceivedHead& head) {
  ObjectInfo info;
  info.size_bytes = head.content_length.value_or(0);
  if (const auto range = parse_content_range(head.get("content-range").value_or(""))) {
    info.size_bytes = range->total_bytes;
  }
  info.etag = etag_of(head);
  info.modified = parse_http_date(text_of(head, "last-modified")).value_or(WallTime{});
  info.version_id = text_of(head, "x-amz-version-id");
  info.content_type = text_of(head, "content-type");
  info.storage_class = text_of(head, "x-amz-storage-class");
  info.etag_is_opaque = text_of(head, "x-amz-server-side-encryption").starts_with("aws:kms") ||
                        head.get("x-amz-server-side-encryption-customer-algorithm").has_value();
  for (const char* name : {"Cache-Control", "Content-Disposition", "Content-Encoding",
                           "Content-Language", "Expires"}) {
    std::string value = text_of(head, name);
    if (!value.empty()) info.headers.emplace_back(name, std::move(value));
  }
  for (const http::Field field : head.fields) {
    if (!starts_with_meta(field.name)) continue;
    info.metadata.emplace_back(field.name.substr(kMetaPrefix.size()), field.value);
  }
  if (http::equals_ignoring_case(text_of(head, "x-amz-checksum-type"), "COMPOSITE")) return info;
  const std::optional<Bytes> crc = from_base64(text_of(head, "x-amz-checksum-crc64nvme"));
  if (crc && crc->size() == sizeof(uint64_t)) info.crc64_nvme = load_be<uint64_t>(crc->data());
  const std::optional<Bytes> sha = from_base64(text_of(head, "x-amz-checksum-sha256"));
  if (sha && sha->size() == sizeof(crypto::Sha256Value)) {
    info.sha256.emplace();
    std::memcpy(info.sha256->data(), sha->data(), sha->size());
  }
  return info;
}

std::string crc64_text(uint64_t crc) {
  std::array<uint8_t, sizeof(uint64_t)> bytes;
  store_be(bytes.data(), crc);
  return to_base64(bytes);
}

std::vector<HeaderPair> told_headers(const http::ReceivedHead& head) {
  std::vector<HeaderPair> told;
  for (const http::Field field : head.fields) {
    std::string name(field.name);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (!name.starts_with("x-amz-") && name != "retry-after") continue;
    told.emplace_back(std::move(name), field.value);
  }
  return told;
}

void add_conditions(std::vector<HeaderPair>& headers, const Conditions& conditions) {
  const auto quoted = [](const std::string& etag) {
    return etag == "*" || etag.starts_with('"') ? etag : "\"" + etag + "\"";
  };
  if (!conditions.if_match.empty()) headers.emplace_back("If-Match", quoted(conditions.if_match));
  if (!conditions.if_none_match.empty()) {
    headers.emplace_back("If-None-Match", quoted(conditions.if_none_match));
  }
}

std::string range_text(ByteRange range) {
  return "bytes=" + std::to_string(range.offset_bytes) + "-" +
         std::to_string(range.end_bytes() - 1);
}

}  // namespace cairn::transfer::detail

namespace cairn::transfer {

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const size_t dash = text.find('-');
  const size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) {
    return std::nullopt;
  }
  const auto first = detail::parse_number(text.substr(0, dash));
  const auto last = detail::parse_number(text.substr(dash + 1, slash - dash - 1));
  const auto total = detail::parse_number(text.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{{*first, *last - *first + 1}, *total};
}

}  // namespace cairn::transfer
