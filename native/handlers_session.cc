// The life of an upload but its content: begin, status, abort.
#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "native/handlers.h"
#include "native/messages.h"
#include "native/session.h"
#include "s3/access.h"
#include "s3/encryption.h"
#include "s3/object_headers.h"
#include "s3/write_conditions.h"

namespace cairn::native::handlers {

using s3::or_fail;

Reply begin(s3::Call& call) {
  object::NativeUploads* const uploads = co_await or_fail(uploads_of(call));
  const BeginMessage message =
      co_await or_fail(in_words(call, parse_begin(as_bytes(call.document))));
  const object::Conditions conditions = s3::write_conditions(call);
  if (conditions.any()) {
    const Status held =
        co_await call.objects().check_conditions(call.bucket, call.target.key, conditions);
    co_await or_fail(in_words(call, held));
  }
  object::NativeUploads::Begin what;
  what.size_bytes = message.size_bytes;
  what.sha256 = message.sha256;
  if (!message.owner_head.empty()) {
    co_await or_fail(s3::authorize_now(call, kReplicateObject, call.bucket, call.target.key));
    what.owner_head = message.owner_head;
  }
  what.sse = co_await or_fail(s3::plan_encryption(call));
  what.storage_class = co_await or_fail(s3::parse_storage_class(call));
  Result<object::UploadInfo> begun =
      co_await uploads->begin(call.bucket, call.target.key, std::move(what));
  const object::UploadInfo upload = co_await or_fail(in_words(call, std::move(begun)));
  co_return co_await respond_message(call, encode_begin_reply(upload.upload_id));
}

Reply status(s3::Call& call) {
  object::NativeUploads* const uploads = co_await or_fail(uploads_of(call));
  s3::S3Result<object::UploadInfo> found = co_await open_session(call);
  const object::UploadInfo upload = co_await or_fail(std::move(found));
  std::optional<crypto::Sha256Value> after;
  if (const std::string_view text = call.param("after"); !text.empty()) {
    const std::optional<Bytes> hash = from_hex(text);
    after.emplace();
    if (!hash || hash->size() != after->size()) {
      co_return s3::invalid_argument("`after` is the `next` of the page before.", "after", text);
    }
    std::ranges::copy(*hash, after->begin());
  }
  Result<std::vector<ContentName>> listed =
      co_await uploads->held(call.bucket, upload, after, object::kNativeOfferNamesMax);
  const std::vector<ContentName> chunks = co_await or_fail(in_words(call, std::move(listed)));
  const bool is_full = chunks.size() == object::kNativeOfferNamesMax;
  const std::string next = is_full ? to_hex(chunks.back().hash) : std::string();
  co_return co_await respond_message(call,
                                     encode_status_reply(upload.native->size_bytes, chunks, next));
}

Reply abort(s3::Call& call) {
  s3::S3Result<object::UploadInfo> found = co_await open_session(call);
  const object::UploadInfo upload = co_await or_fail(std::move(found));
  const Status aborted =
      co_await call.objects().abort_upload(call.bucket, call.target.key, upload.upload_id);
  co_await or_fail(in_words(call, aborted));
  co_return co_await call.respond_empty(204);
}

}  // namespace cairn::native::handlers
