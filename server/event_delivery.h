// Tells webhooks what the event queue holds: one loop per target, oldest events first.
//
// Events of one bucket are told one after the other; those of different buckets side by side. An
// answer 2xx removes the event. Anything else stops the target's pass; it is tried again from the
// same event on after a pause that doubles up to backoff_max, with jitter. So an event may be told
// more than once, and a later one of the same bucket never before an earlier one of this process.
// Thread rule: one reactor. REQUIRES: run() has completed before destruction.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "http/client.h"
#include "io/scope.h"
#include "io/stop.h"
#include "object/event_queue.h"
#include "server/webhook_targets.h"

namespace cairn::server {

struct DeliveryOptions {
  std::string region;
  std::string host_id;
  Duration answer_timeout = seconds(10);
  Duration backoff_base = milliseconds(500);
  Duration backoff_max = seconds(60);
  // How often the queue is looked at: after an event was added, and otherwise.
  Duration poll_busy = milliseconds(20);
  Duration poll_idle = seconds(1);
  // An event that no webhook took for so long is dropped.
  Duration event_age_max = seconds(7 * 24 * 3600);
};

struct DeliveryCounters {
  uint64_t delivered = 0;
  uint64_t failures = 0;  // Attempts.
  uint64_t expired = 0;
  uint64_t damaged = 0;
};

class EventDelivery {
 public:
  static constexpr size_t kLanesMax = 8;  // Buckets told side by side, per target.

  // All outlive it.
  EventDelivery(object::EventQueue& queue, const std::vector<WebhookTarget>& targets,
                http::Connector& connector, DeliveryOptions options,
                Random& random = system_random());
  ~EventDelivery();
  EventDelivery(const EventDelivery&) = delete;
  EventDelivery& operator=(const EventDelivery&) = delete;

  // Until `stop`.
  io::Task<void> run(io::StopToken stop);
  const DeliveryCounters& counters() const { return counters_; }

 private:
  struct Pass;
  io::Task<void> serve_target(const WebhookTarget& target, io::StopToken stop);
  io::Task<Result<bool>> pass(const WebhookTarget& target, http::Client& client,
                              io::StopToken stop);
  io::Task<void> serve_lane(Pass& pass);
  io::Task<Status> tell(Pass& pass, const object::QueuedEvent& queued);
  io::Task<void> wait_for_events(uint64_t seen_count, io::StopToken stop);

  object::EventQueue& queue_;
  const std::vector<WebhookTarget>& targets_;
  http::Connector& connector_;
  const DeliveryOptions options_;
  Random& random_;
  DeliveryCounters counters_;
  Instant recounted_at_{};
};

}  // namespace cairn::server
