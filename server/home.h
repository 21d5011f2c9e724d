// Where a data directory keeps its chunks: in DIR/volume, in a bucket of another S3 server, or in a
// pool of Ceph (rados_home.h).
//
// The choice is made once. DIR/HOME names the store upstream ("s3 <store id, 32 hex>\n") and is
// durable before anything is stored; a directory without it has its chunks in DIR/volume. Bucket,
// prefix and endpoint may change (a bucket that was copied elsewhere), the store may not.
// Thread rule: open_home() on the reactor that closes the store; secrets are never logged.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "io/task.h"
#include "server/config.h"
#include "server/data_directory.h"
#include "storage/chunk_store.h"
#include "storage/log_format.h"
#include "storage/metrics.h"
#include "storage/placement.h"

namespace cairn::catalog {
class Catalog;
}

namespace cairn::server {

class NamedHomes;

// What a sweep of a shared home found and did.
struct HomeSweep {
  uint64_t objects_count = 0;
  uint64_t orphans_count = 0;
  uint64_t orphan_bytes = 0;
  uint64_t dropped_count = 0;  // 0 in a dry run.
  // Of a bucket alone: unknown, and not old enough to be taken for orphans; not of this store at
  // all; known to the catalog and not there.
  uint64_t young_count = 0;
  uint64_t strangers_count = 0;
  uint64_t lost_count = 0;
};

// The last tier of the chunk store: the authority.
class Home {
 public:
  virtual ~Home() = default;
  virtual storage::ChunkStore& store() = 0;
  virtual storage::StoreMetrics metrics() const = 0;
  // Who may drop chunks; see VolumeStore::set_references().
  virtual void set_references(storage::ReferenceSource* references) = 0;
  // Where chunks may be kept: one place unless several homes are configured.
  virtual storage::Placements placements() const { return {}; }
  // Which store it is, where several servers can have it as their home at a time; empty = only this
  // one can. `is_own`: this directory made it, rather than found it there.
  struct Sharing {
    std::string store;
    bool is_own = true;
    std::string session = {};  // Of this run; ended by others when it is silent for too long.
  };
  virtual Sharing sharing() const { return {}; }
  // Awaited before another server's session is ended: its commits have to fail from then on.
  using Fence = std::function<io::Task<Status>(std::string session)>;
  virtual void set_fence(Fence /*fence*/) {}
  // Other servers have given this one up, since it was silent for too long, and refuse what it
  // sends: it has to be started again. Any thread.
  virtual bool is_given_up() const { return false; }
  // Awaited once the catalog is there, before anything is asked of the store. What comes back is
  // the catalog as all others shall use it; null: as it is. `catalog` outlives the home.
  virtual io::Task<Result<std::unique_ptr<catalog::Catalog>>> attach(catalog::Catalog& catalog);
  // Looks at all that is stored for what no reference names, and drops it when it is no dry run and
  // at most that share of all. kFailedPrecondition when it is more, and for a home that is one
  // server's alone, which looks for itself.
  virtual io::Task<Result<HomeSweep>> sweep(double share_max, bool dry_run);
  // Closes the store, if there is one yet.
  virtual io::Task<Status> close() { return store().close(); }
  // Null unless several homes are configured (named_homes.h).
  virtual NamedHomes* named() { return nullptr; }
};

// "s3:BUCKET" or "s3:BUCKET/PREFIX", split; kInvalidArgument says what is wrong.
struct HomePlace {
  std::string bucket;
  std::string prefix;  // Empty, or ends in '/'.
};
Result<HomePlace> parse_home(std::string_view text);

// The store that the file DIR/HOME at `path` names; nullopt when there is none.
Result<std::optional<storage::RandomId>> read_home_file(const std::string& path);

// Opens the home that `config` names. kFailedPrecondition when `directory` was made with another
// one; kInvalidArgument when keys are missing; the errors of VolumeStore::open() and
// S3Store::open(). REQUIRES: called before the catalog is opened.
io::Task<Result<std::unique_ptr<Home>>> open_home(const Config& config,
                                                  const DataDirectory& directory, Random& random);

}  // namespace cairn::server
