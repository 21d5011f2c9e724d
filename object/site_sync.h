// Sync with other sites, as doors and the server's jobs use it: what a version is to another site,
// what is done with versions that come from one, and how two sites are compared.
//
// Thread rule: any reactor.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/task.h"
#include "object/context.h"
#include "object/objects.h"
#include "object/site_messages.h"
#include "object/sync_tail.h"

namespace cairn::object {

class SiteSync {
 public:
  explicit SiteSync(Context& context) : context_(context), tail_(context) {}

  // Awaited once, before the first write.
  io::Task<Status> load();
  SyncTail& tail() { return tail_; }
  // Store id of this site.
  const std::string& site() const { return site_; }

  // The version as it is to be sent, without its bytes; nullopt when it is gone. Of a removal in a
  // bucket without versioning the tombstone.
  io::Task<Result<std::optional<ReplicaMessage>>> describe(BucketInfo bucket, SyncChange change);

  // Changes that came: a delete marker, a removal, or tags, lock and ACL.
  io::Task<Result<ReplicaOutcome>> apply(BucketInfo bucket, std::string key,
                                         ReplicaMessage message);
  // What a write of a replica (PutOptions::replica) came to; kKnown and kOlder are no failures.
  io::Task<Result<ReplicaOutcome>> settle(BucketInfo bucket, std::string key, Replica replica,
                                          Result<ObjectInfo> stored);

  // Which of the versions this site needs.
  io::Task<Result<CompareAnswer>> compare(BucketInfo bucket, CompareQuestion question);

  // Removals in a bucket without versioning, by key behind `after`.
  io::Task<Result<std::vector<SyncChange>>> removals(BucketInfo bucket, std::string after,
                                                     size_t limit);
  // Forgets removals from before `until`, once the other sites of all rules have heard of them.
  io::Task<Status> forget_removals(BucketInfo bucket, WallTime until);

 private:
  io::Task<Result<Comparison>> compare_one(BucketInfo bucket, Compared theirs);
  // `page` outlives it.
  io::Task<Status> forget_some(BucketInfo bucket, const catalog::ScanPage& page, WallTime until);

  Context& context_;
  SyncTail tail_;
  std::string site_;
};

}  // namespace cairn::object
