// CommitGroup: small commits that wait together become one.
//
// On a shared catalog a commit is a round trip to the cluster. What is given while one is under way
// goes with the next, as many as a transaction of etcd takes (128 conditions and 128 changes). The
// outcome of each is as if it had come alone: when a group fails on its preconditions, each of its
// members is committed by itself.
//
// REQUIRES: no two batches that wait together change the same key, and none rests on what another
// changes. Thread rule: any reactor.
#pragma once

#include <deque>
#include <mutex>
#include <vector>

#include "catalog/catalog.h"
#include "io/sync.h"
#include "io/task.h"

namespace cairn::object {

class CommitGroup {
 public:
  static constexpr size_t kConditionsMax = 100;
  static constexpr size_t kChangesMax = 100;
  static constexpr size_t kGroupsInFlight = 2;

  // `common` is a precondition of every commit. The catalog outlives this.
  CommitGroup(catalog::Catalog& catalog, catalog::Precondition common)
      : catalog_(catalog), common_(std::move(common)) {}

  io::Task<Result<catalog::Version>> commit(catalog::Batch batch);

 private:
  using Outcome = Result<catalog::Version>;
  struct Turn;
  struct Member {
    catalog::Batch batch;
    io::Completion<Turn> turn;
  };
  // What a waiting member is told: what became of it, or, with a group that begins with itself,
  // that it is the one to commit that group.
  struct Turn {
    std::vector<Member> group;
    Outcome outcome = catalog::Version{0};
  };

  // Moves what fits from the queue behind `group`. REQUIRES: the mutex is held.
  void take_more(std::vector<Member>& group);
  void pass_on();
  io::Task<std::vector<Outcome>> commit_group(std::vector<catalog::Batch> batches);
  io::Task<Outcome> commit_alone(catalog::Batch batch);
  io::Task<void> commit_into(catalog::Batch batch, Outcome& outcome);

  catalog::Catalog& catalog_;
  const catalog::Precondition common_;
  std::mutex mutex_;  // Guards the rest; never held across a wait.
  std::deque<Member> waiting_;
  size_t leaders_count_ = 0;
};

}  // namespace cairn::object
