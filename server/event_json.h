// An event as webhooks receive it: the JSON of "Event message structure" of the S3 user guide,
// version 2.2. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "object/event_queue.h"

namespace cairn::server {

inline constexpr std::string_view kTestEventName = "TestEvent";

// What the server adds to every event.
struct EventContext {
  std::string_view region;
  std::string_view host_id;  // x-amz-id-2
};

// {"Records":[...]}, or the test event's own form.
std::string event_json(const object::Event& event, uint64_t sequencer, const EventContext& context);

}  // namespace cairn::server
