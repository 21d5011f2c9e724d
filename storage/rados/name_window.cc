#include "storage/rados/name_window.h"

#include <algorithm>

namespace cairn::storage {

bool NameWindow::covers(const std::optional<ChunkId>& after) const {
  if (!is_filled_ || !after) return false;
  if (begin_ && *after < *begin_) return false;
  return is_last_ || (!ids_.empty() && *after < ids_.back());
}

io::Task<Status> NameWindow::fill(RadosPool& pool, std::optional<ChunkId> after) {
  is_filled_ = false;
  is_last_ = true;
  begin_ = after;
  ids_.clear();
  const auto names = co_await io::or_return(pool.list());
  while (true) {
    const std::vector<ChunkId> some = co_await io::or_return(pool.next(*names));
    if (some.empty()) break;
    for (const ChunkId& id : some) {
      if (after && id <= *after) continue;
      // A heap with the largest in front: what is beyond the room for ids is let go.
      ids_.push_back(id);
      std::ranges::push_heap(ids_);
      if (ids_.size() <= ids_max_) continue;
      std::ranges::pop_heap(ids_);
      ids_.pop_back();
      is_last_ = false;
    }
  }
  std::ranges::sort_heap(ids_);
  // While groups move between servers a name may come twice.
  ids_.erase(std::ranges::unique(ids_).begin(), ids_.end());
  is_filled_ = true;
  co_return Status{};
}

io::Task<Result<std::vector<ChunkId>>> NameWindow::page(RadosPool& pool,
                                                        std::optional<ChunkId> after,
                                                        size_t limit) {
  if (!covers(after)) co_await io::or_return(fill(pool, after));
  const auto from = after ? std::ranges::upper_bound(ids_, *after) : ids_.begin();
  const auto count = std::min<size_t>(limit, static_cast<size_t>(ids_.end() - from));
  co_return std::vector<ChunkId>(from, from + static_cast<ptrdiff_t>(count));
}

io::Task<Result<uint64_t>> count_chunks(RadosPool& pool, io::StopToken stop) {
  uint64_t count = 0;
  const auto names = co_await io::or_return(pool.list());
  while (true) {
    const std::vector<ChunkId> some = co_await io::or_return(pool.next(*names));
    if (some.empty()) break;
    if (stop.stop_requested()) co_return fail(Code::kCancelled, "the store closes");
    count += some.size();
  }
  co_return count;
}

}  // namespace cairn::storage
