#include "cli/server_copy.h"

#include <algorithm>

#include "io/scope.h"
#include "io/sync.h"

namespace cairn::cli {
namespace {

using transfer::or_fail;
using transfer::S3Result;
using transfer::S3Status;

// One multipart copy. Its parts are copied side by side; the first failure ends all.
class PartwiseCopy {
 public:
  PartwiseCopy(Session& session, const TransferItem& item, const ObjectFlags& flags,
               uint64_t part_bytes)
      : session_(session), item_(item), flags_(flags), part_bytes_(part_bytes) {}

  io::Task<S3Result<std::string>> run() {
    const transfer::ObjectInfo info = co_await or_fail(
        session_.s3().head(item_.from.bucket, item_.from.key, item_.version_id, session_.until()));
    if (!item_.etag.empty() && info.etag != item_.etag) {
      co_return std::unexpected(transfer::Failure(
          {Code::kFailedPrecondition, "the object was changed while it was copied"}));
    }
    source_etag_ = info.etag;
    upload_id_ = co_await or_fail(session_.s3().create_upload(item_.to.bucket, item_.to.key,
                                                              headers_of(info), session_.until()));
    const uint64_t parts_count = (info.size_bytes + part_bytes_ - 1) / part_bytes_;
    parts_.resize(static_cast<size_t>(parts_count));
    io::Scope scope;
    for (size_t i = 0; i < parts_.size() && !failure_; ++i) {
      co_await slots_.acquire();
      if (failure_) break;
      const uint64_t first = i * part_bytes_;
      scope.spawn(copy_part(i, {first, std::min(part_bytes_, info.size_bytes - first)}));
    }
    co_await scope.join();
    if (!failure_) {
      S3Result<transfer::PutResult> done = co_await session_.s3().complete_upload(
          item_.to.bucket, item_.to.key, upload_id_, parts_, std::nullopt, flags_.conditions(),
          session_.until());
      if (done) co_return std::move(done->etag);
      failure_ = done.error();
    }
    // Without the command's stop: what was begun is given back to the server also after Ctrl-C.
    (void)co_await session_.s3().abort_upload(item_.to.bucket, item_.to.key, upload_id_, {});
    co_return std::unexpected(*failure_);
  }

 private:
  std::vector<transfer::HeaderPair> headers_of(const transfer::ObjectInfo& info) const {
    if (flags_.changes_metadata()) return flags_.headers(item_.to.key);
    ObjectFlags same;
    same.guesses_type = false;
    same.content_type = info.content_type;
    same.storage_class = flags_.storage_class;
    same.sse = flags_.sse;
    same.sse_key = flags_.sse_key;
    std::vector<transfer::HeaderPair> headers = same.headers("");
    headers.insert(headers.end(), info.headers.begin(), info.headers.end());
    for (const auto& [name, value] : info.metadata) {
      headers.emplace_back("x-amz-meta-" + name, value);
    }
    return headers;
  }

  io::Task<void> copy_part(size_t index, ByteRange range) {
    transfer::CopySource source{item_.from.bucket, item_.from.key, item_.version_id, source_etag_,
                                range};
    const auto number = static_cast<uint32_t>(index + 1);
    S3Result<std::string> etag = co_await session_.s3().copy_part(
        std::move(source), item_.to.bucket, item_.to.key, upload_id_, number, session_.until());
    if (etag) {
      parts_[index] = {.number = number, .etag = std::move(*etag), .size_bytes = range.size_bytes};
    } else if (!failure_) {
      failure_ = etag.error();
    }
    slots_.release();
  }

  Session& session_;
  const TransferItem& item_;
  const ObjectFlags& flags_;
  const uint64_t part_bytes_;
  std::string source_etag_;
  std::string upload_id_;
  std::vector<transfer::PartEntry> parts_;
  std::optional<transfer::Failure> failure_;
  io::Semaphore slots_{kCopyPartsAtOnce};
};

}  // namespace

uint64_t copy_part_bytes(uint64_t size_bytes, uint64_t part_bytes_least) {
  const uint64_t needed = (size_bytes + kCopyPartsMax - 1) / kCopyPartsMax;
  return std::max(part_bytes_least, round_up(needed, MiB));
}

io::Task<S3Result<std::string>> copy_on_server(Session& session, TransferItem item,
                                               const ObjectFlags& flags, CopyLimits limits) {
  if (item.size_bytes > limits.single_bytes_max) {
    PartwiseCopy copy(session, item, flags, copy_part_bytes(item.size_bytes, limits.part_bytes));
    co_return co_await copy.run();
  }
  transfer::CopySource source{item.from.bucket, item.from.key, item.version_id, item.etag};
  transfer::CopyOptions options;
  options.conditions = flags.conditions();
  options.replace_metadata = flags.changes_metadata();
  ObjectFlags stated = flags;
  stated.guesses_type = flags.changes_metadata() && flags.guesses_type;
  options.headers = stated.headers(item.to.key);
  co_return co_await session.s3().copy(std::move(source), item.to.bucket, item.to.key,
                                       std::move(options), session.until());
}

}  // namespace cairn::cli
