// The bytes of one chunk. The body is a FillHead behind its size, and then bytes: it is not signed
// as a whole (UNSIGNED-PAYLOAD is fine), because everything in it is checked against the names in
// it, and only what a signed commit names becomes content.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "crypto/hash_engine.h"
#include "native/handlers.h"
#include "native/messages.h"
#include "native/rights.h"
#include "native/session.h"
#include "s3/body.h"

namespace cairn::native::handlers {
namespace {

using s3::or_fail;
using s3::S3Code;

constexpr size_t kPrefixBytes = 4;

// Receives the body; hashes it where the client signed its hash.
class FillBody {
 public:
  explicit FillBody(s3::Call& call) : call_(call) {
    if (call.auth.payload.kind == s3::PayloadKind::kHashed) {
      whole_ = crypto::Digest::create(crypto::DigestKind::kSha256);
    }
  }
  // IncompleteBody when less comes.
  io::Task<s3::S3Status> receive(MutableBytes into) {
    const Result<size_t> got = co_await call_.exchange.receive_body(into);
    if (!got) co_return std::unexpected(s3::body_error(call_, got.error()));
    if (*got < into.size()) co_return s3::s3_fail(S3Code::kIncompleteBody);
    if (whole_) whole_->update(into);
    co_return s3::S3Status();
  }
  // Nothing follows, and all of it is what was signed.
  io::Task<s3::S3Status> end() {
    uint8_t more[1];
    const Result<size_t> got = co_await call_.exchange.receive_body(more);
    if (!got) co_return std::unexpected(s3::body_error(call_, got.error()));
    if (*got != 0) {
      co_return s3::s3_fail(S3Code::kInvalidRequest, "More bytes follow than the FillHead names.");
    }
    if (!whole_) co_return s3::S3Status();
    crypto::Sha256Value computed{};
    std::ranges::copy(whole_->finish().view(), computed.begin());
    if (computed == call_.auth.payload.sha256) co_return s3::S3Status();
    co_return std::unexpected(s3::content_sha256_mismatch(call_.auth.payload.sha256, computed));
  }

 private:
  s3::Call& call_;
  std::unique_ptr<crypto::Digest> whole_;
};

io::Task<s3::S3Result<object::ChunkRecipe>> receive_head(s3::Call& call, FillBody& body) {
  uint8_t prefix[kPrefixBytes];
  co_await or_fail(co_await body.receive(prefix));
  const auto size_bytes = load_le<uint32_t>(prefix);
  if (size_bytes > kFillHeadBytesMax) {
    co_return s3::s3_fail(S3Code::kInvalidRequest,
                          "A FillHead has at most " + std::to_string(kFillHeadBytesMax) +
                              " bytes; its size comes first, in 4 bytes, little-endian.");
  }
  Bytes head(size_bytes);
  if (size_bytes > 0) co_await or_fail(co_await body.receive(head));
  co_return in_words(call, parse_fill_head(head));
}

// A body of announced size that cannot be that of the recipe is refused before it is received.
s3::S3Status check_size(const s3::Call& call, const object::ChunkRecipe& recipe) {
  const std::optional<uint64_t> announced = call.exchange.body_size();
  const uint64_t left =
      announced.value_or(0) - std::min(announced.value_or(0), call.exchange.body_received_bytes());
  if (!announced || left == recipe.sent_bytes()) return {};
  return s3::s3_fail(S3Code::kInvalidRequest,
                     "The body's length is not that of the segments which are sent.");
}

}  // namespace

Reply fill(s3::Call& call) {
  object::NativeUploads* const uploads = co_await or_fail(uploads_of(call));
  if (call.auth.payload.is_streaming()) {
    co_return s3::s3_fail(S3Code::kInvalidRequest,
                          "A fill takes no aws-chunked payload: UNSIGNED-PAYLOAD or its SHA-256.");
  }
  s3::S3Result<object::UploadInfo> found = co_await open_session(call);
  object::UploadInfo upload = co_await or_fail(std::move(found));
  const Status continued = co_await call.exchange.send_continue();
  if (!continued) co_return std::unexpected(s3::body_error(call, continued.error()));
  FillBody body(call);
  s3::S3Result<object::ChunkRecipe> received = co_await receive_head(call, body);
  object::ChunkRecipe recipe = co_await or_fail(std::move(received));
  co_await or_fail(check_size(call, recipe));
  CallRights rights(call);
  Result<std::unique_ptr<object::ChunkFill>> opened =
      co_await uploads->fill(call.bucket, std::move(upload), std::move(recipe), rights);
  const std::unique_ptr<object::ChunkFill> chunk =
      co_await or_fail(in_words(call, std::move(opened)));
  for (MutableBytes space = chunk->next_space(); !space.empty(); space = chunk->next_space()) {
    const s3::S3Status got = co_await body.receive(space);
    if (!got) co_return std::unexpected(got.error());
    chunk->advance(space.size());
  }
  const s3::S3Status ended = co_await body.end();
  if (!ended) co_return std::unexpected(ended.error());
  const Result<ContentName> stored = co_await chunk->finish();
  if (!stored) co_return std::unexpected(error_in_words(call, stored.error()));
  co_return co_await call.respond_empty(204);
}

}  // namespace cairn::native::handlers
