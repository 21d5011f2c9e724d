// A ChunkDirectory that fails when a test says so: before its step happened or after, as a catalog
// whose answers get lost does. Its beat is no time at all, so that every pass does all the work.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "storage/chunk_directory.h"

namespace cairn::testing_support {

class BreakingDirectory final : public storage::ChunkDirectory {
 public:
  enum class Kind : uint8_t { kPublish, kHold, kDrop };
  enum class How : uint8_t { kBefore, kAfter };

  explicit BreakingDirectory(storage::ChunkDirectory& real) : real_(real) {}
  void fail_next(Kind kind, How how) { next_ = {kind, how}; }
  void fail_all(bool failing) { failing_ = failing; }
  uint64_t beats_count = 0;  // Calls of keep_session().

  Status check() const override { return real_.check(); }
  io::Task<Result<std::optional<storage::DirectoryRow>>> find(
      storage::ChunkId id, storage::Freshness freshness) override {
    if (failing_) co_return lost();
    co_return co_await real_.find(id, freshness);
  }
  io::Task<Result<std::vector<storage::DirectoryEntry>>> list(std::optional<storage::ChunkId> after,
                                                              size_t limit) override {
    return real_.list(after, limit);
  }
  io::Task<Result<bool>> publish(storage::ChunkId id, storage::DirectoryRow row,
                                 uint64_t hold) override {
    if (fails(Kind::kPublish, How::kBefore)) co_return lost();
    Result<bool> done = co_await real_.publish(id, row, hold);
    if (fails(Kind::kPublish, How::kAfter)) co_return lost();
    co_return done;
  }
  io::Task<Result<bool>> hold(storage::ChunkId id, uint64_t hold) override {
    if (fails(Kind::kHold, How::kBefore)) co_return lost();
    Result<bool> done = co_await real_.hold(id, hold);
    if (fails(Kind::kHold, How::kAfter)) co_return lost();
    co_return done;
  }
  io::Task<Status> clear(std::vector<storage::HoldRef> holds) override {
    return real_.clear(std::move(holds));
  }
  io::Task<Result<storage::DropOutcome>> drop(storage::ChunkId id) override {
    if (fails(Kind::kDrop, How::kBefore)) co_return lost();
    Result<storage::DropOutcome> done = co_await real_.drop(id);
    if (fails(Kind::kDrop, How::kAfter)) co_return lost();
    co_return done;
  }
  io::Task<Result<bool>> condemn(storage::ChunkId id, storage::RandomId generation) override {
    return real_.condemn(id, generation);
  }
  io::Task<Result<bool>> is_trash(storage::RandomId generation) override {
    return real_.is_trash(generation);
  }
  io::Task<Result<std::vector<storage::TrashEntry>>> trash(std::optional<storage::RandomId> after,
                                                           size_t limit) override {
    return real_.trash(after, limit);
  }
  io::Task<Status> forget(std::vector<storage::RandomId> generations) override {
    return real_.forget(std::move(generations));
  }
  io::Task<Result<storage::SessionReport>> keep_session() override {
    ++beats_count;
    return real_.keep_session();
  }
  Duration beat() const override { return {}; }
  io::Task<void> end_session() override { return real_.end_session(); }

 private:
  static std::unexpected<Error> lost() {
    return fail(Code::kUnavailable, "the catalog does not answer");
  }
  bool fails(Kind kind, How how) {
    if (failing_) return true;
    if (!next_ || next_->first != kind || next_->second != how) return false;
    next_.reset();
    return true;
  }

  storage::ChunkDirectory& real_;
  std::optional<std::pair<Kind, How>> next_;
  bool failing_ = false;
};

}  // namespace cairn::testing_support
