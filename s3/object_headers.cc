#include "s3/object_headers.h"

#include <algorithm>

#include "base/dates.h"
#include "s3/aws_chunked.h"
#include "s3/config_kinds.h"
#include "s3/encryption.h"
#include "s3/object_lock_headers.h"
#include "s3/storage_classes.h"

namespace cairn::s3 {
namespace {

constexpr std::string_view kMetaPrefix = "x-amz-meta-";

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

void add_user_entry(std::map<std::string, std::string>& user, std::string_view name,
                    std::string_view value) {
  const auto [at, added] = user.try_emplace(lower_case(name.substr(kMetaPrefix.size())), value);
  if (!added) at->second.append(",").append(value);
}

std::map<std::string, std::string> parse_user_metadata(const Call& call) {
  std::map<std::string, std::string> user;
  for (const HeaderView& header : call.headers) {
    if (starts_with_ignoring_case(header.name, kMetaPrefix)) {
      add_user_entry(user, header.name, header.value);
    }
  }
  if (!call.auth.is_presigned()) return user;
  for (const QueryParam& param : call.query.params()) {
    if (!starts_with_ignoring_case(param.name, kMetaPrefix)) continue;
    const bool in_headers = call.view.header(param.name).has_value();
    if (!in_headers) add_user_entry(user, param.name, param.value);
  }
  return user;
}

// A field of the head with a query parameter that may take its place.
void add_with_override(http::ResponseHead& head, const Call& call, bool overrides,
                       std::string_view name, std::string_view parameter, std::string_view stored) {
  std::string_view value = stored;
  if (overrides) value = call.query.find(parameter).value_or(stored);
  if (!value.empty()) head.add(name, value);
}

S3Status check_website_redirect(std::string_view location) {
  if (location.size() > kWebsiteRedirectBytesMax) {
    return s3_fail(S3Code::kInvalidRedirectLocation,
                   "The length of website redirect location cannot exceed 2,048 characters.");
  }
  const bool is_known = location.empty() || location.starts_with('/') ||
                        location.starts_with("http://") || location.starts_with("https://");
  if (is_known) return {};
  return s3_fail(S3Code::kInvalidRedirectLocation,
                 "The website redirect location must have a prefix of 'http://' or 'https://' or "
                 "'/'.");
}

}  // namespace

S3Result<std::string> parse_storage_class(const Call& call) {
  const std::string_view given = call.header("x-amz-storage-class").value_or("");
  if (given.empty() || given == "STANDARD") return std::string();
  // A class of the operator's own is one that a placement takes.
  if (!is_storage_class(given) && !call.objects().placements().for_class(given)) {
    return s3_fail(S3Code::kInvalidStorageClass, {},
                   {{"StorageClassRequested", std::string(given)}});
  }
  return std::string(given);
}

S3Result<object::ObjectMetadata> parse_metadata(const Call& call) {
  object::ObjectMetadata metadata;
  const auto text = [&](std::string_view name) {
    return std::string(call.header(name).value_or(""));
  };
  metadata.content_type = text("content-type");
  metadata.cache_control = text("cache-control");
  metadata.content_disposition = text("content-disposition");
  metadata.content_encoding = without_aws_chunked(text("content-encoding"));
  metadata.content_language = text("content-language");
  metadata.expires = text("expires");
  metadata.website_redirect = text("x-amz-website-redirect-location");
  const S3Status redirect = check_website_redirect(metadata.website_redirect);
  if (!redirect) return std::unexpected(redirect.error());
  S3Result<std::string> storage_class = parse_storage_class(call);
  if (!storage_class) return std::unexpected(storage_class.error());
  metadata.storage_class = std::move(*storage_class);
  metadata.user = parse_user_metadata(call);
  size_t user_bytes = 0;
  for (const auto& [name, value] : metadata.user) user_bytes += name.size() + value.size();
  if (user_bytes > kUserMetadataBytesMax) {
    return s3_fail(S3Code::kMetadataTooLarge, {},
                   {{"Size", std::to_string(user_bytes)},
                    {"MaxSizeAllowed", std::to_string(kUserMetadataBytesMax)}});
  }
  if (const auto tagging = call.header("x-amz-tagging")) {
    auto tags = parse_tagging_header(*tagging);
    if (!tags) return std::unexpected(tags.error());
    metadata.tags = std::move(*tags);
  }
  return metadata;
}

void add_etag(http::ResponseHead& head, std::string_view etag) {
  std::string quoted;
  quoted.reserve(etag.size() + 2);
  quoted.append("\"").append(etag).append("\"");
  head.add("ETag", quoted);
}

void add_validators(http::ResponseHead& head, const object::ObjectInfo& info) {
  add_etag(head, info.etag);
  head.add("Last-Modified", format_http_date(info.modified));
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  if (!info.metadata.cache_control.empty()) head.add("Cache-Control", info.metadata.cache_control);
  if (!info.metadata.expires.empty()) head.add("Expires", info.metadata.expires);
}

void add_object_headers(http::ResponseHead& head, const Call& call, const object::ObjectInfo& info,
                        bool overrides) {
  const object::ObjectMetadata& stored = info.metadata;
  add_etag(head, info.etag);
  head.add("Last-Modified", format_http_date(info.modified));
  head.add("Accept-Ranges", "bytes");
  add_with_override(head, call, overrides, "Content-Type", "response-content-type",
                    stored.content_type.empty() ? std::string_view("binary/octet-stream")
                                                : std::string_view(stored.content_type));
  add_with_override(head, call, overrides, "Cache-Control", "response-cache-control",
                    stored.cache_control);
  add_with_override(head, call, overrides, "Content-Disposition", "response-content-disposition",
                    stored.content_disposition);
  add_with_override(head, call, overrides, "Content-Encoding", "response-content-encoding",
                    stored.content_encoding);
  add_with_override(head, call, overrides, "Content-Language", "response-content-language",
                    stored.content_language);
  add_with_override(head, call, overrides, "Expires", "response-expires", stored.expires);
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  if (!stored.storage_class.empty()) {
    head.add("x-amz-storage-class", stored.storage_class);
    if (is_archive_class(stored.storage_class)) head.add("x-amz-restore", kRestoredHeader);
  }
  if (!stored.website_redirect.empty()) {
    head.add("x-amz-website-redirect-location", stored.website_redirect);
  }
  add_encryption(head, call, info.sse);
  if (!stored.tags.empty()) head.add("x-amz-tagging-count", uint64_t{stored.tags.size()});
  add_lock_headers(head, info.lock);
  add_expiration(head, call, info);
  for (const auto& [name, value] : stored.user) {
    head.add(std::string(kMetaPrefix) + name, value);
  }
}

void add_expiration(http::ResponseHead& head, const Call& call, const object::ObjectInfo& info) {
  if (call.bucket.config->documents.empty()) return;
  const std::shared_ptr<const LifecycleRules> rules =
      call.context.bucket_cache->get<LifecycleKind>(call.bucket);
  if (rules == nullptr) return;
  LifecycleVersion version;
  version.key = info.key;
  version.size_bytes = info.size_bytes;
  version.tags = &info.metadata.tags;
  version.modified = info.modified;
  version.is_latest = info.is_latest;
  const LifecycleDecision next = next_expiration(*rules, version, call.context.lifecycle_day_ms);
  if (next.rule != nullptr) head.add("x-amz-expiration", expiration_header(next));
}

void add_abort_date(http::ResponseHead& head, const Call& call, const object::UploadInfo& upload) {
  if (call.bucket.config->documents.empty()) return;
  const std::shared_ptr<const LifecycleRules> rules =
      call.context.bucket_cache->get<LifecycleKind>(call.bucket);
  if (rules == nullptr) return;
  const LifecycleDecision abort =
      upload_abort(*rules, upload.key, upload.initiated, call.context.lifecycle_day_ms);
  if (abort.rule == nullptr) return;
  head.add("x-amz-abort-date", format_http_date(abort.due));
  head.add("x-amz-abort-rule-id", abort.rule->id);
}

void add_checksum(http::ResponseHead& head, const object::ObjectChecksum& checksum) {
  head.add("x-amz-checksum-" + std::string(checksum_header_suffix(checksum.kind)),
           encode_checksum(checksum));
  head.add("x-amz-checksum-type", checksum_type_name(checksum.type));
}

void write_owner(XmlWriter& xml, std::string_view tag, const Owner& owner) {
  xml.open(tag);
  xml.element("ID", owner.id);
  xml.element("DisplayName", owner.display_name);
  xml.close(tag);
}

std::string_view checksum_type_name(object::ChecksumType type) {
  return type == object::ChecksumType::kComposite ? "COMPOSITE" : "FULL_OBJECT";
}

void write_checksum(XmlWriter& xml, const object::ObjectChecksum& checksum, bool with_type) {
  xml.element(checksum_element(checksum.kind), encode_checksum(checksum));
  if (with_type) xml.element("ChecksumType", checksum_type_name(checksum.type));
}

}  // namespace cairn::s3
