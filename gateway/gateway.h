// Gateway buckets: buckets of other S3 servers that appear as buckets of this one. The S3 door asks
// who may do what; then this serves the request from the caches or from the upstream, and writes
// through.
//
// Thread rule: any reactor; attach() before the first request, close() once after the last.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/chunk_source.h"
#include "gateway/links.h"
#include "gateway/resolver.h"
#include "gateway/served.h"
#include "object/objects.h"
#include "s3/elsewhere.h"

namespace cairn::gateway {

// What a link did, for the metrics page.
struct LinkReading {
  std::string bucket;
  bool is_open = false;  // The breaker is: the upstream is left alone.
  uint64_t requests = 0;
  uint64_t failures = 0;
  uint64_t refused = 0;
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
  uint64_t known = 0;
  uint64_t asked = 0;
  uint64_t unchanged = 0;
  uint64_t stale = 0;
  uint64_t changed = 0;
  uint64_t wrong_answers = 0;
};
struct GatewayReading {
  std::vector<LinkReading> links;
  uint64_t metadata_bytes = 0;
  uint64_t metadata_entries = 0;
};

class Gateway final : public s3::Elsewhere {
 public:
  // All outlive it.
  Gateway(storage::ChunkStore& home, io::Network& network, Random& random)
      : links_(network, random), chunks_(home, remotes_, random) {}

  // The home with what is elsewhere: what the cache tiers stand before.
  storage::ChunkStore& chunks() { return chunks_; }
  void attach(object::Objects& objects, const crypto::KeyRing& keys);

  io::Task<s3::S3Status> serve(s3::Call& call) override;
  io::Task<s3::S3Status> copy_from(s3::Call& call, object::BucketInfo bucket,
                                   s3::CopySource source) override;

  // The bucket was removed: no figures of it any more.
  void forget(const object::BucketInfo& bucket) { links_.forget(bucket.id); }
  GatewayReading read() const;
  io::Task<void> close() { return links_.close(); }

 private:
  s3::S3Result<std::shared_ptr<Link>> link_of(const s3::Call& call,
                                              const object::BucketInfo& bucket);

  MetadataCache metadata_;
  Resolver resolver_{metadata_};
  RemoteObjects remotes_;
  Links links_;
  ChunkSource chunks_;
  object::Objects* objects_ = nullptr;
  const crypto::KeyRing* keys_ = nullptr;
};

}  // namespace cairn::gateway
