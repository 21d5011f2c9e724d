#include "object/commit_group.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "io/scope.h"

namespace cairn::object {
namespace {

size_t changes_of(const catalog::Batch& batch) {
  return batch.puts.size() + batch.deletes.size();
}

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

io::Task<Result<catalog::Version>> CommitGroup::commit(catalog::Batch batch) {
  Member own{std::move(batch), io::Completion<Turn>::make()};
  const io::Completion<Turn> turn_of_own = own.turn;
  std::vector<Member> group;
  {
    const std::lock_guard guard(mutex_);
    if (leaders_count_ < kGroupsInFlight) {
      ++leaders_count_;
      group.push_back(std::move(own));
    } else {
      waiting_.push_back(std::move(own));
    }
  }
  if (group.empty()) {
    Turn turn = co_await turn_of_own.wait();
    if (turn.group.empty()) co_return std::move(turn.outcome);
    group = std::move(turn.group);
  } else {
    // What is given in the same turn of the reactor goes together.
    co_await io::yield();
    const std::lock_guard guard(mutex_);
    take_more(group);
  }
  std::vector<catalog::Batch> batches;
  for (Member& member : group) batches.push_back(std::move(member.batch));
  std::vector<Outcome> outcomes = co_await commit_group(std::move(batches));
  for (size_t i = 1; i < group.size(); ++i) {
    group[i].turn.complete(Turn{.group = {}, .outcome = std::move(outcomes[i])});
  }
  pass_on();
  co_return std::move(outcomes.front());
}

void CommitGroup::take_more(std::vector<Member>& group) {
  size_t conditions = 1;
  size_t changes = 0;
  for (const Member& member : group) {
    conditions += member.batch.preconditions.size();
    changes += changes_of(member.batch);
  }
  while (!waiting_.empty()) {
    const catalog::Batch& next = waiting_.front().batch;
    conditions += next.preconditions.size();
    changes += changes_of(next);
    if (!group.empty() && (conditions > kConditionsMax || changes > kChangesMax)) break;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

// To the one that has waited longest.
void CommitGroup::pass_on() {
  std::vector<Member> group;
  {
    const std::lock_guard guard(mutex_);
    take_more(group);
    if (group.empty()) --leaders_count_;
  }
  if (group.empty()) return;
  const io::Completion<Turn> next = group.front().turn;
  next.complete(Turn{.group = std::move(group)});
}

io::Task<CommitGroup::Outcome> CommitGroup::commit_alone(catalog::Batch batch) {
  batch.preconditions.push_back(common_);
  Outcome outcome = co_await catalog_.commit(std::move(batch));
  co_return outcome;
}

io::Task<void> CommitGroup::commit_into(catalog::Batch batch, Outcome& outcome) {
  outcome = co_await commit_alone(std::move(batch));
}

io::Task<std::vector<CommitGroup::Outcome>> CommitGroup::commit_group(
    std::vector<catalog::Batch> batches) {
  std::vector<Outcome> outcomes(batches.size(), catalog::Version{0});
  catalog::Batch all;
  for (const catalog::Batch& batch : batches) {
    append(all.preconditions, batch.preconditions);
    append(all.puts, batch.puts);
    append(all.deletes, batch.deletes);
  }
  const Outcome together = co_await commit_alone(std::move(all));
  const bool is_refused = !together && together.error().code == Code::kFailedPrecondition;
  if (!is_refused || batches.size() == 1) {
    std::ranges::fill(outcomes, together);
    co_return outcomes;
  }
  io::Scope scope;
  for (size_t i = 0; i < batches.size(); ++i) {
    scope.spawn(commit_into(std::move(batches[i]), outcomes[i]));
  }
  co_await scope.join();
  co_return outcomes;
}

}  // namespace cairn::object
