#include "catalog/etcd/commit_order.h"

#include <algorithm>
#include <optional>

namespace cairn::catalog::etcd {

class CommitOrder::Ticket {
 public:
  std::vector<std::string_view> reads;
  std::vector<std::string_view> writes;
  std::vector<std::pair<std::string_view, std::string_view>> ranges;
  // Each stands for one thing that this commit waits for, so one may stand here several times.
  std::vector<std::shared_ptr<Ticket>> followers;
  size_t blockers_count = 0;
  std::optional<io::Completion<bool>> free;
};

namespace {

bool contains(const std::pair<std::string_view, std::string_view>& range, std::string_view key) {
  return key >= range.first && (range.second.empty() || key < range.second);
}

}  // namespace

void CommitOrder::wait_for_users(const std::set<Use>& of, std::string_view key,
                                 const std::shared_ptr<Ticket>& ticket) {
  for (auto at = of.lower_bound({key, nullptr}); at != of.end() && at->first == key; ++at) {
    if (at->second == ticket.get()) continue;
    at->second->followers.push_back(ticket);
    ++ticket->blockers_count;
  }
}

void CommitOrder::add(const std::shared_ptr<Ticket>& ticket, const Batch& batch) {
  Ticket& own = *ticket;
  for (const Precondition& condition : batch.preconditions) {
    if (condition.kind == Precondition::Kind::kRangeEmpty) {
      own.ranges.emplace_back(condition.key, condition.end);
    } else {
      own.reads.emplace_back(condition.key);
    }
  }
  for (const Put& put : batch.puts) own.writes.emplace_back(put.key);
  for (const std::string& key : batch.deletes) own.writes.emplace_back(key);

  for (const std::string_view key : own.reads) wait_for_users(writers_, key, ticket);
  for (const std::string_view key : own.writes) {
    wait_for_users(writers_, key, ticket);
    wait_for_users(readers_, key, ticket);
    for (Ticket* ranger : rangers_) {
      const bool hit = std::ranges::any_of(
          ranger->ranges, [key](const auto& range) { return contains(range, key); });
      if (!hit) continue;
      ranger->followers.push_back(ticket);
      ++own.blockers_count;
    }
  }
  for (const auto& range : own.ranges) {
    for (auto at = writers_.lower_bound({range.first, nullptr});
         at != writers_.end() && contains(range, at->first); ++at) {
      at->second->followers.push_back(ticket);
      ++own.blockers_count;
    }
  }
  for (const std::string_view key : own.reads) readers_.emplace(key, &own);
  for (const std::string_view key : own.writes) writers_.emplace(key, &own);
  if (!own.ranges.empty()) rangers_.push_back(&own);
}

io::Task<Result<std::shared_ptr<CommitOrder::Ticket>>> CommitOrder::enter(const Batch& batch,
                                                                          Instant deadline) {
  auto ticket = std::make_shared<Ticket>();
  {
    const std::lock_guard lock(mutex_);
    if (tickets_count_ >= tickets_max_) {
      co_return fail(Code::kUnavailable, "too many commits are waiting");
    }
    ++tickets_count_;
    add(ticket, batch);
    if (ticket->blockers_count == 0) co_return ticket;
    ticket->free = io::Completion<bool>::make();
  }
  const Result<bool> free = co_await ticket->free->wait(io::Until{.deadline = deadline});
  if (free) co_return ticket;
  leave(ticket);
  co_return fail(Code::kUnavailable, "an earlier commit to the same keys takes too long");
}

void CommitOrder::leave(const std::shared_ptr<Ticket>& ticket) {
  const std::lock_guard lock(mutex_);
  --tickets_count_;
  for (const std::string_view key : ticket->reads) readers_.erase({key, ticket.get()});
  for (const std::string_view key : ticket->writes) writers_.erase({key, ticket.get()});
  std::erase(rangers_, ticket.get());
  for (const std::shared_ptr<Ticket>& follower : ticket->followers) {
    if (--follower->blockers_count == 0) follower->free->complete(true);
  }
  ticket->followers.clear();
}

}  // namespace cairn::catalog::etcd
