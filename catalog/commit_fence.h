// CommitFence: a row that commits of one node demand to be as the node wrote it last.
//
// It answers two questions that a shared catalog leaves open. Others may declare a node dead by
// deleting its row: whatever that node sent, or sends when it wakes up, is refused from then on.
// And a commit whose answer was lost (kUnavailable, kIo) may still be on its way: settle() writes
// the row anew, and then it never arrives. Until then nothing may be done that rests on its having
// failed.
//
// Thread rule: any reactor.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "catalog/catalog.h"

namespace cairn::catalog {

class CommitFence {
 public:
  // `version`: of the row as it was created.
  CommitFence(std::string row, Version version) : row_(std::move(row)), version_(version) {}
  CommitFence(const CommitFence&) = delete;
  CommitFence& operator=(const CommitFence&) = delete;

  const std::string& row() const { return row_; }
  Precondition condition() const {
    return Precondition::version_is(row_, version_.load(std::memory_order_acquire));
  }
  // Others have deleted the row: nothing that has the condition comes about any more.
  bool is_gone() const { return is_gone_.load(std::memory_order_relaxed); }
  // A commit that had the condition has no answer.
  void note_doubt() { doubts_count_.fetch_add(1); }
  // Completes when no commit without an answer can arrive any more; at once when there is none.
  // kFailedPrecondition when the row is gone, and what a commit fails with.
  io::Task<Status> settle(Catalog& catalog);
  // Commits with the condition. A commit that was refused only because settle() came in between is
  // sent again. kFailedPrecondition as ever; kUnavailable when the row is gone, since trying again
  // is of no use.
  io::Task<Result<Version>> commit(Catalog& catalog, Batch batch);

 private:
  void raise_version(Version to);
  std::unexpected<Error> given_up(Code code);

  const std::string row_;
  std::atomic<Version> version_;
  std::atomic<uint64_t> doubts_count_{0};
  std::atomic<uint64_t> settled_count_{0};
  std::atomic<bool> is_gone_{false};
};

// A catalog whose commits that put a key that the fence `concerns` go through the fence. Both
// outlive it; close() of it does nothing.
std::unique_ptr<Catalog> fence_catalog(Catalog& catalog, CommitFence& fence,
                                       std::function<bool(std::string_view key)> concerns);

}  // namespace cairn::catalog
