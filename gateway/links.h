// The links of all gateway buckets of a server, made when they are first asked for.
//
// Settings that changed make a new link; the old one serves whoever still holds it and is closed
// with the others. Thread rule: any reactor, but close(): once, when no request is under way.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "crypto/key_ring.h"
#include "gateway/link.h"
#include "object/types.h"

namespace cairn::gateway {

class Links {
 public:
  Links(io::Network& network, Random& random) : network_(network), random_(random) {}

  // REQUIRES: s3::is_elsewhere(bucket). kCorruption when its document or secret is damaged.
  Result<std::shared_ptr<Link>> find(const object::BucketInfo& bucket, const crypto::KeyRing& keys);
  // The bucket was removed.
  void forget(uint64_t bucket_id);
  // Those in use.
  std::vector<std::shared_ptr<Link>> all() const;
  io::Task<void> close();

 private:
  struct Entry {
    std::string document;
    std::shared_ptr<Link> link;
    bool is_removed = false;  // Requests that found the bucket before may still come.
  };
  io::Network& network_;
  Random& random_;
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, Entry> entries_;  // By BucketInfo::id.
  std::vector<std::shared_ptr<Link>> retired_;   // One for each change of settings by an operator.
};

}  // namespace cairn::gateway
