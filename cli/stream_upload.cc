#include "cli/stream_upload.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "cli/server_copy.h"
#include "crypto/digest.h"
#include "io/blocking.h"
#include "io/scope.h"
#include "io/sync.h"

namespace cairn::cli {
namespace {

using transfer::or_fail;
using transfer::S3Result;

constexpr int kPollMs = 200;  // How late a stop is noticed while nothing comes in.

// Reads until `into` is full or the stream ends; runs on a thread that may block.
Result<size_t> read_full(int descriptor, MutableBytes into, const std::atomic<bool>& is_stopped) {
  size_t done = 0;
  while (done < into.size()) {
    pollfd waiting{descriptor, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kPollMs);
    if (is_stopped) return fail(Code::kCancelled, "interrupted");
    if (ready == 0) continue;
    const ssize_t got = ::read(descriptor, into.data() + done, into.size() - done);
    if (got == 0) break;
    if (got > 0) {
      done += static_cast<size_t>(got);
    } else if (errno != EINTR && errno != EAGAIN) {
      return std::unexpected(errno_error(errno, "cannot read standard input"));
    }
  }
  return done;
}

class StreamUpload {
 public:
  StreamUpload(Session& session, int descriptor, std::string bucket, std::string key,
               ObjectFlags flags, uint64_t part_bytes)
      : session_(session),
        descriptor_(descriptor),
        bucket_(std::move(bucket)),
        key_(std::move(key)),
        flags_(std::move(flags)),
        part_bytes_(part_bytes) {}

  io::Task<S3Result<transfer::PutResult>> run() {
    Bytes first = co_await or_fail(read_part());
    if (first.size() < part_bytes_) co_return co_await put_whole(std::move(first));
    upload_id_ = co_await or_fail(
        session_.s3().create_upload(bucket_, key_, flags_.headers(key_), session_.until()));
    io::Scope scope;
    co_await send_all(scope, std::move(first));
    co_await scope.join();
    if (!failure_) {
      std::ranges::sort(parts_, {}, &transfer::PartEntry::number);
      S3Result<transfer::PutResult> done = co_await session_.s3().complete_upload(
          bucket_, key_, upload_id_, parts_, std::nullopt, flags_.conditions(), session_.until());
      if (done) co_return done;
      failure_ = done.error();
    }
    (void)co_await session_.s3().abort_upload(bucket_, key_, upload_id_, {});
    co_return std::unexpected(*failure_);
  }

 private:
  // Tells the reading thread of a stop.
  class Forwarder final : public io::StopCallback {
   public:
    explicit Forwarder(std::atomic<bool>& flag) : flag_(flag) {}
    void on_stop() noexcept override { flag_ = true; }

   private:
    std::atomic<bool>& flag_;
  };

  io::Task<Result<Bytes>> read_part() {
    Bytes part(part_bytes_);
    const MutableBytes into = part;
    std::atomic<bool> is_stopped = false;
    Forwarder forwarder(is_stopped);
    session_.until().stop.add(forwarder);
    const int descriptor = descriptor_;
    const auto read = [descriptor, into, &is_stopped] {
      return read_full(descriptor, into, is_stopped);
    };
    const Result<size_t> size_bytes = co_await io::or_return(io::blocking_pool().run(read));
    if (!size_bytes) co_return std::unexpected(size_bytes.error());
    part.resize(*size_bytes);
    co_return part;
  }

  io::Task<S3Result<transfer::PutResult>> put_whole(Bytes body) {
    transfer::UploadBody upload;
    upload.bytes = body;
    transfer::PutOptions options;
    options.conditions = flags_.conditions();
    options.headers = flags_.headers(key_);
    co_return co_await session_.s3().put(bucket_, key_, upload, std::move(options),
                                         session_.until());
  }

  io::Task<void> send_all(io::Scope& scope, Bytes part) {
    for (uint32_t number = 1; !part.empty() && !failure_; ++number) {
      if (number > kCopyPartsMax) {
        failure_ = transfer::Failure(
            {Code::kOutOfRange, "the stream is longer than 10,000 parts: give --expected-size"});
        co_return;
      }
      const bool is_last = part.size() < part_bytes_;
      co_await slots_.acquire();
      scope.spawn(send(number, std::move(part)));
      if (is_last) co_return;
      Result<Bytes> next = co_await read_part();
      if (!next) {
        if (!failure_) failure_ = transfer::Failure(next.error());
        co_return;
      }
      part = std::move(*next);
    }
  }

  io::Task<void> send(uint32_t number, Bytes part) {
    transfer::UploadBody body;
    body.bytes = part;
    S3Result<transfer::PutResult> sent = co_await session_.s3().upload_part(
        bucket_, key_, upload_id_, number, body, session_.until());
    if (sent) {
      parts_.push_back(
          {.number = number, .etag = std::move(sent->etag), .size_bytes = part.size()});
    } else if (!failure_) {
      failure_ = sent.error();
    }
    slots_.release();
  }

  Session& session_;
  const int descriptor_;
  const std::string bucket_;
  const std::string key_;
  const ObjectFlags flags_;
  const uint64_t part_bytes_;
  std::string upload_id_;
  std::vector<transfer::PartEntry> parts_;
  std::optional<transfer::Failure> failure_;
  io::Semaphore slots_{kStreamPartsAtOnce};
};

}  // namespace

io::Task<S3Result<transfer::PutResult>> upload_stream(Session& session, int descriptor,
                                                      std::string bucket, std::string key,
                                                      ObjectFlags flags,
                                                      std::optional<uint64_t> expected_bytes) {
  const uint64_t part_bytes = copy_part_bytes(expected_bytes.value_or(0), kStreamPartBytes);
  StreamUpload upload(session, descriptor, std::move(bucket), std::move(key), std::move(flags),
                      part_bytes);
  co_return co_await upload.run();
}

}  // namespace cairn::cli
