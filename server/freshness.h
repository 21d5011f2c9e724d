// What this process keeps in memory of a catalog that other processes change too, brought up to
// date before a request is looked at: keys, accounts, quotas, sync rules. Records of buckets and
// objects follow by themselves (object/catalog_watch.h) once the catalog has caught up.
//
// One question to the catalog serves all requests that wait together. Rows are read again only when
// some have changed, by one reader at a time.
// Thread rule: made on the main reactor; catch_up() on any.
#pragma once

#include <functional>
#include <memory>

#include "catalog/row_watch.h"
#include "io/reactor.h"
#include "io/sync.h"
#include "io/task.h"
#include "object/quota_store.h"
#include "server/stores.h"

namespace cairn::server {

class Freshness {
 public:
  // Null where the catalog is this process's alone. Both outlive it.
  static std::unique_ptr<Freshness> make(Stores& stores, object::QuotaStore& quotas);
  Freshness(const Freshness&) = delete;
  Freshness& operator=(const Freshness&) = delete;

  // Completes when what is answered from now on knows of every commit that completed before the
  // call, of any process. kUnavailable when the catalog cannot tell.
  io::Task<Status> catch_up();
  // Completes when what is answered from now on knows of all that the catalog has here, without
  // asking for more. kUnavailable when something of it has to be read anew and cannot be.
  io::Task<Status> refresh();
  // Asks once a second, so that one knows how old the answers to stale reads may be, until `stop`.
  io::Task<void> keep_confirming(io::StopToken stop);

 private:
  Freshness(Stores& stores, object::QuotaStore& quotas);
  bool is_behind() const;
  io::Task<Status> reload();
  io::Task<Status> reload_keys();

  Stores& stores_;
  object::QuotaStore& quotas_;
  io::Reactor& home_;
  io::Mutex reloading_;  // Home reactor only.
  catalog::RowWatch key_rows_;
  catalog::RowWatch quota_rows_;
};

}  // namespace cairn::server
