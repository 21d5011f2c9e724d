#include "gateway/range_runs.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "gateway/limits.h"
#include "gateway/range_answer.h"
#include "io/sync.h"

namespace cairn::gateway {

using transfer::Failure;
using transfer::or_fail;
using transfer::S3Status;

// A range that somebody waits for; lies in the reader's frame.
struct RangeRuns::Wish {
  RemoteObjectPointer object;
  uint64_t offset_bytes;
  MutableBytes into;
  io::Event done = {};
  S3Status status = {};
  uint64_t end_bytes() const { return offset_bytes + into.size(); }
};

struct RangeRuns::Run {
  RemoteObjectPointer object;
  uint64_t begin_bytes = 0;
  uint64_t end_bytes = 0;
  uint64_t tail_bytes = 0;  // Behind the last wish: where a reader may go on.
  std::deque<Wish*> wishes;
  std::optional<http::ClientResponse> response;
  std::optional<io::Completion<bool>> arrival;  // Set while nobody wants more.
  Instant idle_since;
  Instant deadline = io::kNever;  // For the piece at the front, or the answer's head.
  bool is_late = false;
  bool is_over = false;
  io::StopSource stop;  // Ends the request.
  io::StopSource over;  // Ends the watch.

  bool is_idle() const { return arrival.has_value(); }
  void wake() {
    if (arrival) std::exchange(arrival, std::nullopt)->complete(true);
  }
};

RangeRuns::~RangeRuns() {
  ASSERT(runs_.empty());
}

RangeRuns::RunPointer RangeRuns::find_run(const RemoteObject& object, uint64_t offset_bytes,
                                          uint64_t end_bytes) {
  for (const RunPointer& run : runs_) {
    const bool goes_on = run->object.get() == &object && run->tail_bytes == offset_bytes &&
                         end_bytes <= run->end_bytes;
    if (goes_on && !run->is_over && !run->stop.requested()) return run;
  }
  return nullptr;
}

io::Task<S3Status> RangeRuns::read(RemoteObjectPointer object, uint64_t offset_bytes,
                                   MutableBytes into) {
  Wish wish{.object = std::move(object), .offset_bytes = offset_bytes, .into = into};
  const RunPointer run = find_run(*wish.object, offset_bytes, wish.end_bytes());
  if (run != nullptr) {
    run->tail_bytes = wish.end_bytes();
    run->wishes.push_back(&wish);
    run->wake();
  } else {
    starting_.push_back(&wish);
    if (!std::exchange(start_is_due_, true)) tasks_.spawn(start_soon());
  }
  co_await wish.done.wait();
  co_return std::move(wish.status);
}

// What is asked for in the same turn of the reactor is seen together.
io::Task<void> RangeRuns::start_soon() {
  co_await io::yield();
  start_is_due_ = false;
  std::vector<Wish*> wishes = std::exchange(starting_, {});
  std::ranges::sort(wishes, {}, [](const Wish* wish) {
    return std::tuple(wish->object.get(), wish->offset_bytes);
  });
  std::vector<Wish*> group;
  for (Wish* const wish : wishes) {
    const bool goes_on = !group.empty() && group.back()->object == wish->object &&
                         group.back()->end_bytes() == wish->offset_bytes &&
                         wish->end_bytes() - group.front()->offset_bytes <= kRunBytesMax;
    if (!goes_on && !group.empty()) start(std::exchange(group, {}));
    group.push_back(wish);
  }
  if (!group.empty()) start(std::move(group));
}

void RangeRuns::start(std::vector<Wish*> group) {
  auto run = std::make_shared<Run>();
  run->object = group.front()->object;
  run->begin_bytes = group.front()->offset_bytes;
  run->tail_bytes = group.back()->end_bytes();
  run->wishes.assign(group.begin(), group.end());
  // A reader who goes on where a run ended reads in order.
  const bool may_be_long = !run->object->left_run_lately(reactor_.now());
  const uint64_t before_bytes = may_be_long ? run->object->run_before(run->begin_bytes) : 0;
  const uint64_t length_bytes = std::min(2 * before_bytes, kRunBytesMax);
  const uint64_t block_end = round_down(run->begin_bytes + length_bytes, kVirtualChunkBytes);
  const uint64_t wanted_end = run->object->wanted_end(run->begin_bytes);
  run->end_bytes = std::max(run->tail_bytes, std::min(block_end, wanted_end));
  run->object->note_run(run->end_bytes, run->end_bytes - run->begin_bytes);
  runs_.push_back(run);
  tasks_.spawn(watch(run));
  tasks_.spawn(drive(std::move(run)));
}

io::Task<void> RangeRuns::drive(RunPointer run) {
  const S3Status status = co_await receive(run);
  end(run, status);
}

void RangeRuns::end(const RunPointer& run, const S3Status& status) {
  run->is_over = true;
  run->response.reset();
  run->over.request();
  runs_.remove(run);
  // Whoever waits behind a run that ended well came as it ended: he asks again.
  for (Wish* const wish : std::exchange(run->wishes, {})) {
    wish->status = status ? std::unexpected(wrong_answer("ended its answer early")) : status;
    wish->done.set();
  }
}

// Ends the request when a piece is not there in time.
io::Task<void> RangeRuns::watch(RunPointer run) {
  while (!run->is_over) {
    static_cast<void>(co_await io::sleep_for(kRunWatchInterval, run->over.token()));
    if (run->is_over || reactor_.now() < run->deadline) continue;
    run->is_late = true;
    run->stop.request();
    co_return;
  }
}

io::Task<S3Status> RangeRuns::receive(RunPointer run) {
  const RemoteObject& object = *run->object;
  const ByteRange range{run->begin_bytes, run->end_bytes - run->begin_bytes};
  run->deadline = reactor_.now() + kAttemptPatience;
  transfer::S3Result<http::ClientResponse> answer =
      co_await object.link->send(range_request(object, range), {.stop = run->stop.token()});
  if (!answer && run->is_late) answer = std::unexpected(late_answer());
  if (!answer) {
    // An answer was counted where it came in.
    if (run->is_late) object.link->note_trouble(answer.error());
    co_return std::unexpected(std::move(answer.error()));
  }
  S3Status good = check_range(answer->head(), object, range);
  const bool is_right = good.has_value();
  if (is_right) run->response.emplace(std::move(*answer));
  uint64_t at_bytes = run->begin_bytes;
  while (good && at_bytes < run->end_bytes) {
    if (run->wishes.empty()) {
      const bool is_wanted = co_await wait_for_wish(run);
      if (!is_wanted) {
        run->object->note_left_run(reactor_.now());
        co_return S3Status();
      }
    }
    at_bytes = run->wishes.front()->end_bytes();
    good = co_await serve_front(run);
  }
  if (good) co_return good;
  if (run->is_late) good = std::unexpected(late_answer());
  if (!is_right) LinkCounters::add(object.link->counters().wrong_answers);
  // Whoever has another object now is well.
  if (!is_another_object(good.error())) object.link->note_trouble(good.error());
  co_return good;
}

// False when nobody came, or the run has to end.
io::Task<bool> RangeRuns::wait_for_wish(RunPointer run) {
  run->deadline = io::kNever;
  run->idle_since = reactor_.now();
  const io::Completion<bool> arrival = io::Completion<bool>::make();
  run->arrival = arrival;
  end_longest_idle();
  const io::Until until{.deadline = run->idle_since + kRunIdlePatience, .stop = run->stop.token()};
  static_cast<void>(co_await arrival.wait(until));
  run->arrival.reset();
  co_return !run->wishes.empty();
}

// Connections that nobody reads from are few.
void RangeRuns::end_longest_idle() {
  size_t idle_count = 0;
  RunPointer longest;
  for (const RunPointer& run : runs_) {
    if (!run->is_idle() || run->stop.requested()) continue;
    ++idle_count;
    if (longest == nullptr || run->idle_since < longest->idle_since) longest = run;
  }
  if (idle_count > kIdleRunsMax) longest->stop.request();
}

io::Task<S3Status> RangeRuns::serve_front(RunPointer run) {
  run->deadline = reactor_.now() + kAttemptPatience;
  Wish* const wish = run->wishes.front();
  http::ClientResponse& response = *run->response;
  MutableBytes rest = wish->into;
  while (!rest.empty()) {
    const size_t count = co_await or_fail(response.receive(rest));
    if (count == 0) co_return std::unexpected(wrong_answer("ended its answer early"));
    rest = rest.subspan(count);
  }
  if (wish->end_bytes() == run->end_bytes) {
    std::array<uint8_t, 1> beyond{};
    const size_t more = co_await or_fail(response.receive(beyond));
    if (more != 0) co_return std::unexpected(wrong_answer("sends more than it announced"));
  }
  LinkCounters::add(run->object->link->counters().received_bytes, wish->into.size());
  // A wish is its reader's, who may be gone once it is done.
  run->wishes.pop_front();
  wish->done.set();
  co_return S3Status();
}

io::Task<void> RangeRuns::close() {
  for (const RunPointer& run : runs_) run->stop.request();
  co_await tasks_.join();
}

}  // namespace cairn::gateway
