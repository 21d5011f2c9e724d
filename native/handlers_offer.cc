// What the store has of a file: by chunk, by segment, and for a proof of possession.
#include <utility>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "io/reactor.h"
#include "native/handlers.h"
#include "native/messages.h"
#include "native/rights.h"
#include "native/session.h"

namespace cairn::native::handlers {
namespace {

using s3::or_fail;

// Replies to callers who may not read everything leave at multiples of a unit that depends on what
// was asked alone, counted from the request's arrival: how long it took to find out that they may
// not know a chunk tells nothing. A name's share is more than a right takes to be refused (about
// 100 us for a chunk; the segments of one chunk share it).
constexpr Duration kAnswerStep = milliseconds(5);
constexpr Duration kChunkShare = microseconds(250);
constexpr Duration kSegmentShare = microseconds(50);

io::Task<void> hide_duration(const s3::Call& call, size_t names_count, Duration share) {
  const int64_t unit_ns =
      kAnswerStep.nanoseconds + share.nanoseconds * static_cast<int64_t>(names_count);
  const Duration spent = io::Reactor::current().now() - call.exchange.started_at();
  static_cast<void>(co_await io::sleep_for(Duration{unit_ns - spent.nanoseconds % unit_ns}));
}

// Who lends to the call's bucket; nobody where there is no pool, or the content is under a key of
// its own.
std::vector<object::TenantId> lenders_of(const s3::Call& call, const object::UploadInfo& upload) {
  const Pool* const pool = Guest::of(call).options().pool;
  if (pool == nullptr || !upload.sse.empty()) return {};
  const std::span<const object::TenantId> lenders = pool->lenders(call.bucket.tenant);
  return {lenders.begin(), lenders.end()};
}

std::string caller_name(const s3::Call& call) {
  const iam::Principal& who = *call.caller();
  return who.session_arn.empty() ? who.arn : who.session_arn;
}

// Challenges for what a pool has of the missing chunks; marks them in `states`.
io::Task<Result<std::vector<Challenge>>> challenge(const s3::Call& call,
                                                   object::NativeUploads& uploads,
                                                   object::UploadInfo upload,
                                                   std::vector<ContentName> names,
                                                   std::vector<State>& states) {
  std::vector<Challenge> out;
  const std::vector<object::TenantId> lenders = lenders_of(call, upload);
  if (lenders.empty()) co_return out;
  Challenges& challenges = *Guest::of(call).options().challenges;
  const Instant now = io::Reactor::current().now();
  for (size_t i = 0; i < names.size(); ++i) {
    if (states[i] == State::kHeld) continue;
    // Looked up for those who are challenged no more as well: nothing is to be told by the time.
    const std::optional<object::TenantId> lender =
        co_await io::or_return(uploads.find_lender(lenders, names[i]));
    if (!lender) continue;
    std::optional<Bytes> nonce =
        challenges.issue({caller_name(call), upload.upload_id, names[i]}, now);
    if (!nonce) continue;
    states[i] = State::kChallenge;
    out.push_back({i, std::move(*nonce)});
  }
  co_return out;
}

// Whether `proof` is over these bytes.
bool holds(const Proof& proof, const std::string& session, BytesView bytes) {
  uint8_t size[sizeof(proof.chunk.size_bytes)];
  store_le(size, proof.chunk.size_bytes);
  crypto::HmacSha256 mac(proof.nonce);
  mac.update(as_bytes(session));
  mac.update(proof.chunk.hash);
  mac.update(size);
  mac.update(bytes);
  return crypto::equal_secret(mac.finish(), proof.answer);
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
  Result<std::vector<Challenge>> challenged =
      co_await challenge(call, *uploads, upload, names, states);
  const std::vector<Challenge> challenges = co_await or_fail(in_words(call, std::move(challenged)));
  const bool hides = !rights.reads_all(call.bucket.tenant);
  if (hides) co_await hide_duration(call, names.size(), kChunkShare);
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
  const size_t names_count = names.size();
  CallRights rights(call);
  Result<std::vector<bool>> asked =
      co_await uploads->know_segments(call.bucket, upload, std::move(names), rights);
  const std::vector<bool> known = co_await or_fail(in_words(call, std::move(asked)));
  const bool hides = !rights.reads_all(call.bucket.tenant);
  if (hides) co_await hide_duration(call, names_count, kSegmentShare);
  co_return co_await respond_message(call, encode_segments_reply(chunks, known));
}

Reply prove(s3::Call& call) {
  object::NativeUploads* const uploads = co_await or_fail(uploads_of(call));
  const std::vector<Proof> proofs =
      co_await or_fail(in_words(call, parse_prove(as_bytes(call.document))));
  s3::S3Result<object::UploadInfo> found = co_await open_session(call);
  const object::UploadInfo upload = co_await or_fail(std::move(found));
  const std::vector<object::TenantId> lenders = lenders_of(call, upload);
  std::vector<State> states(proofs.size(), State::kMissing);
  CallRights rights(call);
  for (size_t i = 0; i < proofs.size() && !lenders.empty(); ++i) {
    const Proof& proof = proofs[i];
    Challenges& challenges = *Guest::of(call).options().challenges;
    const Challenges::Subject subject{caller_name(call), upload.upload_id, proof.chunk};
    const Instant now = io::Reactor::current().now();
    if (!challenges.take(subject, proof.nonce, now)) continue;
    bool is_wrong = false;
    const auto check = [&](BytesView bytes) {
      is_wrong = !holds(proof, upload.upload_id, bytes);
      return !is_wrong;
    };
    Result<bool> borrowed =
        co_await uploads->borrow(call.bucket, upload, proof.chunk, lenders, check, rights);
    if (is_wrong) challenges.count_failure(subject.caller, now);
    const bool is_held = co_await or_fail(in_words(call, std::move(borrowed)));
    if (is_held) states[i] = State::kHeld;
  }
  co_return co_await respond_message(call, encode_prove_reply(states));
}

}  // namespace cairn::native::handlers
