// All nodes of a cluster take the same root credentials: with others on one of them, clients would
// be refused there, and only there. A row of the shared catalog holds which ones they are, hashed
// and wrapped under the root key, so that etcd tells nobody. A node with others does not start,
// unless it is told to replace them; the nodes that still run with the old ones then say so until
// they are started again, so that a rolling restart changes them.
//
// Thread rule: settle() and watch() on the main reactor; differs() on any thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "crypto/key_ring.h"
#include "io/stop.h"
#include "io/task.h"
#include "server/credentials.h"

namespace cairn::server {

class RootAgreement {
 public:
  static constexpr Duration kWatchEvery = seconds(2);  // A read of the mirror.

  struct Parts {
    catalog::Catalog& catalog;  // Shared by the nodes.
    const crypto::KeyRing& keys;
    const RootCredentials& ours;
    bool replace = false;  // Ours count from now on.
  };
  // What `parts` refers to outlives it. kFailedPrecondition says what to do where the nodes have
  // others; kPermissionDenied when the row is of another root key.
  static io::Task<Result<std::unique_ptr<RootAgreement>>> settle(Parts parts);

  // Follows the row until `stop`, and tells the log when other nodes take other credentials.
  io::Task<void> watch(io::StopToken stop);
  bool differs() const { return differs_.load(std::memory_order_relaxed); }

 private:
  explicit RootAgreement(Parts parts);
  io::Task<Status> write(catalog::Batch batch);
  Result<bool> is_ours(const catalog::Entry& row) const;

  const Parts parts_;
  const crypto::SecretKey hashed_;
  std::atomic<bool> differs_{false};
};

}  // namespace cairn::server
