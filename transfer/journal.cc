#include "transfer/journal.h"

#include <cstring>

#include "base/assert.h"
#include "crypto/crc64.h"

namespace cairn::transfer {
namespace {

constexpr std::string_view kMagic = "CAIRNTJ1";
// u32 size | u64 CRC-64/NVME of the record.
constexpr size_t kFrameBytes = sizeof(uint32_t) + sizeof(uint64_t);

Bytes framed(BytesView record) {
  ASSERT(!record.empty() && record.size() <= kJournalRecordBytesMax);
  Bytes out(kFrameBytes + record.size());
  store_le(out.data(), static_cast<uint32_t>(record.size()));
  store_le(out.data() + sizeof(uint32_t), crypto::crc64_nvme(0, record));
  std::memcpy(out.data() + kFrameBytes, record.data(), record.size());
  return out;
}

}  // namespace

RecordWriter& RecordWriter::number(uint64_t value) {
  const size_t at = bytes_.size();
  bytes_.resize(at + sizeof(value));
  store_le(bytes_.data() + at, value);
  return *this;
}

RecordWriter& RecordWriter::text(std::string_view value) {
  number(value.size());
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  return *this;
}

uint64_t RecordReader::number() {
  if (!ok_ || rest_.size() < sizeof(uint64_t)) {
    ok_ = false;
    return 0;
  }
  const auto value = load_le<uint64_t>(rest_.data());
  rest_ = rest_.subspan(sizeof(uint64_t));
  return value;
}

std::string RecordReader::text() {
  const uint64_t size_bytes = number();
  if (!ok_ || size_bytes > rest_.size()) {
    ok_ = false;
    return {};
  }
  std::string value(as_text(rest_.first(static_cast<size_t>(size_bytes))));
  rest_ = rest_.subspan(static_cast<size_t>(size_bytes));
  return value;
}

std::vector<Bytes> parse_journal(BytesView bytes) {
  std::vector<Bytes> records;
  if (!as_text(bytes).starts_with(kMagic)) return records;
  bytes = bytes.subspan(kMagic.size());
  while (bytes.size() >= kFrameBytes) {
    const auto size_bytes = load_le<uint32_t>(bytes.data());
    const auto crc = load_le<uint64_t>(bytes.data() + sizeof(uint32_t));
    bytes = bytes.subspan(kFrameBytes);
    if (size_bytes == 0 || size_bytes > kJournalRecordBytesMax || size_bytes > bytes.size()) break;
    const BytesView record = bytes.first(size_bytes);
    if (crypto::crc64_nvme(0, record) != crc) break;
    records.emplace_back(record.begin(), record.end());
    bytes = bytes.subspan(size_bytes);
  }
  return records;
}

io::Task<Result<std::vector<Bytes>>> Journal::read(io::FileSystem& files, std::string path) {
  const Result<io::FileContents> contents =
      co_await files.read_file(std::move(path), kJournalBytesMax);
  if (!contents && contents.error().code == Code::kNotFound) co_return std::vector<Bytes>{};
  if (!contents && contents.error().code == Code::kOutOfRange) co_return std::vector<Bytes>{};
  if (!contents) co_return std::unexpected(contents.error());
  co_return parse_journal(contents->bytes.view());
}

io::Task<Result<std::unique_ptr<Journal>>> Journal::create(io::FileSystem& files, std::string path,
                                                           std::vector<Bytes> records) {
  const io::OpenOptions options{.write = true, .create = true, .truncate = true, .no_follow = true};
  std::unique_ptr<io::File> file = co_await io::or_return(files.open(std::move(path), options));
  std::unique_ptr<Journal> journal(new Journal(std::move(file)));
  Bytes start(kMagic.begin(), kMagic.end());
  for (const Bytes& record : records) {
    const Bytes frame = framed(record);
    start.insert(start.end(), frame.begin(), frame.end());
  }
  Status written = co_await journal->file_->write_all(start, 0);
  if (!written) {
    co_await journal->close();
    co_return std::unexpected(written.error());
  }
  journal->end_bytes_ = start.size();
  co_return journal;
}

io::Task<Status> Journal::append(Bytes record) {
  const Bytes frame = framed(record);
  uint64_t at = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    at = end_bytes_;
    end_bytes_ += frame.size();
  }
  Status written = co_await file_->write_all(frame, at);
  co_return written;
}

io::Task<void> Journal::close() {
  co_await file_->close();
}

}  // namespace cairn::transfer
