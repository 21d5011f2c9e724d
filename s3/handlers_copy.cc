// CopyObject and UploadPartCopy. The source's right is checked like the target's: what is parsed
// once is what is authorised and what is read.
#include "s3/access.h"
#include "s3/acl_policy.h"
#include "s3/conditions.h"
#include "s3/copy_source.h"
#include "s3/elsewhere.h"
#include "s3/encryption.h"
#include "s3/events.h"
#include "s3/handlers.h"
#include "s3/object_headers.h"
#include "s3/object_lock_headers.h"
#include "s3/range_header.h"
#include "s3/write_conditions.h"

namespace cairn::s3::handlers {
namespace {

struct Source {
  object::BucketInfo bucket;
  object::ObjectInfo object;
  bool is_named_version = false;  // By ?versionId: may be older than the current one.
};

// Finds the source, checks the right to read it and the x-amz-copy-source-if-* conditions.
io::Task<S3Result<Source>> open_source(Call& call) {
  const CopySource named =
      co_await or_fail(parse_copy_source(call.header("x-amz-copy-source").value_or("")));
  if (named.version_id) {
    co_await or_fail(check_version_id(*named.version_id, "x-amz-copy-source"));
  }
  Source source;
  S3Result<object::BucketInfo> bucket = co_await open_source_bucket(call, named);
  source.bucket = co_await or_fail(std::move(bucket));
  source.is_named_version = named.version_id.has_value();
  Result<object::ObjectInfo> found =
      co_await call.objects().head(source.bucket, named.key, named.version_id.value_or(""));
  if (!found && found.error().code == Code::kFailedPrecondition) {
    co_return s3_fail(S3Code::kInvalidRequest,
                      "The source of a copy request may not specifically refer to a delete marker "
                      "by version id.");
  }
  if (!found) {
    co_return std::unexpected(hide_missing(
        call, source.bucket, translate_named(call, found.error(), named.bucket, named.key)));
  }
  source.object = std::move(*found);
  const object::Conditions conditions = parse_copy_source_conditions(call.view, call.now());
  const Evaluation evaluation =
      evaluate_copy_source(conditions, source.object.etag, source.object.modified);
  if (evaluation.verdict == Verdict::kFailed) {
    co_return std::unexpected(precondition_failed(evaluation.condition));
  }
  co_return source;
}

// Whether the source was in a bucket of another server; then the call has been served.
io::Task<S3Result<bool>> copied_from_elsewhere(Call& call) {
  CopySource named =
      co_await or_fail(parse_copy_source(call.header("x-amz-copy-source").value_or("")));
  const Result<object::BucketInfo> found = co_await call.find_bucket(named.bucket);
  if (!found || !is_elsewhere(*found) || call.context.elsewhere == nullptr) co_return false;
  S3Result<object::BucketInfo> opened = co_await open_source_bucket(call, named);
  object::BucketInfo bucket = co_await or_fail(std::move(opened));
  const S3Status served =
      co_await call.context.elsewhere->copy_from(call, std::move(bucket), std::move(named));
  if (!served) co_return std::unexpected(served.error());
  co_return true;
}

// Tags that travel with a copy are read there and set here, each with its own right.
io::Task<S3Status> authorize_tags(Call& call, const Source& source) {
  const bool copies_tags = call.header("x-amz-tagging-directive").value_or("COPY") == "COPY" &&
                           !source.object.metadata.tags.empty();
  if (!copies_tags) co_return S3Status();
  Asked asked;
  const CopySource named =
      co_await or_fail(parse_copy_source(call.header("x-amz-copy-source").value_or("")));
  asked.action = versioned_action("s3:GetObjectTagging", named.version_id.has_value());
  asked.bucket = source.bucket;
  asked.key = named.key;
  asked.version_id = named.version_id.value_or("");
  const S3Status readable = co_await authorize(call, std::move(asked));
  if (!readable) co_return std::unexpected(readable.error());
  co_return authorize_now(call, "s3:PutObjectTagging", call.bucket, call.target.key);
}

// COPY (default) or REPLACE; true for REPLACE.
S3Result<bool> parse_directive(const Call& call, std::string_view name) {
  const std::string_view given = call.header(name).value_or("COPY");
  if (given == "COPY") return false;
  if (given == "REPLACE") return true;
  return invalid_argument("Unknown directive.", name, given);
}

struct TargetPlan {
  object::PutOptions options;
  bool changes_something = false;
};

S3Result<TargetPlan> plan_target(const Call& call, const object::ObjectInfo& source) {
  const S3Result<bool> replace = parse_directive(call, "x-amz-metadata-directive");
  if (!replace) return std::unexpected(replace.error());
  const S3Result<bool> replace_tags = parse_directive(call, "x-amz-tagging-directive");
  if (!replace_tags) return std::unexpected(replace_tags.error());
  S3Result<object::ObjectMetadata> given = parse_metadata(call);
  if (!given) return std::unexpected(given.error());
  const S3Result<UploadChecksum> checksum = parse_upload_checksum(call.view);
  if (!checksum) return std::unexpected(checksum.error());

  S3Result<object::SseRequest> encryption = plan_encryption(call);
  if (!encryption) return std::unexpected(std::move(encryption.error()));
  S3Result<crypto::SseKeyPointer> source_key = source_key_of(call);
  if (!source_key) return std::unexpected(std::move(source_key.error()));

  TargetPlan plan;
  plan.changes_something = *replace || *replace_tags || call.header("x-amz-storage-class") ||
                           call.header("x-amz-website-redirect-location") ||
                           call.header("x-amz-server-side-encryption") || checksum->kind ||
                           encryption->customer_key != nullptr || *source_key != nullptr ||
                           has_default_encryption(call.bucket);
  plan.options.sse = std::move(*encryption);
  plan.options.source_key = std::move(*source_key);
  object::ObjectMetadata& metadata = plan.options.metadata;
  metadata = *replace ? *given : source.metadata;
  metadata.tags = *replace_tags ? given->tags : source.metadata.tags;
  // These two belong to the request, never to the source.
  metadata.storage_class = given->storage_class;
  metadata.website_redirect = given->website_redirect;
  if (checksum->kind) {
    plan.options.digests = {*checksum->kind};
  } else if (source.checksum) {
    plan.options.digests = {source.checksum->kind};
  }
  S3Result<object::ObjectLock> lock = lock_of_write(call);
  if (!lock) return std::unexpected(std::move(lock.error()));
  plan.options.lock = *lock;
  plan.options.conditions = write_conditions(call);
  return plan;
}

}  // namespace

Reply copy_object(Call& call) {
  S3Result<bool> served = co_await copied_from_elsewhere(call);
  const bool is_done = co_await or_fail(std::move(served));
  if (is_done) co_return S3Status();
  std::string acl = co_await or_fail(acl_of_new_object(call));
  S3Result<Source> opened = co_await open_source(call);
  Source source = co_await or_fail(std::move(opened));
  const S3Status tags = co_await authorize_tags(call, source);
  if (!tags) co_return std::unexpected(tags.error());
  TargetPlan plan = co_await or_fail(plan_target(call, source.object));
  plan.options.acl = std::move(acl);
  const bool onto_itself = source.bucket.id == call.bucket.id &&
                           source.object.key == call.target.key && !source.is_named_version;
  if (onto_itself && !plan.changes_something) {
    co_return s3_fail(S3Code::kInvalidRequest,
                      "This copy request is illegal because it is trying to copy an object to "
                      "itself without changing the object's metadata, storage class, website "
                      "redirect location or encryption attributes.");
  }
  if (plan.options.conditions.any()) {
    const Status held = co_await call.objects().check_conditions(call.bucket, call.target.key,
                                                                 plan.options.conditions);
    co_await or_fail(translated(call, held));
  }
  const std::string source_version = source.object.version_id;
  plan.options.hook = event_hook(call, event::kCopy);
  Result<object::ObjectInfo> copied =
      co_await call.objects().copy(std::move(source.bucket), std::move(source.object), call.bucket,
                                   call.target.key, std::move(plan.options));
  const object::ObjectInfo info = co_await or_fail(translated(call, std::move(copied)));
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("CopyObjectResult");
  xml.element("LastModified", info.modified);
  xml.etag_element("ETag", info.etag);
  if (info.checksum) write_checksum(xml, *info.checksum, true);
  xml.close("CopyObjectResult");
  http::ResponseHead head = call.make_head(200);
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  if (!source_version.empty()) head.add("x-amz-copy-source-version-id", source_version);
  add_encryption_of_write(head, call, info.sse);
  add_expiration(head, call, info);
  co_return co_await call.respond_xml(std::move(head), std::move(body));
}

Reply upload_part_copy(Call& call) {
  S3Result<bool> served = co_await copied_from_elsewhere(call);
  const bool is_done = co_await or_fail(std::move(served));
  if (is_done) co_return S3Status();
  const std::string_view number_text = call.param("partNumber");
  const std::optional<uint64_t> number = parse_number(number_text, 1, object::kPartNumberMax);
  if (!number) {
    co_return invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                               "partNumber", number_text);
  }
  Result<object::UploadInfo> found = co_await call.objects().upload(
      call.bucket, call.target.key, std::string(call.param("uploadId")));
  object::UploadInfo upload = co_await or_fail(translated(call, std::move(found)));
  co_await or_fail(check_part_encryption(call, upload.sse));
  object::CopyKeys keys;
  keys.source = co_await or_fail(source_key_of(call));
  keys.upload = co_await or_fail(customer_key_of_write(call));
  const std::string encryption = upload.sse;
  S3Result<Source> opened = co_await open_source(call);
  Source source = co_await or_fail(std::move(opened));
  std::optional<ByteRange> range;
  if (const auto header = call.header("x-amz-copy-source-range")) {
    range = co_await or_fail(parse_copy_source_range(*header, source.object.size_bytes));
  }
  const uint64_t part_bytes = range ? range->size_bytes : source.object.size_bytes;
  if (part_bytes > object::kPartBytesMax) {
    co_return s3_fail(S3Code::kInvalidRequest,
                      "The specified copy source is larger than the maximum allowable size for a "
                      "copy source: " +
                          std::to_string(object::kPartBytesMax));
  }
  const std::string source_version = source.object.version_id;
  Result<object::PartInfo> copied = co_await call.objects().copy_part(
      std::move(source.bucket), std::move(source.object), range, call.bucket, std::move(upload),
      static_cast<uint32_t>(*number), std::move(keys));
  const object::PartInfo part = co_await or_fail(translated(call, std::move(copied)));
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("CopyPartResult");
  xml.element("LastModified", part.modified);
  xml.etag_element("ETag", part.etag);
  if (part.checksum) write_checksum(xml, *part.checksum, false);
  xml.close("CopyPartResult");
  http::ResponseHead head = call.make_head(200);
  if (!source_version.empty()) head.add("x-amz-copy-source-version-id", source_version);
  add_encryption(head, call, encryption);
  co_return co_await call.respond_xml(std::move(head), std::move(body));
}

}  // namespace cairn::s3::handlers
