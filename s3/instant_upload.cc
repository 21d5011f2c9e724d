#include "s3/instant_upload.h"

#include <cstring>
#include <utility>

#include "base/log.h"
#include "object/known_bodies.h"
#include "s3/access.h"

namespace cairn::s3 {
namespace {

using Answer = std::optional<object::ObjectInfo>;

// The SHA-256 of the body in the signed head; unset when there is none, or two that differ.
std::optional<crypto::Sha256Value> claimed_sha256(const Call& call, const UploadPlan& plan) {
  std::optional<crypto::Sha256Value> claimed;
  if (call.auth.payload.kind == PayloadKind::kHashed) claimed = call.auth.payload.sha256;
  const std::optional<ClaimedChecksum>& header = plan.checksums.header;
  if (header && header->kind == crypto::DigestKind::kSha256) {
    crypto::Sha256Value value{};
    std::memcpy(value.data(), header->value.view().data(), value.size());
    if (claimed && *claimed != value) return std::nullopt;
    claimed = value;
  }
  return claimed;
}

// Whether the request can be answered before its body. Headers of a presigned URL are its signer's
// words, not those of whoever uses it.
bool may_be_instant(const Call& call, const UploadPlan& plan) {
  return call.auth.kind == AuthKind::kV4Header && call.exchange.expects_continue() &&
         plan.size_bytes.value_or(0) > 0 && !plan.checksums.trailer &&
         call.identity().tenant == call.bucket.tenant;
}

// Everything that the head says of the body.
object::ExpectedBody expected_body(const UploadPlan& plan, const crypto::Sha256Value& sha256) {
  object::ExpectedBody expected;
  expected.size_bytes = plan.size_bytes;
  expected.sha256 = crypto::DigestValue(sha256);
  expected.md5 = plan.checksums.content_md5;
  if (plan.checksums.header) {
    expected.checksums.emplace_back(plan.checksums.header->kind, plan.checksums.header->value);
  }
  return expected;
}

io::Task<bool> may_read(const Call& call, object::BodyHolder holder) {
  Asked asked;
  asked.action = versioned_action("s3:GetObject", !holder.is_current);
  asked.bucket = std::move(holder.bucket);
  asked.key = std::move(holder.key);
  if (!holder.is_current) asked.version_id = std::move(holder.version_id);
  const S3Status allowed = co_await authorize(call, std::move(asked));
  co_return allowed.has_value();
}

// A look-up that fails costs the caller an upload, not an error.
void report(const Error& error) {
  log::warning("instant_upload_lookup_failed", {{"error", std::string_view(error.message)}});
}

// Makes the upload of what one hint is of; nullopt when that cannot be, or may not.
io::Task<S3Result<Answer>> try_hint(Call& call, const UploadPlan& plan,
                                    object::ObjectWriter& writer, object::KnownBodies& bodies,
                                    object::BodyHint hint, crypto::Sha256Value sha256) {
  Result<std::optional<object::KnownBody>> body =
      co_await bodies.open(call.bucket, std::move(hint), sha256, *plan.size_bytes);
  if (!body) {
    report(body.error());
    co_return Answer();
  }
  if (!*body) co_return Answer();
  const bool readable = co_await may_read(call, (*body)->holder);
  if (!readable) co_return Answer();
  Result<Answer> stored =
      co_await writer.finish_known(std::move(**body), expected_body(plan, sha256));
  if (!stored) co_return std::unexpected(translate(call, stored.error()));
  if (*stored) {
    call.instant_bytes = *plan.size_bytes;
    call.exchange.close_after_response();
  }
  co_return std::move(*stored);
}

}  // namespace

io::Task<S3Result<Answer>> try_instant_upload(Call& call, const UploadPlan& plan,
                                              object::ObjectWriter& writer) {
  object::KnownBodies* const bodies = call.objects().known_bodies();
  if (bodies == nullptr || !may_be_instant(call, plan)) co_return Answer();
  const std::optional<crypto::Sha256Value> sha256 = claimed_sha256(call, plan);
  if (!sha256) co_return Answer();
  Result<std::optional<object::BodyHint>> current =
      co_await bodies->current(call.bucket, call.target.key, *sha256);
  if (!current) report(current.error());
  if (current && *current) {
    S3Result<Answer> tried =
        co_await try_hint(call, plan, writer, *bodies, std::move(**current), *sha256);
    if (!tried || *tried) co_return tried;
  }
  Result<std::vector<object::BodyHint>> hints = co_await bodies->find(call.bucket.tenant, *sha256);
  if (!hints) {
    report(hints.error());
    co_return Answer();
  }
  for (object::BodyHint& hint : *hints) {
    S3Result<Answer> tried =
        co_await try_hint(call, plan, writer, *bodies, std::move(hint), *sha256);
    if (!tried || *tried) co_return tried;
  }
  co_return Answer();
}

}  // namespace cairn::s3
