#include "cli/object_stream.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "crypto/digest.h"

namespace cairn::cli {
namespace {

constexpr size_t kPieceBytes = 256 * KiB;
// Connections that break one after the other without a byte between them.
constexpr unsigned kBarrenAttemptsMax = 5;

Status write_all(int descriptor, BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written > 0) {
      bytes = bytes.subspan(static_cast<size_t>(written));
      continue;
    }
    if (written < 0 && errno == EAGAIN) {
      pollfd waiting{descriptor, POLLOUT, 0};
      ::poll(&waiting, 1, -1);
    } else if (written < 0 && errno == EPIPE) {
      return fail(Code::kClosed, "nobody reads the output any more");
    } else if (written < 0 && errno != EINTR) {
      return std::unexpected(errno_error(errno, "cannot write the output"));
    }
  }
  return {};
}

class Copy {
 public:
  Copy(Session& session, ObjectName name, std::optional<ByteRange> range, int descriptor)
      : session_(session),
        name_(std::move(name)),
        range_(range),
        descriptor_(descriptor),
        crc_(crypto::Digest::create(crypto::DigestKind::kCrc64Nvme)) {}

  io::Task<transfer::S3Result<uint64_t>> run() {
    for (;;) {
      const uint64_t before = done_bytes_;
      const transfer::S3Status read = co_await attempt();
      if (read) break;
      const bool may_go_on = is_broken_ && !session_.is_stopped() && !etag_.empty();
      barren_count_ = done_bytes_ > before ? 0 : barren_count_ + 1;
      if (!may_go_on || barren_count_ >= kBarrenAttemptsMax) {
        co_return std::unexpected(read.error());
      }
    }
    co_await transfer::or_fail(verify());
    co_return done_bytes_;
  }

 private:
  io::Task<transfer::S3Status> attempt() {
    is_broken_ = false;
    std::optional<ByteRange> rest = range_;
    if (done_bytes_ > 0) {
      const uint64_t first = range_ ? range_->offset_bytes : 0;
      rest = ByteRange{first + done_bytes_, wanted_bytes_ - done_bytes_};
    }
    transfer::ObjectBody body = co_await transfer::or_fail(session_.s3().get(
        name_.bucket, name_.key, name_.version_id, rest, etag_, session_.until()));
    if (etag_.empty()) {
      etag_ = body.info.etag;
      wanted_bytes_ = body.range.size_bytes;
      if (!range_) expected_crc_ = body.info.crc64_nvme;
    }
    for (;;) {
      const Result<size_t> got = co_await body.response.receive(piece_);
      if (!got) {
        is_broken_ = true;
        co_return std::unexpected(transfer::Failure(got.error()));
      }
      if (*got == 0) co_return transfer::S3Status();
      const BytesView bytes(piece_.data(), *got);
      if (expected_crc_) crc_->update(bytes);
      co_await transfer::or_fail(write_all(descriptor_, bytes));
      done_bytes_ += *got;
    }
  }

  Status verify() {
    if (!expected_crc_) return {};
    const crypto::DigestValue value = crc_->finish();
    if (load_be<uint64_t>(value.view().data()) == *expected_crc_) return {};
    return fail(Code::kCorruption, "what arrived has another CRC-64 than the object");
  }

  Session& session_;
  const ObjectName name_;
  const std::optional<ByteRange> range_;
  const int descriptor_;
  std::unique_ptr<crypto::Digest> crc_;
  std::optional<uint64_t> expected_crc_;
  std::string etag_;
  Bytes piece_ = Bytes(kPieceBytes);
  uint64_t wanted_bytes_ = 0;
  uint64_t done_bytes_ = 0;
  unsigned barren_count_ = 0;
  bool is_broken_ = false;  // The connection, not the request.
};

}  // namespace

io::Task<transfer::S3Result<uint64_t>> write_object(Session& session, ObjectName name,
                                                    std::optional<ByteRange> range,
                                                    int descriptor) {
  Copy copy(session, std::move(name), range, descriptor);
  co_return co_await copy.run();
}

}  // namespace cairn::cli
