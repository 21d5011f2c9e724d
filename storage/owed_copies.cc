#include "storage/owed_copies.h"

namespace cairn::storage {

bool OwedCopies::note(const OwedCopy& copy) {
  const std::lock_guard guard(mutex_);
  const auto known = debts_.find(copy.id);
  if (known == debts_.end() && debts_.size() >= copies_max_) return false;
  const auto [at, fresh] = debts_.try_emplace(copy.id);
  Debt& debt = at->second;
  if (fresh) {
    order_.push_back(copy.id);
    debt.size_bytes = copy.size_bytes;
    bytes_ += copy.size_bytes;
  }
  if (copy.replaces && !debt.replaces) {
    debt.replaces = true;
    ++damaged_count_;
  }
  return true;
}

std::vector<OwedCopy> OwedCopies::take(size_t count_max, uint64_t bytes_max) {
  const std::lock_guard guard(mutex_);
  std::vector<OwedCopy> taken;
  uint64_t taken_bytes = 0;
  while (!order_.empty() && taken.size() < count_max) {
    const auto at = debts_.find(order_.front());
    if (!taken.empty() && taken_bytes + at->second.size_bytes > bytes_max) break;
    taken_bytes += at->second.size_bytes;
    taken.push_back({at->first, at->second.size_bytes, at->second.replaces});
    bytes_ -= at->second.size_bytes;
    if (at->second.replaces) --damaged_count_;
    debts_.erase(at);
    order_.pop_front();
  }
  return taken;
}

size_t OwedCopies::count() const {
  const std::lock_guard guard(mutex_);
  return debts_.size();
}

uint64_t OwedCopies::bytes() const {
  const std::lock_guard guard(mutex_);
  return bytes_;
}

bool OwedCopies::contains(const ChunkId& id) const {
  const std::lock_guard guard(mutex_);
  return debts_.contains(id);
}

bool OwedCopies::is_damaged(const ChunkId& id) const {
  if (damaged_count_.load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard guard(mutex_);
  const auto at = debts_.find(id);
  return at != debts_.end() && at->second.replaces;
}

}  // namespace cairn::storage
