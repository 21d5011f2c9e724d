#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>

#include <utility>

#include "catalog/record.h"
#include "catalog/rocksdb_reader.h"
#include "catalog/rocksdb_status.h"

namespace cairn::catalog {
namespace {

// Takes a group's batch apart into commits: a marker with the version opens each.
class CommitSplitter final : public rocksdb::WriteBatch::Handler {
 public:
  CommitSplitter(Version after, size_t limit, std::vector<Change>& changes)
      : after_(after), limit_(limit), changes_(changes) {}

  void LogData(const rocksdb::Slice& marker) override {
    if (changes_.size() >= limit_) {
      full_ = true;
      return;
    }
    if (marker.size() != kVersionBytes) {
      damaged_ = true;
      return;
    }
    current_ = nullptr;
    const Version version = version_of(marker);
    if (version <= after_) {
      skipping_ = true;
      return;
    }
    skipping_ = false;
    current_ = &changes_.emplace_back();
    current_->version = version;
  }
  void Put(const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    if (skipping_) return;
    if (current_ == nullptr || value.size() < kVersionBytes) {
      damaged_ = true;
      return;
    }
    current_->puts.push_back(catalog::Put{
        .key = key.ToString(),
        .value = std::string(value.data() + kVersionBytes, value.size() - kVersionBytes)});
  }
  void Delete(const rocksdb::Slice& key) override {
    if (skipping_) return;
    if (current_ == nullptr) {
      damaged_ = true;
      return;
    }
    current_->deletes.push_back(key.ToString());
  }
  bool Continue() override { return !damaged_ && !full_; }

  bool damaged() const { return damaged_; }
  bool full() const { return full_; }

 private:
  const Version after_;
  const size_t limit_;
  std::vector<Change>& changes_;
  Change* current_ = nullptr;  // Last of changes_ while its operations are read.
  bool skipping_ = false;
  bool damaged_ = false;
  bool full_ = false;
};

std::unexpected<Error> history_gone() {
  return fail(Code::kOutOfRange, "the history of the catalog no longer reaches back that far");
}

}  // namespace

Result<std::vector<Change>> read_tail(rocksdb::DB& database, Version after, size_t limit) {
  std::vector<Change> changes;
  const Version latest = database.GetLatestSequenceNumber();
  if (after >= latest || limit == 0) return changes;
  std::unique_ptr<rocksdb::TransactionLogIterator> at;
  const rocksdb::Status status = database.GetUpdatesSince(after + 1, &at);
  if (status.IsNotFound()) return history_gone();
  if (!status.ok()) return to_error(status, "read the log");
  Version expected = after + 1;  // A group that begins later than this leaves a gap.
  bool full = false;
  while (!full && at->Valid() && changes.size() < limit) {
    const rocksdb::BatchResult group = at->GetBatch();
    if (group.sequence > expected) return history_gone();
    CommitSplitter splitter(after, limit, changes);
    const rocksdb::Status split = group.writeBatchPtr->Iterate(&splitter);
    if (!split.ok() || splitter.damaged()) {
      return fail(Code::kCorruption, "a group in the log of the catalog has no commit marker");
    }
    full = splitter.full();
    expected = group.sequence + static_cast<Version>(group.writeBatchPtr->Count());
    if (expected > latest) break;
    at->Next();
  }
  if (!at->status().ok() && !at->status().IsTryAgain())
    return to_error(at->status(), "read the log");
  // Readers must be able to tell "nothing new" from "history was lost".
  if (changes.empty()) return history_gone();
  return changes;
}

}  // namespace cairn::catalog
