// Configurations of buckets and objects that this server does not keep: reading one tells the truth
// (unset, or the fixed state of every bucket here), writing one is 501.
#include <algorithm>

#include "s3/handlers.h"
#include "s3/object_headers.h"
#include "s3/xml_reader.h"
#include "s3/xml_writer.h"

namespace cairn::s3::handlers {
namespace {

io::Task<S3Status> respond_empty_root(Call& call, std::string_view root) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.empty_root(root);
  co_return co_await call.respond_xml(std::move(body));
}

// The object must exist before its ACL or lock state is told.
io::Task<S3Status> require_object(Call& call) {
  if (call.target.key.empty()) co_return S3Status();
  Result<object::ObjectInfo> info =
      co_await call.objects().head(call.bucket, call.target.key, call.version_id());
  co_await or_fail(translated(call, std::move(info)));
  co_return S3Status();
}

}  // namespace

Reply not_implemented(Call&) {
  co_return s3_fail(S3Code::kNotImplemented);
}

Reply unset(Call& call, S3Code code) {
  co_return s3_fail(code, {}, {{"BucketName", call.target.bucket}});
}

Reply get_versioning(Call& call) {
  return respond_empty_root(call, "VersioningConfiguration");
}

Reply get_notification(Call& call) {
  return respond_empty_root(call, "NotificationConfiguration");
}

Reply get_logging(Call& call) {
  return respond_empty_root(call, "BucketLoggingStatus");
}

Reply get_accelerate(Call& call) {
  return respond_empty_root(call, "AccelerateConfiguration");
}

Reply get_request_payment(Call& call) {
  std::string body;
  XmlWriter xml(body);
  xml.declaration();
  xml.open_root("RequestPaymentConfiguration");
  xml.element("Payer", "BucketOwner");
  xml.close("RequestPaymentConfiguration");
  co_return co_await call.respond_xml(std::move(body));
}

Reply get_object_lock_state(Call& call) {
  const S3Status exists = co_await require_object(call);
  if (!exists) co_return std::unexpected(exists.error());
  co_return s3_fail(S3Code::kInvalidRequest, "Bucket is missing Object Lock Configuration");
}

}  // namespace cairn::s3::handlers
