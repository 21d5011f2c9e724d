// Keys and values of the rows of the event queue; docs/format.md, "Catalog keys and values".
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "object/event_queue.h"

namespace cairn::object {

// q/<target>\0<sequencer 8><bucket id 8>
std::string event_row(std::string_view target, uint64_t sequencer, uint64_t bucket_id);
std::string events_of(std::string_view target);  // Prefix.
std::string all_events();                        // Prefix.
// Sequencer and bucket id; `event` stays unset. nullopt when it is no such key.
std::optional<QueuedEvent> parse_event_row(std::string_view row);

std::string encode_event(const Event& event);
Result<Event> decode_event(BytesView record);

}  // namespace cairn::object
