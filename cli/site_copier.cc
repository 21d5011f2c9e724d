#include "cli/site_copier.h"

#include <algorithm>
#include <utility>

#include "io/scope.h"
#include "transfer/tagging.h"

namespace cairn::cli {

using transfer::Failure;
using transfer::HeaderPair;
using transfer::or_fail;
using transfer::S3Result;
using transfer::S3Status;

namespace {

constexpr size_t kPieceBytes = 1 * MiB;

// A body that is being received, as a source of pieces.
class BodyPieces final : public transfer::PieceSource {
 public:
  explicit BodyPieces(http::ClientResponse& response) : response_(response) {}
  io::Task<S3Result<Buffer>> next() override {
    Buffer piece = Buffer::allocate(kPieceBytes);
    piece.resize(kPieceBytes);
    const size_t got = co_await or_fail(response_.receive(piece.span()));
    piece.resize(got);
    co_return std::move(piece);
  }

 private:
  http::ClientResponse& response_;
};

std::vector<HeaderPair> headers_of(const transfer::ObjectInfo& info, const std::string& tagging) {
  std::vector<HeaderPair> headers = info.headers;
  if (!tagging.empty()) headers.emplace_back("x-amz-tagging", tagging);
  if (!info.content_type.empty()) headers.emplace_back("Content-Type", info.content_type);
  if (!info.storage_class.empty() && info.storage_class != "STANDARD") {
    headers.emplace_back("x-amz-storage-class", info.storage_class);
  }
  for (const auto& [name, value] : info.metadata) headers.emplace_back("x-amz-meta-" + name, value);
  return headers;
}

io::Task<S3Result<Bytes>> receive_all(http::ClientResponse& response, uint64_t size_bytes) {
  Bytes bytes(size_bytes);
  size_t filled = 0;
  while (filled < bytes.size()) {
    const size_t got = co_await or_fail(response.receive(MutableBytes(bytes).subspan(filled)));
    if (got == 0) {
      co_return std::unexpected(Failure(Error{Code::kUnavailable, "the body ended early"}));
    }
    filled += got;
  }
  co_return bytes;
}

}  // namespace

struct SiteCopier::Job {
  std::string from_bucket;
  std::string from_key;
  std::string to_bucket;
  std::string to_key;
  transfer::ObjectInfo info;
  std::string tagging;  // As fetch_tagging() gives it.
  io::Until until;
};

struct SiteCopier::Parts {
  std::string upload_id;
  uint64_t part_bytes = 0;
  std::vector<transfer::PartEntry> done;  // By index.
  size_t next = 0;
  S3Status failure = {};
};

io::Task<S3Status> SiteCopier::copy(std::string from_bucket, std::string key, std::string to_bucket,
                                    std::string to_key, io::Until until) {
  Job job{std::move(from_bucket),
          std::move(key),
          std::move(to_bucket),
          std::move(to_key),
          {},
          {},
          until};
  job.info = co_await or_fail(from_.head(job.from_bucket, job.from_key, "", until));
  job.tagging = co_await or_fail(
      transfer::fetch_tagging(from_, job.from_bucket, job.from_key, job.info.version_id, until));
  if (job.info.size_bytes <= kWholeBytesMax) co_return co_await copy_whole(job);
  if (may_use_native_ && job.info.size_bytes <= 256 * GiB) {
    const bool done = co_await or_fail(copy_chunks(job));
    if (done) co_return S3Status();
  }
  co_return co_await copy_parts(job);
}

io::Task<S3Status> SiteCopier::copy_whole(const Job& job) {
  transfer::ObjectBody body = co_await or_fail(
      from_.get(job.from_bucket, job.from_key, "", std::nullopt, job.info.etag, job.until));
  const Bytes bytes = co_await or_fail(receive_all(body.response, job.info.size_bytes));
  co_await bandwidth_.take(bytes.size(), job.until.stop);
  transfer::PutOptions options;
  options.headers = headers_of(job.info, job.tagging);
  co_await or_fail(
      to_.put(job.to_bucket, job.to_key, {.bytes = bytes}, std::move(options), job.until));
  counts_.sent_bytes += bytes.size();
  co_return S3Status();
}

io::Task<S3Result<bool>> SiteCopier::copy_chunks(const Job& job) {
  transfer::NativeSession session(job.to_bucket, job.to_key);
  const bool begun = co_await or_fail(session.begin(to_, job.info.size_bytes, {}, job.until));
  if (!begun) co_return false;
  transfer::ObjectBody body = co_await or_fail(
      from_.get(job.from_bucket, job.from_key, "", std::nullopt, job.info.etag, job.until));
  BodyPieces pieces(body.response);
  transfer::NativeStream stream(to_, session, bandwidth_, counts_);
  std::vector<transfer::PieceName> names = co_await or_fail(stream.send(pieces, {}, job.until));
  co_await or_fail(
      session.commit(to_, std::move(names), headers_of(job.info, job.tagging), job.until));
  co_return true;
}

io::Task<S3Status> SiteCopier::copy_parts(const Job& job) {
  Parts parts;
  parts.part_bytes = std::max(kPartBytesMin, (job.info.size_bytes + kPartsMax - 1) / kPartsMax);
  parts.done.resize((job.info.size_bytes + parts.part_bytes - 1) / parts.part_bytes);
  parts.upload_id = co_await or_fail(
      to_.create_upload(job.to_bucket, job.to_key, headers_of(job.info, job.tagging), job.until));
  io::Scope side_by_side;
  for (size_t i = 0; i < kPartsSideBySide; ++i) side_by_side.spawn(send_parts(job, parts));
  co_await side_by_side.join();
  if (!parts.failure) {
    // Also after a stop: what is left of the upload costs room.
    static_cast<void>(co_await to_.abort_upload(job.to_bucket, job.to_key, parts.upload_id, {}));
    co_return parts.failure;
  }
  co_await or_fail(to_.complete_upload(job.to_bucket, job.to_key, parts.upload_id,
                                       std::move(parts.done), std::nullopt, {}, job.until));
  co_return S3Status();
}

io::Task<void> SiteCopier::send_parts(const Job& job, Parts& parts) {
  while (parts.failure && parts.next < parts.done.size()) {
    S3Status sent = co_await send_part(job, parts, parts.next++);
    if (!sent) parts.failure = std::move(sent);
  }
}

io::Task<S3Status> SiteCopier::send_part(const Job& job, Parts& parts, size_t index) {
  const uint64_t begin = index * parts.part_bytes;
  const ByteRange range{begin, std::min(parts.part_bytes, job.info.size_bytes - begin)};
  transfer::ObjectBody body = co_await or_fail(
      from_.get(job.from_bucket, job.from_key, "", range, job.info.etag, job.until));
  const Bytes bytes = co_await or_fail(receive_all(body.response, range.size_bytes));
  co_await bandwidth_.take(bytes.size(), job.until.stop);
  const auto number = static_cast<uint32_t>(index + 1);
  const transfer::PutResult put = co_await or_fail(to_.upload_part(
      job.to_bucket, job.to_key, parts.upload_id, number, {.bytes = bytes}, job.until));
  parts.done[index] = {.number = number, .etag = put.etag, .size_bytes = range.size_bytes};
  counts_.sent_bytes += bytes.size();
  co_return S3Status();
}

}  // namespace cairn::cli
