#include "native/session.h"

#include <utility>

namespace cairn::native {

using s3::S3Code;
namespace reason = object::reason;

s3::S3Result<object::NativeUploads*> uploads_of(const s3::Call& call) {
  object::NativeUploads* const uploads = call.objects().native();
  if (uploads == nullptr) return s3::s3_fail(S3Code::kNotImplemented);
  return uploads;
}

io::Task<s3::S3Result<object::UploadInfo>> open_session(const s3::Call& call) {
  object::NativeUploads* const uploads = co_await s3::or_fail(uploads_of(call));
  Result<object::UploadInfo> found =
      co_await uploads->find(call.bucket, call.target.key, std::string(call.param("session")));
  co_return in_words(call, std::move(found));
}

s3::S3Error error_in_words(const s3::Call& call, const Error& error) {
  const auto is = [&](std::string_view why) { return error.message.starts_with(why); };
  if (is(reason::kChunksMissing) || is(reason::kSegmentsMissing)) {
    return {S3Code::kInvalidPart, error.message, {}};
  }
  if (is(reason::kNoSuchUpload)) {
    return {S3Code::kNoSuchUpload, {}, {{"UploadId", std::string(call.param("session"))}}};
  }
  return s3::translate(call, error);
}

io::Task<s3::S3Status> respond_message(s3::Call& call, std::string body) {
  http::ResponseHead head = call.make_head(200);
  head.add("Content-Type", "application/x-protobuf");
  // A reply that cannot be sent is the connection's business: the http server closes it.
  static_cast<void>(co_await call.exchange.respond(head, as_bytes(body)));
  co_return s3::S3Status();
}

}  // namespace cairn::native
