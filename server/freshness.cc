#include "server/freshness.h"

#include "object/keys.h"
#include "object/kms_keys.h"
#include "object/site_sync.h"
#include "object/tenant_keys.h"

namespace cairn::server {
namespace {

constexpr Duration kConfirmInterval = seconds(1);

// Runs `read` when rows changed, and notes what it has read.
io::Task<Status> read_again(catalog::RowWatch& rows, std::function<io::Task<Status>()> read) {
  if (!rows.is_behind()) co_return Status();
  const uint64_t changes_count = rows.changes_count();
  co_await io::or_return(read());
  rows.note_read(changes_count);
  co_return Status();
}

}  // namespace

std::unique_ptr<Freshness> Freshness::make(Stores& stores, object::QuotaStore& quotas) {
  if (!stores.catalog().is_shared()) return nullptr;
  return std::unique_ptr<Freshness>(new Freshness(stores, quotas));
}

Freshness::Freshness(Stores& stores, object::QuotaStore& quotas)
    : stores_(stores),
      quotas_(quotas),
      home_(io::Reactor::current()),
      key_rows_(stores.catalog(), {object::keys::tenant_keys(), object::keys::all_kms_keys()}),
      quota_rows_(stores.catalog(), {object::quota_rows()}) {}

bool Freshness::is_behind() const {
  return key_rows_.is_behind() || quota_rows_.is_behind() || stores_.accounts().is_behind() ||
         stores_.objects().site_sync()->tail().is_behind();
}

io::Task<Status> Freshness::catch_up() {
  co_await io::or_return(stores_.catalog().catch_up());
  if (!is_behind()) co_return Status();
  co_return co_await refresh();
}

io::Task<Status> Freshness::refresh() {
  if (!is_behind()) co_return Status();
  co_return co_await io::run_on(home_, reload());
}

io::Task<void> Freshness::keep_confirming(io::StopToken stop) {
  while (!stop.stop_requested()) {
    // What it fails with, who reads is told.
    static_cast<void>(co_await stores_.catalog().catch_up());
    static_cast<void>(co_await io::sleep_for(kConfirmInterval, stop));
  }
}

io::Task<Status> Freshness::reload_keys() {
  co_await io::or_return(object::load_tenant_keys(stores_.catalog(), stores_.keys()));
  co_await io::or_return(object::load_kms_keys(stores_.catalog(), stores_.keys()));
  co_return Status();
}

io::Task<Status> Freshness::reload() {
  const io::MutexGuard guard = co_await reloading_.lock();
  // Keys first: all other rows are sealed or signed with them.
  co_await io::or_return(read_again(key_rows_, [this] { return reload_keys(); }));
  co_await io::or_return(stores_.accounts().catch_up());
  co_await io::or_return(read_again(quota_rows_, [this] { return quotas_.load(); }));
  co_await io::or_return(stores_.objects().site_sync()->tail().catch_up());
  co_return Status();
}

}  // namespace cairn::server
