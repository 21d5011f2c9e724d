// A body on its way from a client to the upstream: checked here before the upstream has all of it.
//
// The last bytes are held back until everything that the client claims of the body (length, hashes,
// chunk signatures, trailer) was compared. When it does not hold, read() fails: the connection to
// the upstream is cut in the middle of the body, and the upstream stores nothing.
//
// A checksum that the client sends behind the body is sent on behind the body, aws-chunked and
// unsigned. Used on one reactor, once: it cannot be read again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/digest.h"
#include "gateway/link.h"
#include "http/client.h"
#include "s3/body.h"
#include "s3/call.h"

namespace cairn::gateway {

class UploadBody final : public http::BodySource {
 public:
  // MissingContentLength where the length is not known beforehand. `call` outlives it.
  static s3::S3Result<std::unique_ptr<UploadBody>> create(s3::Call& call, uint64_t size_bytes_max);

  std::optional<uint64_t> size_bytes() const override { return sent_size_bytes_; }
  io::Task<Result<size_t>> read(MutableBytes into) override;

  // Headers and body of the request that carries it.
  void attach(Link::Request& request);
  // Why read() failed; nullopt when it did not.
  const std::optional<s3::S3Error>& failure() const { return failure_; }
  uint64_t body_bytes() const { return *plan_.size_bytes; }
  // Whether an ETag that the upstream answered with is that of another body. False where it cannot
  // be told.
  bool contradicts(std::string_view etag);

 private:
  UploadBody(s3::Call& call, s3::UploadPlan plan);
  // The next bytes of the body into piece_, at its end after the comparison.
  io::Task<s3::S3Status> fill();
  io::Task<s3::S3Result<size_t>> receive(MutableBytes into);
  io::Task<s3::S3Status> finish();
  s3::S3Status compare();
  bool is_framed() const { return plan_.decoder && plan_.checksums.trailer; }
  void frame(size_t size_bytes);

  s3::Call& call_;
  s3::UploadPlan plan_;
  uint64_t sent_size_bytes_ = 0;  // With the framing.
  std::vector<std::unique_ptr<crypto::Digest>> digests_;
  std::vector<crypto::DigestValue> values_;  // Of digests_, once the body is whole.
  uint64_t received_bytes_ = 0;
  Bytes piece_;  // What is to be sent next,
  size_t piece_at_ = 0;
  Bytes framed_;
  bool is_whole_ = false;
  bool has_begun_ = false;
  std::optional<s3::S3Error> failure_;
};

}  // namespace cairn::gateway
