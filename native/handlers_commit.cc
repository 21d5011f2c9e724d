// The end of an upload: the request of a PutObject in all its headers, whose body names chunks in
// place of bringing bytes.
#include <utility>

#include "native/handlers.h"
#include "native/messages.h"
#include "native/session.h"
#include "s3/checksum_headers.h"
#include "s3/events.h"
#include "s3/object_headers.h"
#include "s3/put_object.h"
#include "s3/write_conditions.h"

namespace cairn::native::handlers {

using s3::or_fail;

Reply commit(s3::Call& call) {
  object::NativeUploads* const uploads = co_await or_fail(uploads_of(call));
  object::NativeCommit what;
  what.chunks = co_await or_fail(in_words(call, parse_commit(as_bytes(call.document))));
  what.options = co_await or_fail(s3::put_options(call));
  what.options.conditions = s3::write_conditions(call);
  what.options.hook = s3::event_hook(call, s3::event::kPut);
  const s3::BodyChecksums claimed = co_await or_fail(s3::parse_body_checksums(call.view));
  if (claimed.header) what.checksum.emplace(claimed.header->kind, claimed.header->value);
  Result<object::ObjectInfo> stored = co_await uploads->commit(
      call.bucket, call.target.key, std::string(call.param("session")), std::move(what));
  const object::ObjectInfo info = co_await or_fail(in_words(call, std::move(stored)));
  http::ResponseHead head = call.make_head(200);
  s3::add_stored_headers(head, call, info);
  head.add("x-amz-object-size", info.size_bytes);
  static_cast<void>(co_await call.exchange.respond(head, BytesView()));
  co_return s3::S3Status();
}

}  // namespace cairn::native::handlers
