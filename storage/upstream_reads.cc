#include "storage/upstream_reads.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "io/reactor.h"
#include "storage/upstream.h"

namespace cairn::storage {

io::Task<Status> UpstreamReads::read(UpstreamObject object, uint64_t offset_bytes,
                                     MutableBytes into, Urgency urgency) {
  if (into.empty()) co_return Status();
  if (by_place_.size() >= kUpstreamReadsQueuedMax) {
    StoreCounters::add(counters_.upstream_reads_refused);
    co_return fail(Code::kUnavailable, "too many reads wait for the upstream of the chunk store");
  }
  Wish wish{.object = object,
            .offset_bytes = offset_bytes,
            .into = into,
            .urgency = urgency,
            .number = next_number_++};
  by_place_.emplace(place_of(wish), &wish);
  by_rank_.emplace(Rank{urgency, wish.number}, &wish);
  if (!std::exchange(pump_is_due_, true)) requests_.spawn(pump_soon());
  co_await wish.done.wait();
  co_return std::move(wish.status);
}

UpstreamReads::Place UpstreamReads::place_of(const Wish& wish) {
  return {wish.object.name, wish.offset_bytes, wish.number};
}

// What is asked for in the same turn of the reactor is seen together.
io::Task<void> UpstreamReads::pump_soon() {
  co_await io::yield();
  pump_is_due_ = false;
  pump();
}

// The most urgent one that may run: less urgent ones leave room for the others.
UpstreamReads::Wish* UpstreamReads::next_wish() const {
  const size_t running = std::accumulate(running_.begin(), running_.end(), size_t{0});
  if (by_rank_.empty() || running >= kUpstreamReadsMax) return nullptr;
  Wish* const first = by_rank_.begin()->second;
  switch (first->urgency) {
    case Urgency::kClient: return first;
    case Urgency::kAhead: return running < kUpstreamReadsAheadMax ? first : nullptr;
    case Urgency::kBackground:
      return running_[slot(Urgency::kBackground)] < kUpstreamReadsBackgroundMax ? first : nullptr;
  }
  return nullptr;
}

void UpstreamReads::pump() {
  while (Wish* const first = next_wish()) {
    const Urgency urgency = first->urgency;
    Batch batch = take_batch(*first);
    ++running_[slot(urgency)];
    requests_.spawn(run(std::move(batch), urgency));
  }
}

void UpstreamReads::take(Wish& wish) {
  by_place_.erase(place_of(wish));
  by_rank_.erase(Rank{wish.urgency, wish.number});
}

// `first` and what lies behind and before it without a gap worth a request of its own.
UpstreamReads::Batch UpstreamReads::take_batch(Wish& first) {
  Batch batch{&first};
  uint64_t begin = first.offset_bytes;
  uint64_t end = first.end_bytes();
  const auto fits = [&](const Wish& other, uint64_t from, uint64_t to) {
    return other.object.name == first.object.name && other.object.etag == first.object.etag &&
           to - from <= kUpstreamReadBytesMax;
  };
  const auto at = by_place_.find(place_of(first));
  for (auto next = std::next(at); next != by_place_.end(); ++next) {
    Wish& other = *next->second;
    if (other.offset_bytes < end || other.offset_bytes > end + kUpstreamGapBytesMax ||
        !fits(other, begin, other.end_bytes())) {
      break;
    }
    end = other.end_bytes();
    batch.push_back(&other);
  }
  for (auto before = at; before != by_place_.begin();) {
    --before;
    Wish& other = *before->second;
    if (other.end_bytes() > begin || other.end_bytes() + kUpstreamGapBytesMax < begin ||
        !fits(other, other.offset_bytes, end)) {
      break;
    }
    begin = other.offset_bytes;
    batch.insert(batch.begin(), &other);
  }
  for (Wish* const wish : batch) take(*wish);
  StoreCounters::add(counters_.upstream_reads_merged, batch.size() - 1);
  return batch;
}

io::Task<void> UpstreamReads::run(Batch batch, Urgency urgency) {
  co_await fetch(std::move(batch));
  --running_[slot(urgency)];
  pump();
}

// Where many requests are under way they wait for each other, and one more is of no use.
bool UpstreamReads::may_hedge(const Wish& wish) const {
  const size_t running = std::accumulate(running_.begin(), running_.end(), size_t{0});
  return wish.urgency == Urgency::kClient && running <= kHedgedBesideMax;
}

io::Task<void> UpstreamReads::fetch(Batch batch) {
  // Bytes between two ranges are received and not used.
  std::vector<uint8_t> unused(batch.size() > 1 ? kUpstreamGapBytesMax : 0);
  std::vector<MutableBytes> pieces;
  std::vector<Wish*> of_piece;
  uint64_t at = batch.front()->offset_bytes;
  for (Wish* const wish : batch) {
    if (wish->offset_bytes > at) {
      pieces.push_back(MutableBytes(unused).first(wish->offset_bytes - at));
      of_piece.push_back(nullptr);
    }
    pieces.push_back(wish->into);
    of_piece.push_back(wish);
    at = wish->end_bytes();
  }
  UpstreamRead read{.object = batch.front()->object,
                    .offset_bytes = batch.front()->offset_bytes,
                    .pieces = std::move(pieces),
                    .may_hedge = may_hedge(*batch.front()),
                    .on_filled = {}};
  // A wish is its reader's, who may be gone once it is done.
  read.on_filled = [&of_piece](size_t piece) {
    if (Wish* const wish = std::exchange(of_piece[piece], nullptr)) wish->done.set();
  };
  const Status done = co_await upstream_.read(std::move(read));
  for (Wish* const wish : of_piece) {
    if (wish == nullptr) continue;
    wish->status = done;
    wish->done.set();
  }
}

}  // namespace cairn::storage
