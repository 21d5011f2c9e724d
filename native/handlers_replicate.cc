// Versions that another site sends (docs/site-sync.md): they keep their ids, times and ETags, so
// whoever sends them needs more than the right to write.
#include <utility>

#include "native/handlers.h"
#include "native/session.h"
#include "object/site_sync.h"
#include "s3/access.h"
#include "s3/encryption.h"
#include "s3/events.h"

namespace cairn::native::handlers {
namespace {

using object::ReplicaMessage;
using object::ReplicaOutcome;
using s3::or_fail;

s3::S3Result<object::SiteSync*> sync_of(const s3::Call& call) {
  object::SiteSync* const sync = call.objects().site_sync();
  if (sync == nullptr) return s3::s3_fail(s3::S3Code::kNotImplemented);
  return sync;
}

// A body that came with the request.
io::Task<Result<object::ObjectInfo>> write_inline(s3::Call& call, object::PutOptions options,
                                                  const std::string& body) {
  options.size_bytes = body.size();
  if (const auto& checksum = options.replica->head.info.checksum) {
    options.digests.push_back(checksum->kind);
  }
  const std::unique_ptr<object::ObjectWriter> writer =
      co_await io::or_return(call.objects().put(call.bucket, call.target.key, std::move(options)));
  const Status written = co_await writer->write(as_bytes(body));
  if (!written) {
    co_await writer->abort();
    co_return std::unexpected(written.error());
  }
  object::ExpectedBody expected;
  expected.size_bytes = body.size();
  co_return co_await writer->finish(std::move(expected));
}

// One that was filled in by names.
io::Task<Result<object::ObjectInfo>> commit_session(s3::Call& call, object::PutOptions options,
                                                    ReplicaMessage& message) {
  object::NativeCommit what;
  what.chunks = std::move(message.chunks);
  what.options = std::move(options);
  Result<object::ObjectInfo> stored = co_await call.objects().native()->commit(
      call.bucket, call.target.key, message.session, std::move(what));
  const bool is_needless = !stored && stored.error().code == Code::kAlreadyExists;
  if (is_needless) {
    // An upload that is left over expires by itself.
    static_cast<void>(
        co_await call.objects().abort_upload(call.bucket, call.target.key, message.session));
  }
  co_return stored;
}

io::Task<s3::S3Result<ReplicaOutcome>> store(s3::Call& call, object::SiteSync& sync,
                                             ReplicaMessage message) {
  object::PutOptions options;
  options.sse = co_await or_fail(s3::plan_encryption(call));
  options.hook = s3::event_hook(call, s3::event::kPut);
  options.metadata = message.replica.head.info.metadata;
  options.replica = std::make_shared<const object::Replica>(message.replica);
  Result<object::ObjectInfo> stored =
      message.session.empty() ? co_await write_inline(call, std::move(options), message.body)
                              : co_await commit_session(call, std::move(options), message);
  Result<ReplicaOutcome> settled = co_await sync.settle(
      call.bucket, call.target.key, std::move(message.replica), std::move(stored));
  co_return in_words(call, std::move(settled));
}

}  // namespace

Reply replicate(s3::Call& call) {
  object::SiteSync* const sync = co_await or_fail(sync_of(call));
  Result<ReplicaMessage> parsed = object::parse_replica(as_bytes(call.document));
  ReplicaMessage message = co_await or_fail(in_words(call, std::move(parsed)));
  object::ReplicaReply reply;
  reply.site = sync->site();
  if (message.kind == object::ChangeKind::kPut) {
    s3::S3Result<ReplicaOutcome> outcome = co_await store(call, *sync, std::move(message));
    reply.outcome = co_await or_fail(std::move(outcome));
  } else {
    const bool removes = message.kind != object::ChangeKind::kMeta;
    if (removes) {
      co_await or_fail(s3::authorize_now(call, kReplicateDelete, call.bucket, call.target.key));
    }
    Result<ReplicaOutcome> outcome =
        co_await sync->apply(call.bucket, call.target.key, std::move(message));
    reply.outcome = co_await or_fail(in_words(call, std::move(outcome)));
  }
  co_return co_await respond_message(call, object::encode_replica_reply(reply));
}

Reply compare(s3::Call& call) {
  object::SiteSync* const sync = co_await or_fail(sync_of(call));
  Result<object::CompareQuestion> parsed = object::parse_question(as_bytes(call.document));
  object::CompareQuestion question = co_await or_fail(in_words(call, std::move(parsed)));
  Result<object::CompareAnswer> compared = co_await sync->compare(call.bucket, std::move(question));
  const object::CompareAnswer answer = co_await or_fail(in_words(call, std::move(compared)));
  co_return co_await respond_message(call, object::encode_answer(answer));
}

}  // namespace cairn::native::handlers
