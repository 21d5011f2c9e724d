#include "server/event_delivery.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "io/reactor.h"
#include "server/event_json.h"

namespace cairn::server {
namespace {

constexpr size_t kPageRows = 64;
constexpr size_t kAnswerBytesMax = 64 * KiB;
constexpr unsigned kBackoffShiftMax = 20;
// Commits end at most this long after their event was counted as added.
constexpr Duration kCommitWait = seconds(2);
constexpr Duration kRecountInterval = seconds(60);

}  // namespace

// One page of a target's events, by bucket.
struct EventDelivery::Pass {
  const WebhookTarget& target;
  http::Client& client;
  io::StopToken stop;
  std::vector<std::vector<object::QueuedEvent>> lanes;
  size_t next_lane = 0;
  std::vector<std::string> done;  // Rows to remove.
  Status failure;                 // The first one.
};

EventDelivery::EventDelivery(object::EventQueue& queue, const std::vector<WebhookTarget>& targets,
                             http::Connector& connector, DeliveryOptions options, Random& random)
    : queue_(queue),
      targets_(targets),
      connector_(connector),
      options_(std::move(options)),
      random_(random) {}

EventDelivery::~EventDelivery() = default;

io::Task<void> EventDelivery::run(io::StopToken stop) {
  io::Scope loops;
  for (const WebhookTarget& target : targets_) loops.spawn(serve_target(target, stop));
  co_await loops.join();
}

io::Task<void> EventDelivery::serve_target(const WebhookTarget& target, io::StopToken stop) {
  http::ClientOptions client_options;
  client_options.connections_per_host_max = kLanesMax;
  client_options.head_timeout = options_.answer_timeout;
  client_options.retry.attempts_max = 1;  // The loop below repeats, with its own pauses.
  http::Client client(connector_, client_options, random_);
  unsigned failures_count = 0;
  while (!stop.stop_requested()) {
    const uint64_t seen_count = queue_.added_count();
    const Result<bool> told = co_await pass(target, client, stop);
    if (stop.stop_requested()) break;
    if (!told) {
      if (failures_count == 0) {
        log::warning("webhook-failed", {{"target", std::string_view(target.name)},
                                        {"message", std::string_view(told.error().message)}});
      }
      const unsigned shift = std::min(failures_count++, kBackoffShiftMax);
      const int64_t ceiling =
          std::min(options_.backoff_base.nanoseconds << shift, options_.backoff_max.nanoseconds);
      // Half fixed, half random: targets that failed together do not come back together.
      const auto jitter = static_cast<int64_t>(random_.below(uint64_t(ceiling) / 2 + 1));
      static_cast<void>(co_await io::sleep_for(Duration{ceiling / 2 + jitter}, stop));
      continue;
    }
    if (failures_count > 0 && *told) {
      log::info("webhook-recovered", {{"target", std::string_view(target.name)}});
      failures_count = 0;
    }
    if (!*told) co_await wait_for_events(seen_count, stop);
  }
  co_await client.close();
}

// True when there was something to tell.
io::Task<Result<bool>> EventDelivery::pass(const WebhookTarget& target, http::Client& client,
                                           io::StopToken stop) {
  std::vector<object::QueuedEvent> events =
      co_await io::or_return(queue_.read(target.name, {}, kPageRows));
  if (events.empty()) co_return false;
  Pass pass{target, client, stop, {}, 0, {}, {}};
  std::map<uint64_t, size_t> lane_of;
  for (object::QueuedEvent& queued : events) {
    const auto [at, is_new] = lane_of.try_emplace(queued.bucket_id, pass.lanes.size());
    if (is_new) pass.lanes.emplace_back();
    pass.lanes[at->second].push_back(std::move(queued));
  }
  {
    io::Scope side_by_side;
    for (size_t i = 0; i < std::min(kLanesMax, pass.lanes.size()); ++i) {
      side_by_side.spawn(serve_lane(pass));
    }
    co_await side_by_side.join();
  }
  co_await io::or_return(queue_.remove(std::move(pass.done)));
  if (!pass.failure) co_return std::unexpected(pass.failure.error());
  co_return true;
}

io::Task<void> EventDelivery::serve_lane(Pass& pass) {
  while (pass.next_lane < pass.lanes.size()) {
    const std::vector<object::QueuedEvent> lane = std::move(pass.lanes[pass.next_lane++]);
    for (const object::QueuedEvent& queued : lane) {
      if (pass.stop.stop_requested() || !pass.failure) co_return;
      const Status told = co_await tell(pass, queued);
      if (!told) {
        if (pass.failure) pass.failure = told;
        co_return;
      }
      pass.done.push_back(queued.row);
    }
  }
}

io::Task<Status> EventDelivery::tell(Pass& pass, const object::QueuedEvent& queued) {
  if (!queued.event) {
    ++counters_.damaged;
    log::error("event-damaged", {{"target", std::string_view(pass.target.name)}});
    co_return Status();
  }
  const io::Reactor& reactor = io::Reactor::current();
  const int64_t age_ms = reactor.clock().wall_now().unix_ms - queued.event->at.unix_ms;
  if (age_ms > options_.event_age_max.nanoseconds / 1'000'000) {
    ++counters_.expired;
    co_return Status();
  }
  const std::string body =
      event_json(*queued.event, queued.sequencer, {options_.region, options_.host_id});
  http::ClientRequest request;
  request.method = "POST";
  request.url = pass.target.url;
  request.fields.emplace_back("Content-Type", "application/json");
  if (!pass.target.token.empty()) {
    request.fields.emplace_back("Authorization", "Bearer " + pass.target.token);
  }
  request.body = as_bytes(body);
  const io::Until until{reactor.now() + options_.answer_timeout, pass.stop};
  Result<http::ClientResponse> answer = co_await pass.client.send(std::move(request), until);
  if (!answer) {
    ++counters_.failures;
    co_return std::unexpected(answer.error());
  }
  const int status = answer->status();
  // Read to its end only to keep the connection; what it says does not matter.
  static_cast<void>(co_await answer->receive_all(kAnswerBytesMax));
  if (status < 200 || status > 299) {
    ++counters_.failures;
    co_return fail(Code::kUnavailable, "the webhook answered " + std::to_string(status));
  }
  ++counters_.delivered;
  co_return Status();
}

io::Task<void> EventDelivery::wait_for_events(uint64_t seen_count, io::StopToken stop) {
  const io::Reactor& reactor = io::Reactor::current();
  // An event is counted before its commit ends, so the queue is looked at again for a while.
  const bool is_fresh =
      queue_.added_count() != seen_count || reactor.now() - queue_.last_added_at() < kCommitWait;
  if (!is_fresh && queue_.depth() > 0 && reactor.now() - recounted_at_ >= kRecountInterval) {
    // Commits that failed were counted; nothing is waited for here.
    recounted_at_ = reactor.now();
    static_cast<void>(co_await queue_.recount());
  }
  if (is_fresh) {
    static_cast<void>(co_await io::sleep_for(options_.poll_busy, stop));
    co_return;
  }
  const Instant end = reactor.now() + options_.poll_idle;
  while (queue_.added_count() == seen_count && reactor.now() < end && !stop.stop_requested()) {
    static_cast<void>(co_await io::sleep_for(options_.poll_busy, stop));
  }
}

}  // namespace cairn::server
