// What an object is: from what is known within the TTL, else by asking the upstream, once for all
// who want to know at the same time.
//
// Thread rule: any reactor.
#pragma once

#include <memory>
#include <string>

#include "cache/single_flight.h"
#include "gateway/fetch.h"
#include "gateway/metadata_cache.h"

namespace cairn::gateway {

class Resolver {
 public:
  explicit Resolver(MetadataCache& metadata) : metadata_(metadata) {}

  struct Wanted {
    std::string key;          // Of the gateway bucket.
    std::string version_id;   // Empty = the current one.
    bool past_cache = false;  // The client asks for what is true now.
  };
  // Facts of an object that is there; a Failure with status 404 for one that is not. While the
  // upstream is down, what is older than the TTL where the settings allow it.
  io::Task<transfer::S3Result<FactsPointer>> resolve(std::shared_ptr<Link> link, Wanted wanted);
  // After a change, or what may have been one.
  void forget(const Link& link, std::string_view key) {
    metadata_.forget(link.place().bucket_id, key);
  }

 private:
  // What a question came to: shared by all who asked it.
  struct Outcome {
    FactsPointer facts;  // Null for a failure.
    transfer::Failure failure;
    Instant asked;
  };
  struct NameHash {
    size_t operator()(const std::string& name) const;
  };
  using Flights = cache::SingleFlight<std::string, Outcome, NameHash>;

  io::Task<Outcome> ask(std::shared_ptr<Link> link, Wanted wanted, std::string name,
                        uint64_t generation);

  MetadataCache& metadata_;
  Flights flights_{1};
};

}  // namespace cairn::gateway
