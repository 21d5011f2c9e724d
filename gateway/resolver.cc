#include "gateway/resolver.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "io/reactor.h"

namespace cairn::gateway {

using transfer::Failure;
using transfer::S3Result;

namespace {

S3Result<FactsPointer> told(const FactsPointer& facts) {
  if (facts->exists) return facts;
  return std::unexpected(facts->absence);
}

Duration ttl_of(const Link& link, const ObjectFacts& facts) {
  return facts.exists ? link.settings().ttl : std::min(link.settings().ttl, kAbsentTtlMax);
}

// Whether what was asked for at `asked` is too old for who wants it at `begun`.
bool is_too_old(const Link& link, const Resolver::Wanted& wanted, Instant asked, Instant begun) {
  return asked < begun && (wanted.past_cache || asked + link.settings().ttl <= begun);
}

bool is_down(const Failure& failure) {
  return failure.status == 0 || failure.status >= 500 || failure.status == 429;
}

}  // namespace

size_t Resolver::NameHash::operator()(const std::string& name) const {
  return std::hash<std::string>()(name);
}

io::Task<S3Result<FactsPointer>> Resolver::resolve(std::shared_ptr<Link> link, Wanted wanted) {
  const uint64_t bucket_id = link->place().bucket_id;
  const std::string name = MetadataCache::name_of(link->number(), wanted.key, wanted.version_id);
  const Instant begun = io::Reactor::current().now();
  while (true) {
    // Read before the look-up: what is forgotten after it is not found by who asks after that.
    const uint64_t generation = metadata_.generation(bucket_id, wanted.key);
    const std::optional<MetadataCache::Found> found = metadata_.find(name);
    const Instant now = io::Reactor::current().now();
    const bool is_fresh = found && now < found->asked + ttl_of(*link, *found->facts);
    if (is_fresh && (!wanted.past_cache || found->asked >= begun)) {
      LinkCounters::add(link->counters().known);
      co_return told(found->facts);
    }
    // One flight for each state of the key, so that nobody joins a question asked before a change.
    std::string flight = name;
    flight.append(1, '\0').append(std::to_string(generation));
    Flights::Turn turn = flights_.join(flight);
    std::optional<Flights::Lead> lead = std::nullopt;
    if (turn.lead) lead.emplace(std::move(*turn.lead));
    if (turn.follower) {
      Flights::Landing landing = co_await turn.follower->wait();
      if (landing.value != nullptr) {
        if (landing.value->facts == nullptr) co_return std::unexpected(landing.value->failure);
        // It may have been answered before who waited for it came.
        if (is_too_old(*link, wanted, landing.value->asked, begun)) continue;
        co_return told(landing.value->facts);
      }
      if (!landing.lead) continue;
      lead.emplace(std::move(*landing.lead));
    }
    const Outcome outcome = co_await ask(link, wanted, name, generation);
    lead->land([&] { return std::make_shared<const Outcome>(outcome); });
    if (outcome.facts == nullptr) co_return std::unexpected(outcome.failure);
    co_return told(outcome.facts);
  }
}

io::Task<Resolver::Outcome> Resolver::ask(std::shared_ptr<Link> link, Wanted wanted,
                                          std::string name, uint64_t generation) {
  const uint64_t bucket_id = link->place().bucket_id;
  const std::optional<MetadataCache::Found> before = metadata_.find(name);
  const Instant asked = io::Reactor::current().now();
  LinkCounters::add(link->counters().asked);
  S3Result<HeadAnswer> answer =
      co_await ask_head(link, wanted.key, wanted.version_id, std::string());
  Outcome outcome;
  outcome.asked = asked;
  if (answer) {
    outcome.facts = std::make_shared<const ObjectFacts>(std::move(answer->facts));
    const bool same = before && before->facts->exists &&
                      before->facts->etag == outcome.facts->etag &&
                      before->facts->size_bytes == outcome.facts->size_bytes;
    if (same) LinkCounters::add(link->counters().unchanged);
  } else if (answer.error().status == 404) {
    ObjectFacts absent;
    absent.exists = false;
    absent.absence = std::move(answer.error());
    outcome.facts = std::make_shared<const ObjectFacts>(std::move(absent));
  } else {
    const Duration patience = link->settings().ttl + link->settings().stale_if_error;
    const bool may_be_stale = link->settings().stale_if_error > Duration{} && before &&
                              before->facts->exists && is_down(answer.error()) &&
                              io::Reactor::current().now() < before->asked + patience;
    if (may_be_stale) {
      LinkCounters::add(link->counters().stale);
      outcome.facts = before->facts;
      co_return outcome;
    }
    outcome.failure = std::move(answer.error());
    co_return outcome;
  }
  metadata_.store(name, bucket_id, wanted.key, generation, {outcome.facts, asked});
  co_return outcome;
}

}  // namespace cairn::gateway
