#include "catalog/commit_apart.h"

#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"

namespace cairn::catalog {
namespace {

// Below etcd's defaults of 128 operations and 1.5 MiB, with room for what a fence adds.
constexpr size_t kPieceChangesMax = 100;
constexpr size_t kPieceBytesMax = 1 * MiB;

class Pieces {
 public:
  explicit Pieces(std::vector<Precondition> preconditions) : all_(std::move(preconditions)) {
    for (const Precondition& each : all_) by_key_[each.key].push_back(&each);
  }
  void add(Put put) {
    make_room(put.key.size() + put.value.size());
    take_preconditions(put.key);
    pieces_.back().puts.push_back(std::move(put));
  }
  void add(std::string deleted) {
    make_room(deleted.size());
    take_preconditions(deleted);
    pieces_.back().deletes.push_back(std::move(deleted));
  }
  std::vector<Batch> finish() {
    for (const auto& [key, unused] : by_key_) {
      for (Batch& piece : pieces_) {
        for (const Precondition* each : unused) piece.preconditions.push_back(*each);
      }
    }
    return std::move(pieces_);
  }

 private:
  // For one change more: the last piece, or a new one.
  void make_room(size_t change_bytes) {
    bytes_ += change_bytes;
    ++changes_count_;
    if (!pieces_.empty() && changes_count_ <= kPieceChangesMax && bytes_ <= kPieceBytesMax) return;
    pieces_.emplace_back();
    bytes_ = change_bytes;
    changes_count_ = 1;
  }
  void take_preconditions(std::string_view key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    for (const Precondition* each : found->second) pieces_.back().preconditions.push_back(*each);
    by_key_.erase(found);
  }

  const std::vector<Precondition> all_;
  std::map<std::string_view, std::vector<const Precondition*>> by_key_;  // Not yet in a piece.
  std::vector<Batch> pieces_;
  size_t changes_count_ = 0;  // Of the last piece, as its bytes.
  size_t bytes_ = 0;
};

}  // namespace

io::Task<Status> commit_apart(Catalog& catalog, Batch batch) {
  if (batch.puts.empty() && batch.deletes.empty()) co_return Status{};
  if (!catalog.is_shared()) {
    const Result<Version> done = co_await catalog.commit(std::move(batch));
    if (!done) co_return std::unexpected(done.error());
    co_return Status{};
  }
  Pieces pieces(std::move(batch.preconditions));
  for (Put& put : batch.puts) pieces.add(std::move(put));
  for (std::string& deleted : batch.deletes) pieces.add(std::move(deleted));
  for (Batch& piece : pieces.finish()) {
    const Result<Version> done = co_await catalog.commit(std::move(piece));
    if (!done) co_return std::unexpected(done.error());
  }
  co_return Status{};
}

}  // namespace cairn::catalog
