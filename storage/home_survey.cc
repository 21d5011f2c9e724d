#include "storage/home_survey.h"

#include <algorithm>

#include "io/reactor.h"

namespace cairn::storage {
namespace {

constexpr OwnerId kSurveyor{{'s', 'u', 'r', 'v', 'e', 'y'}};
constexpr Duration kQueuePause = milliseconds(100);

// Goes through what one home lists.
struct Cursor {
  NamedHome* home = nullptr;
  std::vector<ChunkStat> page = {};
  size_t at = 0;
  bool is_at_end = false;

  const ChunkStat* front() const { return at < page.size() ? &page[at] : nullptr; }
  io::Task<Status> refill() {
    if (at < page.size() || is_at_end) co_return Status{};
    std::optional<ChunkId> after;
    if (!page.empty()) after = page.back().id;
    page = co_await io::or_return(home->store.list(after, kSurveyPageChunks));
    at = 0;
    is_at_end = page.empty();
    co_return Status{};
  }
};

class Survey {
 public:
  Survey(HomesContext& context, StoreOfChunk store_of, io::StopToken stop)
      : context_(context), store_of_(std::move(store_of)), stop_(stop) {
    for (NamedHome* home : context_.homes) {
      if (home->is_open.load()) cursors_.push_back({home});
    }
  }

  io::Task<Result<SurveyReport>> run() {
    while (!stop_.stop_requested()) {
      for (Cursor& cursor : cursors_) co_await io::or_return(cursor.refill());
      const ChunkStat* smallest = nullptr;
      for (const Cursor& cursor : cursors_) {
        const ChunkStat* front = cursor.front();
        if (front != nullptr && (smallest == nullptr || front->id < smallest->id)) smallest = front;
      }
      if (smallest == nullptr) co_return report_;
      const ChunkStat chunk = *smallest;
      HomeList holders;
      for (Cursor& cursor : cursors_) {
        if (cursor.front() == nullptr || cursor.front()->id != chunk.id) continue;
        holders.push_back(cursor.home);
        ++cursor.at;
      }
      co_await look_at(chunk, holders);
      if (++report_.chunks_count % kSurveyPageChunks == 0) {
        co_await io::yield();
        co_await wait_for_room();
      }
    }
    co_return fail(Code::kCancelled, "the survey was stopped");
  }

 private:
  io::Task<void> look_at(ChunkStat chunk, HomeList holders) {
    ReplicatedStore& store = store_of_(chunk.id);
    const PlacementRoute& route = store.route();
    const bool is_staged = route.staging() != nullptr && holders.contains(route.staging());
    HomeList lacking;
    for (NamedHome* home : route.wanted()) {
      if (home->is_open.load() && !holders.contains(home)) lacking.push_back(home);
    }
    HomeList leaving;
    for (NamedHome* home : holders) {
      const std::vector<NamedHome*>& staying = route.homes();
      if (std::ranges::find(staying, home) == staying.end()) leaving.push_back(home);
    }
    if (lacking.empty() && leaving.empty()) co_return;
    const Result<bool> dropped = co_await store.unlink(chunk.id, kSurveyor);
    if (dropped && *dropped) {
      ++report_.dropped_count;
      co_return;
    }
    const OwedCopy copy{chunk.id, chunk.payload_bytes};
    for (NamedHome* home : leaving) {
      ++report_.leaving_count;
      if (!home->outgoing.note(copy)) context_.survey_due = true;
    }
    if (is_staged) co_return;
    for (NamedHome* home : lacking) {
      ++report_.owed_count;
      store.owe(*home, copy);
    }
  }

  io::Task<void> wait_for_room() {
    while (!stop_.stop_requested() && std::ranges::any_of(context_.homes, [](NamedHome* home) {
      return home->is_open.load() && (home->owed.count() > kOwedCopiesMax / 2 ||
                                      home->outgoing.count() > kOwedCopiesMax / 2);
    })) {
      (void)co_await io::sleep_for(kQueuePause, stop_);
    }
  }

  HomesContext& context_;
  const StoreOfChunk store_of_;
  const io::StopToken stop_;
  std::vector<Cursor> cursors_;
  SurveyReport report_;
};

}  // namespace

io::Task<Result<SurveyReport>> survey_homes(HomesContext& context, StoreOfChunk store_of,
                                            io::StopToken stop) {
  Survey survey(context, std::move(store_of), stop);
  Result<SurveyReport> report = co_await survey.run();
  co_return report;
}

}  // namespace cairn::storage
