// The text of server access logs: lines and the keys of their objects.
#include <fmt/format.h>

#include <array>
#include <ctime>

#include "iam/account.h"
#include "s3/routes.h"
#include "server/bucket_logs.h"

namespace cairn::server {
namespace {

// Control characters, quotes and what is not ASCII, as S3 writes them into its logs.
std::string escaped(std::string_view text, bool also_space) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte > 0x20 && byte < 0x7F && c != '"' && c != '\\';
    if (plain || (c == ' ' && !also_space)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

std::string or_dash(std::string_view text) {
  return text.empty() ? std::string("-") : escaped(text, true);
}

std::string quoted_or_dash(std::string_view text) {
  return text.empty() ? std::string("\"-\"") : "\"" + escaped(text, false) + "\"";
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// REST.<method>.<resource>
std::string operation(const s3::RequestRecord& record) {
  struct Special {
    std::string_view route;
    std::string_view operation;
  };
  static constexpr Special kSpecial[] = {{"CopyObject", "REST.COPY.OBJECT"},
                                         {"UploadPart", "REST.PUT.PART"},
                                         {"UploadPartCopy", "REST.COPY.PART"},
                                         {"CompleteMultipartUpload", "REST.POST.UPLOAD"},
                                         {"AbortMultipartUpload", "REST.DELETE.UPLOAD"},
                                         {"ListParts", "REST.GET.UPLOAD"},
                                         {"DeleteObjects", "REST.POST.MULTI_OBJECT_DELETE"}};
  for (const Special& special : kSpecial) {
    if (special.route == record.route) return std::string(special.operation);
  }
  std::string resource = record.key.empty() ? "BUCKET" : "OBJECT";
  if (record.route_index < s3::routes().size()) {
    const std::string_view query = s3::routes()[record.route_index].query;
    if (!query.empty() && query != "list-type") resource = upper(query);
  }
  return "REST." + upper(record.method) + "." + resource;
}

std::string object_size(const s3::RequestRecord& record) {
  if (record.route == "PutObject" && record.status == 200) {
    return std::to_string(record.bytes_in + record.instant_bytes);
  }
  if (record.route == "GetObject" && record.status == 200) return std::to_string(record.bytes_out);
  return "-";
}

std::string time_text(WallTime at, const char* format) {
  const time_t second = static_cast<time_t>(at.unix_ms / 1000);
  tm parts{};
  gmtime_r(&second, &parts);
  std::array<char, 64> text{};
  const size_t size = strftime(text.data(), text.size(), format, &parts);
  return {text.data(), size};
}

std::string_view signature_version(s3::AuthKind kind) {
  switch (kind) {
    case s3::AuthKind::kV4Header:
    case s3::AuthKind::kV4Query: return "SigV4";
    case s3::AuthKind::kV2Header:
    case s3::AuthKind::kV2Query: return "SigV2";
    default: return "-";
  }
}

std::string_view auth_type(s3::AuthKind kind) {
  switch (kind) {
    case s3::AuthKind::kV4Header:
    case s3::AuthKind::kV2Header: return "AuthHeader";
    case s3::AuthKind::kV4Query:
    case s3::AuthKind::kV2Query: return "QueryString";
    default: return "-";
  }
}

std::string_view host_of(std::string_view remote) {
  const size_t colon = remote.rfind(':');
  // Who is known through a proxy has no port, and an IPv6 address then no brackets.
  const bool is_bare = !remote.starts_with('[') && remote.find(':') != colon;
  return colon == std::string_view::npos || is_bare ? remote : remote.substr(0, colon);
}

}  // namespace

std::string BucketLogs::format(const s3::RequestRecord& record, WallTime at) {
  const auto field = [&](std::string_view name) {
    return record.head == nullptr ? std::string_view() : record.head->get(name).value_or("");
  };
  const object::BucketInfo& bucket = *record.bucket_info;
  const std::string uri =
      fmt::format("{} {} HTTP/1.1", record.method, escaped(record.target, true));
  const int64_t total_ms = record.duration.nanoseconds / 1'000'000;
  std::string line = fmt::format(
      "{} {} [{}] {} {} {} {} {} \"{}\" {} {} {} {} {} - ", iam::canonical_id(bucket.tenant),
      bucket.name, time_text(at, "%d/%b/%Y:%H:%M:%S +0000"), or_dash(host_of(record.remote)),
      or_dash(record.principal), or_dash(record.request_id), operation(record), or_dash(record.key),
      uri, record.status, or_dash(record.error_code),
      record.bytes_out == 0 ? std::string("-") : std::to_string(record.bytes_out),
      object_size(record), total_ms);
  line += fmt::format(
      "{} {} {} {} {} {} {} {} {} - -\n", quoted_or_dash(field("referer")),
      quoted_or_dash(field("user-agent")), or_dash(record.version_id), or_dash(record.host_id),
      signature_version(record.auth), "-", auth_type(record.auth),
      or_dash(record.head == nullptr ? std::string_view() : record.head->host), "-");
  return line;
}

std::string BucketLogs::object_key(const s3::LoggingTarget& target,
                                   const object::BucketInfo& source, std::string_view region,
                                   WallTime at, uint64_t unique) {
  std::string key = target.prefix;
  if (target.key_format != s3::LogKeyFormat::kSimple) {
    key += fmt::format("{}/{}/{}/{}", iam::account_number(source.tenant), region, source.name,
                       time_text(at, "%Y/%m/%d/"));
  }
  return key + fmt::format("{}-{:016X}", time_text(at, "%Y-%m-%d-%H-%M-%S"), unique);
}

}  // namespace cairn::server
