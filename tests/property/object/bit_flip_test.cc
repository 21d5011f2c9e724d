// Property: one flipped bit anywhere in the log files or in the catalog's values gives the right
// bytes or an error, never other bytes, and what is damaged a scrub reports by its name.
// Method: a bit of every byte in turn (a random one of its eight) on the simulated disk, in virtual
// time; the store is opened anew where what was flipped is cached or read at the start. The 5 MiB
// part of the upload has its payload sampled and all the rest flipped. Flips of the catalog are
// made on the way out of it, as if the row had rotted. Only payloads need keys to verify: with tags
// ignored PayloadsOf* fail.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "base/log.h"
#include "catalog/memory_catalog.h"
#include "storage/log_format.h"
#include "tests/support/sim_objects.h"

namespace cairn::object {
namespace {

using storage::kBlockBytes;
using testing_support::SimObjects;

constexpr size_t kSampledFlips = 600;  // Of the payload of a 5 MiB part.
constexpr uint64_t kScrubEvery = 61;   // Of the flips in payloads; all others are scrubbed.

// A catalog one value of which has a flipped bit.
class RottenCatalog final : public catalog::Catalog {
 public:
  RottenCatalog() : rows_(catalog::make_memory_catalog()) {}

  void rot(std::string key, size_t offset_bytes, unsigned bit) {
    key_ = std::move(key);
    offset_bytes_ = offset_bytes;
    bit_ = bit;
  }
  void heal() { key_.reset(); }

  io::Task<Result<std::optional<catalog::Entry>>> get(std::string key,
                                                      const catalog::Snapshot* snapshot) override {
    std::optional<catalog::Entry> row =
        co_await io::or_return(rows_->get(std::move(key), snapshot));
    if (row) spoil(*row);
    co_return row;
  }
  io::Task<Result<catalog::ScanPage>> scan(catalog::ScanRequest request,
                                           const catalog::Snapshot* snapshot) override {
    catalog::ScanPage page = co_await io::or_return(rows_->scan(std::move(request), snapshot));
    for (catalog::Entry& row : page.entries) spoil(row);
    co_return page;
  }
  io::Task<Result<std::shared_ptr<const catalog::Snapshot>>> snapshot() override {
    return rows_->snapshot();
  }
  io::Task<Result<catalog::Version>> commit(catalog::Batch batch) override {
    return rows_->commit(std::move(batch));
  }
  io::Task<Result<std::vector<catalog::Change>>> tail(catalog::Version after,
                                                      size_t limit) override {
    return rows_->tail(after, limit);
  }
  io::Task<Status> close() override { co_return Status{}; }

 private:
  void spoil(catalog::Entry& row) const {
    if (!key_ || row.key != *key_ || offset_bytes_ >= row.value.size()) return;
    char& byte = row.value[offset_bytes_];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit_));
  }

  std::unique_ptr<catalog::Catalog> rows_;
  std::optional<std::string> key_;
  size_t offset_bytes_ = 0;
  unsigned bit_ = 0;
};

struct Record {
  std::string path;
  uint64_t offset_bytes = 0;
  uint64_t payload_bytes = 0;
};
struct Log {
  std::string path;
  uint64_t size_bytes = 0;
  uint64_t footer_offset_bytes = 0;
  std::vector<Record> records;
};

io::Task<Result<Bytes>> read_file(io::SimFileSystem& disk, std::string path, uint64_t size_bytes) {
  std::unique_ptr<io::File> file = co_await io::or_return(disk.open(std::move(path), {}));
  Bytes bytes(size_bytes);
  co_await io::or_return(file->read_exact(bytes, 0));
  co_return bytes;
}
io::Task<Status> write_file(io::SimFileSystem& disk, std::string path, BytesView bytes) {
  std::unique_ptr<io::File> file =
      co_await io::or_return(disk.open(std::move(path), {.write = true, .create = true}));
  co_return co_await file->write_all(bytes, 0);
}

class BitFlip : public testing::Test {
 protected:
  // Thousands of errors are what is wanted here; the messages are not.
  void SetUp() override { log::set_level(log::Level::kError); }

  // A closed store with these objects in sealed log files.
  void build(bool with_upload) {
    disk_ = std::make_unique<io::SimFileSystem>(io::SimDiskOptions{});
    ASSERT_TRUE(world_.open(*disk_, catalog_).has_value());
    bucket_ = world_.create_bucket().value();
    if (with_upload) {
      put_upload();
    } else {
      for (const auto& [key, size] : {std::pair<std::string, size_t>{"inline", 5000},
                                      {"one-frame", 20000},
                                      {"two-frames", 70000}}) {
        bodies_[key] = random_bytes(size, size);
        ASSERT_TRUE(
            world_.wait(put_object(world_.objects(), bucket_, key, Bytes(bodies_[key]), {}, 1)));
      }
    }
    world_.close();
    read_logs();
    ASSERT_NO_FATAL_FAILURE(reopen());
    ASSERT_EQ(failing(), std::set<std::string>());
    ASSERT_EQ(world_.damaged().value(), std::set<std::string>());
  }

  void put_upload() {
    const UploadInfo upload =
        world_.wait(world_.objects().create_upload(bucket_, "upload", {})).value();
    CompleteOptions options;
    for (const auto& [number, size] :
         {std::pair<uint32_t, size_t>{1, kPartBytesMin}, {2, size_t{20001}}}) {
      const Bytes bytes = random_bytes(size, size);
      std::unique_ptr<ObjectWriter> writer =
          world_.wait(world_.objects().put_part(bucket_, upload, number, {})).value();
      const ObjectInfo part = world_.wait(write_all(std::move(writer), bytes, number)).value();
      options.parts.push_back({number, part.etag, std::nullopt});
      Bytes& whole = bodies_["upload"];
      whole.insert(whole.end(), bytes.begin(), bytes.end());
    }
    ASSERT_TRUE(world_.wait(
        world_.objects().complete_upload(bucket_, "upload", upload.upload_id, options)));
  }

  void reopen() {
    world_.close();
    ASSERT_TRUE(world_.open(*disk_, catalog_).has_value());
  }

  // Where what is in the sealed files.
  void read_logs() {
    for (const auto& [path, size] : disk_->files()) {
      const Bytes bytes = world_.wait(read_file(*disk_, path, size)).value();
      image_.emplace_back(path, bytes);
      if (!storage::is_log_file_name(path.substr(path.rfind('/') + 1))) continue;
      const BytesView view(bytes);
      const auto trailer = storage::decode_footer_trailer(view.last(kBlockBytes));
      ASSERT_TRUE(trailer.has_value()) << "the log file is not sealed";
      Log log{.path = path,
              .size_bytes = size,
              .footer_offset_bytes = trailer->entries_offset_bytes,
              .records = {}};
      const auto entries =
          storage::decode_footer_entries(*trailer, view.subspan(log.footer_offset_bytes));
      for (const storage::FooterEntry& entry : entries.value()) {
        log.records.push_back({path, entry.offset_bytes, entry.payload_bytes});
      }
      logs_.push_back(std::move(log));
    }
    ASSERT_FALSE(logs_.empty());
  }

  // A disk with the files as they were made: openings that met damage have changed them.
  void restore_disk() {
    world_.close();
    disk_ = std::make_unique<io::SimFileSystem>(io::SimDiskOptions{});
    ASSERT_TRUE(world_.wait(disk_->create_directories("/volume")).has_value());
    for (const auto& [path, bytes] : image_) {
      ASSERT_TRUE(world_.wait(write_file(*disk_, path, bytes)).has_value());
    }
  }

  unsigned any_bit() { return static_cast<unsigned>(random_.below(8)); }

  // The objects that are not served; none may be served with other bytes.
  std::set<std::string> failing() {
    std::set<std::string> failed;
    for (const auto& [key, bytes] : bodies_) {
      if (!is_served(key)) failed.insert(key);
    }
    return failed;
  }
  bool is_served(const std::string& key) {
    const Result<Bytes> got = world_.get(bucket_, key);
    if (!got) return false;
    EXPECT_TRUE(*got == bodies_[key]) << key << " is served with other bytes";
    return true;
  }

  void flip(const std::string& path, uint64_t offset, unsigned bit) {
    ASSERT_TRUE(disk_->flip_bit(path, offset, bit)) << path << " at " << offset;
  }

  // Whose payload this is: the object that a flip of its first byte fails.
  std::string owner_of(const Record& record) {
    flip(record.path, record.offset_bytes + kBlockBytes, 0);
    const std::set<std::string> failed = failing();
    flip(record.path, record.offset_bytes + kBlockBytes, 0);
    EXPECT_EQ(failed.size(), 1U);
    return failed.empty() ? std::string() : *failed.begin();
  }

  // Flips one byte of a payload and back; whether the object was still served.
  bool served_with_payload_flip(const Record& record, const std::string& owner, uint64_t at,
                                bool scrub) {
    const unsigned bit = any_bit();
    const uint64_t offset = record.offset_bytes + kBlockBytes + at;
    flip(record.path, offset, bit);
    const bool served = is_served(owner);
    if (scrub && at < record.payload_bytes) {
      EXPECT_EQ(world_.damaged().value(), std::set<std::string>{owner}) << "payload byte " << at;
    }
    flip(record.path, offset, bit);
    return served;
  }

  // A frame of the object that lies in this record.
  ByteRange range_in(const Record& record, const std::string& owner) {
    flip(record.path, record.offset_bytes + kBlockBytes, 0);
    ByteRange found{0, bodies_[owner].size()};
    for (uint64_t at = 0; at < bodies_[owner].size(); at += crypto::kFrameBytes) {
      // Behind the start of the object chunks begin anywhere, so frames are not aligned to it.
      const ByteRange range{at, std::min(crypto::kFrameBytes, bodies_[owner].size() - at)};
      if (world_.wait(get_object(world_.objects(), bucket_, owner, range))) continue;
      found = range;
      break;
    }
    flip(record.path, record.offset_bytes + kBlockBytes, 0);
    return found;
  }

  // The whole block is under a checksum, so one frame is refused for any of its bytes, and then the
  // object is; that is all of it that has to be read.
  void flip_record_headers() {
    for (const Log& log : logs_) {
      for (const Record& record : log.records) {
        const std::string owner = owner_of(record);
        const ByteRange range = range_in(record, owner);
        for (uint64_t at = 0; at < kBlockBytes; ++at) {
          SCOPED_TRACE(testing::Message() << owner << " header byte " << at);
          const unsigned bit = any_bit();
          flip(record.path, record.offset_bytes + at, bit);
          ASSERT_NO_FATAL_FAILURE(reopen());  // Headers are cached.
          EXPECT_FALSE(
              world_.wait(get_object(world_.objects(), bucket_, owner, range)).has_value());
          if (bodies_[owner].size() < MiB || at % kScrubEvery == 0) {
            EXPECT_FALSE(is_served(owner));
            EXPECT_EQ(world_.damaged().value(), std::set<std::string>{owner});
          }
          flip(record.path, record.offset_bytes + at, bit);
          if (HasFailure()) return;
        }
      }
    }
  }

  // Flips a byte that is read when the store opens; returns what is then not served.
  std::set<std::string> failing_with_flip_at_opening(const Log& log, uint64_t at) {
    restore_disk();
    flip(log.path, at, any_bit());
    const Status opened = world_.open(*disk_, catalog_);
    EXPECT_TRUE(opened.has_value()) << "a rotten log file is set aside";
    if (!opened) return {};
    const std::set<std::string> failed = failing();
    EXPECT_EQ(world_.damaged().value(), failed) << "what is not served has a name";
    return failed;
  }

  SimObjects world_{1};
  RottenCatalog catalog_;
  std::unique_ptr<io::SimFileSystem> disk_;
  BucketInfo bucket_;
  std::map<std::string, Bytes> bodies_;
  std::vector<std::pair<std::string, Bytes>> image_;
  std::vector<Log> logs_;
  SeededRandom random_{7};
};

TEST_F(BitFlip, PayloadsOfSmallObjects) {
  ASSERT_NO_FATAL_FAILURE(build(false));
  std::set<std::string> owners;
  for (const Log& log : logs_) {
    for (const Record& record : log.records) {
      const std::string owner = owner_of(record);
      owners.insert(owner);
      uint64_t refused_count = 0;
      const uint64_t end = round_up(record.payload_bytes, kBlockBytes);
      for (uint64_t at = 0; at < end; ++at) {
        if (!served_with_payload_flip(record, owner, at, at % kScrubEvery == 0)) ++refused_count;
        ASSERT_FALSE(HasFailure()) << owner << " payload byte " << at;
      }
      // Not its frames alone: a segment table and the padding are behind them.
      EXPECT_EQ(refused_count, bodies_[owner].size());
    }
  }
  EXPECT_EQ(owners, (std::set<std::string>{"one-frame", "two-frames"}));
}

TEST_F(BitFlip, RecordHeadersOfSmallObjects) {
  ASSERT_NO_FATAL_FAILURE(build(false));
  flip_record_headers();
}

TEST_F(BitFlip, HeadersOfLogFilesLoseNothing) {
  ASSERT_NO_FATAL_FAILURE(build(false));
  for (const Log& log : logs_) {
    for (uint64_t at = 0; at < kBlockBytes; ++at) {
      EXPECT_EQ(failing_with_flip_at_opening(log, at), std::set<std::string>());
      ASSERT_FALSE(HasFailure()) << log.path << " byte " << at;
    }
  }
}

TEST_F(BitFlip, FootersLoseNothing) {
  ASSERT_NO_FATAL_FAILURE(build(false));
  for (const Log& log : logs_) {
    for (uint64_t at = log.footer_offset_bytes; at < log.size_bytes; ++at) {
      EXPECT_EQ(failing_with_flip_at_opening(log, at), std::set<std::string>());
      ASSERT_FALSE(HasFailure()) << log.path << " byte " << at;
    }
  }
}

TEST_F(BitFlip, PayloadsOfAnUpload) {
  ASSERT_NO_FATAL_FAILURE(build(true));
  uint64_t records_count = 0;
  for (const Log& log : logs_) {
    for (const Record& record : log.records) {
      ++records_count;
      for (size_t i = 0; i < kSampledFlips; ++i) {
        const uint64_t at = random_.below(record.payload_bytes);
        served_with_payload_flip(record, "upload", at, i % kScrubEvery == 0);
        ASSERT_FALSE(HasFailure()) << "payload byte " << at;
      }
    }
  }
  EXPECT_GE(records_count, 2U);
}

TEST_F(BitFlip, RecordHeadersOfAnUpload) {
  ASSERT_NO_FATAL_FAILURE(build(true));
  flip_record_headers();
}

io::Task<Result<catalog::ScanPage>> all_rows(catalog::Catalog& catalog) {
  co_return co_await catalog.scan({.limit_entries = 10000, .limit_bytes = 1 << 30});
}

TEST_F(BitFlip, ValuesOfTheCatalog) {
  ASSERT_NO_FATAL_FAILURE(build(false));
  const std::vector<catalog::Entry> rows = world_.wait(all_rows(catalog_)).value().entries;
  uint64_t refused_count = 0;
  for (const catalog::Entry& row : rows) {
    for (size_t at = 0; at < row.value.size(); ++at) {
      SCOPED_TRACE(testing::Message() << "row " << row.key.substr(0, 1) << " byte " << at);
      world_.close();
      catalog_.rot(row.key, at, any_bit());
      if (!world_.open(*disk_, catalog_)) {
        ++refused_count;
      } else if (const std::set<std::string> failed = failing(); !failed.empty()) {
        ++refused_count;
        const Result<std::set<std::string>> damaged = world_.damaged();
        if (damaged) EXPECT_EQ(*damaged, failed);
      }
      catalog_.heal();
      ASSERT_FALSE(HasFailure());
    }
  }
  EXPECT_GT(refused_count, bodies_["inline"].size()) << "flips of the inline body are refused";
}

}  // namespace
}  // namespace cairn::object
