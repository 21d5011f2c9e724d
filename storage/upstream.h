// Upstream: what the store asks of an S3 bucket, on one reactor.
//
// Every call has a deadline, goes through the breaker of the store, and fails with few codes:
// kNoSpace (the upstream is full), kNotFound (an object is gone, or another one stands in its
// place) and kUnavailable for all else, so that no answer of the upstream is taken for one of ours.
// Nothing is ever overwritten: objects are written with If-None-Match and read with If-Match.
// Thread rule: one reactor. REQUIRES: close() is awaited before destruction.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/hedge_policy.h"
#include "storage/hedged_get.h"
#include "storage/metrics.h"
#include "storage/upstream_body.h"
#include "storage/upstream_breaker.h"
#include "storage/upstream_reads.h"
#include "transfer/s3_client.h"

namespace cairn::storage {

// Where chunks are kept.
struct UpstreamPlace {
  std::string bucket;
  std::string prefix;  // Empty, or ends in '/'.
  transfer::S3ClientOptions client;
};

// kInvalidArgument says what is wrong with the names.
Status check_upstream_place(const UpstreamPlace& place);

// Timeouts and repeats that suit an upstream: a request that waits must not hold its memory long.
http::ClientOptions upstream_http_options();

// An object that is expected to be there as it was written.
struct UpstreamObject {
  std::string name;  // Behind the prefix.
  uint64_t size_bytes = 0;
  std::string etag;  // Empty = not known.
  // That it is gone is news for the caller and no loss: asked for once, and not told to anybody.
  bool may_be_gone = false;
};

// A range of an object in one request, for several who want a part of it.
struct UpstreamRead {
  UpstreamObject object;
  uint64_t offset_bytes = 0;
  std::vector<MutableBytes> pieces;
  bool may_hedge = false;  // Somebody waits: a late answer is worth a second request.
  // Called once for each piece as soon as its bytes are there; its memory is not used after.
  std::function<void(size_t)> on_filled;
};

class Upstream {
 public:
  // All of them outlive it.
  static Result<std::unique_ptr<Upstream>> create(const UpstreamPlace& place,
                                                  UpstreamBreaker& breaker, StoreCounters& counters,
                                                  io::Network& network, Random& random);
  io::Task<void> close();
  // Calls give up when `stop` is requested; for background work. The source outlives it.
  void stop_with(io::StopToken stop) {
    stop_ = stop;
    has_stop_ = true;
  }

  // kUnavailable while the breaker refuses calls: nothing need be prepared for one.
  Status check_available() const;
  // Over plain http bodies are signed with their SHA-256.
  bool wants_sha256() const { return !client_->is_https(); }

  // Writes an object under its name and returns its ETag. After kUnavailable the object may or may
  // not be there. A repeat that finds the object there compares it.
  io::Task<Result<std::string>> put(UpstreamBody& body);
  // Fills the pieces with the object's bytes from `offset_bytes` on, in one request.
  io::Task<Status> read(UpstreamObject object, uint64_t offset_bytes,
                        std::vector<MutableBytes> pieces);
  io::Task<Status> read(UpstreamRead what);
  // The way of readers: in order of urgency, and together with neighbours.
  UpstreamReads& reads() { return reads_; }
  // A name that is absent is removed.
  io::Task<Status> remove(std::string name);
  // One page of objects, names without the prefix.
  io::Task<Result<transfer::ListPage>> list(std::string token, std::string under = {});
  // Whether an object is there, by a question about it alone.
  io::Task<Result<bool>> exists(std::string name);
  // The time by the upstream's clock, whole seconds: what it says of the object `name`, which is
  // written anew for this.
  io::Task<Result<WallTime>> read_clock(std::string name);

  // The whole of a small object, and writing one: with the upstream's own failure, for the messages
  // at start. With `must_be_absent` status 412 when it is there.
  io::Task<transfer::S3Result<Bytes>> fetch_small(std::string name);
  io::Task<transfer::S3Status> put_small(std::string name, BytesView bytes, bool must_be_absent);

 private:
  Upstream(const UpstreamPlace& place, UpstreamBreaker& breaker, StoreCounters& counters,
           std::unique_ptr<transfer::S3Client> client)
      : place_(place),
        breaker_(breaker),
        counters_(counters),
        client_(std::move(client)),
        reads_(*this, counters) {}
  std::string key_of(const std::string& name) const { return place_.prefix + name; }
  io::Until deadline_in(Duration patience) const;
  // A body gets time by its size: a slow link must get a pack through.
  io::Until deadline_for(uint64_t size_bytes) const;
  // The breaker's leave for one call.
  Status admit();
  // Tells the breaker how a call went.
  void note(const transfer::Failure* failure);
  void note_refusal(const transfer::Failure& failure, Instant now);
  Error translate(const transfer::Failure& failure) const;
  io::Task<transfer::S3Result<std::string>> put_once(UpstreamBody& body);
  io::Task<transfer::S3Result<transfer::ObjectBody>> open_range(const UpstreamRead& what,
                                                                ByteRange range, HedgeStops& stops);
  // Raises `filled_count` with every piece.
  io::Task<transfer::S3Status> read_once(const UpstreamRead& what, size_t& filled_count);
  io::Task<Result<std::string>> confirm(UpstreamBody& body);

  const UpstreamPlace& place_;
  UpstreamBreaker& breaker_;
  StoreCounters& counters_;
  const std::unique_ptr<transfer::S3Client> client_;
  UpstreamReads reads_;
  HedgePolicy hedging_;
  io::StopToken stop_;
  bool has_stop_ = false;
  Instant next_refusal_told_;
  bool conditions_refused_ = false;  // The upstream does not know If-None-Match on PUT.
};

}  // namespace cairn::storage
