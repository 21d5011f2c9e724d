#include "transfer/upload_journal.h"

#include "base/encoding.h"
#include "crypto/digest.h"
#include "transfer/file_names.h"

namespace cairn::transfer {
namespace {

Bytes to_bytes(const RecordWriter& writer) {
  return Bytes(writer.view().begin(), writer.view().end());
}

// Everything that must be the same for parts to be of use.
Bytes header_record(const UploadJob& job, const io::FileStatus& status) {
  RecordWriter out;
  out.text("upload").text(job.bucket).text(job.key);
  out.number(status.size_bytes).number(static_cast<uint64_t>(status.modified_ns));
  out.number(status.inode).number(part_bytes_of(status.size_bytes));
  for (const auto& [name, value] : job.headers) out.text(name).text(value);
  return to_bytes(out);
}

Bytes part_record(const SentPart& part) {
  RecordWriter out;
  out.number(part.number).number(part.size_bytes).number(part.crc64).text(part.etag);
  return to_bytes(out);
}

}  // namespace

uint64_t part_bytes_of(uint64_t size_bytes) {
  const uint64_t least_bytes = (size_bytes + kPartsMax - 1) / kPartsMax;
  return std::max(kPartBytesMin, round_up(least_bytes, MiB));
}

std::string UploadJournal::path_of(const std::string& directory, const std::string& endpoint,
                                   const UploadJob& job) {
  if (directory.empty()) return {};
  RecordWriter name;
  name.text(endpoint).text(job.bucket).text(job.key).text(job.path);
  return directory + "/" + to_hex(crypto::sha256(name.view())) + ".upload";
}

io::Task<UploadJournal::Found> UploadJournal::find(io::FileSystem& files, std::string path,
                                                   UploadJob job, io::FileStatus status) {
  Found found;
  if (path.empty()) co_return found;
  const Result<std::vector<Bytes>> records = co_await Journal::read(files, std::move(path));
  if (!records || records->size() < 2 || records->front() != header_record(job, status)) {
    co_return found;
  }
  RecordReader id((*records)[1]);
  found.upload_id = id.text();
  if (!id.is_whole()) found.upload_id.clear();
  for (size_t i = 2; i < records->size(); ++i) {
    RecordReader in((*records)[i]);
    SentPart part;
    part.number = static_cast<uint32_t>(in.number());
    part.size_bytes = in.number();
    part.crc64 = in.number();
    part.etag = in.text();
    if (in.is_whole()) found.parts.push_back(std::move(part));
  }
  co_return found;
}

io::Task<std::unique_ptr<UploadJournal>> UploadJournal::create(io::FileSystem& files,
                                                               std::string path, UploadJob job,
                                                               io::FileStatus status,
                                                               std::string upload_id,
                                                               std::vector<SentPart> parts) {
  if (path.empty()) co_return nullptr;
  std::vector<Bytes> records;
  records.push_back(header_record(job, status));
  records.push_back(to_bytes(RecordWriter().text(upload_id)));
  for (const SentPart& part : parts) records.push_back(part_record(part));
  for (const Bytes& record : records) {
    if (record.size() > kJournalRecordBytesMax) co_return nullptr;
  }
  const Status made = co_await files.create_directories(directory_of(path));
  if (!made) co_return nullptr;
  Result<std::unique_ptr<Journal>> journal =
      co_await Journal::create(files, std::move(path), std::move(records));
  if (!journal) co_return nullptr;
  co_return std::unique_ptr<UploadJournal>(new UploadJournal(std::move(*journal)));
}

io::Task<void> UploadJournal::record(SentPart part) {
  Bytes record = part_record(part);
  if (record.size() > kJournalRecordBytesMax) co_return;
  // A journal that cannot be written costs a later resume, not this upload.
  (void)co_await journal_->append(std::move(record));
}

io::Task<void> UploadJournal::close() {
  co_await journal_->close();
}

}  // namespace cairn::transfer
