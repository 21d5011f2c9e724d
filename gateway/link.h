// The way to one upstream bucket: signed requests from any reactor, a breaker that spares an
// upstream in trouble, and what they came to.
//
// Thread rule: any reactor; each has a client of its own, made at its first request. No request is
// sent anywhere but to the endpoint that an operator named: redirects are not followed
// (transfer/s3_client.h).
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/random.h"
#include "gateway/settings.h"
#include "io/stream.h"
#include "io/task.h"
#include "storage/upstream_breaker.h"
#include "transfer/s3_client.h"

namespace cairn::gateway {

class RangeRuns;

struct LinkCounters {
  std::atomic<uint64_t> requests{0};        // Sent to the upstream.
  std::atomic<uint64_t> failures{0};        // Of those: no answer, or one that means trouble.
  std::atomic<uint64_t> refused{0};         // Not sent: the breaker was open.
  std::atomic<uint64_t> received_bytes{0};  // Of objects.
  std::atomic<uint64_t> sent_bytes{0};      // Of objects.
  std::atomic<uint64_t> known{0};           // Objects that were known within the TTL.
  std::atomic<uint64_t> asked{0};           // Objects that the upstream was asked for.
  std::atomic<uint64_t> unchanged{0};       // Of those: known before, and still the same.
  std::atomic<uint64_t> stale{0};           // Served beyond the TTL while the upstream was down.
  std::atomic<uint64_t> changed{0};         // Changed at the upstream while they were read.
  std::atomic<uint64_t> wrong_answers{0};   // Another object, range or length than asked for.

  static void add(std::atomic<uint64_t>& counter, uint64_t count = 1) {
    counter.fetch_add(count, std::memory_order_relaxed);
  }
};

struct LinkPlace {
  uint64_t bucket_id = 0;  // Of the gateway bucket.
  std::string bucket_name;
  crypto::TenantId tenant;
};

class Link {
 public:
  using Request = transfer::S3Client::Forwarded;

  // `network` and `random` outlive it.
  Link(LinkPlace place, Settings settings, std::string secret, io::Network& network,
       Random& random);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  // No other link of this process has or had it.
  uint64_t number() const { return number_; }
  const LinkPlace& place() const { return place_; }
  const Settings& settings() const { return settings_; }
  LinkCounters& counters() { return counters_; }
  bool is_open() const { return breaker_.is_open(); }
  std::string upstream_key(std::string_view key) const {
    return settings_.prefix + std::string(key);
  }
  // Whether a copy from the other's bucket is the upstream's own business.
  bool shares_server_with(const Link& other) const;

  // `request.bucket` is filled in. A refusal of the breaker is a Failure without a status.
  // `is_senders_fault`: whether a failure came of the body that was to be sent, not of the
  // upstream; may be empty.
  io::Task<transfer::S3Result<http::ClientResponse>> send(
      Request request, io::Until until, std::function<bool()> is_senders_fault = {});
  // Of this reactor.
  Result<RangeRuns*> runs();
  // An answer that was received turned out wrong, or broke off.
  void note_trouble(const transfer::Failure& failure);

  // Closes the clients. REQUIRES: no request is under way, and the reactors run.
  io::Task<void> close();

 private:
  struct Lane;
  Result<Lane*> lane();
  void note(const transfer::Failure* failure);

  const uint64_t number_;
  const LinkPlace place_;
  const Settings settings_;
  const std::string secret_;
  io::Network& network_;
  Random& random_;
  LinkCounters counters_;
  storage::UpstreamBreaker breaker_;
  std::mutex mutex_;
  std::map<int, std::unique_ptr<Lane>> lanes_;  // By index of the reactor.
};

}  // namespace cairn::gateway
