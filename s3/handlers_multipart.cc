// Multipart uploads: create, complete, abort, and what is uploaded so far.
#include <algorithm>
#include <limits>

#include "base/dates.h"
#include "s3/acl_policy.h"
#include "s3/complete_errors.h"
#include "s3/encryption.h"
#include "s3/events.h"
#include "s3/handlers.h"
#include "s3/listing.h"
#include "s3/object_headers.h"
#include "s3/object_lock_headers.h"
#include "s3/storage_classes.h"
#include "s3/write_conditions.h"
#include "s3/xml_reader.h"

namespace cairn::s3::handlers {
namespace {

S3Result<object::CompleteOptions> plan_complete(const Call& call) {
  object::CompleteOptions options;
  const S3Result<CompleteRequest> request = parse_complete(call.document);
  if (!request) return std::unexpected(request.error());
  for (const CompletePart& part : request->parts) {
    object::CompletedPart& completed = options.parts.emplace_back();
    completed.number = part.number;
    completed.etag = part.etag;
    if (!part.checksums.empty()) completed.checksum = part.checksums.front();
  }
  const S3Result<CompleteChecksum> checksum = parse_complete_checksum(call.view);
  if (!checksum) return std::unexpected(checksum.error());
  if (checksum->value) {
    options.checksum.emplace(checksum->value->kind, checksum->value->value);
  }
  options.checksum_type = checksum->type;
  if (checksum->parts_count && *checksum->parts_count != options.parts.size()) {
    return s3_fail(S3Code::kBadDigest, "The checksum counts another number of parts.");
  }
  if (const auto size = call.view.header("x-amz-mp-object-size")) {
    options.size_bytes = parse_number(*size, 0, std::numeric_limits<int64_t>::max());
    if (!options.size_bytes) {
      const bool is_negative =
          size->starts_with('-') && parse_number(size->substr(1), 0, INT64_MAX);
      const std::string_view what = is_negative ? "less than zero" : "invalid";
      return s3_fail(S3Code::kInvalidRequest, "Value for x-amz-mp-object-size header is " +
                                                  std::string(what) + ": '" + std::string(*size) +
                                                  "'");
    }
  }
  options.conditions = write_conditions(call);
  return options;
}

void write_initiator_and_owner(XmlWriter& xml, const Owner& owner) {
  write_owner(xml, "Initiator", owner);
  write_owner(xml, "Owner", owner);
}

}  // namespace

Reply create_multipart_upload(Call& call) {
  object::UploadOptions options;
  options.acl = co_await or_fail(acl_of_new_object(call));
  options.metadata = co_await or_fail(parse_metadata(call));
  options.lock = co_await or_fail(lock_of_write(call));
  const UploadChecksum checksum = co_await or_fail(parse_upload_checksum(call.view));
  options.checksum = checksum.kind;
  options.checksum_type = checksum.type;
  options.sse = co_await or_fail(plan_encryption(call));
  Result<object::UploadInfo> created =
      co_await call.objects().create_upload(call.bucket, call.target.key, std::move(options));
  const object::UploadInfo upload = co_await or_fail(translated(call, std::move(created)));
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("InitiateMultipartUploadResult");
  xml.element("Bucket", call.bucket.name);
  xml.element("Key", upload.key);
  xml.element("UploadId", upload.upload_id);
  xml.close("InitiateMultipartUploadResult");
  http::ResponseHead head = call.make_head(200);
  if (upload.checksum_was_asked) {
    head.add("x-amz-checksum-algorithm", checksum_name(upload.checksum));
    head.add("x-amz-checksum-type", checksum_type_name(upload.checksum_type));
  }
  add_encryption_of_write(head, call, upload.sse);
  add_abort_date(head, call, upload);
  co_return co_await call.respond_xml(std::move(head), std::move(body));
}

Reply complete_multipart_upload(Call& call) {
  object::CompleteOptions options = co_await or_fail(plan_complete(call));
  options.customer_key = co_await or_fail(customer_key_of_write(call));
  options.hook = event_hook(call, event::kComplete);
  const object::CompleteOptions asked = options;
  const Result<object::ObjectInfo> completed = co_await call.objects().complete_upload(
      call.bucket, call.target.key, std::string(call.param("uploadId")), std::move(options));
  if (!completed) {
    co_return std::unexpected(co_await complete_error(call, completed.error(), asked));
  }
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("CompleteMultipartUploadResult");
  xml.element("Location", object_location(call, Slash::kKeep));
  xml.element("Bucket", call.bucket.name);
  xml.element("Key", call.target.key);
  xml.etag_element("ETag", completed->etag);
  if (completed->checksum) write_checksum(xml, *completed->checksum, true);
  xml.close("CompleteMultipartUploadResult");
  http::ResponseHead head = call.make_head(200);
  if (!completed->version_id.empty()) head.add("x-amz-version-id", completed->version_id);
  add_encryption(head, call, completed->sse);
  add_expiration(head, call, *completed);
  co_return co_await call.respond_xml(std::move(head), std::move(body));
}

Reply abort_multipart_upload(Call& call) {
  const std::string upload_id(call.param("uploadId"));
  if (const auto time = call.view.header("x-amz-if-match-initiated-time")) {
    const std::optional<WallTime> wanted = parse_any_date(*time);
    Result<object::UploadInfo> found =
        co_await call.objects().upload(call.bucket, call.target.key, upload_id);
    const object::UploadInfo upload = co_await or_fail(translated(call, std::move(found)));
    if (!wanted || wanted->unix_ms / 1000 != upload.initiated.unix_ms / 1000) {
      co_return std::unexpected(precondition_failed("x-amz-if-match-initiated-time"));
    }
  }
  const Status aborted =
      co_await call.objects().abort_upload(call.bucket, call.target.key, upload_id);
  if (!aborted) co_return std::unexpected(translate(call, aborted.error()));
  co_return co_await call.respond_empty(204);
}

Reply list_parts(Call& call) {
  const ListingParams params = co_await or_fail(parse_listing_params(call, "max-parts"));
  const std::string_view marker_text = call.param("part-number-marker");
  const std::optional<uint64_t> marker =
      marker_text.empty() ? 0 : parse_number(marker_text, 0, std::numeric_limits<int32_t>::max());
  if (!marker) {
    co_return invalid_argument("Provided part-number-marker not an integer or within range",
                               "part-number-marker", marker_text);
  }
  Result<object::UploadInfo> found = co_await call.objects().upload(
      call.bucket, call.target.key, std::string(call.param("uploadId")));
  const object::UploadInfo upload = co_await or_fail(translated(call, std::move(found)));
  Result<std::vector<object::PartInfo>> listed = co_await call.objects().list_parts(
      call.bucket, upload, static_cast<uint32_t>(*marker), params.limit + 1);
  std::vector<object::PartInfo> parts = co_await or_fail(translated(call, std::move(listed)));
  const bool truncated = params.limit > 0 && parts.size() > params.limit;
  if (parts.size() > params.limit) parts.resize(params.limit);
  const Owner owner = owner_of(call.bucket.tenant);
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("ListPartsResult");
  xml.element("Bucket", call.bucket.name);
  params.write(xml, "Key", call.target.key);
  xml.element("UploadId", upload.upload_id);
  write_initiator_and_owner(xml, owner);
  xml.element("StorageClass", shown_storage_class(upload.metadata.storage_class));
  xml.element("PartNumberMarker", *marker);
  xml.element("NextPartNumberMarker", uint64_t{parts.empty() ? 0 : parts.back().number});
  xml.element("MaxParts", uint64_t{params.limit});
  write_listing_common(xml, params);
  xml.element("IsTruncated", truncated);
  if (upload.checksum_was_asked) {
    xml.element("ChecksumAlgorithm", checksum_name(upload.checksum));
    xml.element("ChecksumType", checksum_type_name(upload.checksum_type));
  }
  for (const object::PartInfo& part : parts) {
    xml.open("Part");
    xml.element("PartNumber", uint64_t{part.number});
    xml.element("LastModified", part.modified);
    xml.etag_element("ETag", part.etag);
    xml.element("Size", part.size_bytes);
    if (part.checksum) write_checksum(xml, *part.checksum, false);
    xml.close("Part");
  }
  xml.close("ListPartsResult");
  co_return co_await call.respond_xml(std::move(body));
}

namespace {

bool is_upload_id(std::string_view text) {
  return text.size() == object::kUploadIdDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void write_upload(XmlWriter& xml, const object::UploadInfo& upload, const ListingParams& params,
                  const Owner& owner) {
  xml.open("Upload");
  params.write(xml, "Key", upload.key);
  xml.element("UploadId", upload.upload_id);
  write_initiator_and_owner(xml, owner);
  xml.element("StorageClass", shown_storage_class(upload.metadata.storage_class));
  xml.element("Initiated", upload.initiated);
  if (upload.checksum_was_asked) {
    xml.element("ChecksumAlgorithm", checksum_name(upload.checksum));
    xml.element("ChecksumType", checksum_type_name(upload.checksum_type));
  }
  xml.close("Upload");
}

}  // namespace

Reply list_multipart_uploads(Call& call) {
  const ListingParams params = co_await or_fail(parse_listing_params(call, "max-uploads"));
  object::UploadListRequest request;
  request.prefix = params.prefix;
  request.delimiter = params.delimiter;
  request.key_marker = call.param("key-marker");
  // An upload id means nothing without the key it belongs to.
  if (!request.key_marker.empty()) request.upload_id_marker = call.param("upload-id-marker");
  const std::string upload_id_marker = request.upload_id_marker;
  if (!upload_id_marker.empty() && !is_upload_id(upload_id_marker)) {
    co_return invalid_argument("Invalid uploadId marker", "upload-id-marker", upload_id_marker);
  }
  request.limit = params.limit;
  object::UploadListPage page;
  if (params.limit > 0) {
    Result<object::UploadListPage> listed =
        co_await call.objects().list_uploads(call.bucket, std::move(request));
    page = co_await or_fail(translated(call, std::move(listed)));
  }
  const Owner owner = owner_of(call.bucket.tenant);
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("ListMultipartUploadsResult");
  xml.element("Bucket", call.bucket.name);
  params.write(xml, "KeyMarker", call.param("key-marker"));
  xml.element("UploadIdMarker", upload_id_marker);
  if (page.truncated) {
    params.write(xml, "NextKeyMarker", page.next_key);
    xml.element("NextUploadIdMarker", page.next_upload_id);
  }
  params.write(xml, "Prefix", params.prefix);
  xml.element("MaxUploads", uint64_t{params.limit});
  write_listing_common(xml, params);
  xml.element("IsTruncated", page.truncated);
  for (const object::UploadInfo& upload : page.uploads) write_upload(xml, upload, params, owner);
  write_common_prefixes(xml, page.common_prefixes, params);
  xml.close("ListMultipartUploadsResult");
  co_return co_await call.respond_xml(std::move(body));
}

}  // namespace cairn::s3::handlers
