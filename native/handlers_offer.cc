// What the store has of a file: by chunk, by segment, and for a proof of possession.
#include <utility>

#include "io/reactor.h"
#include "native/handlers.h"
#include "native/messages.h"
#include "native/rights.h"
#include "native/session.h"

namespace cairn::native::handlers {
namespace {

using s3::or_fail;

// Replies to callers who may not read everything leave at multiples of this, counted from the
// request's arrival: how long it took to find out that they may not know a chunk tells nothing.
constexpr Duration kAnswerStep = milliseconds(20);

io::Task<void> hide_duration(const s3::Call& call) {
  const Duration spent = io::Reactor::current().now() - call.exchange.started_at();
  const int64_t over_ns = spent.nanoseconds % kAnswerStep.nanoseconds;
  static_cast<void>(co_await io::sleep_for(Duration{kAnswerStep.nanoseconds - over_ns}));
}

}  // namespace

Reply offer(s3::Call& call) {
  object::NativeUploads* const uploads = co_await or_fail(uploads_of(call));
  const std::vector<ContentName> names =
      co_await or_fail(in_words(call, parse_offer(as_bytes(call.document))));
  s3::S3Result<object::UploadInfo> found = co_await open_session(call);
  const object::UploadInfo upload = co_await or_fail(std::move(found));
  CallRights rights(call);
  Result<std::vector<bool>> offered = co_await uploads->offer(call.bucket, upload, names, rights);
  const std::vector<bool> held = co_await or_fail(in_words(call, std::move(offered)));
  std::vector<State> states;
  states.reserve(held.size());
  for (const bool is_held : held) states.push_back(is_held ? State::kHeld : State::kMissing);
  std::vector<Challenge> challenges;
  const bool hides = !rights.reads_all(call.bucket.tenant);
  if (hides) co_await hide_duration(call);
  co_return co_await respond_message(call, encode_offer_reply(states, challenges));
}

Reply segments(s3::Call& call) {
  object::NativeUploads* const uploads = co_await or_fail(uploads_of(call));
  const std::vector<std::vector<ContentName>> chunks =
      co_await or_fail(in_words(call, parse_segments(as_bytes(call.document))));
  s3::S3Result<object::UploadInfo> found = co_await open_session(call);
  const object::UploadInfo upload = co_await or_fail(std::move(found));
  std::vector<ContentName> names;
  for (const std::vector<ContentName>& chunk : chunks) {
    names.insert(names.end(), chunk.begin(), chunk.end());
  }
  CallRights rights(call);
  Result<std::vector<bool>> asked =
      co_await uploads->know_segments(call.bucket, upload, std::move(names), rights);
  const std::vector<bool> known = co_await or_fail(in_words(call, std::move(asked)));
  const bool hides = !rights.reads_all(call.bucket.tenant);
  if (hides) co_await hide_duration(call);
  co_return co_await respond_message(call, encode_segments_reply(chunks, known));
}

Reply prove(s3::Call& call) {
  const std::vector<Proof> proofs =
      co_await or_fail(in_words(call, parse_prove(as_bytes(call.document))));
  s3::S3Result<object::UploadInfo> found = co_await open_session(call);
  co_await or_fail(std::move(found));
  const std::vector<State> states(proofs.size(), State::kMissing);
  co_return co_await respond_message(call, encode_prove_reply(states));
}

}  // namespace cairn::native::handlers
