#include "s3/request_keys.h"

#include <algorithm>

#include "base/dates.h"
#include "iam/account.h"
#include "s3/config_object_lock.h"
#include "s3/config_tagging.h"
#include "s3/copy_source.h"
#include "s3/object_headers.h"
#include "s3/xml_reader.h"

namespace cairn::s3 {
namespace {

constexpr size_t kForwardedHopsMax = 32;

bool is_trusted(std::span<const iam::IpNetwork> proxies, std::string_view address) {
  if (proxies.empty()) return false;
  const std::optional<iam::IpNetwork> peer = iam::parse_ip_network(address);
  return peer && std::ranges::any_of(
                     proxies, [&](const iam::IpNetwork& proxy) { return proxy.contains(*peer); });
}

// Whole days, begun ones included, as S3 counts them.
int64_t remaining_days(WallTime until, WallTime now) {
  constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;
  return std::max<int64_t>(0, (until.unix_ms - now.unix_ms + kDayMs - 1) / kDayMs);
}

// Headers and parameters whose value is the key's.
struct Plain {
  std::string_view key;
  std::string_view name;
  bool is_parameter;
};
constexpr Plain kPlain[] = {
    {"prefix", "prefix", true},
    {"delimiter", "delimiter", true},
    {"max-keys", "max-keys", true},
    {"if-match", "if-match", false},
    {"if-none-match", "if-none-match", false},
    {"object-lock-mode", "x-amz-object-lock-mode", false},
    {"object-lock-retain-until-date", "x-amz-object-lock-retain-until-date", false},
    {"object-lock-legal-hold", "x-amz-object-lock-legal-hold", false},
};

void add_retain_until(Call& call, WallTime until) {
  call.document_keys.emplace_back("object-lock-retain-until-date", format_iso8601(until));
  call.document_keys.emplace_back("object-lock-remaining-retention-days",
                                  std::to_string(remaining_days(until, call.now())));
}

}  // namespace

std::string client_address(std::string_view peer, const http::RequestHead& head,
                           std::span<const iam::IpNetwork> trusted_proxies) {
  std::string address(peer);
  if (!is_trusted(trusted_proxies, address)) return address;
  // Fields of one name are one list, whoever added which.
  std::string joined;
  for (const http::Field field : head.fields) {
    if (!equal_ignoring_case(field.name, "x-forwarded-for")) continue;
    joined.append(joined.empty() ? "" : ",").append(field.value);
  }
  std::string_view chain = joined;
  for (size_t hops = 0; !chain.empty() && hops < kForwardedHopsMax; ++hops) {
    const size_t comma = chain.rfind(',');
    const bool is_first = comma == std::string_view::npos;
    const std::string_view hop = trimmed(is_first ? chain : chain.substr(comma + 1));
    chain = is_first ? std::string_view() : chain.substr(0, comma);
    if (hop.find('/') != std::string_view::npos || !iam::parse_ip_network(hop)) break;
    address = hop;
    if (!is_trusted(trusted_proxies, address)) break;
  }
  return address;
}

std::string client_address(const Call& call) {
  return client_address(call.exchange.peer().host, call.exchange.head(),
                        call.context.trusted_proxies);
}

bool client_is_encrypted(const Call& call) {
  if (call.exchange.is_encrypted()) return true;
  if (!is_trusted(call.context.trusted_proxies, call.exchange.peer().host)) return false;
  return equal_ignoring_case(call.exchange.head().get("x-forwarded-proto").value_or(""), "https");
}

void read_document_keys(Call& call) {
  const std::string_view action = call.route->action;
  if (action == "s3:PutObjectTagging") {
    auto tags = parse_tagging(call.document, TagOwner::kObject);
    if (tags) call.request_tags = std::move(*tags);
  } else if (action == "s3:CreateBucket") {
    auto wanted = parse_create_bucket(call.document);
    if (!wanted) return;
    call.request_tags = std::move(wanted->tags);
    if (wanted->location_constraint.empty()) return;
    call.document_keys.emplace_back("locationconstraint", wanted->location_constraint);
  } else if (action == "s3:PutObjectRetention") {
    const auto retention = parse_retention(call.document, call.now());
    if (!retention || retention->mode == object::LockMode::kNone) return;
    const bool is_compliance = retention->mode == object::LockMode::kCompliance;
    call.document_keys.emplace_back("object-lock-mode",
                                    is_compliance ? "COMPLIANCE" : "GOVERNANCE");
    add_retain_until(call, retention->retain_until);
  } else if (action == "s3:PutObjectLegalHold") {
    const auto is_on = parse_legal_hold(call.document);
    if (is_on) call.document_keys.emplace_back("object-lock-legal-hold", *is_on ? "ON" : "OFF");
  }
}

S3Keys::S3Keys(const Call& call, const object::BucketInfo* bucket, const object::ObjectInfo* object,
               std::string_view version_id)
    : RequestKeys(call.caller(), call.now()),
      call_(call),
      bucket_(bucket),
      object_(object),
      version_id_(version_id) {}

bool S3Keys::fetch(std::string_view key, std::vector<std::string>& values) const {
  if (key.starts_with("aws:")) return fetch_aws(key.substr(4), values);
  if (key.starts_with("s3:")) return fetch_s3(key.substr(3), values);
  return false;
}

bool S3Keys::fetch_aws(std::string_view name, std::vector<std::string>& values) const {
  const auto header = [&](std::string_view field) {
    // Of the head, also where the fields of a form stand for headers.
    const auto value = call_.exchange.head().get(field);
    if (value) values.emplace_back(*value);
    return value.has_value();
  };
  if (name == "sourceip") {
    values.push_back(client_address(call_));
  } else if (name == "securetransport") {
    values.emplace_back(client_is_encrypted(call_) ? "true" : "false");
  } else if (name == "referer") {
    return header("referer");
  } else if (name == "useragent") {
    return header("user-agent");
  } else if (name == "requestedregion") {
    values.push_back(call_.context.region);
  } else if (name == "resourceaccount" && bucket_ != nullptr) {
    values.push_back(iam::account_number(bucket_->tenant));
  } else {
    return false;
  }
  return true;
}

bool S3Keys::fetch_signature(std::string_view name, std::vector<std::string>& values) const {
  const AuthKind kind = call_.auth.kind;
  if (!call_.auth.identity) return false;
  const bool is_v2 = kind == AuthKind::kV2Header || kind == AuthKind::kV2Query;
  if (name == "signatureversion") {
    values.emplace_back(is_v2 ? "AWS" : "AWS4-HMAC-SHA256");
  } else if (name == "authtype") {
    values.emplace_back(call_.auth.is_presigned()     ? "REST-QUERY-STRING"
                        : kind == AuthKind::kPostForm ? "POST"
                                                      : "REST-HEADER");
  } else {
    // signatureAge, in milliseconds; only presigned V4 requests say when they were signed.
    const auto date =
        kind == AuthKind::kV4Query ? call_.query.find_ignoring_case("X-Amz-Date") : std::nullopt;
    const std::optional<WallTime> signed_at = date ? parse_any_date(*date) : std::nullopt;
    if (!signed_at) return false;
    values.push_back(std::to_string(call_.now().unix_ms - signed_at->unix_ms));
  }
  return true;
}

bool S3Keys::fetch_tags(std::string_view name, std::vector<std::string>& values) const {
  constexpr std::string_view kExisting = "existingobjecttag/";
  constexpr std::string_view kRequest = "requestobjecttag/";
  if (name.starts_with(kExisting)) {
    if (object_ == nullptr) return false;
    for (const auto& [key, value] : object_->metadata.tags) {
      if (key == name.substr(kExisting.size())) values.push_back(value);
    }
    return !values.empty();
  }
  // Tags in a document are read before the right to write them is asked for.
  std::vector<std::pair<std::string, std::string>> tags = call_.request_tags;
  if (const auto header = call_.header("x-amz-tagging")) {
    auto parsed = parse_tagging_header(*header);
    if (parsed) tags = std::move(*parsed);
  }
  for (const auto& [key, value] : tags) {
    if (name == "requestobjecttagkeys") {
      values.push_back(key);
    } else if (name.starts_with(kRequest) && key == name.substr(kRequest.size())) {
      values.push_back(value);
    }
  }
  return !values.empty();
}

bool S3Keys::fetch_s3(std::string_view name, std::vector<std::string>& values) const {
  for (const auto& [key, value] : call_.document_keys) {
    if (key == name) values.push_back(value);
  }
  if (!values.empty()) return true;
  for (const Plain& plain : kPlain) {
    if (plain.key != name) continue;
    const auto value = plain.is_parameter ? call_.query.find(plain.name) : call_.header(plain.name);
    if (value) values.emplace_back(*value);
    return value.has_value();
  }
  if (name == "object-lock-remaining-retention-days") {
    const auto header = call_.header("x-amz-object-lock-retain-until-date");
    const std::optional<WallTime> until = header ? parse_any_date(*header) : std::nullopt;
    if (until) values.push_back(std::to_string(remaining_days(*until, call_.now())));
    return until.has_value();
  }
  if (name == "versionid") {
    if (version_id_.empty()) return false;
    values.emplace_back(version_id_);
    return true;
  }
  if (name == "resourceaccount") return fetch_aws(name, values);
  if (name.starts_with("existingobjecttag/") || name.starts_with("requestobjecttag")) {
    return fetch_tags(name, values);
  }
  if (name == "signatureversion" || name == "authtype" || name == "signatureage") {
    return fetch_signature(name, values);
  }
  if (name == "x-amz-copy-source") {
    const auto header = call_.header(name);
    const auto source = header ? parse_copy_source(*header) : S3Result<CopySource>(CopySource{});
    if (!header || !source) return false;
    values.push_back(source->bucket + "/" + source->key);
    return true;
  }
  if (!name.starts_with("x-amz-")) return false;
  const auto header = call_.header(name);
  if (header) values.emplace_back(*header);
  return header.has_value();
}

}  // namespace cairn::s3
