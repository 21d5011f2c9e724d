#include "s3/sigv2.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace cairn::s3 {
namespace {

// Parameters that are part of the resource (S3.md 1.6), in byte order.
constexpr auto kSubResources =
    std::to_array<std::string_view>({"accelerate",       "acl",
                                     "analytics",        "cors",
                                     "defaultObjectAcl", "delete",
                                     "encryption",       "inventory",
                                     "legal-hold",       "lifecycle",
                                     "location",         "logging",
                                     "metrics",          "notification",
                                     "object-lock",      "partNumber",
                                     "policy",           "publicAccessBlock",
                                     "replication",      "requestPayment",
                                     "restore",          "retention",
                                     "select",           "select-type",
                                     "storageClass",     "tagging",
                                     "torrent",          "uploadId",
                                     "uploads",          "versionId",
                                     "versioning",       "versions",
                                     "website"});

bool is_sub_resource(std::string_view name) {
  return name.starts_with("response-") ||
         std::ranges::find(kSubResources, name) != kSubResources.end();
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// A header, or the parameter that a presigned URL carries in its place.
std::string_view header_or_param(const RequestView& request, const Query& query, V2Form form,
                                 std::string_view name) {
  if (const std::optional<std::string_view> value = request.header(name)) return *value;
  if (form == V2Form::kHeader) return {};
  return query.find_ignoring_case(name).value_or(std::string_view{});
}

void append_amz_headers(std::string& out, const RequestView& request, const Query& query,
                        V2Form form) {
  std::map<std::string, std::string> lines;
  for (const HeaderView& header : request.headers) {
    if (!starts_with_ignoring_case(header.name, "x-amz-")) continue;
    // Unlike V4, runs of spaces inside a value stay.
    const auto [line, is_new] = lines.try_emplace(to_lower(header.name));
    if (!is_new) line->second += ',';
    line->second += trimmed(header.value);
  }
  if (form == V2Form::kQuery) {
    for (const QueryParam& param : query.params()) {
      if (!starts_with_ignoring_case(param.name, "x-amz-")) continue;
      lines.try_emplace(to_lower(param.name), trimmed(param.value));
    }
  }
  for (const auto& [name, value] : lines) {
    out += name;
    out += ':';
    out += value;
    out += '\n';
  }
}

void append_sub_resources(std::string& out, const Query& query) {
  std::vector<std::string> pieces;
  for (const QueryParam& param : query.params()) {
    if (!is_sub_resource(param.name)) continue;
    std::string piece(param.name);
    // `?acl` and `?acl=` are signed as they were sent; '+' stays, as clients sign it.
    const bool has_equals = param.raw_name.data() + param.raw_name.size() != param.raw_value.data();
    if (has_equals) {
      piece += '=';
      piece += percent_decode(param.raw_value, Plus::kLiteral).value_or(std::string());
    }
    pieces.push_back(std::move(piece));
  }
  std::ranges::sort(pieces);
  for (size_t i = 0; i < pieces.size(); ++i) {
    out += i == 0 ? '?' : '&';
    out += pieces[i];
  }
}

// A sub-resource that holds, decoded, another one behind a '&'.
bool holds_another(const QueryParam& param) {
  if (param.name.find_first_of("=&") != std::string_view::npos) return true;
  std::string_view rest = param.value;
  while (true) {
    const size_t ampersand = rest.find('&');
    if (ampersand == std::string_view::npos) return false;
    rest.remove_prefix(ampersand + 1);
    if (is_sub_resource(rest.substr(0, rest.find_first_of("=&")))) return true;
  }
}

}  // namespace

bool v2_query_is_plain(const Query& query) {
  return std::ranges::all_of(query.params(), [](const QueryParam& param) {
    if (is_sub_resource(param.name)) return !holds_another(param);
    const bool is_line = starts_with_ignoring_case(param.name, "x-amz-") ||
                         equal_ignoring_case(param.name, "content-md5") ||
                         equal_ignoring_case(param.name, "content-type");
    return !is_line || (param.name.find_first_of(":\n") == std::string_view::npos &&
                        param.value.find('\n') == std::string_view::npos);
  });
}

std::string v2_string_to_sign(const RequestView& request, const Query& query, const Target& target,
                              V2Form form, V2BucketPath bucket_path) {
  std::string out(request.method);
  out += '\n';
  out += header_or_param(request, query, form, "content-md5");
  out += '\n';
  out += header_or_param(request, query, form, "content-type");
  out += '\n';
  if (form == V2Form::kQuery) {
    out += query.find("Expires").value_or(std::string_view{});
  } else if (!request.header("x-amz-date")) {
    out += request.header("date").value_or(std::string_view{});
  }
  out += '\n';
  append_amz_headers(out, request, query, form);
  if (target.virtual_host) {
    out += '/';
    out += target.bucket;
  }
  out += request.path;
  if (bucket_path == V2BucketPath::kWithSlash) out += '/';
  append_sub_resources(out, query);
  return out;
}

std::string v2_signature(std::string_view secret, std::string_view text) {
  return to_base64(crypto::hmac_sha1(as_bytes(secret), as_bytes(text)));
}

}  // namespace cairn::s3
