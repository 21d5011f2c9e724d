#include "server/home_page.h"

#include <span>

#include "io/reactor.h"
#include "server/metrics_text.h"

namespace cairn::server {
namespace {

using One = HomesReading::One;
using Counter = std::atomic<uint64_t> storage::HomeCounters::*;

struct CounterFamily {
  std::string_view name;
  std::string_view help;
  Counter value;
};
constexpr CounterFamily kCounters[] = {
    {"cairn_home_reads_total", "Reads that the home was asked for.",
     &storage::HomeCounters::reads_count},
    {"cairn_home_read_failures_total", "Reads that it failed; absence is no failure.",
     &storage::HomeCounters::read_failures},
    {"cairn_home_puts_total", "Chunks that it was given by requests.",
     &storage::HomeCounters::puts_count},
    {"cairn_home_put_failures_total", "Chunks that it did not take.",
     &storage::HomeCounters::put_failures},
    {"cairn_home_damaged_copies_total", "Damaged copies found there.",
     &storage::HomeCounters::damaged_copies},
    {"cairn_home_missing_copies_total", "Copies looked for there and found elsewhere.",
     &storage::HomeCounters::missing_copies},
    {"cairn_home_copies_made_total", "Copies made there in the background.",
     &storage::HomeCounters::copies_made},
    {"cairn_home_copied_bytes_total", "Bytes of them.", &storage::HomeCounters::copied_bytes},
    {"cairn_home_copies_dropped_total", "Copies dropped there after others were read back.",
     &storage::HomeCounters::copies_dropped},
    {"cairn_home_copies_given_up_total", "Copies of which no good source was found.",
     &storage::HomeCounters::copies_given_up}};

struct GaugeFamily {
  std::string_view name;
  std::string_view help;
  uint64_t (*value)(const One& one);
};
constexpr GaugeFamily kGauges[] = {
    {"cairn_home_up", "1 while the home is there and answers.",
     [](const One& one) -> uint64_t {
       return one.home->is_open.load() && !one.home->health.is_open() ? 1 : 0;
     }},
    {"cairn_home_breaker_open", "1 while the home fails and is left alone.",
     [](const One& one) -> uint64_t { return one.home->health.is_open() ? 1 : 0; }},
    {"cairn_home_owed_chunks", "Copies that it lacks, as far as they are noted.",
     [](const One& one) -> uint64_t { return one.home->owed_count(); }},
    {"cairn_home_owed_bytes", "Bytes of them, as far as known.",
     [](const One& one) -> uint64_t { return one.home->owed.bytes(); }},
    {"cairn_home_leaving_chunks", "Chunks that go on from there: staged, or of no placement.",
     [](const One& one) -> uint64_t { return one.home->leaving_count(); }},
    {"cairn_home_leaving_bytes", "Bytes of them.",
     [](const One& one) -> uint64_t { return one.home->outgoing.bytes(); }},
    {"cairn_home_chunks", "Chunks that it has.",
     [](const One& one) -> uint64_t { return one.usage.chunks_count; }},
    {"cairn_home_live_bytes", "Bytes of them.",
     [](const One& one) -> uint64_t { return one.usage.live_bytes; }}};

void append_homes(MetricsOut out, const HomesReading& reading) {
  for (const CounterFamily& family : kCounters) {
    metrics_head(out, family.name, "counter", family.help);
    for (const One& one : reading.homes) {
      fmt::format_to(out, "{}{{home=\"{}\"}} {}\n", family.name, one.home->name,
                     (one.home->counters.*family.value).load());
    }
  }
  for (const GaugeFamily& family : kGauges) {
    metrics_head(out, family.name, "gauge", family.help);
    for (const One& one : reading.homes) {
      fmt::format_to(out, "{}{{home=\"{}\"}} {}\n", family.name, one.home->name, family.value(one));
    }
  }
  metrics_head(out, "cairn_home_read_seconds", "gauge", "What a small read takes there, smoothed.");
  for (const One& one : reading.homes) {
    fmt::format_to(out, "cairn_home_read_seconds{{home=\"{}\"}} {:.6f}\n", one.home->name,
                   static_cast<double>(one.home->health.estimate().nanoseconds) / 1e9);
  }
}

bool is_drained(const storage::PlacementRoute& route, size_t at) {
  return (route.choice().drained >> at & 1) != 0;
}

void append_routes(MetricsOut out, const HomesReading& reading) {
  metrics_head(out, "cairn_placement_switches_total", "counter",
               "Changes of primary or drained homes.");
  for (const storage::PlacementRoute* route : reading.routes) {
    fmt::format_to(out, "cairn_placement_switches_total{{placement=\"{}\"}} {}\n",
                   route->placement().name, route->switches_count());
  }
  metrics_head(out, "cairn_placement_primary", "gauge", "1 for the primary home of a placement.");
  for (const storage::PlacementRoute* route : reading.routes) {
    for (size_t at = 0; at < route->homes().size(); ++at) {
      fmt::format_to(out, "cairn_placement_primary{{placement=\"{}\",home=\"{}\"}} {}\n",
                     route->placement().name, route->homes()[at]->name,
                     route->choice().primary == at ? 1 : 0);
    }
  }
}

// Names need no escaping: they are letters, digits and dashes.
std::string names_json(std::span<const std::string> names) {
  std::string out = "[";
  for (size_t at = 0; at < names.size(); ++at) {
    out += (at == 0 ? "\"" : ",\"") + names[at] + "\"";
  }
  return out + "]";
}

std::string route_json(const storage::PlacementRoute& route) {
  std::vector<std::string> homes;
  std::vector<std::string> drained;
  for (size_t at = 0; at < route.homes().size(); ++at) {
    homes.push_back(route.homes()[at]->name);
    if (is_drained(route, at)) drained.push_back(homes.back());
  }
  return fmt::format(
      "{{\"name\":\"{}\",\"id\":{},\"storage_classes\":{},\"ack\":\"{}\",\"primary\":\"{}\","
      "\"homes\":{},\"drained\":{},\"staging\":\"{}\",\"switches\":{}}}",
      route.placement().name, route.placement().id, names_json(route.placement().storage_classes),
      route.acknowledge() == storage::Acknowledge::kAll ? "all" : "one",
      homes[route.choice().primary], names_json(homes), names_json(drained),
      route.staging() == nullptr ? "" : route.staging()->name, route.switches_count());
}

std::string home_json(const One& one) {
  const storage::NamedHome& home = *one.home;
  const char* state = !home.is_open.load() ? "away" : home.health.is_open() ? "failing" : "up";
  return fmt::format(
      "{{\"name\":\"{}\",\"state\":\"{}\",\"chunks\":{},\"live_bytes\":{},\"owed_chunks\":{},"
      "\"owed_bytes\":{},\"leaving_chunks\":{},\"leaving_bytes\":{},\"damaged_copies\":{},"
      "\"read_ms\":{:.3f}}}",
      home.name, state, one.usage.chunks_count, one.usage.live_bytes, home.owed_count(),
      home.owed.bytes(), home.leaving_count(), home.outgoing.bytes(),
      home.counters.damaged_copies.load(),
      static_cast<double>(home.health.estimate().nanoseconds) / 1e6);
}

}  // namespace

io::Task<HomesReading> read_homes(NamedHomes& homes) {
  HomesReading reading;
  storage::PlacedStore& placed = homes.placed();
  for (const storage::NamedHome* home : placed.homes()) {
    One& one = reading.homes.emplace_back();
    one.home = home;
    if (!home->is_open.load()) continue;
    const Result<storage::StoreUsage> usage = co_await home->store.usage();
    if (usage) one.usage = *usage;
  }
  for (const storage::PlacementRoute* route : placed.routes()) reading.routes.push_back(route);
  reading.survey = placed.keeper().last_survey();
  reading.surveys_count = placed.keeper().surveys_count();
  reading.is_surveying = placed.keeper().is_surveying() || placed.is_survey_due();
  co_return reading;
}

void append_home_metrics(std::string& page, const HomesReading& reading) {
  if (reading.homes.empty()) return;
  append_homes(MetricsOut(page), reading);
  append_routes(MetricsOut(page), reading);
  metrics_single(MetricsOut(page), "cairn_home_surveys_total", "counter",
                 "Comparisons of what the homes have.", reading.surveys_count);
}

std::string homes_json(const HomesReading& reading) {
  std::string out = "{\"placements\":[";
  for (size_t at = 0; at < reading.routes.size(); ++at) {
    out += (at == 0 ? "" : ",") + route_json(*reading.routes[at]);
  }
  out += "],\"homes\":[";
  for (size_t at = 0; at < reading.homes.size(); ++at) {
    out += (at == 0 ? "" : ",") + home_json(reading.homes[at]);
  }
  fmt::format_to(std::back_inserter(out),
                 "],\"surveys\":{},\"surveying\":{},\"last_survey\":{{\"chunks\":{},\"owed\":{},"
                 "\"leaving\":{},\"dropped\":{}}}}}\n",
                 reading.surveys_count, reading.is_surveying, reading.survey.chunks_count,
                 reading.survey.owed_count, reading.survey.leaving_count,
                 reading.survey.dropped_count);
  return out;
}

}  // namespace cairn::server
