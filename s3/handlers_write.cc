// PutObject, appends included, and UploadPart.
#include <limits>

#include "s3/acl_policy.h"
#include "s3/body.h"
#include "s3/conditions.h"
#include "s3/encryption.h"
#include "s3/events.h"
#include "s3/handlers.h"
#include "s3/instant_upload.h"
#include "s3/object_headers.h"
#include "s3/object_lock_headers.h"
#include "s3/put_object.h"
#include "s3/write_conditions.h"

namespace cairn::s3 {

S3Result<object::PutOptions> put_options(const Call& call) {
  S3Result<std::string> acl = acl_of_new_object(call);
  if (!acl) return std::unexpected(std::move(acl.error()));
  object::PutOptions options;
  options.acl = std::move(*acl);
  S3Result<object::ObjectMetadata> metadata = parse_metadata(call);
  if (!metadata) return std::unexpected(std::move(metadata.error()));
  options.metadata = std::move(*metadata);
  S3Result<object::ObjectLock> lock = lock_of_write(call);
  if (!lock) return std::unexpected(std::move(lock.error()));
  if (S3Status checked = check_lock_has_checksum(call, *lock); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  options.lock = *lock;
  S3Result<object::SseRequest> encryption = plan_encryption(call);
  if (!encryption) return std::unexpected(std::move(encryption.error()));
  options.sse = std::move(*encryption);
  return options;
}

void add_stored_headers(http::ResponseHead& head, const Call& call,
                        const object::ObjectInfo& info) {
  add_etag(head, info.etag);
  if (!info.version_id.empty()) head.add("x-amz-version-id", info.version_id);
  if (info.checksum) add_checksum(head, *info.checksum);
  add_encryption_of_write(head, call, info.sse);
  add_expiration(head, call, info);
}

}  // namespace cairn::s3

namespace cairn::s3::handlers {
namespace {

constexpr std::string_view kWriteOffset = "x-amz-write-offset-bytes";

// Where an append begins; unset for a whole object.
S3Result<std::optional<uint64_t>> write_offset(const Call& call) {
  const std::optional<std::string_view> text = call.header(kWriteOffset);
  if (!text) return std::optional<uint64_t>();
  const std::optional<uint64_t> offset =
      parse_number(*text, 0, std::numeric_limits<int64_t>::max());
  if (!offset) {
    return invalid_argument("The write offset must be a whole number of bytes", kWriteOffset,
                            *text);
  }
  return offset;
}

io::Task<S3Status> respond_stored(Call& call, object::ObjectInfo info) {
  http::ResponseHead head = call.make_head(200);
  add_stored_headers(head, call, info);
  if (call.header(kWriteOffset)) head.add("x-amz-object-size", info.size_bytes);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return S3Status();
}

// The last thing that is done: everything else of the request has been found good.
io::Task<S3Status> store_body(Call& call, UploadPlan plan,
                              std::unique_ptr<object::ObjectWriter> writer) {
  S3Result<std::optional<object::ObjectInfo>> known =
      co_await try_instant_upload(call, plan, *writer);
  if (!known) co_return std::unexpected(std::move(known.error()));
  if (*known) co_return co_await respond_stored(call, std::move(**known));
  S3Result<object::ObjectInfo> stored =
      co_await receive_object(call, std::move(plan), std::move(writer));
  if (!stored) co_return std::unexpected(std::move(stored.error()));
  co_return co_await respond_stored(call, std::move(*stored));
}

S3Result<uint32_t> part_number_of(const Call& call) {
  const std::string_view text = call.param("partNumber");
  const std::optional<uint64_t> number = parse_number(text, 1, object::kPartNumberMax);
  if (!number) {
    return invalid_argument("Part number must be an integer between 1 and 10000, inclusive",
                            "partNumber", text);
  }
  return static_cast<uint32_t>(*number);
}

// A part's checksum kind must be the upload's where the upload named one.
S3Result<std::vector<object::DigestKind>> part_digests(const object::UploadInfo& upload,
                                                       const BodyChecksums& claimed) {
  std::vector<object::DigestKind> digests = {upload.checksum};
  const std::optional<object::DigestKind> kind = claimed.algorithm;
  if (kind && *kind != upload.checksum) {
    if (upload.checksum_was_asked) {
      return s3_fail(S3Code::kInvalidRequest, checksum_kind_mismatch(upload.checksum, *kind));
    }
    digests.push_back(*kind);
  }
  return digests;
}

}  // namespace

Reply put_object(Call& call) {
  object::PutOptions options = co_await or_fail(put_options(call));
  options.conditions = write_conditions(call);
  const std::optional<uint64_t> offset = co_await or_fail(write_offset(call));
  UploadPlan plan = co_await or_fail(plan_upload(call, object::kObjectBytesMax));
  if (plan.checksums.algorithm) options.digests = {*plan.checksums.algorithm};
  options.size_bytes = plan.size_bytes;
  options.hook = event_hook(call, event::kPut);
  if (options.conditions.any()) {
    const Status held =
        co_await call.objects().check_conditions(call.bucket, call.target.key, options.conditions);
    co_await or_fail(translated(call, held));
  }
  Result<std::unique_ptr<object::ObjectWriter>> opened = fail(Code::kInternal, "not opened");
  if (offset) {
    opened =
        co_await call.objects().append(call.bucket, call.target.key, *offset, std::move(options));
  } else {
    opened = co_await call.objects().put(call.bucket, call.target.key, std::move(options));
  }
  std::unique_ptr<object::ObjectWriter> writer =
      co_await or_fail(translated(call, std::move(opened)));
  co_return co_await store_body(call, std::move(plan), std::move(writer));
}

Reply upload_part(Call& call) {
  const uint32_t number = co_await or_fail(part_number_of(call));
  UploadPlan plan = co_await or_fail(plan_upload(call, object::kPartBytesMax));
  const std::string upload_id(call.param("uploadId"));
  Result<object::UploadInfo> found =
      co_await call.objects().upload(call.bucket, call.target.key, upload_id);
  object::UploadInfo upload = co_await or_fail(translated(call, std::move(found)));
  co_await or_fail(check_part_encryption(call, upload.sse));
  object::PutOptions options;
  options.sse.customer_key = co_await or_fail(customer_key_of_write(call));
  options.digests = co_await or_fail(part_digests(upload, plan.checksums));
  options.size_bytes = plan.size_bytes;
  Result<std::unique_ptr<object::ObjectWriter>> opened =
      co_await call.objects().put_part(call.bucket, std::move(upload), number, std::move(options));
  std::unique_ptr<object::ObjectWriter> writer =
      co_await or_fail(translated(call, std::move(opened)));
  co_return co_await store_body(call, std::move(plan), std::move(writer));
}

Reply refuse_part_parameters(Call& call) {
  const std::string_view missing = call.query.has("uploadId") ? "partNumber" : "uploadId";
  co_return invalid_argument("This operation needs both partNumber and uploadId", missing, "");
}

}  // namespace cairn::s3::handlers
