// Bucket and key names, and where a request carries them; queries in S3's words.
#include <algorithm>
#include <array>

#include "s3/uri.h"

namespace cairn::s3 {
namespace {

bool is_continuation(char c) {
  return (static_cast<uint8_t>(c) & 0xC0) == 0x80;
}

// Bounds of the second byte by the first (Unicode 15, table 3-7); {1, 0} = no lead byte.
struct Lead {
  size_t size = 0;
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xBF;
};
Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

bool is_ipv4(std::string_view name) {
  size_t groups_count = 0;
  for (size_t from = 0; from <= name.size();) {
    const size_t to = std::min(name.find('.', from), name.size());
    const std::string_view group = name.substr(from, to - from);
    if (group.empty() || group.size() > 3) return false;
    if (!std::ranges::all_of(group, [](char c) { return c >= '0' && c <= '9'; })) return false;
    ++groups_count;
    from = to + 1;
  }
  return groups_count == 4;
}

bool has_valid_form(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  const auto is_alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!is_alnum(name.front()) || !is_alnum(name.back())) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!is_alnum(c) && c != '.' && c != '-') return false;
    if (i == 0) continue;
    const char before = name[i - 1];
    if (before == '.' && (c == '.' || c == '-')) return false;
    if (before == '-' && c == '.') return false;
  }
  return !is_ipv4(name);
}

bool is_reserved(std::string_view name) {
  constexpr std::array<std::string_view, 3> kPrefixes = {"xn--", "sthree-", "amzn-s3-demo-"};
  constexpr std::array<std::string_view, 5> kSuffixes = {"-s3alias", "--ol-s3", ".mrap", "--x-s3",
                                                         "--table-s3"};
  return std::ranges::any_of(kPrefixes, [&](auto prefix) { return name.starts_with(prefix); }) ||
         std::ranges::any_of(kSuffixes, [&](auto suffix) { return name.ends_with(suffix); });
}

std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

// The bucket in front of a base domain; empty when the host is path style.
std::string_view bucket_of_host(std::string_view host, std::span<const std::string> base_domains) {
  const std::string_view name = without_port(host);
  for (const std::string& domain : base_domains) {
    if (name.size() <= domain.size() + 1) continue;
    const size_t dot = name.size() - domain.size() - 1;
    if (name[dot] == '.' && equal_ignoring_case(name.substr(dot + 1), domain)) {
      return name.substr(0, dot);
    }
  }
  return {};
}

}  // namespace

S3Result<Query> parse_query(std::string_view raw) {
  Result<Query> query = Query::parse(raw);
  if (query) return std::move(*query);
  if (query.error().code != Code::kResourceExhausted) return s3_fail(S3Code::kInvalidURI);
  return s3_fail(S3Code::kInvalidURI, "Too many query parameters.");
}

std::string url_encode_key(std::string_view key) {
  std::string out;
  append_uri_encoded(out, key, Slash::kKeep);
  return out;
}

size_t utf8_sequence_size(std::string_view text) {
  if (text.empty()) return 0;
  const Lead lead = lead_of(static_cast<uint8_t>(text[0]));
  if (lead.size <= 1) return lead.size;
  if (text.size() < lead.size) return 0;
  const uint8_t second = static_cast<uint8_t>(text[1]);
  if (second < lead.second_min || second > lead.second_max) return 0;
  for (size_t i = 2; i < lead.size; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  return lead.size;
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = utf8_sequence_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

S3Status check_key(std::string_view key) {
  if (key.size() > kKeySizeBytesMax) {
    return s3_fail(S3Code::kKeyTooLongError, {},
                   {{"Size", std::to_string(key.size())},
                    {"MaxSizeAllowed", std::to_string(kKeySizeBytesMax)}});
  }
  if (key.empty() || key.find('\0') != std::string_view::npos || !is_valid_utf8(key)) {
    return s3_fail(S3Code::kInvalidURI);
  }
  return {};
}

S3Status check_bucket_name(std::string_view name) {
  if (has_valid_form(name) && !is_reserved(name)) return {};
  return s3_fail(S3Code::kInvalidBucketName, {}, {{"BucketName", std::string(name)}});
}

S3Result<Target> split_target(std::string_view host, std::string_view raw_path,
                              std::span<const std::string> base_domains) {
  std::optional<std::string> path = percent_decode(raw_path, Plus::kLiteral);
  if (!path || !path->starts_with('/')) return s3_fail(S3Code::kInvalidURI);
  Target target;
  std::string_view rest = std::string_view(*path).substr(1);
  const std::string_view host_bucket = bucket_of_host(host, base_domains);
  if (!host_bucket.empty()) {
    target.virtual_host = true;
    target.bucket = host_bucket;
    std::ranges::transform(target.bucket, target.bucket.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
  } else {
    const size_t slash = std::min(rest.find('/'), rest.size());
    target.bucket = rest.substr(0, slash);
    rest = rest.substr(std::min(slash + 1, rest.size()));
  }
  target.key = rest;
  if (target.bucket.empty() && target.key.empty()) return target;
  if (S3Status name = check_bucket_name(target.bucket); !name) return std::unexpected(name.error());
  if (!target.key.empty()) {
    if (S3Status key = check_key(target.key); !key) return std::unexpected(key.error());
  }
  return target;
}

}  // namespace cairn::s3
