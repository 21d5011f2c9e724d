#include "transfer/partial_file.h"

#include <algorithm>

#include "base/encoding.h"
#include "crypto/crc64.h"
#include "crypto/digest.h"
#include "io/reactor.h"
#include "transfer/file_names.h"

namespace cairn::transfer {
namespace {

constexpr size_t kReadBackBytes = 1 * MiB;

Bytes header_record(const DownloadJob& job, const ObjectInfo& info) {
  RecordWriter out;
  out.text("download").text(job.bucket).text(job.key).text(info.version_id).text(info.etag);
  out.number(info.size_bytes);
  if (out.view().size() <= kJournalRecordBytesMax) {
    return Bytes(out.view().begin(), out.view().end());
  }
  // A server may send an ETag of any size; its hash tells objects apart as well.
  RecordWriter hashed;
  hashed.text("download").text(to_hex(crypto::sha256(out.view())));
  return Bytes(hashed.view().begin(), hashed.view().end());
}

Bytes piece_record(const DonePiece& piece) {
  RecordWriter out;
  out.number(piece.range.offset_bytes).number(piece.range.size_bytes).number(piece.crc64);
  return Bytes(out.view().begin(), out.view().end());
}

std::vector<DonePiece> pieces_of(const std::vector<Bytes>& records, uint64_t size_bytes) {
  std::vector<DonePiece> pieces;
  for (size_t i = 1; i < records.size(); ++i) {
    RecordReader in(records[i]);
    DonePiece piece;
    piece.range.offset_bytes = in.number();
    piece.range.size_bytes = in.number();
    piece.crc64 = in.number();
    const bool aligned = piece.range.offset_bytes % kIoAlignment == 0;
    if (in.is_whole() && aligned && piece.range.inside(size_bytes)) pieces.push_back(piece);
  }
  return pieces;
}

// Whether the file holds, in that range, what the journal says.
io::Task<bool> holds(io::File& file, DonePiece piece) {
  Result<Buffer> buffer =
      co_await io::Reactor::current().buffers().acquire(kReadBackBytes, io::Until{});
  if (!buffer) co_return false;
  buffer->resize(kReadBackBytes);
  uint64_t crc = 0;
  for (uint64_t at = piece.range.offset_bytes; at < piece.range.end_bytes();) {
    const Result<size_t> read = co_await file.read_some(buffer->span(), at);
    if (!read || *read == 0) co_return false;
    const auto taken = static_cast<size_t>(std::min<uint64_t>(*read, piece.range.end_bytes() - at));
    crc = crypto::crc64_nvme(crc, buffer->view(0, taken));
    at += taken;
  }
  co_return crc == piece.crc64;
}

}  // namespace

PartialFile::PartialFile(io::FileSystem& files, std::string target, ObjectInfo info)
    : files_(files),
      target_(std::move(target)),
      partial_path_(partial_path(target_)),
      journal_path_(journal_path(target_)),
      info_(std::move(info)) {}

io::Task<S3Result<std::unique_ptr<PartialFile>>> PartialFile::open(io::FileSystem& files,
                                                                   DownloadJob job, ObjectInfo info,
                                                                   DownloadOptions options) {
  Bytes header = header_record(job, info);
  std::unique_ptr<PartialFile> partial(new PartialFile(files, job.path, std::move(info)));
  const io::OpenOptions open_options{.write = true,
                                     .create = true,
                                     .direct = options.direct,
                                     .public_mode = true,
                                     .no_follow = true};
  partial->file_ = co_await or_fail(files.open(partial->partial_path_, open_options));
  Result<std::unique_ptr<io::FileLock>> lock = co_await files.lock(partial->journal_path_);
  if (!lock) {
    co_await partial->close();
    if (lock.error().code == Code::kUnavailable) {
      lock.error().message = "another process is downloading to " + job.path;
    }
    co_return std::unexpected(Failure(lock.error()));
  }
  partial->lock_ = std::move(*lock);
  S3Status ready = co_await partial->take_over(std::move(header), options.resume);
  if (ready) ready = co_await partial->reserve_space();
  if (!ready) {
    const bool is_new = partial->resumed_.empty();
    co_await partial->close();
    if (is_new) {
      (void)co_await files.unlink(partial->partial_path_);
      (void)co_await files.unlink(partial->journal_path_);
    }
    co_return std::unexpected(std::move(ready.error()));
  }
  co_return partial;
}

io::Task<S3Status> PartialFile::take_over(Bytes header, bool resume) {
  if (resume) {
    const std::vector<Bytes> records = co_await or_fail(Journal::read(files_, journal_path_));
    const bool is_ours = !records.empty() && records.front() == header;
    std::vector<DonePiece> pieces;
    if (is_ours) pieces = pieces_of(records, info_.size_bytes);
    for (const DonePiece& piece : pieces) {
      const bool there = co_await holds(*file_, piece);
      if (there) resumed_.push_back(piece);
    }
  }
  if (resumed_.empty()) co_await or_fail(file_->truncate(0));
  std::vector<Bytes> records;
  records.push_back(std::move(header));
  for (const DonePiece& piece : resumed_) records.push_back(piece_record(piece));
  journal_ = co_await or_fail(Journal::create(files_, journal_path_, std::move(records)));
  co_return S3Status();
}

io::Task<S3Status> PartialFile::reserve_space() {
  const Status reserved =
      co_await file_->allocate(0, round_up(std::max<uint64_t>(info_.size_bytes, 1), kIoAlignment));
  // A file system without preallocation (NFS before 4.2) tells of a full disk later.
  if (reserved || reserved.error().code != Code::kNoSpace) co_return S3Status();
  std::string message = "no space for " + std::to_string(info_.size_bytes) + " bytes of " + target_;
  const Result<io::SpaceInfo> space = co_await files_.space(directory_of(target_));
  if (space) message += "; " + std::to_string(space->available_bytes) + " bytes are free";
  co_return std::unexpected(Failure(Error{Code::kNoSpace, std::move(message)}));
}

io::Task<Status> PartialFile::write(Buffer& piece, uint64_t offset_bytes) {
  // The last piece is padded for direct I/O; publish() cuts the file to its size.
  const size_t size_bytes = piece.size();
  const size_t padded_bytes =
      std::min<size_t>(round_up(size_bytes, kIoAlignment), piece.capacity());
  piece.resize(padded_bytes);
  std::fill(piece.data() + size_bytes, piece.data() + padded_bytes, uint8_t{0});
  Status written = co_await file_->write_all(piece.view(), offset_bytes);
  co_return written;
}

io::Task<Status> PartialFile::record(DonePiece piece) {
  Status appended = co_await journal_->append(piece_record(piece));
  co_return appended;
}

io::Task<S3Status> PartialFile::publish(bool sync) {
  co_await or_fail(file_->truncate(info_.size_bytes));
  if (sync) co_await or_fail(file_->sync_data());
  co_await or_fail(files_.rename(partial_path_, target_));
  if (sync) co_await or_fail(files_.sync_directory(directory_of(target_)));
  co_await or_fail(files_.unlink(journal_path_));
  co_return S3Status();
}

io::Task<void> PartialFile::discard() {
  (void)co_await files_.unlink(partial_path_);
  (void)co_await files_.unlink(journal_path_);
}

io::Task<void> PartialFile::close() {
  if (journal_ != nullptr) co_await journal_->close();
  if (file_ != nullptr) co_await file_->close();
  journal_.reset();
  file_.reset();
  lock_.reset();
}

}  // namespace cairn::transfer
